/* What a run folder came to, read from its files. */
#ifndef ATH_TRAIN_RUN_INFO_H
#define ATH_TRAIN_RUN_INFO_H

#include "athanor/tune.h"

#include <stdbool.h>

/* Has the run in this folder ended? Then *result is what summary.json says; else false. */
bool ath__run_finished(const char *folder, ath_train_result *result);
/* Is there a checkpoint to resume from? */
bool ath__run_resumable(const char *folder);

#endif
