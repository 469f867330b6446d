/* PyTorch's files, in the two forms that torch.save has written: what both have in common.
 *
 *     zip      (since 1.6) members <root>/data.pkl and <root>/data/<key>, stored without compression
 *     legacy   five pickles in a row (magic number, version, system, object, keys), then the storages
 *
 * In both a tensor is a call of a rebuilding function with a storage's key, an offset, sizes and strides in elements.
 */
#ifndef ATH_FORMAT_TORCH_FILE_H
#define ATH_FORMAT_TORCH_FILE_H

#include "format/tensor_format.h"
#include "format/torch/pickle.h"

/* How the elements of a storage lie in the file. */
struct ath__torch_type {
    const char *name; /* "FloatStorage" */
    int         width;
    ath_dtype   dtype; /* what tensors of it become; integers narrower than that are widened */
};

/* What the id of a storage says. */
struct ath__torch_storage {
    const struct ath__torch_type *type;
    const struct ath__pickle     *key;  /* TEXT */
    uint64_t                      view; /* elements in front of its first */
    uint64_t                      count;
};

/* Reads the id. ATH_DATA for one that is damaged, ATH_UNSUPPORTED for types beyond those of ath_dtype. */
ath_status ath__torch_storage_read(const char *path, const struct ath__pickle *persistent,
                                   struct ath__torch_storage *storage, ath_error *err);

/* The bytes of a storage, which stay valid as long as the file is open. */
typedef ath_status (*ath__torch_fetch)(void *context, const struct ath__torch_storage *storage,
                                       const unsigned char **data, uint64_t *size, ath_error *err);

/* A tensor's name and the call that rebuilds it. */
struct ath__torch_named {
    const char               *name;
    const struct ath__pickle *call;
};

/* Finds the tensors by name in what was pickled: a dict of tensors or a net, alone or in a dict under "state_dict",
 * "model" ... Names lose a leading "module.", are checked text, and differ; everything lives in the arena. ATH_DATA when
 * there are none. */
ath_status ath__torch_find(const char *path, const struct ath__pickle *root, struct ath__arena *arena,
                           struct ath__torch_named **named, size_t *count, ath_error *err);

/* Finds the tensors and fills `file`: with them, and with numbers and texts beside the tensors as metadata "torch.KEY". Tensors point
 * to their storage where it is laid out as they are, else to a copy; copies are bounded by the size of the file. */
ath_status ath__torch_tensors(const char *path, const struct ath__pickle *root, ath__torch_fetch fetch, void *context,
                              struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err);

/* The two forms. */
ath_status ath__torch_zip_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                               ath_error *err);
ath_status ath__torch_legacy_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                  ath_error *err);

/* The write slot of the row: the zip form. */
ath_status ath__torch_write(const char *path, const struct ath__tensors *what, struct ath__str *notes, ath_error *err);

#endif
