/* Axes: the range that is shown and the round numbers along it. */
#ifndef ATH_REPORT_PLOT_TICKS_H
#define ATH_REPORT_PLOT_TICKS_H

#include <stdbool.h>
#include <stddef.h>

enum { ATH_MAX_TICKS = 24 };

struct ath__axis {
    double low, high; /* what is shown; low < high, and above 0 on a logarithmic axis */
    bool   log;
    double ticks[ATH_MAX_TICKS];
    int    tick_count;
    int    decimals; /* of the labels of a linear axis; -1 = in the shortest form */
};

/* A linear axis that holds [min, max] with room to spare and about `wanted` ticks at 1, 2 or 5 times a power of ten.
 * `whole`: ticks at whole numbers only. The range never passes `floor` and `ceiling` (NAN = no such limit); a min that
 * is small beside max becomes 0. */
void ath__axis_linear(struct ath__axis *axis, double min, double max, int wanted, bool whole, double floor,
                      double ceiling);

/* A logarithmic one, 0 < min <= max: ticks at powers of ten, or at 1, 2, 5 times them where the range is short. */
void ath__axis_log(struct ath__axis *axis, double min, double max, int wanted);

/* Do values from `min` to `max` read better on a logarithmic axis? All positive, and more than a factor of 30. */
bool ath__axis_suits_log(double min, double max);

/* The share of the way from low to high, 0 to 1 within the range. */
double ath__axis_place(const struct ath__axis *axis, double value);

void ath__axis_label(const struct ath__axis *axis, int tick, char *text, size_t capacity);

#endif
