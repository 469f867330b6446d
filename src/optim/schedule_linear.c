/* A straight line:  rate = peak * (start + (end - start) * step / length). */
#include "optim/schedule.h"

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    return settings->start + (settings->end - settings->start) * ath__schedule_progress(settings, time);
}

const struct ath__schedule ath__schedule_linear = {
    .name = "linear",
    .summary = "a straight line from schedule.start to schedule.end times the peak",
    .keys = {{"start", "1"}, {"end", "0"}, {"length", "0"}},
    .factor = factor,
    .steps = ath__schedule_length,
};
