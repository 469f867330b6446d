/* Model files: a trained network as one .safetensors that can be used alone. */
#ifndef ATH_TRAIN_MODEL_FILE_H
#define ATH_TRAIN_MODEL_FILE_H

#include "athanor/format.h"
#include "athanor/train.h"
#include "data/loader.h"
#include "train/network.h"
#include "train/setup.h"

/* What a model file says besides its tensors. */
struct ath__model_info {
    struct ath__preprocess preprocess;
    char                 **class_names; /* classes entries; owned; may be NULL */
    int                    classes;
    bool *unseen; /* classes entries: no training image is of this class; owned; NULL = all were seen */
};
void ath__model_info_free(struct ath__model_info *info);

/* Writes parameters and states (without the optimiser's) with the metadata. */
ath_status ath__model_file_save(const char *path, const struct ath__network *network,
                                const struct ath__model_info *info, ath_error *err);

/* Makes the model that the file describes (ATH_DATA if it does not say which) and reads its metadata. */
ath_status ath__model_file_open(const char *path, ath_tensor_file *file, ath_model **model,
                                struct ath__model_info *info, ath_error *err);

/* How images become the input of a described file's network. */
void ath__model_file_preprocess(const ath_tensor_file *file, struct ath__preprocess *preprocess);

/* Whether the file says which model it is of: one that Athanor wrote. */
bool ath__is_described(const ath_tensor_file *file);

/* Whether an entry of a network's store belongs to the model, not to the optimiser. */
bool ath__is_model_tensor(const struct ath__entry *entry);

#endif
