/* Names of parameters in MindSpore and in PyTorch, which are ours.
 *
 * A batch norm's weight, bias, running_mean and running_var are gamma, beta, moving_mean and moving_variance there, in
 * every net. MobileNetV2's layers are nested differently; its table maps the rest.
 */
#ifndef ATH_FORMAT_CKPT_NAMES_H
#define ATH_FORMAT_CKPT_NAMES_H

#include "format/tensor_format.h"

/* Replaces the names, in the arena. */
ath_status ath__names_to_mindspore(const char *path, ath_named_tensor *tensors, int count, struct ath__arena *arena,
                                   ath_error *err);
/* The same back. Names that stand under backbone. or network. lose that where no two then meet. */
ath_status ath__names_from_mindspore(const char *path, ath_named_tensor *tensors, int count, struct ath__arena *arena,
                                     ath_error *err);

#endif
