/* Loader or features. */
#include "train/feed.h"

#include "base/error.h"
#include "train/setup.h"

int64_t ath__feed_batches(const struct ath__feed *feed) {
    return feed->features ? ath__features_batches(feed->features) : ath__loader_batches(feed->loader);
}

ath_status ath__feed_start(const struct ath__feed *feed, int64_t epoch, int64_t first, ath_error *err) {
    if (!feed->features) return ath__loader_start(feed->loader, epoch, first, err);
    ath__features_start(feed->features, epoch, first);
    return ATH_OK;
}

ath_status ath__feed_next(const struct ath__feed *feed, struct ath__samples *samples, ath_error *err) {
    struct ath__batch batch;
    if (feed->features)
        ath__features_next(feed->features, &batch);
    else
        ATH_TRY(ath__loader_next(feed->loader, &batch, err));
    *samples = ath__setup_samples(&batch);
    samples->features = feed->features != NULL;
    return ATH_OK;
}

double ath__feed_wait_seconds(const struct ath__feed *feed) {
    return feed->features ? 0.0 : ath__loader_wait_seconds(feed->loader);
}
