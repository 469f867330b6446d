/* A drop by a factor at each milestone:  rate = peak * factor^(milestones at or before step). */
#include "optim/schedule.h"

#include <math.h>
#include <stddef.h>

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    int passed = 0;
    for (int i = 0; i < settings->milestone_count; i++)
        passed += time->step >= ath__duration_steps(&settings->milestones[i], time->steps_per_epoch);
    return pow(settings->factor, passed);
}

static double steps(const struct ath__schedule_settings *settings, double steps_per_epoch) {
    double last = 0.0;
    for (int i = 0; i < settings->milestone_count; i++)
        last = fmax(last, ath__duration_steps(&settings->milestones[i], steps_per_epoch));
    return last;
}

const struct ath__schedule ath__schedule_multistep = {
    .name = "multistep",
    .summary = "times schedule.factor at each of schedule.milestones ([30ep,60ep])",
    .keys = {{"milestones", NULL}, {"factor", "0.1"}},
    .factor = factor,
    .steps = steps,
    .open_ended = true,
};
