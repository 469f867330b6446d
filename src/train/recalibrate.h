/* Batch norms' running statistics measured anew: what SWA's authors call an update of batch norms (Izmailov et al., UAI
 * 2018), and what "precise batch norm" does.
 */
#ifndef ATH_TRAIN_RECALIBRATE_H
#define ATH_TRAIN_RECALIBRATE_H

#include "train/feed.h"

/* Sets the statistics of every batch norm that takes the batch's in training to their mean over the batches of epoch
 * `epoch` of the feed, each batch weighted by its images, with the weights as they are and without dropout. */
ath_status ath__recalibrate(struct ath__network *network, const struct ath__feed *feed, int64_t epoch, ath_error *err);

#endif
