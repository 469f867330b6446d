/* TensorBoard event files: the epochs of a run as scalars. */
#ifndef ATH_REPORT_TENSORBOARD_H
#define ATH_REPORT_TENSORBOARD_H

#include "athanor/train.h"

/* Writes the file whole: train/loss, train/top1, val/loss, val/top1, lr by epoch. `began` is the wall-clock time (Unix
 * seconds) of the run's beginning; an epoch's time is that plus the seconds of the epochs up to it. */
ath_status ath__tensorboard_write(const char *path, const ath_epoch *rows, int64_t count, double began, ath_error *err);

#endif
