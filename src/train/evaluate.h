/* One pass of evaluation over a data set. */
#ifndef ATH_TRAIN_EVALUATE_H
#define ATH_TRAIN_EVALUATE_H

#include "train/feed.h"
#include "train/metrics.h"
#include "train/views.h"

/* Adds every image of the feed's data set to `metrics`. */
ath_status ath__evaluate(struct ath__network *network, const struct ath__feed *feed, struct ath__metrics *metrics,
                         ath_error *err);
/* The same with test-time augmentation, which takes images; `batch`: the loader's. */
ath_status ath__evaluate_views(struct ath__network *network, const struct ath__tta *tta, int64_t batch,
                               const struct ath__feed *feed, struct ath__metrics *metrics, ath_error *err);

#endif
