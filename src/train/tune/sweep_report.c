/* What a sweep leaves behind: sweep.csv, and two figures. */
#include "base/error.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/str.h"
#include "report/plot.h"
#include "train/settings.h"
#include "train/tune/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PANELS = 4, MAX_CURVES = 16 };

/* A field of a CSV file: quoted where it holds what separates fields. */
static void append_field(struct ath__str *text, const char *field) {
    if (!strpbrk(field, ",\"\r\n")) {
        ath__str_append(text, field);
        return;
    }
    ath__str_append(text, "\"");
    for (; *field; field++) {
        if (*field == '"') ath__str_append(text, "\"");
        ath__str_append_bytes(text, field, 1);
    }
    ath__str_append(text, "\"");
}

static void append_real(struct ath__str *text, double value, int digits) {
    if (isfinite(value)) ath__str_printf(text, "%.*g", digits, value);
    ath__str_append(text, ",");
}

ath_status ath__sweep_write(const struct ath__sweep *sweep, ath_error *err) {
    const struct ath__sweep_plan *plan = &sweep->plan;
    struct ath__str               text = {0};
    char                          path[ATH_PATH_MAX];
    ATH_TRY(ath__group_file(&sweep->group, "sweep.csv", path, err));
    ath__str_append(&text, "trial,state,epochs,top1_best,top1_last,loss_last,seconds");
    for (int a = 0; a < plan->axis_count; a++) ath__str_printf(&text, ",%s", plan->axes[a].key);
    ath__str_append(&text, "\n");
    for (int t = 0; t < plan->trials; t++) {
        const ath_trial_result *trial = &sweep->trials[t];
        ath__str_printf(&text, "%d,%s,%lld,", trial->number, trial->state, (long long)trial->epochs);
        append_real(&text, trial->top1_best, 7);
        append_real(&text, trial->top1_last, 7);
        append_real(&text, trial->loss_last, 9);
        if (isfinite(trial->seconds)) ath__str_printf(&text, "%.6g", trial->seconds);
        for (int a = 0; a < plan->axis_count; a++) {
            ath__str_append(&text, ",");
            append_field(&text, ath__sweep_value(plan, t, a));
        }
        ath__str_append(&text, "\n");
    }
    ath_status status = text.failed ? ath__fail_memory(err, path) : ath__file_write(path, text.data, text.size, err);
    ath__str_free(&text);
    return status;
}

struct point {
    double x, y;
};

static int by_x(const void *a, const void *b) {
    double x = ((const struct point *)a)->x, y = ((const struct point *)b)->x;
    return x < y ? -1 : x > y;
}

/* The place of a value on the axis: itself where it is a number, else its number in the list. */
static double place_of(const struct ath__sweep_plan *plan, int trial, int axis) {
    const struct ath__sweep_axis *a = &plan->axes[axis];
    double                        value;
    const char                   *text = ath__sweep_value(plan, trial, axis);
    bool                          numbers = true;
    for (int i = 0; i < a->count && numbers; i++) numbers = ath__parse_real(a->values[i], &value);
    if (numbers && ath__parse_real(text, &value)) return value;
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->values[i], text) == 0) return (double)(i + 1);
    return NAN;
}

/* The best accuracy at each value of one key; returns the number of points in x and y. */
static int collect(const struct ath__sweep *sweep, int axis, struct point *points, double *x, double *y) {
    int count = 0, kept = 0;
    for (int t = 0; t < sweep->plan.trials; t++) {
        double place = place_of(&sweep->plan, t, axis);
        if (isnan(sweep->trials[t].top1_best) || isnan(place)) continue;
        points[count++] = (struct point){place, sweep->trials[t].top1_best};
    }
    qsort(points, (size_t)count, sizeof *points, by_x);
    for (int i = 0; i < count; i++) {
        if (kept > 0 && x[kept - 1] == points[i].x) {
            y[kept - 1] = fmax(y[kept - 1], points[i].y);
            continue;
        }
        x[kept] = points[i].x;
        y[kept++] = points[i].y;
    }
    return kept;
}

