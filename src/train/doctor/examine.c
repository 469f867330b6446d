/* `athanor doctor`: gathers the evidence for a run to come, or from a run folder, and asks the rules. */
#include "athanor/tune.h"

#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/file.h"
#include "report/html.h"
#include "train/doctor/doctor.h"
#include "train/settings.h"
#include "train/setup.h"

#include <string.h>

static const double scan_seconds = 10.0, trial_seconds = 10.0;

struct subject {
    ath_dataset           *train, *val;
    ath_model             *model;
    struct ath__preprocess preprocess;
};

static void subject_close(struct subject *subject) {
    ath_model_destroy(subject->model);
    ath_dataset_close(subject->train);
    ath_dataset_close(subject->val);
}

static ath_status gather(struct ath__evidence *evidence, struct subject *subject, ath_error *err) {
    const ath_config *config = evidence->config;
    int64_t           batch = ath__config_int(config, "batch");
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &subject->train, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_VAL, &subject->val, err));
    ATH_TRY(ath__setup_preprocess(config, subject->train, &subject->preprocess, err));
    ATH_TRY(ath__setup_model(config, subject->train, &subject->preprocess, &subject->model, err));
    ATH_TRY(ath__evidence_network(evidence, subject->model, err));
    ath__evidence_tuning(evidence, &subject->preprocess);
    ATH_TRY(ath__evidence_scan(evidence, subject->train, subject->val, &subject->preprocess, scan_seconds, err));
    return ath__evidence_plan(evidence, (evidence->data.train + batch - 1) / batch, err);
}

static ath_status before_a_run(const ath_config *config, const ath_hooks *hooks, ath_findings *findings,
                               ath_error *err) {
    struct ath__evidence evidence = {.config = config};
    struct subject       subject = {0};
    int64_t              steps = ath__config_int(config, "doctor.steps");
    ath__setup_threads(config);
    ath_status status = gather(&evidence, &subject, err);
    subject_close(&subject);
    if (status == ATH_OK && strcmp(ath__config_text(config, "precision"), "bf16") == 0)
        evidence.run.precision_missing = !ath__device_cpu()->bf16;
    if (status == ATH_OK && steps > 0) {
        ath__remark(hooks, "TRIAL", false, "trying at most %lld steps (doctor.steps=0 leaves them out)",
                    (long long)steps);
        status = ath__evidence_try(&evidence, steps, trial_seconds, err);
    }
    return status == ATH_OK ? ath__doctor_examine(&evidence, findings, err) : status;
}

/* A report that was written before shows the findings too. */
static ath_status update_report(const char *folder, const ath_findings *findings, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__path_join(path, folder, "report.html", err));
    if (!ath__file_exists(path)) return ATH_OK;
    char *text = ath_findings_json(findings);
    if (!text) return ath__fail_memory(err, path);
    ath_status status = ath__report_html_findings(path, text, err);
    ath_text_free(text);
    return status;
}

/* The data and the model of a run folder may be gone by now; then what the folder itself says has to do. */
static ath_status of_a_run(const char *folder, const ath_hooks *hooks, ath_findings *findings, ath_error *err) {
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    struct subject         subject = {0};
    ath_error              missing = {.code = ATH_OK};
    ath_status             status = ath__evidence_run(&evidence, folder, &record, err);
    if (status == ATH_OK && gather(&evidence, &subject, &missing) != ATH_OK)
        ath__remark(hooks, "DOCTOR", false, "looking at the run folder alone, without its data: %s", missing.message);
    if (status == ATH_OK) status = ath__doctor_examine(&evidence, findings, err);
    if (status == ATH_OK) status = ath__doctor_write(folder, findings, err);
    if (status == ATH_OK) status = update_report(folder, findings, err);
    subject_close(&subject);
    ath__run_record_free(&record);
    return status;
}

ath_status ath_doctor(const ath_config *config, const ath_hooks *hooks, ath_findings *findings, ath_error *err) {
    const char *run = ath__config_text(config, "run");
    *findings = (ath_findings){0};
    if (!*run) run = ath__config_text(config, "resume");
    if (!*run && !*ath__config_text(config, "data") && !*ath__config_text(config, "model")) run = "runs/last";
    return *run ? of_a_run(run, hooks, findings, err) : before_a_run(config, hooks, findings, err);
}
