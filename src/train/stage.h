/* One stage of a run: its settings, its network and what that is fed with. A run without stages has one.
 *
 * Open, put the weights in place (start, restore, or take over from the stage before), feed, train.
 */
#ifndef ATH_TRAIN_STAGE_H
#define ATH_TRAIN_STAGE_H

#include "train/checkpoint.h"
#include "train/feed.h"
#include "train/rate.h"

/* What all stages of a run share. Borrowed. */
struct ath__stage_source {
    const ath_config             *config;
    const ath_hooks              *hooks;
    const ath_dataset            *train_set, *val_set;
    const struct ath__preprocess *preprocess;
    const ath_model              *model;
};

struct ath__stage {
    ath_config              *config; /* of this stage alone */
    struct ath__network     *network;
    struct ath__loader      *train_loader, *val_loader; /* NULL where features take their place */
    struct ath__feature_set *train_features, *val_features;
    struct ath__feed         train, val;
    struct ath__rate_plan    rate;
    int64_t                  epochs, steps_per_epoch;
    double                   feature_seconds; /* spent on features, before the first step */
};

/* Everything but the feeds. */
ath_status ath__stage_open(const struct ath__stage_source *source, int index, struct ath__stage *stage, ath_error *err);
/* Loaders, or features from the weights that are in place now. */
ath_status ath__stage_feed(const struct ath__stage_source *source, struct ath__stage *stage, ath_error *err);
void       ath__stage_close(struct ath__stage *stage);

/* The next stage's network begins with the weights of this one's: with their running average, where there is one. */
ath_status ath__stage_hand_over(struct ath__stage *from, struct ath__stage *to, ath_error *err);

#endif
