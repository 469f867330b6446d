/* A format of tensor files: how a file of it is recognised, how it is read, and how it is written.
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
#include "base/str.h"

/* What an ath_tensor_file points to. */
struct ath__tensor_owner {
    struct ath__mapping mapping;
    struct ath__arena   arena;
};

/* What is to be written: borrowed. */
struct ath__tensors {
    const ath_named_tensor *tensors;
    int                     tensor_count;
    const ath_metadata     *metadata;
    int                     metadata_count;
    bool                    keep_names; /* also where the format's own users have other names for the same tensors */
};

struct ath__tensor_format {
    const char *name, *summary;
    const char *endings; /* of file names that are written in it unless another format is asked for; "" = none */
    /* Whether the bytes are, or began as, a file of this format: a damaged one is recognised too, so that its reader
     * says what is wrong with it. */
    bool (*recognise)(const unsigned char *bytes, size_t size);
    /* Fills tensors and metadata. After a failure the caller frees everything. */
    ath_status (*read)(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err);
    /* Writes the file whole: temporary, fsync, rename. To `notes` go sentences, one a line, about what is different in
     * it or has no place. ATH_USAGE for names and texts that the format cannot hold. NULL: the format is only read. */
    ath_status (*write)(const char *path, const struct ath__tensors *what, struct ath__str *notes, ath_error *err);
};

/* Declares ath__tensor_format_safetensors ... from the list. */
#define ATH_TENSOR_FORMAT(name) extern const struct ath__tensor_format ath__tensor_format_##name;
#include "format/format_list.h"
#undef ATH_TENSOR_FORMAT

/* Maps the file and reads it as `format`; NULL: as the format that recognises it. */
ath_status ath__tensor_file_open(const char *path, const struct ath__tensor_format *format, ath_tensor_file *file,
                                 ath_error *err);

/* The format with a writer of that name, or that the path's ending belongs to; NULL if there is none. Row i, NULL past the
 * end. */
const struct ath__tensor_format *ath__tensor_format_find(const char *name);
const struct ath__tensor_format *ath__tensor_format_of(const char *path);
const struct ath__tensor_format *ath__tensor_format_row(int i);

/* Is the path's ending one of `endings`, "pth pt"? Letters' case does not matter. */
bool ath__path_ends(const char *path, const char *endings);

/* Bytes of a tensor's data. */
size_t ath__tensor_bytes(const ath_tensor *tensor);

/* Names and texts of a file reach terminals and other files: ATH_DATA unless they are UTF-8 without control
 * characters. */
ath_status ath__tensor_text_check(const char *path, const char *text, ath_error *err);

#endif
