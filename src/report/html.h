/* report.html: one run on one page that needs nothing else. */
#ifndef ATH_REPORT_HTML_H
#define ATH_REPORT_HTML_H

#include "athanor/train.h"
#include "report/config_yaml.h"
#include "report/environment.h"

struct ath__report {
    const char                    *title; /* "lenet5 on mnist" */
    const ath_train_result        *result;
    const struct ath__config_line *settings;
    int                            setting_count;
    const ath_epoch               *epochs;
    int64_t                        epoch_count;
    const struct ath__environment *environment;
    int                            classes;     /* of the confusion matrix; 0 = none */
    const char *const             *class_names; /* may be NULL: numbers */
    const int64_t                 *confusion;   /* classes x classes, row = true class; of the last epoch's weights */
};

ath_status ath__report_html_write(const char *path, const struct ath__report *report, ath_error *err);

#endif
