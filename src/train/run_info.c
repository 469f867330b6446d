/* Looking at run folders: one, or all that lie in a folder. */
#include "train/run_info.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/curves.h"
#include "report/results_csv.h"
#include "train/doctor/evidence.h"
#include "train/run_folder.h"
#include "train/settings.h"
#include "train/stage_config.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 10000, MAX_DEPTH = 2 };

static bool holds(const char *folder, const char *name) {
    char path[ATH_PATH_MAX];
    return ath__path_join(path, folder, name, NULL) == ATH_OK && ath__file_exists(path);
}

bool ath__run_resumable(const char *folder) {
    return holds(folder, "config.yaml") && holds(folder, "checkpoint/state.safetensors");
}

static void copy_text(const json_t *object, const char *key, char *text, size_t capacity) {
    const char *value = json_string_value(json_object_get(object, key));
    ath__str_copy(text, capacity, value ? value : "");
}

static double real(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

bool ath__run_finished(const char *folder, ath_train_result *result) {
    char   path[ATH_PATH_MAX], *text = NULL;
    size_t size;
    memset(result, 0, sizeof *result);
    if (ath__path_join(path, folder, "summary.json", NULL) != ATH_OK || !ath__file_exists(path)) return false;
    if (ath__file_read(path, 1 << 20, &text, &size, NULL) != ATH_OK) return false;
    json_t *o = json_loadb(text, size, 0, NULL);
    ath__free(text);
    bool whole = json_is_integer(json_object_get(o, "epochs"));
    copy_text(o, "model", result->model, sizeof result->model);
    copy_text(o, "data", result->data, sizeof result->data);
    copy_text(o, "precision", result->precision, sizeof result->precision);
    copy_text(o, "device", result->device, sizeof result->device);
    ath__str_copy(result->run, sizeof result->run, folder);
    result->params = json_integer_value(json_object_get(o, "params"));
    result->macs = json_integer_value(json_object_get(o, "macs"));
    result->epochs = json_integer_value(json_object_get(o, "epochs"));
    result->epoch_best = json_integer_value(json_object_get(o, "epoch_best"));
    result->threads = (int)json_integer_value(json_object_get(o, "threads"));
    result->top1_best = real(o, "top1_best");
    result->top1_last = real(o, "top1_last");
    result->loss_last = real(o, "loss_last");
    result->train_top1_last = real(o, "train_top1_last");
    result->seconds = real(o, "seconds");
    result->images_per_second = real(o, "images_per_second");
    json_decref(o);
    return whole;
}

static void fill_epochs(const struct ath__run_record *record, ath_run_info *info) {
    info->top1_best = info->top1_last = info->loss_last = info->seconds = NAN;
    info->epochs = record->epoch_count;
    if (record->epoch_count == 0) return;
    const ath_epoch *last = &record->epochs[record->epoch_count - 1];
    int64_t          best = ath__curves_best(record->epochs, record->epoch_count);
    info->top1_last = last->val_top1;
    info->loss_last = last->val_loss;
    info->seconds = 0.0;
    for (int64_t i = 0; i < record->epoch_count; i++) info->seconds += record->epochs[i].seconds;
    if (best < 0) return;
    info->top1_best = record->epochs[best].val_top1;
    info->epoch_best = record->epochs[best].epoch;
}

ath_status ath_run_read(const char *path, ath_run_info *info, ath_error *err) {
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    memset(info, 0, sizeof *info);
    ath__str_copy(info->path, sizeof info->path, path);
    ath_status status = ath__evidence_run(&evidence, path, &record, err);
    if (status == ATH_OK) {
        ath__str_copy(info->model, sizeof info->model, ath__config_text(record.config, "model"));
        ath__str_copy(info->data, sizeof info->data, ath__config_text(record.config, "data"));
        info->epochs_wanted = ath__stage_epochs(record.config);
        fill_epochs(&record, info);
        ath__str_copy(info->state, sizeof info->state,
                      evidence.run.ended      ? "finished"
                      : evidence.run.diverged ? "diverged"
                                              : "unfinished");
    }
    ath__run_record_free(&record);
    return status;
}

struct list {
    ath_run_info *runs;
    int           count, capacity;
};

/* One folder: a run itself, or the runs in it. A run that cannot be read is left out. */
static ath_status look(struct list *list, const char *folder, int depth, ath_error *err) {
    if (holds(folder, "config.yaml")) {
        if (list->count == list->capacity) {
            int           wider = list->capacity ? 2 * list->capacity : 32;
            ath_run_info *moved = ath__realloc(list->runs, (size_t)wider * sizeof *moved);
            if (!moved) return ath__fail_memory(err, folder);
            list->runs = moved;
            list->capacity = wider;
        }
        if (ath_run_read(folder, &list->runs[list->count], NULL) == ATH_OK) list->count++;
        return ATH_OK;
    }
    DIR *dir = depth > 0 ? opendir(folder) : NULL;
    if (!dir) return ATH_OK;
    ath_status status = ATH_OK;
    for (struct dirent *item; status == ATH_OK && list->count < MAX_RUNS && (item = readdir(dir)) != NULL;) {
        char path[ATH_PATH_MAX];
        /* The link to the newest run would show it twice. */
        if (item->d_name[0] == '.' || strcmp(item->d_name, "last") == 0) continue;
        if (ath__path_join(path, folder, item->d_name, NULL) != ATH_OK || !ath__folder_exists(path)) continue;
        status = look(list, path, depth - 1, err);
    }
    closedir(dir);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const ath_run_info *)a)->path, ((const ath_run_info *)b)->path);
}

ath_status ath_runs_find(const char *folder, ath_run_info **runs, int *count, ath_error *err) {
    struct list list = {0};
    *runs = NULL;
    *count = 0;
    if (!ath__folder_exists(folder)) return ath__fail(err, ATH_USAGE, folder, "there is no folder '%s'", folder);
    ath_status status = look(&list, folder, MAX_DEPTH, err);
    if (status != ATH_OK) {
        ath__free(list.runs);
        return status;
    }
    if (list.count > 0) qsort(list.runs, (size_t)list.count, sizeof *list.runs, by_path);
    *runs = list.runs;
    *count = list.count;
    return ATH_OK;
}

void ath_runs_free(ath_run_info *runs) {
    ath__free(runs);
}
