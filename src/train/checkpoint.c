/* Saving and restoring runs.
 *
 * Doubles travel as JSON numbers with 17 digits, which restores every bit. The file is a .safetensors written to a
 * temporary, synced and renamed: a kill at any moment leaves the old checkpoint or the new one.
 */
#include "train/checkpoint.h"

#include "athanor/format.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "train/chosen.h"
#include "train/settings.h"

#include <stdio.h>
#include <string.h>

/* Settings that a resumed run must share, besides those of the optimizer; the second list, and those of the schedule,
 * may differ with extend=true. */
/* clang-format off */
static const char *const fixed_keys[] = {
    "model", "data", "resize", "resize.rounding", "crop", "interpolation", "normalize", "augment", "classes", "batch",
    "micro_batch", "loss", "loss.gamma", "class_weights", "label_smoothing", "optimizer", "clip.norm", "clip.value",
    "decay.exclude", "lookahead", "lookahead.alpha", "lookahead.end", "lookahead.power", "lookahead.statistics", "ema",
    "sam", "init", "init.head", "weights", "freeze", "bn.statistics", "features", "features.views", "features.plain",
    "reparam", "seed", "precision"};
/* clang-format on */
static const char *const extendable_keys[] = {"epochs", "lr", "schedule", "warmup"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

ath_status ath__position_add_epoch(struct ath__position *position, const ath_epoch *epoch, ath_error *err) {
    if (position->epoch_count == position->epoch_capacity) {
        int64_t    wider = position->epoch_capacity ? position->epoch_capacity * 2 : 32;
        ath_epoch *moved = ath__realloc(position->epochs, (size_t)wider * sizeof *moved);
        if (!moved) return ath__fail_memory(err, "epoch list");
        position->epochs = moved;
        position->epoch_capacity = wider;
    }
    position->epochs[position->epoch_count++] = *epoch;
    return ATH_OK;
}

void ath__position_free(struct ath__position *position) {
    ath__free(position->epochs);
    position->epochs = NULL;
}

static void add_setting(json_t *settings, const ath_config *config, const char *key) {
    json_object_set_new(settings, key, json_string(ath__config_text(config, key)));
}

/* The settings as one JSON object, open families included. */
static json_t *settings_json(const ath_config *config) {
    json_t *settings = json_object();
    for (size_t i = 0; i < COUNT(fixed_keys); i++) add_setting(settings, config, fixed_keys[i]);
    for (size_t i = 0; i < COUNT(extendable_keys); i++) add_setting(settings, config, extendable_keys[i]);
    for (int i = 0; ath__setting_at(i); i++)
        if (ath__chooser_of(ath__setting_at(i)->name) != ATH_CHOOSER_NONE)
            add_setting(settings, config, ath__setting_at(i)->name);
    static const char *const families[] = {"model.", "data.", "group.", "stage."};
    for (size_t f = 0; f < COUNT(families); f++) {
        struct ath__config_pair pair;
        for (int i = 0; ath__config_pair(config, families[f], i, &pair); i++) {
            char key[256];
            snprintf(key, sizeof key, "%s%s", families[f], pair.key);
            json_object_set_new(settings, key, json_string(pair.value));
        }
    }
    return settings;
}

static json_t *epochs_json(const struct ath__position *position) {
    json_t *rows = json_array();
    for (int64_t i = 0; i < position->epoch_count; i++) {
        const ath_epoch *e = &position->epochs[i];
        const double     values[] = {e->lr,       e->train_loss, e->train_top1,        e->val_loss,
                                     e->val_top1, e->seconds,    e->images_per_second, e->data_wait,
                                     e->ema_loss, e->ema_top1,   e->grad_norm,         (double)e->stage};
        json_t          *row = json_array();
        json_array_append_new(row, json_integer(e->epoch));
        for (size_t k = 0; k < COUNT(values); k++) json_array_append_new(row, ath__json_real(values[k]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *plateau_json(const struct ath__plateau *plateau) {
    return json_pack("{s:b, s:o, s:o, s:I, s:I, s:I}", "started", plateau->started, "best",
                     ath__json_real(plateau->best), "share", ath__json_real(plateau->share), "bad",
                     (json_int_t)plateau->bad, "cooldown", (json_int_t)plateau->cooldown, "drops",
                     (json_int_t)plateau->drops);
}

static json_t *position_json(const struct ath__position *p) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}",
                     "stage", (json_int_t)p->stage, "stage_epoch", (json_int_t)p->stage_epoch, "stage_step",
                     (json_int_t)p->stage_step, "step", (json_int_t)p->step, "epoch", (json_int_t)p->epoch, "batch",
                     (json_int_t)p->batch, "images", (json_int_t)p->images, "hits1", (json_int_t)p->hits1, "hits5",
                     (json_int_t)p->hits5, "loss_sum", ath__json_real(p->loss_sum), "epoch_seconds",
                     ath__json_real(p->epoch_seconds), "run_seconds", ath__json_real(p->run_seconds), "best_top1",
                     ath__json_real(p->best_top1), "best_epoch", (json_int_t)p->best_epoch, "log_bytes",
                     (json_int_t)p->log_bytes, "epochs", epochs_json(p), "grad_norm_sum",
                     ath__json_real(p->grad_norm_sum), "plateau", plateau_json(&p->plateau));
}

ath_status ath__checkpoint_save(const char *path, const struct ath__network *network, const ath_config *config,
                                const struct ath__position *position, ath_error *err) {
    const struct ath__store *store = network->store;
    ath_status               status = ATH_OK;
    ath_named_tensor        *tensors = ATH_NEW_ARRAY(ath_named_tensor, store->count + 1);
    json_t                  *where = position_json(position), *settings = settings_json(config);
    char                    *where_text = where ? ath__json_text(where, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    char                    *settings_text = settings ? ath__json_text(settings, JSON_COMPACT) : NULL;
    char                    *groups_text = ath__groups_text(&network->groups, store);
    if (!tensors || !where_text || !settings_text || !groups_text) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    for (int i = 0; i < store->count; i++)
        tensors[i] =
            (ath_named_tensor){store->entries[i].name, {ATH_F32, store->entries[i].shape, store->entries[i].data}};
    ath_metadata metadata[] = {{"format", "athanor checkpoint 1"},
                               {"position", where_text},
                               {"settings", settings_text},
                               {"groups", groups_text}};
    status = ath_safetensors_save(path, tensors, store->count, metadata, 4, err);
done:
    json_decref(where);
    json_decref(settings);
    ath__free(where_text);
    ath__free(settings_text);
    ath__free(groups_text);
    ath__free(tensors);
    return status;
}

static bool is_extendable(const char *key) {
    for (size_t i = 0; i < COUNT(extendable_keys); i++)
        if (strcmp(key, extendable_keys[i]) == 0) return true;
    return ath__chooser_of(key) == ATH_CHOOSER_SCHEDULE;
}

/* Lists keys whose values differ; those that may not are counted. */
static int list_differences(json_t *saved, json_t *now, bool extend, struct ath__str *text) {
    int         faults = 0;
    const char *key;
    json_t     *value;
    json_object_foreach(now, key, value) {
        const char *was = json_string_value(json_object_get(saved, key)), *is = json_string_value(value);
        if (strcmp(was ? was : "", is ? is : "") == 0 || (extend && is_extendable(key))) continue;
        ath__str_printf(text, "%s%s was '%s' and is now '%s'", faults++ ? ", " : "", key, was ? was : "", is ? is : "");
    }
    json_object_foreach(saved, key, value) {
        if (json_object_get(now, key)) continue;
        ath__str_printf(text, "%s%s was '%s' and is now unset", faults++ ? ", " : "", key, json_string_value(value));
    }
    return faults;
}

static ath_status check_settings(const char *path, const char *saved_text, const ath_config *config, ath_error *err) {
    json_t         *saved = saved_text ? json_loads(saved_text, 0, NULL) : NULL, *now = settings_json(config);
    struct ath__str text = {0};
    ath_status      status = ATH_OK;
    if (!json_is_object(saved) || !now) {
        status = ath__fail(err, ATH_DATA, path, "this is no checkpoint of a run, or a damaged one");
    } else if (list_differences(saved, now, ath__config_flag(config, "extend"), &text) > 0) {
        status = ath__fail(
            err, ATH_USAGE, path, "a run can only be resumed as it began: %s. Leave these out, or start a new run%s",
            ath__str_text(&text),
            ath__config_flag(config, "extend") ? "" : " (extend=true allows other epochs and another schedule)");
    }
    ath__str_free(&text);
    json_decref(saved);
    json_decref(now);
    return status;
}

/* Every parameter must be in the group that it was in: names of groups and their settings decide which states are
 * whose. */
static ath_status check_groups(const char *path, const char *saved_text, const struct ath__network *network,
                               ath_error *err) {
    char   *text = ath__groups_text(&network->groups, network->store);
    json_t *saved = saved_text ? json_loads(saved_text, 0, NULL) : NULL, *now = text ? json_loads(text, 0, NULL) : NULL;
    ath_status status = ATH_OK;
    if (!now)
        status = ath__fail_memory(err, path);
    else if (!json_is_object(saved))
        status = ath__fail(err, ATH_DATA, path, "this checkpoint does not say its parameter groups");
    const char *key;
    json_t     *value;
    json_object_foreach(now, key, value) {
        const char *was = json_string_value(json_object_get(saved, key)), *is = json_string_value(value);
        if (status != ATH_OK || strcmp(was ? was : "", is ? is : "") == 0) continue;
        status =
            ath__fail(err, ATH_USAGE, path,
                      "a run can only be resumed with the parameter groups that it began with: '%s' was in [%s] and "
                      "would be in [%s]",
                      key, was ? was : "none", is ? is : "none");
    }
    json_decref(saved);
    json_decref(now);
    ath__free(text);
    return status;
}

static int64_t get_int(json_t *json, const char *key) {
    return json_integer_value(json_object_get(json, key));
}

static double get_real(json_t *json, const char *key) {
    return ath__json_real_value(json_object_get(json, key));
}

static ath_status read_position(const char *path, const char *text, struct ath__position *p, ath_error *err) {
    json_t    *json = text ? json_loads(text, 0, NULL) : NULL;
    ath_status status = ATH_OK;
    if (!json_is_object(json)) {
        json_decref(json);
        return ath__fail(err, ATH_DATA, path, "this checkpoint does not say where the run stood");
    }
    *p = (struct ath__position){.stage = (int)get_int(json, "stage"),
                                .stage_epoch = get_int(json, "stage_epoch"),
                                .stage_step = get_int(json, "stage_step"),
                                .step = get_int(json, "step"),
                                .epoch = get_int(json, "epoch"),
                                .batch = get_int(json, "batch"),
                                .images = get_int(json, "images"),
                                .hits1 = get_int(json, "hits1"),
                                .hits5 = get_int(json, "hits5"),
                                .loss_sum = get_real(json, "loss_sum"),
                                .epoch_seconds = get_real(json, "epoch_seconds"),
                                .run_seconds = get_real(json, "run_seconds"),
                                .best_top1 = get_real(json, "best_top1"),
                                .best_epoch = get_int(json, "best_epoch"),
                                .log_bytes = (uint64_t)get_int(json, "log_bytes"),
                                .grad_norm_sum = get_real(json, "grad_norm_sum")};
    json_t *plateau = json_object_get(json, "plateau");
    p->plateau = (struct ath__plateau){.started = json_is_true(json_object_get(plateau, "started")),
                                       .best = get_real(plateau, "best"),
                                       .share = get_real(plateau, "share"),
                                       .bad = get_int(plateau, "bad"),
                                       .cooldown = get_int(plateau, "cooldown"),
                                       .drops = get_int(plateau, "drops")};
    if (!(p->plateau.share > 0.0 && p->plateau.share <= 1.0)) ath__plateau_start(&p->plateau);
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(json, "epochs"), index, row) {
        double v[13];
        for (size_t k = 0; k < COUNT(v); k++) v[k] = ath__json_real_value(json_array_get(row, k));
        if (!(v[0] >= 0.0 && v[0] < 1e15)) v[0] = 0.0;
        if (!(v[12] >= 0.0 && v[12] < 1e6)) v[12] = 0.0;
        ath_epoch epoch = {(int64_t)v[0], v[1], v[2], v[3],  v[4],  v[5],      v[6],
                           v[7],          v[8], v[9], v[10], v[11], (int)v[12]};
        if (status == ATH_OK) status = ath__position_add_epoch(p, &epoch, err);
    }
    json_decref(json);
    return status;
}

static ath_status restore_tensors(const char *path, const ath_tensor_file *file, struct ath__network *network,
                                  ath_error *err) {
    for (int i = 0; i < network->store->count; i++) {
        const struct ath__entry *entry = &network->store->entries[i];
        const ath_tensor        *tensor = ath_tensor_file_find(file, entry->name);
        if (!tensor || tensor->dtype != ATH_F32 || !ath_shape_equal(&tensor->shape, &entry->shape))
            return ath__fail(err, ATH_DATA, path, "the checkpoint's '%s' does not fit this network", entry->name);
        memcpy(entry->data, tensor->data, (size_t)ath_shape_count(&entry->shape) * sizeof(float));
    }
    ath__network_changed(network);
    return ATH_OK;
}

ath_status ath__checkpoint_position(const char *path, const ath_config *config, struct ath__position *position,
                                    ath_error *err) {
    ath_tensor_file file;
    ATH_TRY(ath_safetensors_load(path, &file, err));
    ath_status status = check_settings(path, ath_tensor_file_metadata(&file, "settings"), config, err);
    if (status == ATH_OK) status = read_position(path, ath_tensor_file_metadata(&file, "position"), position, err);
    ath_tensor_file_free(&file);
    return status;
}

ath_status ath__checkpoint_restore(const char *path, struct ath__network *network, ath_error *err) {
    ath_tensor_file file;
    ATH_TRY(ath_safetensors_load(path, &file, err));
    ath_status status = check_groups(path, ath_tensor_file_metadata(&file, "groups"), network, err);
    if (status == ATH_OK) status = restore_tensors(path, &file, network, err);
    ath_tensor_file_free(&file);
    return status;
}
