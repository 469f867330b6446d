/* A training run under way, shared by the loop (trainer.c), by what happens behind an epoch (trainer_epoch.c) and by what
 * surrounds the loop: beginning, resuming, going from stage to stage, ending (trainer_run.c). */
#ifndef ATH_TRAIN_TRAINER_H
#define ATH_TRAIN_TRAINER_H

#include "train/checkpoint.h"
#include "train/doctor/watch.h"
#include "train/model_file.h"
#include "train/run_folder.h"
#include "train/stage.h"

struct ath__trainer {
    ath_config            *config;
    const ath_hooks       *hooks;
    struct ath__run_folder folder;
    ath_dataset           *train_set, *val_set;
    ath_model             *model;
    struct ath__stage      stage; /* the one under way */
    int                    stages;
    bool                   staged; /* the settings have stages: rows of results say which */
    struct ath__model_info info;
    struct ath__position   position;
    struct ath__metrics    epoch_metrics, val_metrics;
    struct ath__watch      watch;
    int64_t                epochs; /* of all stages, as planned */
    int64_t                resumed_epoch_count;
    int64_t                steps_here;      /* taken by this process */
    double                 last_checkpoint; /* clock */
    double                 epoch_start, epoch_wait;
    ath_train_result      *result;
};

/* The rate of the step that follows `step` steps of the run, in the stage under way. */
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

/* Is there a reason to end before the stage's last epoch? */
bool ath__trainer_enough(struct ath__trainer *trainer);
/* Has the run reached target_top1=? */
bool ath__trainer_at_target(const struct ath__trainer *trainer);

/* Trains the stage under way to its end. */
ath_status ath__trainer_loop(struct ath__trainer *trainer, ath_error *err);

#endif
