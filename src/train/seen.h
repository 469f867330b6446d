/* Classes that occur in training, and scores on them alone. */
#ifndef ATH_TRAIN_SEEN_H
#define ATH_TRAIN_SEEN_H

#include "train/model_file.h"

/* Notes in `info` which of its classes have no image in `train`. */
ath_status ath__seen_note(const ath_dataset *train, struct ath__model_info *info, ath_error *err);

/* Sets seen_classes, seen_images and top1_seen of a result that has its classes. */
void ath__seen_score(const struct ath__model_info *info, ath_eval_result *result);

#endif
