/* report.html: one run on one page that needs nothing else. */
#ifndef ATH_REPORT_HTML_H
#define ATH_REPORT_HTML_H

#include "athanor/train.h"
#include "report/config_yaml.h"
#include "report/environment.h"
#include "report/thumbnail.h"

struct ath__report {
    const char                    *title; /* "lenet5 on mnist" */
    const ath_train_result        *result;
    const struct ath__config_line *settings;
    int                            setting_count;
    const ath_epoch               *epochs;
    int64_t                        epoch_count;
    const struct ath__environment *environment;
    const ath_eval_result         *scores; /* of the best weights on the validation images; NULL = none */
    const struct ath__thumbnail   *worst;  /* of scores->worst; may be NULL */
    const ath_profile             *layers; /* layers alone; NULL = none */
    int64_t                        layers_batch;
    const char                    *findings; /* the text of doctor.json; NULL = there is none */
};

ath_status ath__report_html_write(const char *path, const struct ath__report *report, ath_error *err);

/* Puts other findings into a report that was written before: `findings` is the text of doctor.json. ATH_DATA when the
 * file is no report of ours. */
ath_status ath__report_html_findings(const char *path, const char *findings, ath_error *err);

#endif
