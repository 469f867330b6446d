/* A triangle, as the CIFAR-10 speed runs use it: a straight rise from start to the peak over the first `rise` of the
 * steps, then a straight fall to end.
 *
 *     rate = peak * (start + (1 - start) * done / rise)              done = step / length < rise
 *     rate = peak * (1 + (end - 1) * (done - rise) / (1 - rise))     behind it
 */
#include "optim/schedule.h"

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double done = ath__schedule_progress(settings, time), rise = settings->rise;
    if (done < rise) return settings->start + (1.0 - settings->start) * done / rise;
    return rise < 1.0 ? 1.0 + (settings->end - 1.0) * (done - rise) / (1.0 - rise) : 1.0;
}

const struct ath__schedule ath__schedule_triangle = {
    .name = "triangle",
    .summary = "a straight rise over schedule.rise of the run, then a straight fall",
    .keys = {{"rise", "0.2"}, {"start", "0.2"}, {"end", "0"}, {"length", "0"}},
    .factor = factor,
    .steps = ath__schedule_length,
};
