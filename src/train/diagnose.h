/* Plain words about a run that does not learn. */
#ifndef ATH_TRAIN_DIAGNOSE_H
#define ATH_TRAIN_DIAGNOSE_H

#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

/* Looks at the epoch just finished. When the training loss stands at chance (within 2% of ln classes) or one class
 * takes all predictions, says so, names the first dead layer (units that are zero for every image of a batch), and what
 * to change. */
ath_status ath__diagnose_epoch(struct ath__network *network, struct ath__loader *loader,
                               const struct ath__position *position, const struct ath__metrics *validation,
                               const ath_hooks *hooks, ath_error *err);

#endif
