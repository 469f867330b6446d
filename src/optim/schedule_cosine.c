/* Half a cosine from the peak to the end rate (Loshchilov and Hutter, "SGDR", ICLR 2017, one cycle):
 *
 *     rate = peak * (end + (1 - end) * (1 + cos(pi * step / length)) / 2)
 */
#include "optim/schedule.h"

#include <math.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double done = ath__schedule_progress(settings, time);
    return settings->end + (1.0 - settings->end) * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
}

const struct ath__schedule ath__schedule_cosine = {
    .name = "cosine",
    .summary = "half a cosine down to schedule.end times the peak",
    .keys = {{"end", "0"}, {"length", "0"}},
    .factor = factor,
    .steps = ath__schedule_length,
};
