/* Curves of one run, and of several in one figure.
 *
 * One run: loss and top-1 of training and validation side by side, the learning rate below them. Several: the same two
 * panels, one colour a run, validation drawn through and training dashed.
 */
#include "report/curves.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/plot.h"
#include "report/results_csv.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

enum { TRAIN_COLOR = 0xf59e0b, VAL_COLOR = 0x2563eb, AVERAGE_COLOR = 0x059669, RATE_COLOR = 0x64748b, MAX_RUNS = 16 };
static const double png_scale = 1.5;

/* Of the model that is kept: the running average's, where there is one. */
static double kept_top1(const ath_epoch *row) {
    return row->ema_top1 > 0.0 ? row->ema_top1 : row->val_top1;
}

int64_t ath__curves_best(const ath_epoch *rows, int64_t count) {
    int64_t best = -1;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(kept_top1(&rows[i])) && (best < 0 || kept_top1(&rows[i]) > kept_top1(&rows[best]))) best = i;
    return best;
}

static bool has_average(const ath_epoch *rows, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (rows[i].ema_top1 > 0.0) return true;
    return false;
}

/* Columns of the rows as arrays: x, then one per entry of `fields`. NULL when memory runs out. */
static double *copy_columns(const ath_epoch *rows, int64_t count, const size_t *fields, int field_count) {
    double *values = ATH_NEW_ARRAY(double, (size_t)(field_count + 1) * (size_t)count + 1);
    for (int64_t i = 0; values && i < count; i++) {
        values[i] = (double)rows[i].epoch;
        for (int f = 0; f < field_count; f++)
            values[(f + 1) * count + i] = *(const double *)((const char *)&rows[i] + fields[f]);
    }
    return values;
}

/* A schedule of few, far distances (0.1, 0.01, 0.001) reads best on a logarithmic axis; a smooth one on a linear axis.
 */
static ath__plot_scale rate_scale(const ath_epoch *rows, int64_t count) {
    int64_t changes = 0;
    double  min = INFINITY, max = 0.0;
    for (int64_t i = 0; i < count; i++) {
        changes += i > 0 && rows[i].lr != rows[i - 1].lr;
        min = fmin(min, rows[i].lr);
        max = fmax(max, rows[i].lr);
    }
    return count > 0 && changes <= 8 && min > 0.0 && max / min > 30.0 ? ATH_PLOT_LOG : ATH_PLOT_LINEAR;
}

struct texts {
    char title[400], subtitle[200], best[80];
};

static void write_texts(struct texts *texts, const char *title, const ath_epoch *rows, int64_t count, int64_t best) {
    snprintf(texts->title, sizeof texts->title, "%s", title);
    snprintf(texts->subtitle, sizeof texts->subtitle, "no finished epoch yet");
    texts->best[0] = '\0';
    if (count == 0) return;
    const ath_epoch *last = &rows[count - 1];
    snprintf(texts->subtitle, sizeof texts->subtitle,
             "%lld epoch%s; last: training loss %.4g, top-1 %.2f%%, validation loss %.4g, top-1 %.2f%%; %.0f images/s",
             (long long)count, count == 1 ? "" : "s", last->train_loss, last->train_top1, last->val_loss,
             last->val_top1, last->images_per_second);
    if (best < 0) return;
    snprintf(texts->title, sizeof texts->title, "%.300s: best %.2f%% in epoch %lld", title, kept_top1(&rows[best]),
             (long long)rows[best].epoch);
    snprintf(texts->best, sizeof texts->best, "best: %.2f%%, epoch %lld", kept_top1(&rows[best]),
             (long long)rows[best].epoch);
}

typedef ath_status draw_fn(const struct ath__plot *plot, struct ath__str *out, ath_error *err);

static ath_status draw_png(const struct ath__plot *plot, struct ath__str *out, ath_error *err) {
    return ath__plot_png(plot, png_scale, out, err);
}

