/* What the layers of a plan cost. */
#ifndef ATH_TRAIN_PROFILE_H
#define ATH_TRAIN_PROFILE_H

#include "athanor/train.h"
#include "train/network.h"

/* Fills layers, layer_count and refusals from a plan of the network for `batch` images; times are means over the runs
 * since profiling was turned on, 0 where there were none. Freed by ath_profile_free, also after a failure. */
ath_status ath__profile_layers(const struct ath__network *network, const struct ath__plan *plan, int64_t batch,
                               ath_profile *profile, ath_error *err);

#endif
