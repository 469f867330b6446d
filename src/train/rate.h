/* The learning rate of a run, as its configuration says. */
#ifndef ATH_TRAIN_RATE_H
#define ATH_TRAIN_RATE_H

#include "athanor/train.h"
#include "optim/schedule.h"

struct ath__rate_plan {
    const struct ath__schedule   *schedule;
    struct ath__schedule_settings settings;
    double                        peak;
    int64_t                       steps, steps_per_epoch;
};

/* schedule=, schedule.*, warmup= and lr= for a run of epochs= epochs. */
ath_status ath__rate_read(const ath_config *config, int64_t steps_per_epoch, const ath_hooks *hooks,
                          struct ath__rate_plan *rate, ath_error *err);
/* The rate of the step that follows `step` steps, times `share`. */
double ath__rate_at(const struct ath__rate_plan *rate, int64_t step, double share);

#endif
