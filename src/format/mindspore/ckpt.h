/* MindSpore's checkpoints, reading and writing. */
#ifndef ATH_FORMAT_CKPT_H
#define ATH_FORMAT_CKPT_H

#include "format/tensor_format.h"

/* A tensor of more bytes than this is written in pieces of about equal size, as MindSpore does. */
#define ATH_CKPT_SLICE ((size_t)512 << 20)

ath_status ath__ckpt_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err);
ath_status ath__ckpt_write(const char *path, const struct ath__tensors *what, size_t slice, struct ath__str *notes,
                           ath_error *err);

/* Has the file the type of ours; `name` is MindSpore's, "Float32". Types without one of ours become the next wider one. */
struct ath__ckpt_type {
    const char *name;
    int         width;
    ath_dtype   dtype;
};
const struct ath__ckpt_type *ath__ckpt_type_find(const char *name);
const char                  *ath__ckpt_type_name(ath_dtype dtype);

#endif
