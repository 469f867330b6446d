/* What a sweep tries: the axes that sweep.KEY= describes, and the trials made from them.
 *
 *     list    0.01,0.1,1        commas inside [] do not separate
 *     range   0.001..1[:log][:N]   linear or logarithmic; N points in a grid (5 if not given), anything between when drawn
 *
 * Draws are keyed by (seed, trial): trial 7 is the same whether 8 or 80 are wanted.
 */
#ifndef ATH_TRAIN_SWEEP_PLAN_H
#define ATH_TRAIN_SWEEP_PLAN_H

#include "athanor/config.h"

#include <stdint.h>

enum { ATH_SWEEP_MAX_AXES = 16, ATH_SWEEP_MAX_TRIALS = 10000 };

struct ath__sweep_axis {
    char  *key;
    char **values; /* of a list */
    int    count;
    bool   range, log, whole; /* whole: the key takes whole numbers */
    double low, high;
    int    points; /* of a range in a grid */
};

struct ath__sweep_plan {
    struct ath__sweep_axis axes[ATH_SWEEP_MAX_AXES];
    int                    axis_count;
    char                 **values; /* trials x axes */
    int                    trials;
};

/* Reads every sweep.KEY of the configuration, checks each value against its key (ATH_USAGE), and makes the trials that
 * method= and trials= ask for. */
ath_status ath__sweep_plan_make(const ath_config *config, struct ath__sweep_plan *plan, ath_error *err);
void       ath__sweep_plan_free(struct ath__sweep_plan *plan);

/* The value of trial `trial` on axis `axis`. */
const char *ath__sweep_value(const struct ath__sweep_plan *plan, int trial, int axis);

/* One axis from the text of its values. */
ath_status ath__sweep_axis_read(struct ath__sweep_axis *axis, const char *key, const char *text, ath_error *err);
void       ath__sweep_axis_free(struct ath__sweep_axis *axis);

#endif
