/* Weights by name from any tensor file into a network, and the account of what fitted. */
#ifndef ATH_TRAIN_WEIGHTS_H
#define ATH_TRAIN_WEIGHTS_H

#include "athanor/format.h"
#include "athanor/train.h"
#include "base/file.h"
#include "train/network.h"

/* How many tensors, and the names of the first ones: "conv1.weight, bn1.weight and 3 more". */
struct ath__name_list {
    int  count;
    char text[440];
};

/* What loading did. Tensors of the network: loaded, missing from the file, of another shape there, or of a head for
 * another number of classes (which keep their start); tensors of the file: unexpected when the network has none of the
 * name. */
struct ath__load_report {
    int                   loaded;
    struct ath__name_list missing, reshaped, head, unexpected;
    int64_t               head_classes; /* that the file's head tells apart */
};

/* Copies tensors by name into the network's parameters and states; what does not fit stays as it was. PyTorch's
 * counters (num_batches_tracked) are passed over. Tensors holding NaN or infinity are an error (ATH_DATA). */
ath_status ath__weights_load(const ath_tensor_file *file, const char *path, struct ath__network *network,
                             struct ath__load_report *report, ath_error *err);

/* The account as a remark. */
void ath__weights_tell(const char *path, const ath_tensor_file *file, const struct ath__load_report *report,
                       const ath_hooks *hooks);

/* Which options of the model the names in a file that did not fit speak for, as the end of a message; "" if none. */
const char *ath__weights_advice(const ath_tensor_file *file, const ath_model *model);

/* The file that weights=NAME means: NAME itself, or else weights/NAME in the folder of the user's data ($ATHANOR_DATA).
 * ATH_DATA, saying where it was looked for, when it is in neither. */
ath_status ath__weights_find(const char *name, char path[ATH_PATH_MAX], ath_error *err);

/* weights= of a training run: loads, tells, and fails (ATH_DATA) when less than 90% of the tensors fitted, the head's
 * left aside, unless `partial`. */
ath_status ath__weights_apply(const char *name, bool partial, const ath_hooks *hooks, struct ath__network *network,
                              ath_error *err);

#endif
