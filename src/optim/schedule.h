/* Learning-rate schedules: the rate as a function of optimiser steps taken.
 *
 * Times carry units: "30ep" epochs, "500it" optimiser steps. A schedule never counts calls, so it cannot be stepped in
 * the wrong place. The one that is more than a function of steps is plateau: it also depends on the decisions made so
 * far, which are a few numbers kept with the run (optim/plateau.h).
 */
#ifndef ATH_OPTIM_SCHEDULE_H
#define ATH_OPTIM_SCHEDULE_H

#include "athanor/status.h"
#include "optim/expression.h"
#include "optim/plateau.h"

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

enum { ATH_SCHEDULE_MAX_MILESTONES = 32, ATH_SCHEDULE_MAX_KEYS = 10 };

/* The settings of all schedules; which of them one reads is in its key list. */
struct ath__schedule_settings {
    struct ath__duration     warmup; /* linear rise from 0 in front of any schedule */
    struct ath__duration     every;  /* distance of drops, or of factors */
    struct ath__duration     length; /* of the descent; 0 = the rest of the run */
    struct ath__duration     period; /* of the first cosine */
    struct ath__duration     milestones[ATH_SCHEDULE_MAX_MILESTONES];
    int                      milestone_count;
    double                   factor;                      /* multiplier at a drop */
    double                   start, end;                  /* rates as shares of the peak */
    double                   power;                       /* of the polynomial */
    double                   growth;                      /* of the period from cosine to cosine */
    double                   rise;                        /* share of the length in which the rate rises */
    double                   div, final_div;              /* peak / first rate, first rate / last rate */
    double                   linear;                      /* 1: straight lines, 0: half cosines */
    double                   momentum_low, momentum_high; /* momentum cycles between these; both 0 = it does not */
    struct ath__expression   expression;
    struct ath__plateau_rule plateau;
};

/* Where training stands. */
struct ath__schedule_time {
    double step;  /* optimiser steps taken, counted behind the warm-up */
    double steps; /* steps behind the warm-up in the whole run, at least 1 */
    double steps_per_epoch;
    double plateau; /* share of the peak that plateau decisions have left */
};

/* A setting that a schedule reads, and its default as text. NULL fallback: must be given. */
struct ath__schedule_key {
    const char *name, *fallback;
};

struct ath__schedule {
    const char              *name, *summary;
    struct ath__schedule_key keys[ATH_SCHEDULE_MAX_KEYS]; /* ends with a NULL name */
    /* The rate as a share of the peak. */
    double (*factor)(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time);
    /* Optional. The momentum of the step; 0 = as set. */
    double (*momentum)(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time);
    /* Optional. Steps that the schedule takes behind the warm-up; 0 = as many as there are. */
    double (*steps)(const struct ath__schedule_settings *settings, double steps_per_epoch);
    bool open_ended;   /* the rate behind these steps is meant to be used */
    bool reads_metric; /* decisions are made behind every epoch */
};

#define ATH_SCHEDULE(name) extern const struct ath__schedule ath__schedule_##name;
#include "optim/schedule_list.h"
#undef ATH_SCHEDULE

ath_status                  ath__schedule_find(const char *name, const struct ath__schedule **schedule, ath_error *err);
const struct ath__schedule *ath__schedule_at(int i); /* NULL past the end */

/* Is `name` a setting of any schedule ("every")? */
bool ath__schedule_is_key(const char *name);
/* The schedule's default for a setting; "" if it must be given; NULL if it has no such. */
const char *ath__schedule_default(const struct ath__schedule *schedule, const char *name);
/* Every default into the settings. */
ath_status ath__schedule_defaults(const struct ath__schedule *schedule, struct ath__schedule_settings *settings,
                                  ath_error *err);
/* Sets one from text. ATH_USAGE for one that this schedule does not read, and for a value that is none. */
ath_status ath__schedule_set(const struct ath__schedule *schedule, struct ath__schedule_settings *settings,
                             const char *name, const char *value, ath_error *err);

/* A whole run's rate. */
struct ath__rate_plan {
    const struct ath__schedule   *schedule;
    struct ath__schedule_settings settings;
    double                        peak;
    int64_t                       steps, steps_per_epoch; /* of the run */
};

/* The rate for the step that follows `step` steps, warm-up included; `plateau` is the share that plateau decisions have
 * left (1 for other schedules). */
double ath__rate_at(const struct ath__rate_plan *rate, int64_t step, double plateau);
/* The momentum of that step, or 0 when the schedule leaves it alone. */
double ath__rate_momentum(const struct ath__rate_plan *rate, int64_t step);
/* Is that step part of the warm-up? */
bool ath__rate_warming(const struct ath__rate_plan *rate, int64_t step);

/* The step of a descent as a share of its length, 0 to 1: the length set, or all steps. */
double ath__schedule_progress(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time);
/* `length` in steps: what a schedule with a length returns as its `steps`. */
double ath__schedule_length(const struct ath__schedule_settings *settings, double steps_per_epoch);

#endif
