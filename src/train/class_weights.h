/* The key class_weights=: how much each class counts in the loss. */
#ifndef ATH_TRAIN_CLASS_WEIGHTS_H
#define ATH_TRAIN_CLASS_WEIGHTS_H

#include "athanor/config.h"
#include "athanor/data.h"
#include "train/network.h"

/* Sets the network's class weights as the configuration says; nothing where it says nothing. */
ath_status ath__setup_class_weights(const ath_config *config, const ath_dataset *train, struct ath__network *network,
                                    ath_error *err);

/* By inverse frequency among the training images. */
ath_status ath__class_weights_auto(const ath_dataset *train, int classes, float *weights, ath_error *err);
/* "1,2.5,1", also in brackets; ATH_USAGE unless there is one finite number of at least 0 per class, not all 0. */
ath_status ath__class_weights_parse(const char *text, int classes, float *weights, ath_error *err);

#endif
