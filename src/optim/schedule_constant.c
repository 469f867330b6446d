/* The same rate throughout. */
#include "optim/schedule.h"

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    (void)settings;
    (void)time;
    return 1.0;
}

const struct ath__schedule ath__schedule_constant = {
    .name = "constant", .summary = "the same rate throughout", .factor = factor};
