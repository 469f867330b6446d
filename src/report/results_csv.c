/* results.csv: a run's epochs as a table that any program can read.
 *
 *     epoch,lr,train_loss,train_top1,val_loss,val_top1,seconds,images_per_second,data_wait
 *     [,ema_loss,ema_top1][,grad_norm][,stage]
 *
 * Losses without unit, accuracies in percent, seconds of wall time in training, data_wait as a share from 0 to 1.
 * Columns in brackets are there where there is something to say: a running average of the weights, the gradient's norm,
 * stages.
 * The file is written whole after every epoch, so that a reader never sees half a row.
 */
#include "report/results_csv.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 13, FIXED_COLUMNS = 9, MAX_BYTES = 64 << 20, MAX_ROWS = 1000000 };

static const char *const names[COLUMNS] = {
    "epoch",     "lr",       "train_loss", "train_top1", "val_loss", "val_top1", "seconds", "images_per_second",
    "data_wait", "ema_loss", "ema_top1",   "grad_norm",  "stage"};
/* Significant digits: losses and rates in full single precision, the others as far as they are measured. */
static const int digits[COLUMNS] = {18, 9, 9, 7, 9, 7, 6, 6, 4, 9, 7, 6, 6};

static void to_values(const ath_epoch *row, double values[COLUMNS]) {
    const double all[COLUMNS] = {(double)row->epoch, row->lr,       row->train_loss, row->train_top1,
                                 row->val_loss,      row->val_top1, row->seconds,    row->images_per_second,
                                 row->data_wait,     row->ema_loss, row->ema_top1,   row->grad_norm,
                                 (double)row->stage};
    memcpy(values, all, sizeof all);
}

static ath_epoch from_values(const double v[COLUMNS]) {
    return (ath_epoch){.epoch = (int64_t)v[0],
                       .lr = v[1],
                       .train_loss = v[2],
                       .train_top1 = v[3],
                       .val_loss = v[4],
                       .val_top1 = v[5],
                       .seconds = v[6],
                       .images_per_second = v[7],
                       .data_wait = v[8],
                       .ema_loss = v[9],
                       .ema_top1 = v[10],
                       .grad_norm = v[11],
                       .stage = v[12] > 0.0 && v[12] < 1e6 ? (int)v[12] : 0};
}

/* Was the column's quantity measured in any row? */
static bool is_used(const ath_epoch *rows, int64_t count, int column) {
    for (int64_t i = 0; i < count && column >= FIXED_COLUMNS; i++) {
        double values[COLUMNS];
        to_values(&rows[i], values);
        if (values[column] > 0.0) return true;
    }
    return column < FIXED_COLUMNS;
}

static void append_value(struct ath__str *text, double value, int precision) {
    if (isfinite(value))
        ath__str_printf(text, "%.*g", precision, value);
    else
        ath__str_append(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

ath_status ath__results_csv_write(const char *path, const ath_epoch *rows, int64_t count, ath_error *err) {
    struct ath__str text = {0};
    bool            used[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        used[c] = is_used(rows, count, c);
        if (used[c]) ath__str_printf(&text, "%s%s", c ? "," : "", names[c]);
    }
    for (int64_t i = 0; i < count; i++) {
        double values[COLUMNS];
        to_values(&rows[i], values);
        for (int c = 0; c < COLUMNS; c++) {
            if (used[c]) ath__str_append(&text, c ? "," : "\n");
            if (used[c]) append_value(&text, values[c], digits[c]);
        }
    }
    ath__str_append(&text, "\n");
    ath_status status =
        text.failed ? ath__fail_memory(err, path) : ath__file_write(path, ath__str_text(&text), text.size, err);
    ath__str_free(&text);
    return status;
}

/* Which of our columns each column of the file is; -1 for one that is not ours. Returns how many the file has. */
static int read_header(char *line, int columns[], int capacity) {
    int   count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, ",", &rest); word && count < capacity;
         word = strtok_r(NULL, ",", &rest), count++) {
        columns[count] = -1;
        for (int c = 0; c < COLUMNS; c++)
            if (strcmp(word, names[c]) == 0) columns[count] = c;
    }
    return count;
}

static ath_status read_row(const char *path, int64_t line_number, const char *line, const int columns[], int count,
                           ath_epoch *row, ath_error *err) {
    double values[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) values[c] = NAN;
    const char *at = line;
    for (int c = 0; c < count; c++) {
        char  *end;
        double value = strtod(at, &end);
        if (columns[c] >= 0) values[columns[c]] = end == at ? NAN : value;
        at += strcspn(at, ",");
        if (c + 1 < count && *at != ',')
            return ath__fail(err, ATH_DATA, path, "line %lld of '%s' has fewer columns than the first",
                             (long long)line_number, path);
        at += *at == ',';
    }
    if (!(values[0] >= 0.0 && values[0] < 1e15))
        return ath__fail(err, ATH_DATA, path, "line %lld of '%s' has no epoch number", (long long)line_number, path);
    *row = from_values(values);
    return ATH_OK;
}

ath_status ath__results_csv_read(const char *path, ath_epoch **rows, int64_t *count, ath_error *err) {
    enum { MAX_COLUMNS = 64 };
    char      *text = NULL, *rest = NULL;
    size_t     size;
    int        columns[MAX_COLUMNS], width = 0;
    bool       has_epoch = false;
    ath_status status = ATH_OK;
    *rows = NULL;
    *count = 0;
    ATH_TRY(ath__file_read(path, MAX_BYTES, &text, &size, err));
    size_t lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    char *line = strtok_r(text, "\r\n", &rest);
    if (line) width = read_header(line, columns, MAX_COLUMNS);
    for (int c = 0; c < width; c++) has_epoch = has_epoch || columns[c] == 0;
    if (!has_epoch || lines > MAX_ROWS) {
        status = ath__fail(err, ATH_DATA, path, "'%s' is no results.csv of a run: its first line names no epoch column",
                           path);
        goto done;
    }
    *rows = ATH_NEW_ARRAY(ath_epoch, lines + 1);
    if (!*rows) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    int64_t number = 2;
    for (line = strtok_r(NULL, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest), number++) {
        ATH_TRY_DONE(read_row(path, number, line, columns, width, &(*rows)[*count], err));
        ++*count;
    }
done:
    if (status != ATH_OK) {
        ath__free(*rows);
        *rows = NULL;
        *count = 0;
    }
    ath__free(text);
    return status;
}
