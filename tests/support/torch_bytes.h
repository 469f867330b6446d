/* Small PyTorch files of the legacy form, made by hand so that they can be wrong in any way. */
#ifndef ATH_TESTS_TORCH_BYTES_H
#define ATH_TESTS_TORCH_BYTES_H

#include "base/str.h"

#include <stdint.h>

/* What the file says of a tensor; NULL texts mean FloatStorage, key 0 and _rebuild_tensor_v2. */
struct torch_tensor {
    const char *type, *key, *rebuild;
    int64_t     count, offset; /* elements of its storage; the first of its own */
    int         rank;
    int64_t     sizes[8], strides[8];
};

/* Appends key, value and SETITEM to a pickle whose stack holds a dict. */
void torch_put_tensor(struct ath__str *pickle, const char *name, const struct torch_tensor *tensor);

/* Writes the file around a pickled object, without a storage, or with one of `count` floats 0, 1, 2 ... under key 0. */
ath_status torch_write_legacy(const char *path, const struct ath__str *object, ath_error *err);
ath_status torch_write_legacy_with(const char *path, const struct ath__str *object, int count, ath_error *err);

#endif
