/* A sweep under way: its plan, its folder, and how far each trial has come. */
#ifndef ATH_TRAIN_SWEEP_H
#define ATH_TRAIN_SWEEP_H

#include "train/group.h"
#include "train/tune/sweep_plan.h"

struct ath__sweep {
    struct ath__group      group;
    struct ath__sweep_plan plan;
    ath_trial_result      *trials; /* in the order of their numbers */
    double                *score;  /* of each at the present rung */
    int                   *alive;  /* indices of trials that go on */
    int                    alive_count;
};

/* sweep.csv: a row a trial, written whole. */
ath_status ath__sweep_write(const struct ath__sweep *sweep, ath_error *err);
/* sweep.png: for up to four keys, the best accuracy at each value; curves.png: the best 16 trials. */
ath_status ath__sweep_draw(const struct ath__sweep *sweep, ath_error *err);

#endif
