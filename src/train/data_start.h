/* Parameters whose starting values are computed from the training images. */
#ifndef ATH_TRAIN_DATA_START_H
#define ATH_TRAIN_DATA_START_H

#include "data/loader.h"
#include "train/network.h"

/* Hands the model's first training images, preprocessed and not augmented, to the model's own start. Does nothing for
 * models that need none. To be called behind ath__network_start, and not when a run is resumed. */
ath_status ath__data_start(struct ath__network *network, const ath_dataset *train,
                           const struct ath__preprocess *preprocess, ath_error *err);

#endif