static ath_status draw_run(draw_fn *draw, const char *title, const ath_epoch *rows, int64_t count, struct ath__str *out,
                           ath_error *err) {
    static const size_t fields[] = {offsetof(ath_epoch, train_loss), offsetof(ath_epoch, val_loss),
                                    offsetof(ath_epoch, train_top1), offsetof(ath_epoch, val_top1),
                                    offsetof(ath_epoch, lr),         offsetof(ath_epoch, ema_loss),
                                    offsetof(ath_epoch, ema_top1)};
    double             *v = copy_columns(rows, count, fields, 7);
    int                 shown = has_average(rows, count) ? 3 : 2;
    struct texts        texts;
    int64_t             best = ath__curves_best(rows, count);
    if (!v) return ath__fail_memory(err, "curves");
    write_texts(&texts, title, rows, count, best);
    const struct ath__plot_series loss[] = {
        {"training", v, v + count, count, TRAIN_COLOR, false},
        {"validation", v, v + 2 * count, count, VAL_COLOR, false},
        {"validation, averaged weights", v, v + 6 * count, count, AVERAGE_COLOR, false}};
    const struct ath__plot_series top1[] = {
        {"training", v, v + 3 * count, count, TRAIN_COLOR, false},
        {"validation", v, v + 4 * count, count, VAL_COLOR, false},
        {"validation, averaged weights", v, v + 7 * count, count, AVERAGE_COLOR, false}};
    const struct ath__plot_series rate[] = {{NULL, v, v + 5 * count, count, RATE_COLOR, false}};
    const struct ath__plot_panel  panels[] = {
         {.title = "loss",
          .x_label = "epoch",
          .series = loss,
          .series_count = shown,
          .x_scale = ATH_PLOT_WHOLE,
          .y_floor = 0.0,
          .y_ceiling = NAN,
          .legend = true,
          .row = 0,
          .left = 0.0,
          .right = 0.5},
         {.title = "top-1, %",
          .x_label = "epoch",
          .series = top1,
          .series_count = shown,
          .x_scale = ATH_PLOT_WHOLE,
          .y_scale = ATH_PLOT_LINEAR,
          .y_floor = 0.0,
          .y_ceiling = 100.0,
          .legend = true,
          .row = 0,
          .left = 0.5,
          .right = 1.0,
          .mark = {best >= 0 ? texts.best : NULL, best >= 0 ? (double)rows[best].epoch : 0.0,
                  best >= 0 ? kept_top1(&rows[best]) : 0.0, 0x111827}},
         {.title = "learning rate",
          .series = rate,
          .series_count = 1,
          .x_scale = ATH_PLOT_WHOLE,
          .y_scale = rate_scale(rows, count),
          .y_floor = 0.0,
          .y_ceiling = NAN,
          .row = 1,
          .left = 0.0,
          .right = 1.0},
    };
    const struct ath__plot plot = {.title = texts.title,
                                   .subtitle = texts.subtitle,
                                   .panels = panels,
                                   .panel_count = 3,
                                   .row_heights = {380.0, 120.0},
                                   .width = 1200.0};
    ath_status             status = draw(&plot, out, err);
    ath__free(v);
    return status;
}

ath_status ath__curves_png(const char *title, const ath_epoch *rows, int64_t count, struct ath__str *bytes,
                           ath_error *err) {
    return draw_run(draw_png, title, rows, count, bytes, err);
}

ath_status ath__curves_svg(const char *title, const ath_epoch *rows, int64_t count, struct ath__str *text,
                           ath_error *err) {
    return draw_run(ath__plot_svg, title, rows, count, text, err);
}

/* ---- several runs
 * ------------------------------------------------------------------------------------------------------ */

struct run {
    ath_epoch *rows;
    int64_t    count;
    double    *values;
    char       name[160];
};

