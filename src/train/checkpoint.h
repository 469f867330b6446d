/* Checkpoints: everything that a run needs to go on as if it had never stopped, in one file written whole.
 *
 * Parameters, states and optimiser states as tensors; position, sums of the epoch under way, finished epochs and the
 * settings that must not change, as JSON in the metadata.
 */
#ifndef ATH_TRAIN_CHECKPOINT_H
#define ATH_TRAIN_CHECKPOINT_H

#include "athanor/train.h"
#include "optim/plateau.h"
#include "train/metrics.h"
#include "train/network.h"

/* Where a run stands. */
struct ath__position {
    int      stage;                   /* from 0 */
    int64_t  stage_epoch, stage_step; /* epochs and steps in front of this stage */
    int64_t  step;                    /* optimiser steps taken */
    int64_t  epoch;                   /* from 0: the epoch under way */
    int64_t  batch;                   /* batches of it that are done */
    int64_t  images, hits1, hits5;    /* of the epoch so far */
    double   loss_sum;
    double   epoch_seconds, run_seconds;
    double   best_top1;
    int64_t  best_epoch;    /* from 1; 0 = none yet */
    uint64_t log_bytes;     /* length of log.jsonl */
    double   grad_norm_sum; /* of the epoch so far */

    struct ath__plateau plateau; /* decisions of the plateau schedule so far */

    ath_epoch *epochs; /* finished ones */
    int64_t    epoch_count, epoch_capacity;
};

ath_status ath__position_add_epoch(struct ath__position *position, const ath_epoch *epoch, ath_error *err);
void       ath__position_free(struct ath__position *position);

ath_status ath__checkpoint_save(const char *path, const struct ath__network *network, const ath_config *config,
                                const struct ath__position *position, ath_error *err);

/* Where the run stood. ATH_USAGE, naming every difference, when the configuration's model, data, seed, batch, optimiser
 * or schedule is not the run's (epochs and schedule may differ if extend=true). */
ath_status ath__checkpoint_position(const char *path, const ath_config *config, struct ath__position *position,
                                    ath_error *err);
/* Restores the network of the position's stage. */
ath_status ath__checkpoint_restore(const char *path, struct ath__network *network, ath_error *err);

#endif