static ath_status draw_keys(const struct ath__sweep *sweep, ath_error *err) {
    const struct ath__sweep_plan *plan = &sweep->plan;
    int                     panels = plan->axis_count < MAX_PANELS ? plan->axis_count : MAX_PANELS, n = plan->trials;
    struct ath__plot_panel  panel[MAX_PANELS];
    struct ath__plot_series series[MAX_PANELS];
    char                    mark[MAX_PANELS][64], path[ATH_PATH_MAX];
    struct point           *points = ATH_NEW_ARRAY(struct point, n + 1);
    double                 *values = ATH_NEW_ARRAY(double, (size_t)2 * MAX_PANELS * (size_t)n + 1);
    struct ath__str         bytes = {0};
    ath_status              status = points && values ? ATH_OK : ath__fail_memory(err, "sweep.png");
    for (int a = 0; a < panels && status == ATH_OK; a++) {
        double *x = values + (size_t)(2 * a) * (size_t)n, *y = x + n;
        int     count = collect(sweep, a, points, x, y), best = 0;
        for (int i = 1; i < count; i++)
            if (y[i] > y[best]) best = i;
        snprintf(mark[a], sizeof mark[a], "best: %.2f%%", count > 0 ? y[best] : 0.0);
        series[a] = (struct ath__plot_series){NULL, x, y, count, ath__plot_color(a), false};
        bool named = plan->axes[a].count > 0 && place_of(plan, 0, a) != strtod(ath__sweep_value(plan, 0, a), NULL);
        panel[a] = (struct ath__plot_panel){
            .title = "best top-1 at each value, %",
            .x_label = plan->axes[a].key,
            .series = &series[a],
            .series_count = 1,
            .mark = {count > 0 ? mark[a] : NULL, count > 0 ? x[best] : 0.0, count > 0 ? y[best] : 0.0, 0xdc2626},
            .x_scale = named ? ATH_PLOT_WHOLE : ATH_PLOT_AUTO,
            .y_scale = ATH_PLOT_LINEAR,
            .y_floor = 0.0,
            .y_ceiling = 100.0,
            .legend = true,
            .row = a / 2,
            .left = panels == 1 ? 0.0 : 0.5 * (a % 2),
            .right = panels == 1 ? 1.0 : 0.5 * (a % 2) + 0.5};
    }
    const struct ath__plot plot = {.title = "sweep",
                                   .subtitle = sweep->group.path,
                                   .panels = panel,
                                   .panel_count = panels,
                                   .row_heights = {360.0, panels > 2 ? 360.0 : 0.0},
                                   .width = 1200.0};
    if (status == ATH_OK) status = ath__group_file(&sweep->group, "sweep.png", path, err);
    if (status == ATH_OK) status = ath__plot_png(&plot, 1.5, &bytes, err);
    if (status == ATH_OK) status = ath__file_write(path, bytes.data, bytes.size, err);
    ath__str_free(&bytes);
    ath__free(points);
    ath__free(values);
    return status;
}

static ath_status draw_curves(const struct ath__sweep *sweep, ath_error *err) {
    const char *names[MAX_CURVES], *paths[MAX_CURVES];
    char        path[ATH_PATH_MAX], title[64];
    bool       *taken = ATH_NEW_ARRAY(bool, sweep->plan.trials + 1);
    int         count = 0;
    if (!taken) return ath__fail_memory(err, "curves.png");
    for (; count < MAX_CURVES; count++) {
        int best = -1;
        for (int t = 0; t < sweep->plan.trials; t++) {
            double top1 = sweep->trials[t].top1_best;
            if (!taken[t] && !isnan(top1) && (best < 0 || top1 > sweep->trials[best].top1_best)) best = t;
        }
        if (best < 0) break;
        taken[best] = true;
        names[count] = sweep->trials[best].settings;
        paths[count] = sweep->trials[best].run;
    }
    ath__free(taken);
    if (count == 0) return ATH_OK;
    snprintf(title, sizeof title, count < sweep->plan.trials ? "the best %d trials" : "%d trials", count);
    ATH_TRY(ath__group_file(&sweep->group, "curves.png", path, err));
    return ath_runs_plot(title, names, paths, count, path, NULL, err);
}

ath_status ath__sweep_draw(const struct ath__sweep *sweep, ath_error *err) {
    ATH_TRY(draw_keys(sweep, err));
    return draw_curves(sweep, err);
}
