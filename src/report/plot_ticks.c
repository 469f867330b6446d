/* Round numbers along an axis.
 *
 *     step = the smallest of {1, 2, 5} x 10^k that is at least (max - min) / wanted
 *
 * Ticks are computed as i * step from whole i, never by adding up, so that 0.3 does not become 0.30000000000000004.
 */
#include "report/plot_ticks.h"

#include <math.h>
#include <stdio.h>

static double nice_step(double least) {
    double power = pow(10.0, floor(log10(least)));
    for (double base = 1.0; base < 10.0; base = base == 1.0 ? 2.0 : base == 2.0 ? 5.0 : 10.0)
        if (base * power >= least * (1.0 - 1e-9)) return base * power;
    return 10.0 * power;
}

static void widen_point(double *min, double *max, bool whole) {
    if (*max > *min) return;
    double half = whole ? 0.5 : *min == 0.0 ? 1.0 : 0.1 * fabs(*min);
    *min -= half;
    *max += half;
}

void ath__axis_linear(struct ath__axis *axis, double min, double max, int wanted, bool whole, double lowest,
                      double highest) {
    *axis = (struct ath__axis){0};
    widen_point(&min, &max, whole);
    double room = whole ? 0.02 * (max - min) : 0.05 * (max - min);
    /* Below a quarter of the maximum, zero is near enough to be shown; and it is the honest origin. */
    bool from_zero = !whole && min >= 0.0 && min < 0.25 * max;
    axis->low = from_zero ? 0.0 : min - room;
    axis->high = max + room;
    if (axis->low < lowest) axis->low = lowest; /* false where the limit is not a number */
    if (axis->high > highest) axis->high = highest;
    /* Values at or beyond a limit, or too close together for a double: a range must remain. */
    double least = 1e-9 * fmax(1e-30, fmax(fabs(axis->low), fabs(axis->high)));
    if (!(axis->high - axis->low > least)) {
        axis->low -= least;
        axis->high += least;
    }
    double step = nice_step((axis->high - axis->low) / (wanted > 0 ? wanted : 1));
    if (whole && step < 1.0) step = 1.0;
    double first = ceil(axis->low / step - 1e-9);
    for (int i = 0; i < ATH_MAX_TICKS && (first + i) * step <= axis->high + 1e-9 * step; i++)
        axis->ticks[axis->tick_count++] = (first + i) * step == 0.0 ? 0.0 : (first + i) * step;
    double largest = fmax(fabs(axis->low), fabs(axis->high));
    double place = floor(log10(step) + 1e-9);
    axis->decimals = largest >= 1e6 || place < -5.0 ? -1 : place < 0.0 ? (int)-place : 0;
}

void ath__axis_log(struct ath__axis *axis, double min, double max, int wanted) {
    static const double parts[] = {1.0, 2.0, 5.0};
    *axis = (struct ath__axis){.log = true, .decimals = -1};
    double room = fmax(0.05 * (log10(max) - log10(min)), 0.02);
    axis->low = fmax(pow(10.0, log10(min) - room), 1e-300);
    axis->high = fmin(pow(10.0, log10(max) + room), 1e300);
    if (wanted < 1) wanted = 1;
    /* Whole powers within the range, every one or every n-th; 2 and 5 times them too where there is room for their
     * labels. */
    int first = (int)ceil(log10(axis->low)), last = (int)floor(log10(axis->high));
    int pieces = 3.0 * log10(axis->high / axis->low) <= (double)wanted + 2.0 ? 3 : 1;
    int every = last > first ? (last - first) / wanted + 1 : 1;
    if (pieces > 1) first--;
    for (int k = first; k <= last; k += every) {
        for (int p = 0; p < pieces; p++) {
            double tick = parts[p] * pow(10.0, k);
            if (tick >= axis->low && tick <= axis->high && axis->tick_count < ATH_MAX_TICKS)
                axis->ticks[axis->tick_count++] = tick;
        }
    }
}

bool ath__axis_suits_log(double min, double max) {
    return min > 0.0 && max / min > 30.0;
}

double ath__axis_place(const struct ath__axis *axis, double value) {
    if (!axis->log) return (value - axis->low) / (axis->high - axis->low);
    if (value < axis->low) return value <= 0.0 ? -1.0 : log(value / axis->low) / log(axis->high / axis->low);
    return log(value / axis->low) / log(axis->high / axis->low);
}

void ath__axis_label(const struct ath__axis *axis, int tick, char *text, size_t capacity) {
    if (axis->decimals < 0)
        snprintf(text, capacity, "%g", axis->ticks[tick]);
    else
        snprintf(text, capacity, "%.*f", axis->decimals, axis->ticks[tick]);
}
