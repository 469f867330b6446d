/* Confusion matrices on disk: confusion.csv and confusion.png; and the most frequent confusions of one. */
#ifndef ATH_REPORT_CONFUSION_H
#define ATH_REPORT_CONFUSION_H

#include "athanor/train.h"
#include "base/str.h"

/* A first row with the names of the predicted classes, then one row per true class: its name and its counts. */
ath_status ath__confusion_csv_write(const char *path, const ath_eval_result *scores, ath_error *err);

/* The matrix as a figure: numbers in the cells of up to 25 classes, names of up to 200, colours alone of more. */
ath_status ath__confusion_png(const char *title, const ath_eval_result *scores, struct ath__str *bytes, ath_error *err);

/* How dark a cell is, 0 to 1: its share of its row on the diagonal, the square root of it elsewhere, since confusions
 * are rare where a net is any good. `row_images`: the images of the row. */
double ath__confusion_shade(int64_t count, int64_t row_images, bool diagonal);

/* The most frequent confusion behind the given one in the order of falling counts (then rows, then columns), begun with
 * count INT64_MAX; false when none is left. */
struct ath__confusion {
    int64_t count;
    int     row, column;
};
bool ath__confusion_next(const ath_eval_result *scores, struct ath__confusion *confusion);

#endif