static ath_status read_run(struct run *run, const char *name, const char *path, ath_error *err) {
    static const size_t fields[] = {offsetof(ath_epoch, train_loss), offsetof(ath_epoch, val_loss),
                                    offsetof(ath_epoch, train_top1), offsetof(ath_epoch, val_top1)};
    char                file[ATH_PATH_MAX];
    ath__str_copy(file, sizeof file, path);
    if (ath__folder_exists(path)) ATH_TRY(ath__path_join(file, path, "results.csv", err));
    ATH_TRY(ath__results_csv_read(file, &run->rows, &run->count, err));
    run->values = copy_columns(run->rows, run->count, fields, 4);
    if (!run->values) return ath__fail_memory(err, "curves");
    int64_t best = ath__curves_best(run->rows, run->count);
    if (best < 0)
        snprintf(run->name, sizeof run->name, "%.100s", name);
    else
        snprintf(run->name, sizeof run->name, "%.100s: %.2f%%", name, kept_top1(&run->rows[best]));
    return ATH_OK;
}

static ath_status draw_runs(draw_fn *draw, const char *title, const struct run *runs, int count, struct ath__str *out,
                            ath_error *err) {
    struct ath__plot_series loss[2 * MAX_RUNS], top1[2 * MAX_RUNS];
    for (int r = 0; r < count; r++) {
        const double *v = runs[r].values;
        int64_t       n = runs[r].count;
        uint32_t      color = ath__plot_color(r);
        /* Validation comes first: the legend is read from it. Training lies under it. */
        loss[count + r] = (struct ath__plot_series){runs[r].name, v, v + 2 * n, n, color, false};
        loss[r] = (struct ath__plot_series){NULL, v, v + n, n, color, true};
        top1[count + r] = (struct ath__plot_series){runs[r].name, v, v + 4 * n, n, color, false};
        top1[r] = (struct ath__plot_series){NULL, v, v + 3 * n, n, color, true};
    }
    const struct ath__plot_panel panels[] = {
        {.title = "loss",
         .x_label = "epoch",
         .series = loss,
         .series_count = 2 * count,
         .x_scale = ATH_PLOT_WHOLE,
         .y_floor = 0.0,
         .y_ceiling = NAN,
         .row = 0,
         .left = 0.0,
         .right = 0.5},
        {.title = "top-1, %",
         .x_label = "epoch",
         .series = top1,
         .series_count = 2 * count,
         .x_scale = ATH_PLOT_WHOLE,
         .y_scale = ATH_PLOT_LINEAR,
         .y_floor = 0.0,
         .y_ceiling = 100.0,
         .row = 0,
         .left = 0.5,
         .right = 1.0},
    };
    const struct ath__plot plot = {.title = title,
                                   .subtitle = "solid: validation, with its best top-1; dashed: training",
                                   .panels = panels,
                                   .panel_count = 2,
                                   .row_heights = {420.0},
                                   .width = 1200.0,
                                   .legend = loss + count,
                                   .legend_count = count};
    return draw(&plot, out, err);
}

static ath_status write_figure(draw_fn *draw, const char *path, const char *title, const struct run *runs, int count,
                               ath_error *err) {
    struct ath__str out = {0};
    if (!path) return ATH_OK;
    ath_status status = draw_runs(draw, title, runs, count, &out, err);
    if (status == ATH_OK) status = ath__file_write(path, ath__str_text(&out), out.size, err);
    ath__str_free(&out);
    return status;
}

ath_status ath_runs_plot(const char *title, const char *const *names, const char *const *paths, int count,
                         const char *png_path, const char *svg_path, ath_error *err) {
    struct run runs[MAX_RUNS] = {0};
    ath_status status = ATH_OK;
    if (count < 1 || count > MAX_RUNS)
        return ath__fail(err, ATH_USAGE, NULL, "a figure holds 1 to %d runs, not %d", (int)MAX_RUNS, count);
    for (int r = 0; r < count; r++) ATH_TRY_DONE(read_run(&runs[r], names[r], paths[r], err));
    ATH_TRY_DONE(write_figure(draw_png, png_path, title, runs, count, err));
    ATH_TRY_DONE(write_figure(ath__plot_svg, svg_path, title, runs, count, err));
done:
    for (int r = 0; r < count; r++) {
        ath__free(runs[r].rows);
        ath__free(runs[r].values);
    }
    return status;
}
