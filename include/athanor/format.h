/* Model files, and the tensor files of other programs.
 *
 * A model file is one .safetensors: parameters and states by name, and metadata that says which model it is (name,
 * options, input, weight transform), how images become input, the class names, and the program's version. It can be
 * copied anywhere and used alone. Weights are also read from other programs' files, which hold tensors by name and
 * perhaps a few texts (docs/weights.md).
 */
#ifndef ATHANOR_FORMAT_H
#define ATHANOR_FORMAT_H

#include "athanor/tensor.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_named_tensor {
    const char *name;
    ath_tensor  tensor;
} ath_named_tensor;

typedef struct ath_metadata {
    const char *key, *value;
} ath_metadata;

/* Tensors of a file, with its metadata. Everything that it points to belongs to it. */
typedef struct ath_tensor_file {
    ath_named_tensor *tensors;
    int               tensor_count;
    ath_metadata     *metadata;
    int               metadata_count;
    const char       *format; /* name of the format that it was read as */
    void             *owner;  /* private */
} ath_tensor_file;

/* Format i that tensor files are read and written in, or false past the end. */
typedef struct ath_tensor_format {
    const char *name, *summary;
    const char *endings; /* of file names that are written in it, separated by blanks; "" = it is only read */
} ath_tensor_format;
ATH_API bool ath_tensor_format_at(int i, ath_tensor_format *format);

/* Format i that networks are exported in (ath_export), or false past the end. */
typedef struct ath_export_format {
    const char *name, *summary, *endings;
} ath_export_format;
ATH_API bool ath_export_format_at(int i, ath_export_format *format);

/* Reads a file of any of these formats, told by its content. ATH_DATA for a file of no known format and for anything
 * that its format does not allow: sizes are checked before use, and nothing that a file says is ever executed. */
ATH_API ath_status ath_tensor_file_load(const char *path, ath_tensor_file *file, ath_error *err);

/* Reads a .safetensors file (mapped, not copied). ATH_DATA for anything that the format does not allow: sizes are
 * checked before use, holes and overlaps refused. */
ATH_API ath_status ath_safetensors_load(const char *path, ath_tensor_file *file, ath_error *err);
ATH_API void       ath_tensor_file_free(ath_tensor_file *file);

/* Writes one whole: temporary, fsync, rename. Tensors are sorted as the format's own writer does (wider types first,
 * then by name). */
ATH_API ath_status ath_safetensors_save(const char *path, const ath_named_tensor *tensors, int tensor_count,
                                        const ath_metadata *metadata, int metadata_count, ath_error *err);

/* The metadata value; NULL if there is none. */
ATH_API const char *ath_tensor_file_metadata(const ath_tensor_file *file, const char *key);
/* The tensor of that name; NULL if there is none. */
ATH_API const ath_tensor *ath_tensor_file_find(const ath_tensor_file *file, const char *name);

#ifdef __cplusplus
}
#endif
#endif
