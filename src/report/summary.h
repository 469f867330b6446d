/* summary.json: the outcome of a run as one JSON object. */
#ifndef ATH_REPORT_SUMMARY_H
#define ATH_REPORT_SUMMARY_H

#include "athanor/train.h"

/* Writes ath_train_result_json's text with a line end. */
ath_status ath__summary_write(const char *path, const ath_train_result *result, ath_error *err);

#endif
