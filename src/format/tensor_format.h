/* A format of tensor files: how a file of it is recognised, and how it is read.
 *
 * A format is one file and one row of format_list.h. It is told by its content, never by the ending of a name. A reader
 * gets the mapped file, checks every size before it uses it, and puts what it makes into the owner's arena; tensors may
 * point into the mapping.
 */
#ifndef ATH_FORMAT_TENSOR_FORMAT_H
#define ATH_FORMAT_TENSOR_FORMAT_H

#include "athanor/format.h"
#include "base/arena.h"
#include "base/file.h"

/* What an ath_tensor_file points to. */
struct ath__tensor_owner {
    struct ath__mapping mapping;
    struct ath__arena   arena;
};

struct ath__tensor_format {
    const char *name, *summary;
    /* Whether the bytes are, or began as, a file of this format: a damaged one is recognised too, so that its reader
     * says what is wrong with it. */
    bool (*recognise)(const unsigned char *bytes, size_t size);
    /* Fills tensors and metadata. After a failure the caller frees everything. */
    ath_status (*read)(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err);
};

/* Declares ath__tensor_format_safetensors ... from the list. */
#define ATH_TENSOR_FORMAT(name) extern const struct ath__tensor_format ath__tensor_format_##name;
#include "format/format_list.h"
#undef ATH_TENSOR_FORMAT

/* Maps the file and reads it as `format`; NULL: as the format that recognises it. */
ath_status ath__tensor_file_open(const char *path, const struct ath__tensor_format *format, ath_tensor_file *file,
                                 ath_error *err);

/* Names and texts of a file reach terminals and other files: ATH_DATA unless they are UTF-8 without control
 * characters. */
ath_status ath__tensor_text_check(const char *path, const char *text, ath_error *err);

#endif
