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
};
void ath__model_info_free(struct ath__model_info *info);

/* Writes parameters and states (without the optimiser's) with the metadata. */
ath_status ath__model_file_save(const char *path, const struct ath__network *network,
                                const struct ath__model_info *info, ath_error *err);

/* Makes the model that the file describes (ATH_DATA if it does not say which) and reads its metadata. */
ath_status ath__model_file_open(const char *path, ath_tensor_file *file, ath_model **model,
                                struct ath__model_info *info, ath_error *err);

/* What loading weights did. */
struct ath__load_report {
    int  loaded, missing, reshaped, unused;
    char first_missing[128], first_reshaped[128], first_unused[128];
};
/* Copies tensors by name into the network's parameters and states. A tensor of another shape is left as started and
 * counted as reshaped. Tensors holding NaN or infinity are an error (ATH_DATA). */
ath_status ath__weights_load(const ath_tensor_file *file, const char *path, struct ath__network *network,
                             struct ath__load_report *report, ath_error *err);

/* The same for weights=: fails below 90% loaded unless `partial`, and tells what happened in a remark. */
ath_status ath__weights_apply(const char *path, bool partial, const ath_hooks *hooks, struct ath__network *network,
                              ath_error *err);

#endif
