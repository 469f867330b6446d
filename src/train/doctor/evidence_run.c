/* Evidence from a run folder: config.yaml, results.csv, log.jsonl. A run under way is read as far as it went. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/results_csv.h"
#include "train/doctor/evidence.h"
#include "train/settings.h"
#include "train/stage_config.h"

#include <string.h>

enum { MAX_LOG = 64 << 20, MAX_VITALS = 1000000 };

ath_status ath__vitals_collect(const char *text, size_t size, struct ath__vitals **vitals, int64_t *count,
                               void (*seen)(const char *line, size_t size, void *context), void *context,
                               ath_error *err) {
    int64_t capacity = 0;
    *vitals = NULL;
    *count = 0;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t      length = end ? (size_t)(end - text) : size;
        if (*count == capacity && capacity < MAX_VITALS) {
            int64_t             wider = capacity ? 2 * capacity : 64;
            struct ath__vitals *moved = ath__realloc(*vitals, (size_t)wider * sizeof *moved);
            if (!moved) {
                ath__free(*vitals);
                *vitals = NULL;
                *count = 0;
                return ath__fail_memory(err, "log.jsonl");
            }
            *vitals = moved;
            capacity = wider;
        }
        if (*count < capacity && ath__vitals_read(text, length, &(*vitals)[*count])) ++*count;
        if (seen) seen(text, length, context);
        text += length + (end != NULL);
        size -= length + (end != NULL);
    }
    return ATH_OK;
}

/* The events that end a run or a stage. */
static void note_event(const char *line, size_t size, void *context) {
    struct ath__run_facts *run = context;
    json_t                *object = json_loadb(line, size, 0, NULL);
    const char            *event = json_string_value(json_object_get(object, "event"));
    if (event && strcmp(event, "end") == 0) run->ended = true;
    if (event && strcmp(event, "diverged") == 0) {
        run->diverged = true;
        run->diverged_step = json_integer_value(json_object_get(object, "step"));
        run->diverged_lr = json_number_value(json_object_get(object, "lr"));
    } else if (event && strcmp(event, "epoch") == 0) {
        run->diverged = run->ended = false; /* it went on behind that */
    } else if (event && strcmp(event, "stage") == 0) {
        json_int_t stage = json_integer_value(json_object_get(object, "stage"));
        run->stage = stage > 1 && stage <= ATH_MAX_STAGES ? (int)stage : 0;
    }
    json_decref(object);
}

/* bf16 was asked for, and summary.json says f32. */
static void read_precision(const char *folder, const ath_config *config, struct ath__run_facts *run) {
    char   path[ATH_PATH_MAX], *text = NULL;
    size_t size;
    if (strcmp(ath__config_text(config, "precision"), "bf16") != 0) return;
    if (ath__path_join(path, folder, "summary.json", NULL) != ATH_OK) return;
    if (ath__file_read(path, 1 << 20, &text, &size, NULL) != ATH_OK) return;
    json_t     *object = json_loadb(text, size, 0, NULL);
    const char *precision = json_string_value(json_object_get(object, "precision"));
    run->precision_missing = precision && strcmp(precision, "f32") == 0;
    json_decref(object);
    ath__free(text);
}

/* A run with stages is judged by the last one that it came to: that one's settings, epochs and vitals. */
static ath_status look_at_stage(struct ath__evidence *evidence, struct ath__run_record *record, ath_error *err) {
    struct ath__run_facts *run = &evidence->run;
    int64_t                before = 0; /* epochs of the stages in front */
    int                    stages = 0;
    bool                   staged = false;
    if (ath__stage_count(record->config, &stages, &staged, NULL) != ATH_OK || !staged) return ATH_OK;
    int stage = run->stage > 1 ? run->stage : 1; /* the first begins without a word in the log */
    if (stage > stages)
        return ath__fail(err, ATH_DATA, "log.jsonl", "log.jsonl tells of stage %d, but config.yaml has only %d", stage,
                         stages);
    ATH_TRY(ath__stage_config(record->config, stage - 1, &record->stage, err));
    evidence->config = record->stage;
    for (; run->epoch_count > 0 && run->epochs->stage < stage; run->epochs++, run->epoch_count--)
        before = run->epochs->epoch;
    while (run->vitals_count > 0 && run->vitals->epoch <= before) run->vitals++, run->vitals_count--;
    return ATH_OK;
}

ath_status ath__evidence_run(struct ath__evidence *evidence, const char *folder, struct ath__run_record *record,
                             ath_error *err) {
    char   path[ATH_PATH_MAX], *log = NULL;
    size_t size = 0;
    memset(record, 0, sizeof *record);
    ATH_TRY(ath__path_join(path, folder, "config.yaml", err));
    if (!ath__file_exists(path))
        return ath__fail(err, ATH_USAGE, "run", "'%s' is no run folder: it has no config.yaml", folder);
    ATH_TRY(ath_config_create(&record->config, err));
    ATH_TRY(ath_config_load(record->config, path, err));
    evidence->config = record->config;
    ATH_TRY(ath__path_join(path, folder, "results.csv", err));
    if (ath__file_exists(path)) ATH_TRY(ath__results_csv_read(path, &record->epochs, &record->epoch_count, err));
    ATH_TRY(ath__path_join(path, folder, "log.jsonl", err));
    if (ath__file_exists(path)) {
        ATH_TRY(ath__file_read(path, MAX_LOG, &log, &size, err));
        ath_status status =
            ath__vitals_collect(log, size, &record->vitals, &record->vitals_count, note_event, &evidence->run, err);
        ath__free(log);
        ATH_TRY(status);
    }
    read_precision(folder, record->config, &evidence->run);
    evidence->run.epochs = record->epochs;
    evidence->run.epoch_count = record->epoch_count;
    evidence->run.vitals = record->vitals;
    evidence->run.vitals_count = record->vitals_count;
    return look_at_stage(evidence, record, err);
}

void ath__run_record_free(struct ath__run_record *record) {
    ath_config_destroy(record->config);
    ath_config_destroy(record->stage);
    ath__free(record->epochs);
    ath__free(record->vitals);
    memset(record, 0, sizeof *record);
}
