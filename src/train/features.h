/* Features of a split: what the frozen part of a network makes of every image, computed once and trained on.
 *
 * features.views=n keeps n views of every training image: view 0 as it is (unless features.plain=false), the others as
 * augment= makes them in epochs 1, 2 ...; an epoch of training sees one view of each image, and n epochs all of them.
 * Validation images have their plain view.
 */
#ifndef ATH_TRAIN_FEATURES_H
#define ATH_TRAIN_FEATURES_H

#include "athanor/train.h"
#include "data/loader.h"
#include "train/network.h"

struct ath__feature_set;

struct ath__feature_source {
    const ath_config             *config;
    const ath_hooks              *hooks;
    struct ath__network          *network; /* weights in place */
    const ath_dataset            *dataset;
    const struct ath__preprocess *preprocess;
    bool                          train;
};

/* Is features=cache asked for? */
bool ath__features_wanted(const ath_config *config);

/* Loads what is kept and computes the rest, with remarks. ATH_USAGE for views without augment=, and for transforms that
 * mix images; ATH_INTERRUPTED when the hook says so. */
ath_status ath__features_open(const struct ath__feature_source *source, struct ath__feature_set **set, ath_error *err);
void       ath__features_close(struct ath__feature_set *set);

/* Batches, as the loader's (data/loader.h): `images` are features, in the order in which a loader with the same seed
 * has the images. */
int64_t ath__features_batches(const struct ath__feature_set *set);
void    ath__features_start(struct ath__feature_set *set, int64_t epoch, int64_t first);
void    ath__features_next(struct ath__feature_set *set, struct ath__batch *batch);

#endif
