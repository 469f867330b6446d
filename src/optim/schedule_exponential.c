/* Exponential decay:  rate = peak * factor^(step / every), the same factor in every stretch of that length. */
#include "optim/schedule.h"

#include <math.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double every = ath__duration_steps(&settings->every, time->steps_per_epoch);
    return every > 0.0 ? pow(settings->factor, time->step / every) : 1.0;
}

const struct ath__schedule ath__schedule_exponential = {
    .name = "exponential",
    .summary = "a smooth decay, by schedule.factor in every schedule.every",
    .keys = {{"factor", "0.95"}, {"every", "1ep"}},
    .factor = factor,
};
