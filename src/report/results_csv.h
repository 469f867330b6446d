/* results.csv: one row an epoch. */
#ifndef ATH_REPORT_RESULTS_CSV_H
#define ATH_REPORT_RESULTS_CSV_H

#include "athanor/train.h"

/* Writes the file whole, header line first. Numbers that are infinite or not numbers are written as inf, -inf, nan. */
ath_status ath__results_csv_write(const char *path, const ath_epoch *rows, int64_t count, ath_error *err);

/* Reads such a file; columns are found by their names in the header line, and missing ones are not numbers. `rows` is
 * freed with ath__free. ATH_DATA for anything else than a table with an `epoch` column. */
ath_status ath__results_csv_read(const char *path, ath_epoch **rows, int64_t *count, ath_error *err);

#endif
