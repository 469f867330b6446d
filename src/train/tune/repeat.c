/* repeat=N: the same run with N seeds, so that a difference can be told from chance. */
#include "athanor/tune.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "train/group.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CURVES = 16 };

static ath_interval interval_of(const ath_repeat_result *r, size_t offset) {
    double      *values = ATH_NEW_ARRAY(double, r->count + 1);
    ath_interval interval = {.n = 0, .mean = NAN, .deviation = INFINITY, .low = -INFINITY, .high = INFINITY};
    for (int i = 0; values && i < r->count; i++) values[i] = *(const double *)((const char *)&r->runs[i] + offset);
    if (values) interval = ath_interval_of(values, r->count);
    ath__free(values);
    return interval;
}

static void summarise(ath_repeat_result *r) {
    r->top1_best = interval_of(r, offsetof(ath_train_result, top1_best));
    r->top1_last = interval_of(r, offsetof(ath_train_result, top1_last));
    r->loss_last = interval_of(r, offsetof(ath_train_result, loss_last));
    r->seconds = interval_of(r, offsetof(ath_train_result, seconds));
}

static ath_status write_files(const struct ath__group *group, const ath_repeat_result *r, ath_error *err) {
    char        path[ATH_PATH_MAX], title[320], names[MAX_CURVES][32];
    const char *name_list[MAX_CURVES], *path_list[MAX_CURVES];
    char       *json = ath_repeat_result_json(r);
    int         curves = r->count < MAX_CURVES ? r->count : MAX_CURVES;
    if (!json) return ath__fail_memory(err, "repeat.json");
    ath_status status = ath__group_file(group, "repeat.json", path, err);
    if (status == ATH_OK) status = ath__file_write(path, json, strlen(json), err);
    ath__free(json);
    ATH_TRY(status);
    for (int i = 0; i < curves; i++) {
        snprintf(names[i], sizeof names[i], "seed %lld", (long long)r->seeds[i]);
        name_list[i] = names[i];
        path_list[i] = r->runs[i].run;
    }
    snprintf(title, sizeof title, "%.60s on %.120s, %d seeds: best top-1 %.2f%% (95%%: %.2f to %.2f)", r->runs[0].model,
             r->runs[0].data, r->count, r->top1_best.mean, r->top1_best.low, r->top1_best.high);
    ATH_TRY(ath__group_file(group, "curves.png", path, err));
    return ath_runs_plot(title, name_list, path_list, curves, path, NULL, err);
}

static ath_status train_all(const struct ath__group *group, ath_repeat_result *r, ath_error *err) {
    int64_t wanted = ath__config_int(group->config, "repeat"), first = ath__config_int(group->config, "seed");
    for (int64_t i = 0; i < wanted; i++) {
        char                      name[64], seed[32];
        bool                      stopped;
        struct ath__setting_value value = {"seed", seed};
        snprintf(seed, sizeof seed, "%lld", (long long)(first + i));
        snprintf(name, sizeof name, "seed-%s", seed);
        ath__remark(group->hooks, "REPEAT", false, "run %lld of %lld: seed=%s", (long long)i + 1, (long long)wanted,
                    seed);
        ATH_TRY(ath__group_train(group, name, &value, 1, 0, &r->runs[i], &stopped, err));
        r->seeds[i] = first + i;
        r->count++;
    }
    return ATH_OK;
}

ath_status ath_train_repeat(const ath_config *config, const ath_hooks *hooks, ath_repeat_result *result,
                            ath_error *err) {
    struct ath__group group = {.config = config, .hooks = hooks, .settings_name = "repeat.yaml"};
    int64_t           wanted = ath__config_int(config, "repeat");
    memset(result, 0, sizeof *result);
    if (*ath__config_text(config, "resume"))
        return ath__fail(err, ATH_USAGE, "repeat",
                         "a repeat is gone on with by its own command with out=%s, not by resume=",
                         ath__config_text(config, "resume"));
    ATH_TRY(ath__group_open(&group, "repeat-", "repeat", err));
    ath__str_copy(result->folder, sizeof result->folder, group.path);
    result->runs = ATH_NEW_ARRAY(ath_train_result, wanted);
    result->seeds = ATH_NEW_ARRAY(int64_t, wanted);
    ath_status status = result->runs && result->seeds ? ATH_OK : ath__fail_memory(err, "repeat");
    if (status == ATH_OK) status = train_all(&group, result, err);
    if (status == ATH_OK) {
        summarise(result);
        status = write_files(&group, result, err);
    }
    double required = ath__config_real(config, "require_top1");
    if (status == ATH_OK && required > 0.0 && result->top1_best.mean < required)
        status = ath__fail(err, ATH_TARGET, NULL,
                           "the mean best validation accuracy of %d runs, %.2f%%, stays below "
                           "require_top1=%g",
                           result->count, result->top1_best.mean, required);
    if (status != ATH_OK && status != ATH_TARGET) ath_repeat_result_free(result);
    return status;
}

void ath_repeat_result_free(ath_repeat_result *result) {
    ath__free(result->runs);
    ath__free(result->seeds);
    result->runs = NULL;
    result->seeds = NULL;
    result->count = 0;
}

static json_t *interval_json(const ath_interval *interval) {
    json_t *o = json_object();
    ath__json_set_real(o, "mean", interval->mean);
    ath__json_set_real(o, "deviation", interval->deviation);
    ath__json_set_real(o, "low", interval->low);
    ath__json_set_real(o, "high", interval->high);
    return o;
}

char *ath_repeat_result_json(const ath_repeat_result *r) {
    json_t *root = json_object(), *runs = json_array();
    json_object_set_new(root, "repeat", json_integer(r->count));
    json_object_set_new(root, "top1_best", interval_json(&r->top1_best));
    json_object_set_new(root, "top1_last", interval_json(&r->top1_last));
    json_object_set_new(root, "loss_last", interval_json(&r->loss_last));
    json_object_set_new(root, "seconds", interval_json(&r->seconds));
    for (int i = 0; i < r->count; i++) {
        char   *text = ath_train_result_json(&r->runs[i]);
        json_t *run = text ? json_loads(text, 0, NULL) : NULL;
        ath__free(text);
        json_object_set_new(run, "seed", json_integer(r->seeds[i]));
        json_array_append_new(runs, run);
    }
    json_object_set_new(root, "runs", runs);
    char *text = ath__json_text(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    return text;
}
