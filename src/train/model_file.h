/* Model files: a trained network as one .safetensors that can be used alone. */
#ifndef ATH_TRAIN_MODEL_FILE_H
#define ATH_TRAIN_MODEL_FILE_H

#include "athanor/format.h"
#include "athanor/train.h"
#include "data/loader.h"
#include "train/metrics.h"
#include "train/network.h"
#include "train/setup.h"

/* What a model file says besides its tensors. */
struct ath__model_info {
    struct ath__preprocess preprocess;
    char                 **class_names;                  /* classes entries; owned; may be NULL */
    char                 **class_titles, **class_groups; /* likewise; a group's name, "" = none */
    int                    classes;
    bool *unseen; /* classes entries: no training image is of this class; owned; NULL = all were seen */
};
void ath__model_info_free(struct ath__model_info *info);

/* Copies what the data set calls its classes. */
ath_status ath__model_info_take(struct ath__model_info *info, const ath_dataset *dataset, ath_error *err);

/* The same as metrics want it; borrowed. */
struct ath__class_labels ath__model_info_labels(const struct ath__model_info *info);

/* Writes parameters and states (without the optimiser's) with the metadata. */
ath_status ath__model_file_save(const char *path, const struct ath__network *network,
                                const struct ath__model_info *info, ath_error *err);

/* Makes the model that the file describes (ATH_DATA if it does not say which) and reads its metadata. */
ath_status ath__model_file_open(const char *path, ath_tensor_file *file, ath_model **model,
                                struct ath__model_info *info, ath_error *err);

/* How images become the input of a described file's network. */
void ath__model_file_preprocess(const ath_tensor_file *file, struct ath__preprocess *preprocess);

/* The model that model= names: of the zoo, of a YAML file, or the one that a model file (ONNX's, or Athanor's own)
 * describes. */
ath_status ath__model_named(const char *name, ath_model **model, ath_error *err);
/* Whether the name is that of a model file, whose weights come with it. */
bool ath__is_model_file(const char *name);

/* Whether the file says which model it is of: one that Athanor wrote. */
bool ath__is_described(const ath_tensor_file *file);

/* Whether an entry of a network's store belongs to the model, not to the optimiser. */
bool ath__is_model_tensor(const struct ath__entry *entry);

#endif
