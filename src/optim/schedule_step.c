/* A drop by a factor at equal distances:  rate = peak * factor^floor(step / every). */
#include "optim/schedule.h"

#include <math.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double every = ath__duration_steps(&settings->every, time->steps_per_epoch);
    return every > 0.0 ? pow(settings->factor, floor(time->step / every)) : 1.0;
}

const struct ath__schedule ath__schedule_step = {
    .name = "step",
    .summary = "times schedule.factor every schedule.every (30ep, 500it)",
    .keys = {{"every", "30ep"}, {"factor", "0.1"}},
    .factor = factor,
};
