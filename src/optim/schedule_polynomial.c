/* Polynomial decay:  rate = peak * (end + (1 - end) * (1 - step / length)^power). */
#include "optim/schedule.h"

#include <math.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double left = 1.0 - ath__schedule_progress(settings, time);
    return settings->end + (1.0 - settings->end) * pow(left, settings->power);
}

const struct ath__schedule ath__schedule_polynomial = {
    .name = "polynomial",
    .summary = "(1 - progress)^schedule.power, down to schedule.end times the peak",
    .keys = {{"power", "1"}, {"end", "0"}, {"length", "0"}},
    .factor = factor,
    .steps = ath__schedule_length,
};
