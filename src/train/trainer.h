/* A training run under way, shared by the loop (trainer.c) and by what happens behind an epoch (trainer_epoch.c). */
#ifndef ATH_TRAIN_TRAINER_H
#define ATH_TRAIN_TRAINER_H

#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/doctor/watch.h"
#include "train/model_file.h"
#include "train/rate.h"
#include "train/run_folder.h"

struct ath__trainer {
    ath_config            *config;
    const ath_hooks       *hooks;
    struct ath__run_folder folder;
    ath_dataset           *train_set, *val_set;
    ath_model             *model;
    struct ath__network   *network;
    struct ath__loader    *train_loader, *val_loader;
    struct ath__model_info info;
    struct ath__position   position;
    struct ath__metrics    epoch_metrics, val_metrics;
    struct ath__rate_plan  rate;
    struct ath__watch      watch;
    int64_t                epochs, steps_per_epoch;
    int64_t                resumed_epoch_count;
    int64_t                steps_here;      /* taken by this process */
    double                 last_checkpoint; /* clock */
    double                 epoch_start, epoch_wait;
    ath_train_result      *result;
    bool                   finished_early;
};

/* The rate of the step that follows `step` steps. */
double ath__trainer_rate(const struct ath__trainer *trainer, int64_t step);

/* Sends the progress hook where the run stands. */
void ath__trainer_progress(struct ath__trainer *trainer, ath_activity activity, int64_t batch, int64_t batches);

/* One line of log.jsonl. */
ath_status ath__trainer_log(struct ath__trainer *trainer, const char *event, const char *fields, ath_error *err);

/* Writes the checkpoint. */
ath_status ath__trainer_checkpoint(struct ath__trainer *trainer, ath_error *err);

/* ATH_DIVERGED, saying when and what to try, logged. The step behind which it showed is position.step; nothing is saved
 * any more. */
ath_status ath__trainer_diverged(struct ath__trainer *trainer, const char *what, double lr, ath_error *err);

/* Are all parameters finite? A step with a finite loss can still throw them out of range, which the next loss would
 * show: too late for a checkpoint in between. */
bool ath__trainer_finite(const struct ath__trainer *trainer);

/* Evaluation, row, weights, files: everything behind the last batch of an epoch. */
ath_status ath__trainer_finish_epoch(struct ath__trainer *trainer, ath_error *err);

/* Is there a reason to end before the last epoch? */
bool ath__trainer_enough(struct ath__trainer *trainer);

#endif
