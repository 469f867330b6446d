/* The learning-rate range test (Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3).
 *
 *     rate of step i:     lr_i = low * (high / low)^(i / (n - 1))
 *     smoothed loss:      s_i = sum_k b^(i-k) loss_k / sum_k b^(i-k),  b = 0.9
 *     ends early when     s_i is above s_0 again after a fall of a twentieth, above 2 s_0, or a loss is not finite
 *
 * The steepest descent is the most negative slope of s against ln lr, over a window of a tenth of the points; the point
 * at which the loss begins to rise is already too high, hence a tenth of it. The smaller of both is suggested.
 */
#include "athanor/tune.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/plot.h"
#include "train/doctor/trial.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double smoothing = 0.9;

static ath_status read_range(const ath_config *config, double *low, double *high, ath_error *err) {
    const char *optimizer = ath__config_text(config, "optimizer");
    bool        steps_of_its_own = strcmp(optimizer, "sgd") != 0; /* adaptive ones move by the rate itself */
    *low = ath__config_real(config, "lr.min");
    *high = ath__config_real(config, "lr.max");
    if (*low <= 0.0) *low = steps_of_its_own ? 1e-7 : 1e-5;
    if (*high <= 0.0) *high = steps_of_its_own ? 1.0 : 10.0;
    if (*low < *high) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "lr.max", "lr.max=%g must be above lr.min=%g", *high, *low);
}

static void report(const ath_hooks *hooks, const ath_lr_point *point, int64_t step, int64_t steps) {
    if (!hooks || !hooks->progress) return;
    ath_progress progress = {.activity = ATH_ACTIVITY_TRAIN,
                             .epoch = 1,
                             .epochs = 1,
                             .batch = step,
                             .batches = steps,
                             .loss = point->smooth,
                             .lr = point->lr,
                             .seconds_left = -1.0};
    hooks->progress(&progress, hooks->context);
}

static ath_status climb(struct ath__trial *trial, const ath_config *config, const ath_hooks *hooks, ath_lr_curve *curve,
                        ath_error *err) {
    int64_t steps = ath__config_int(config, "lr.steps");
    double  low, high, sum = 0.0, weight = 0.0, lowest = INFINITY, first = NAN;
    ATH_TRY(read_range(config, &low, &high, err));
    curve->points = ATH_NEW_ARRAY(ath_lr_point, steps);
    if (!curve->points) return ath__fail_memory(err, "lr-find");
    for (int64_t i = 0; i < steps; i++) {
        ath_lr_point *point = &curve->points[curve->count];
        point->lr = low * pow(high / low, (double)i / (double)(steps - 1));
        ath_status status = ath__trial_step(trial, point->lr, &point->loss, NULL, err);
        if (status == ATH_DIVERGED || !isfinite(point->loss)) {
            curve->diverged_at = point->lr;
            return ATH_OK;
        }
        ATH_TRY(status);
        sum = smoothing * sum + point->loss;
        weight = smoothing * weight + 1.0;
        point->smooth = sum / weight;
        curve->count++;
        if (i == 0) first = point->smooth;
        if (point->smooth < lowest) lowest = point->smooth;
        report(hooks, point, i + 1, steps);
        if (hooks && hooks->stop && hooks->stop(hooks->context))
            return ath__fail(err, ATH_INTERRUPTED, NULL, "interrupted");
        bool lost = lowest < 0.95 * first && point->smooth > first;
        if (lost || (i > steps / 10 && point->smooth > 2.0 * first)) {
            curve->diverged_at = point->lr;
            return ATH_OK;
        }
    }
    return ATH_OK;
}

/* Slope of the smoothed loss against ln lr at point i, by least squares over `half` points on both sides. */
static double slope_at(const ath_lr_curve *curve, int i, int half) {
    int    from = i - half < 0 ? 0 : i - half, to = i + half >= curve->count ? curve->count - 1 : i + half;
    double n = to - from + 1, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int k = from; k <= to; k++) {
        double x = log(curve->points[k].lr), y = curve->points[k].smooth;
        sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    double below = n * sxx - sx * sx;
    return below > 0.0 ? (n * sxy - sx * sy) / below : 0.0;
}

