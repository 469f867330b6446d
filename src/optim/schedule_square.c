/* Squared decay, as MindSpore's fine-tuning scripts call it:  rate = peak * (end + (1 - end) * (1 - step / length)^2).
 */
#include "optim/schedule.h"

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    double left = 1.0 - ath__schedule_progress(settings, time);
    return settings->end + (1.0 - settings->end) * left * left;
}

const struct ath__schedule ath__schedule_square = {
    .name = "square",
    .summary = "(1 - progress)^2, down to schedule.end times the peak",
    .keys = {{"end", "0"}, {"length", "0"}},
    .factor = factor,
    .steps = ath__schedule_length,
};
