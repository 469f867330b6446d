/* One pass of evaluation over a data set. */
#ifndef ATH_TRAIN_EVALUATE_H
#define ATH_TRAIN_EVALUATE_H

#include "data/loader.h"
#include "train/metrics.h"
#include "train/views.h"

/* Adds every image of the loader's data set to `metrics`. */
ath_status ath__evaluate(struct ath__network *network, struct ath__loader *loader, struct ath__metrics *metrics,
                         ath_error *err);
/* The same with test-time augmentation; `batch`: the loader's. */
ath_status ath__evaluate_views(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                               struct ath__loader *loader, struct ath__metrics *metrics, ath_error *err);

#endif