static void judge(ath_lr_curve *curve) {
    int    lowest = 0, steepest = -1, half = curve->count / 20 > 2 ? curve->count / 20 : 2;
    double slope = 0.0;
    for (int i = 1; i < curve->count; i++)
        if (curve->points[i].smooth < curve->points[lowest].smooth) lowest = i;
    for (int i = 0; i <= lowest; i++) {
        double here = slope_at(curve, i, half);
        if (here < slope) slope = here, steepest = i;
    }
    /* Noise alone goes down somewhere: a fall of less than a twentieth is none. */
    if (curve->count < 3 || steepest < 0 || curve->points[lowest].smooth > 0.95 * curve->points[0].smooth) return;
    curve->minimum = curve->points[lowest].lr;
    curve->steepest = curve->points[steepest].lr;
    curve->suggested = fmin(curve->steepest, curve->minimum / 10.0);
}

ath_status ath_lr_find(const ath_config *config, const ath_hooks *hooks, ath_lr_curve *curve, ath_error *err) {
    struct ath__trial trial;
    memset(curve, 0, sizeof *curve);
    ath_status status = ath__trial_open(&trial, config, hooks, err);
    if (status == ATH_OK) status = climb(&trial, config, hooks, curve, err);
    if (status == ATH_OK) judge(curve);
    ath__trial_close(&trial);
    if (status != ATH_OK) ath_lr_curve_free(curve);
    return status;
}

void ath_lr_curve_free(ath_lr_curve *curve) {
    ath__free(curve->points);
    memset(curve, 0, sizeof *curve);
}

ath_status ath_lr_curve_plot(const ath_lr_curve *curve, const char *title, const char *png_path, ath_error *err) {
    size_t  n = (size_t)curve->count;
    double *values = ATH_NEW_ARRAY(double, 3 * n + 1);
    if (!values) return ath__fail_memory(err, png_path);
    double highest = -INFINITY, at_suggestion = 0.0;
    for (size_t i = 0; i < n; i++) {
        values[i] = curve->points[i].lr;
        values[n + i] = curve->points[i].loss;
        values[2 * n + i] = curve->points[i].smooth;
        highest = fmax(highest, values[2 * n + i]);
        if (curve->points[i].lr <= curve->suggested) at_suggestion = values[2 * n + i];
    }
    char mark[64], subtitle[160];
    snprintf(mark, sizeof mark, "suggested: lr=%.2g", curve->suggested);
    if (curve->suggested > 0.0)
        snprintf(subtitle, sizeof subtitle, "steepest descent at %.2g, minimum at %.2g", curve->steepest,
                 curve->minimum);
    else
        snprintf(subtitle, sizeof subtitle, "the loss did not fall at any rate");
    const struct ath__plot_series series[] = {
        {"of each batch", values, values + n, curve->count, 0xcbd5e1, false},
        {"smoothed", values, values + 2 * n, curve->count, 0x2563eb, false},
    };
    const struct ath__plot_panel panel = {
        .title = "loss",
        .x_label = "learning rate",
        .series = series,
        .series_count = 2,
        .mark = {curve->suggested > 0.0 ? mark : NULL, curve->suggested, at_suggestion, 0xdc2626},
        .x_scale = ATH_PLOT_LOG,
        .y_scale = ATH_PLOT_LINEAR,
        .y_floor = 0.0,
        .y_ceiling = n > 0 ? 1.1 * fmin(highest, 1.3 * values[2 * n]) : NAN,
        .legend = true,
        .row = 0,
        .left = 0.0,
        .right = 1.0};
    const struct ath__plot plot = {.title = title,
                                   .subtitle = subtitle,
                                   .panels = &panel,
                                   .panel_count = 1,
                                   .row_heights = {420.0},
                                   .width = 900.0};
    struct ath__str        bytes = {0};
    ath_status             status = ath__plot_png(&plot, 1.5, &bytes, err);
    if (status == ATH_OK) status = ath__file_write(png_path, bytes.data, bytes.size, err);
    ath__str_free(&bytes);
    ath__free(values);
    return status;
}

char *ath_lr_curve_json(const ath_lr_curve *curve) {
    json_t *root = json_object(), *points = json_array();
    ath__json_set_real(root, "suggested", curve->suggested);
    ath__json_set_real(root, "steepest", curve->steepest);
    ath__json_set_real(root, "minimum", curve->minimum);
    ath__json_set_real(root, "diverged_at", curve->diverged_at);
    for (int i = 0; i < curve->count; i++)
        json_array_append_new(points, json_pack("{s:f, s:f, s:f}", "lr", curve->points[i].lr, "loss",
                                                curve->points[i].loss, "smooth", curve->points[i].smooth));
    json_object_set_new(root, "points", points);
    char *text = ath__json_text(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return text;
}
