/* Learning curves: loss, accuracy and learning rate over the epochs, of one run or of several. */
#ifndef ATH_REPORT_CURVES_H
#define ATH_REPORT_CURVES_H

#include "athanor/train.h"
#include "base/str.h"

/* One run's curves as a figure with title "TITLE: best 99.12% in epoch 17". */
ath_status ath__curves_png(const char *title, const ath_epoch *rows, int64_t count, struct ath__str *bytes,
                           ath_error *err);
ath_status ath__curves_svg(const char *title, const ath_epoch *rows, int64_t count, struct ath__str *text,
                           ath_error *err);

/* The row with the highest validation accuracy (of the averaged weights, where there are such), the first of equals; -1
 * if there is none. */
int64_t ath__curves_best(const ath_epoch *rows, int64_t count);

#endif
