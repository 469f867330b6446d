/* The learning rate of a run, as its configuration says. */
#ifndef ATH_TRAIN_RATE_H
#define ATH_TRAIN_RATE_H

#include "athanor/train.h"
#include "optim/schedule.h"

/* schedule=, schedule.*, warmup= and lr= for a run of epochs= epochs. ATH_USAGE for what does not fit together. */
ath_status ath__rate_read(const ath_config *config, int64_t steps_per_epoch, const ath_hooks *hooks,
                          struct ath__rate_plan *rate, ath_error *err);

/* Warns of a rate that falls below a thousandth of the peak before a tenth of the run is over. A training run leaves this
 * to the doctor, who says it too. */
void ath__rate_remark_death(const struct ath__rate_plan *rate, const ath_hooks *hooks);

/* Warns of a schedule that is longer or shorter than the run. */
void ath__rate_remark_length(const struct ath__rate_plan *rate, const ath_hooks *hooks);

#endif
