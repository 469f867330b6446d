/* Tensor files of any format: opening, looking up, freeing. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/tensor_format.h"

#include <string.h>
#include <strings.h>

static const struct ath__tensor_format *const formats[] = {
#define ATH_TENSOR_FORMAT(name) &ath__tensor_format_##name,
#include "format/format_list.h"
#undef ATH_TENSOR_FORMAT
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static ath_status unrecognised(const char *path, size_t size, ath_error *err) {
    struct ath__str names = {0};
    for (int i = 0; i < FORMATS; i++) ath__str_printf(&names, "%s%s", i ? ", " : "", formats[i]->name);
    ath_status status =
        ath__fail(err, ATH_DATA, path, "this is no weights file: its %zu bytes are none of the known formats (%s)",
                  size, ath__str_text(&names));
    ath__str_free(&names);
    return status;
}

ath_status ath__tensor_file_open(const char *path, const struct ath__tensor_format *format, ath_tensor_file *file,
                                 ath_error *err) {
    memset(file, 0, sizeof *file);
    struct ath__tensor_owner *owner = ATH_NEW(struct ath__tensor_owner);
    if (!owner) return ath__fail_memory(err, path);
    file->owner = owner;
    ath_status status = ath__file_map(path, &owner->mapping, err);
    for (int i = 0; status == ATH_OK && !format && i < FORMATS; i++)
        if (formats[i]->recognise(owner->mapping.data, owner->mapping.size)) format = formats[i];
    if (status == ATH_OK && !format) status = unrecognised(path, owner->mapping.size, err);
    if (status == ATH_OK) {
        file->format = format->name;
        status = format->read(path, owner, file, err);
    }
    if (status != ATH_OK) ath_tensor_file_free(file);
    return status;
}

ath_status ath_tensor_file_load(const char *path, ath_tensor_file *file, ath_error *err) {
    return ath__tensor_file_open(path, NULL, file, err);
}

const struct ath__tensor_format *ath__tensor_format_row(int i) {
    return i >= 0 && i < FORMATS ? formats[i] : NULL;
}

const struct ath__tensor_format *ath__tensor_format_find(const char *name) {
    for (int i = 0; i < FORMATS; i++)
        if (formats[i]->write && strcmp(formats[i]->name, name) == 0) return formats[i];
    return NULL;
}

const struct ath__tensor_format *ath__tensor_format_of(const char *path) {
    for (int i = 0; i < FORMATS; i++)
        if (ath__path_ends(path, formats[i]->endings)) return formats[i];
    return NULL;
}

size_t ath__tensor_bytes(const ath_tensor *tensor) {
    return (size_t)ath_shape_count(&tensor->shape) * ath_dtype_size(tensor->dtype);
}

bool ath_tensor_format_at(int i, ath_tensor_format *format) {
    if (i < 0 || i >= FORMATS) return false;
    *format =
        (ath_tensor_format){formats[i]->name, formats[i]->summary, formats[i]->endings ? formats[i]->endings : ""};
    return true;
}

void ath_tensor_file_free(ath_tensor_file *file) {
    struct ath__tensor_owner *owner = file->owner;
    if (owner) {
        if (owner->mapping.data) ath__file_unmap(&owner->mapping);
        ath__arena_free(&owner->arena);
        ath__free(owner);
    }
    memset(file, 0, sizeof *file);
}

const char *ath_tensor_file_metadata(const ath_tensor_file *file, const char *key) {
    for (int i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
    return NULL;
}

const ath_tensor *ath_tensor_file_find(const ath_tensor_file *file, const char *name) {
    for (int i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i].tensor;
    return NULL;
}

bool ath__path_ends(const char *path, const char *endings) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path, *dot = strrchr(file, '.');
    if (!dot || dot == file) return false;
    for (const char *at = endings; at && *at;) {
        size_t length = strcspn(at, " ");
        if (strlen(dot + 1) == length && strncasecmp(dot + 1, at, length) == 0) return true;
        at += length;
        at += *at == ' ';
    }
    return false;
}

ath_status ath__tensor_text_check(const char *path, const char *text, ath_error *err) {
    for (const char *at = text; *at;) {
        uint32_t code;
        int      length = ath__utf8_next(at, &code);
        if (length == 0) return ath__fail(err, ATH_DATA, path, "the name of a tensor is no UTF-8 text");
        if (code < 0x20 || code == 0x7F)
            return ath__fail(err, ATH_DATA, path, "the name of a tensor holds a control character");
        at += length;
    }
    return ATH_OK;
}
