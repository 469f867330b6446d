/* Drawing a planned rate: one panel a stage, for rates of stages can lie orders of magnitude apart. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "report/plot.h"
#include "train/stage_config.h"

#include <math.h>
#include <stdio.h>

enum { COLUMNS = 4 }; /* panels in a row of many; up to three stages stand side by side */
static const double png_scale = 1.5;

/* A few far drops read best on a logarithmic axis, a curve on a linear one. */
static ath__plot_scale scale_of(const struct ath__plot_series *series) {
    enum { FEW = 8 };
    const double *y = series->y;
    int64_t       changes = 0;
    for (int64_t i = 1; i < series->count; i++) changes += y[i] < y[i - 1] || y[i] > y[i - 1];
    return changes <= FEW ? ATH_PLOT_AUTO : ATH_PLOT_LINEAR;
}

/* The points of each stage, by the epochs that it lasts; returns the number of stages, 1 without any. */
static int split(const ath_schedule_plan *plan, struct ath__plot_series series[ATH_MAX_STAGES]) {
    int     stages = 0;
    int64_t point = 0;
    for (int64_t e = 0; e < plan->epochs && stages < ATH_MAX_STAGES; stages++) {
        int     stage = plan->rows[e].stage;
        int64_t first = point;
        while (e < plan->epochs && plan->rows[e].stage == stage) e++;
        while (point < plan->points && plan->x[point] < (double)e) point++;
        series[stages] =
            (struct ath__plot_series){NULL, plan->x + first, plan->y + first, point - first, ath__plot_color(0), false};
    }
    return stages;
}

ath_status ath_schedule_plot(const ath_schedule_plan *plan, const char *png_path, ath_error *err) {
    char                    title[192], subtitle[240], names[ATH_MAX_STAGES][48];
    struct ath__plot_series series[ATH_MAX_STAGES];
    struct ath__plot_panel  panels[ATH_MAX_STAGES];
    struct ath__plot        plot = {.title = title, .subtitle = subtitle, .panels = panels, .width = 900.0};
    struct ath__str         bytes = {0};
    int                     stages = split(plan, series), columns = stages < COLUMNS ? stages : COLUMNS;
    for (int s = 0; s < stages; s++) {
        snprintf(names[s], sizeof names[s], "learning rate, stage %d", s + 1);
        panels[s] = (struct ath__plot_panel){.title = stages > 1 ? names[s] : "learning rate",
                                             .x_label = "epochs done",
                                             .series = &series[s],
                                             .series_count = 1,
                                             .x_scale = ATH_PLOT_LINEAR,
                                             .y_scale = scale_of(&series[s]),
                                             .y_floor = 0.0,
                                             .y_ceiling = NAN,
                                             .row = s / columns,
                                             .left = (double)(s % columns) / columns,
                                             .right = (double)(s % columns + 1) / columns};
        plot.row_heights[s / columns] = 380.0;
    }
    plot.panel_count = stages;
    snprintf(title, sizeof title, "schedule=%s, peak %g", plan->schedule, plan->peak);
    if (plan->steps_per_epoch > 0)
        snprintf(subtitle, sizeof subtitle, "%lld epochs of %lld steps, optimizer=%s", (long long)plan->epochs,
                 (long long)plan->steps_per_epoch, plan->optimizer);
    else
        snprintf(subtitle, sizeof subtitle, "%lld epochs, optimizer=%s", (long long)plan->epochs, plan->optimizer);
    ath_status status = ath__plot_png(&plot, png_scale, &bytes, err);
    if (status == ATH_OK) status = ath__file_write(png_path, bytes.data, bytes.size, err);
    ath__str_free(&bytes);
    return status;
}
