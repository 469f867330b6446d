/* Between the trainer and the doctor. */
#include "train/doctor/watch.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/doctor/doctor.h"
#include "train/settings.h"
#include "train/setup.h"

#include <string.h>

static ath_status read_log(struct ath__watch *watch, ath_error *err) {
    char   path[ATH_PATH_MAX], *text = NULL;
    size_t size;
    ATH_TRY(ath__run_folder_file(watch->folder, "log.jsonl", path, err));
    if (!ath__file_exists(path) || ath__file_read(path, 64 << 20, &text, &size, NULL) != ATH_OK) return ATH_OK;
    ath_status status = ath__vitals_collect(text, size, &watch->vitals, &watch->count, NULL, NULL, err);
    watch->capacity = watch->count;
    ath__free(text);
    return status;
}

ath_status ath__watch_open(struct ath__watch *watch, const ath_config *config, const struct ath__network *network,
                           const ath_dataset *train, const ath_dataset *val, int64_t steps_per_epoch,
                           const struct ath__preprocess *preprocess, const struct ath__position *position,
                           const struct ath__run_folder *folder, const ath_hooks *hooks, ath_error *err) {
    struct ath__watch before = *watch;
    ath__watch_close(watch);
    memcpy(watch->told, before.told, sizeof before.told);
    watch->told_count = before.told_count;
    watch->stage_epoch = position->stage_epoch;
    watch->hooks = hooks;
    watch->folder = folder;
    watch->evidence.config = config;
    watch->on = true;
    ATH_TRY(ath__vitals_open(&watch->taker, network, steps_per_epoch, err));
    ath__evidence_counts(&watch->evidence, train, val);
    ath__evidence_tuning(&watch->evidence, preprocess);
    ATH_TRY(ath__evidence_network(&watch->evidence, network->model, err));
    ATH_TRY(ath__evidence_plan(&watch->evidence, steps_per_epoch, err));
    watch->evidence.run.precision_missing =
        strcmp(ath__config_text(config, "precision"), "bf16") == 0 && !network->settings.bf16;
    ATH_TRY(read_log(watch, err));
    return position->epoch == position->stage_epoch ? ath__watch_examine(watch, position, false, err) : ATH_OK;
}

void ath__watch_close(struct ath__watch *watch) {
    ath__vitals_close(&watch->taker);
    ath__free(watch->vitals);
    memset(watch, 0, sizeof *watch);
}

void ath__watch_before(struct ath__watch *watch, const struct ath__network *network, const struct ath__metrics *metrics,
                       const struct ath__position *position) {
    ath__vitals_before(&watch->taker, network, metrics, position->batch);
}

ath_status ath__watch_after(struct ath__watch *watch, struct ath__network *network, const struct ath__samples *samples,
                            const struct ath__metrics *metrics, const struct ath__position *position, double lr,
                            ath_error *err) {
    return ath__vitals_after(&watch->taker, network, samples, metrics, position->batch, position->epoch, lr, err);
}

ath_status ath__watch_epoch(struct ath__watch *watch, struct ath__position *position,
                            const struct ath__metrics *validation, ath_error *err) {
    if (watch->count == watch->capacity) {
        int64_t             wider = watch->capacity ? 2 * watch->capacity : 32;
        struct ath__vitals *moved = ath__realloc(watch->vitals, (size_t)wider * sizeof *moved);
        if (!moved) return ath__fail_memory(err, "vitals");
        watch->vitals = moved;
        watch->capacity = wider;
    }
    struct ath__vitals *vitals = &watch->vitals[watch->count++];
    struct ath__str     fields = {0};
    ath__vitals_finish(&watch->taker, position->epoch, validation, vitals);
    ath__vitals_write(vitals, &fields);
    ath_status status = fields.failed
                            ? ath__fail_memory(err, "vitals")
                            : ath__run_folder_log(watch->folder, position, "vitals", ath__str_text(&fields), err);
    ath__str_free(&fields);
    return status;
}

static bool told(struct ath__watch *watch, const char *code) {
    for (int i = 0; i < watch->told_count; i++)
        if (strcmp(watch->told[i], code) == 0) return true;
    if (watch->told_count < ATH_WATCH_MAX_CODES) watch->told[watch->told_count++] = code;
    return false;
}

/* Facts about the machine have their own remark; hints wait for doctor.json. */
static void tell(struct ath__watch *watch, const ath_findings *findings) {
    for (int i = 0; i < findings->count; i++) {
        const ath_finding *f = &findings->items[i];
        if (f->confidence < ATH_FINDING_WARNS || strcmp(f->code, "PRECISION") == 0 || told(watch, f->code)) continue;
        ath__remark(watch->hooks, f->code, true, "%s: %s. Likely cause: %s. Try %s (%s, confidence %.2f)", f->title,
                    f->evidence, f->cause, f->change, f->code, f->confidence);
    }
}

ath_status ath__watch_examine(struct ath__watch *watch, const struct ath__position *position, bool ended,
                              ath_error *err) {
    struct ath__run_facts *run = &watch->evidence.run;
    ath_findings           findings;
    if (!watch->on) return ATH_OK;
    int64_t rows = 0, vitals = 0; /* of the stages before */
    while (rows < position->epoch_count && position->epochs[rows].epoch <= watch->stage_epoch) rows++;
    while (vitals < watch->count && watch->vitals[vitals].epoch <= watch->stage_epoch) vitals++;
    run->epochs = position->epochs ? position->epochs + rows : NULL;
    run->epoch_count = position->epoch_count - rows;
    run->vitals = watch->vitals ? watch->vitals + vitals : NULL;
    run->vitals_count = watch->count - vitals;
    run->ended = ended;
    ATH_TRY(ath__doctor_examine(&watch->evidence, &findings, err));
    tell(watch, &findings);
    ath_status status = ath__doctor_write(watch->folder->path, &findings, err);
    ath_findings_free(&findings);
    return status;
}
