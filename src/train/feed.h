/* What a network is fed with: batches of images from a loader, or of features that were computed before. */
#ifndef ATH_TRAIN_FEED_H
#define ATH_TRAIN_FEED_H

#include "train/features.h"

/* One of the two; both are borrowed. */
struct ath__feed {
    struct ath__loader      *loader;
    struct ath__feature_set *features;
};

int64_t    ath__feed_batches(const struct ath__feed *feed);
ath_status ath__feed_start(const struct ath__feed *feed, int64_t epoch, int64_t first, ath_error *err);
/* count 0 at the end of the epoch; valid until the next call. */
ath_status ath__feed_next(const struct ath__feed *feed, struct ath__samples *samples, ath_error *err);
double     ath__feed_wait_seconds(const struct ath__feed *feed);

#endif
