/* A trial: a network and its training batches as a run of the configuration would have them, for steps that leave no
 * trace: no folder, no file, nothing of the caller's changed. The doctor and the learning-rate finder step on it. */
#ifndef ATH_TRAIN_TRIAL_H
#define ATH_TRAIN_TRIAL_H

#include "athanor/train.h"
#include "data/loader.h"
#include "train/metrics.h"
#include "train/network.h"

struct ath__trial {
    ath_dataset           *train_set;
    ath_model             *model;
    struct ath__network   *network;
    struct ath__loader    *loader;
    struct ath__preprocess preprocess;
    struct ath__metrics    metrics;
    int64_t                step, epoch, steps_per_epoch;
};

/* Opens the data, builds and starts the network (weights= included). */
ath_status ath__trial_open(struct ath__trial *trial, const ath_config *config, const ath_hooks *hooks, ath_error *err);
void       ath__trial_close(struct ath__trial *trial);

/* One step with rate `lr` on the next batch, whose mean loss is *loss. ATH_DIVERGED when that is not finite; the
 * parameters are then as before. `samples` (may be NULL) are valid until the next step. */
ath_status ath__trial_step(struct ath__trial *trial, double lr, double *loss, struct ath__samples *samples,
                           ath_error *err);

#endif
