/* Learning-rate schedules: the rate as a function of optimiser steps taken.
 *
 * Times carry units: "30ep" epochs, "500it" optimiser steps. A schedule never counts calls, so it cannot be stepped in
 * the wrong place.
 */
#ifndef ATH_OPTIM_SCHEDULE_H
#define ATH_OPTIM_SCHEDULE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A length of training in optimiser steps, once steps per epoch are known. */
struct ath__duration {
    double amount;
    bool   epochs; /* else steps */
};
/* "30ep" or "500it" (also "0"). ATH_USAGE says the forms. */
ath_status ath__duration_parse(const char *text, struct ath__duration *duration, ath_error *err);
double     ath__duration_steps(const struct ath__duration *duration, double steps_per_epoch);

struct ath__schedule_settings {
    struct ath__duration every;  /* step: distance of the drops */
    double               factor; /* step: multiplier at each drop */
    double               end;    /* cosine: final rate as a share of the peak */
    struct ath__duration warmup; /* linear rise from 0 in front of any schedule */
};

/* Where training stands. */
struct ath__schedule_time {
    double step;  /* optimiser steps taken, counted behind the warm-up */
    double steps; /* steps behind the warm-up in the whole run */
    double steps_per_epoch;
};

struct ath__schedule {
    const char *name, *summary;
    /* The share of the peak rate, 0 to 1. */
    double (*factor)(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time);
};

#define ATH_SCHEDULE(name) extern const struct ath__schedule ath__schedule_##name;
#include "optim/schedule_list.h"
#undef ATH_SCHEDULE

ath_status                  ath__schedule_find(const char *name, const struct ath__schedule **schedule, ath_error *err);
const struct ath__schedule *ath__schedule_at(int i); /* NULL past the end */

/* The rate for the step that follows `step` steps of a run of `steps`, warm-up included. */
double ath__schedule_rate(const struct ath__schedule *schedule, const struct ath__schedule_settings *settings,
                          double peak, int64_t step, int64_t steps, int64_t steps_per_epoch);

#endif
