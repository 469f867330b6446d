/* Arrays in NumPy's files, with ONNX's element types, and ONNX's own tensors. */
#include "format/onnx/array_file.h"

#include "base/error.h"
#include "base/str.h"
#include "format/numpy/npy.h"
#include "format/onnx/onnx_file.h"
#include "format/zip_members.h"

#include <string.h>

enum { MOST_ARRAYS = 4096 };

static const struct npy_type {
    const char *code;
    int         type;
} types[] = {{"f4", ATH_ONNX_FLOAT},  {"f8", ATH_ONNX_DOUBLE}, {"f2", ATH_ONNX_FLOAT16}, {"i8", ATH_ONNX_INT64},
             {"i4", ATH_ONNX_INT32},  {"i2", ATH_ONNX_INT16},  {"i1", ATH_ONNX_INT8},    {"u1", ATH_ONNX_UINT8},
             {"u2", ATH_ONNX_UINT16}, {"u4", ATH_ONNX_UINT32}, {"u8", ATH_ONNX_UINT64},  {"b1", ATH_ONNX_BOOL}};
enum { TYPES = sizeof types / sizeof types[0] };

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static ath_status read_npy(const char *path, const char *what, const unsigned char *bytes, size_t size,
                           struct ath__arena *arena, struct ath__onnx_tensor *tensor, ath_error *err) {
    struct ath__npy array;
    memset(tensor, 0, sizeof *tensor);
    ATH_TRY(ath__npy_open(path, what, bytes, size, &array, err));
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].code, array.code) == 0) tensor->type = types[i].type;
    if (tensor->type == 0)
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "%s has the type '%s', which is not supported; convert it with astype()", what, array.code);
    tensor->rank = array.rank;
    for (int d = 0; d < array.rank; d++) tensor->dims[d] = array.dims[d];
    tensor->count = (int64_t)array.count;
    tensor->data = ath__arena_alloc(arena, (size_t)array.count * (size_t)array.width + 8);
    if (!tensor->data) return ath__fail_memory(err, path);
    ath__npy_copy(&array, tensor->data);
    return ATH_OK;
}

static ath_status read_member(struct ath__zip_members *zip, int64_t index, struct ath__arena *arena,
                              struct ath__array *array, ath_error *err) {
    const char *stored = ath__zip_members_name(zip, index);
    char       *name = ath__arena_strdup(arena, stored ? stored : "");
    size_t      length = name ? strlen(name) : 0;
    if (!name) return ath__fail_memory(err, zip->path);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0) name[length - 4] = '\0';
    array->name = name;
    ATH_TRY(ath__tensor_text_check(zip->path, name, err));
    ATH_TRY(ath__zip_members_read(zip, index, true, err));
    return read_npy(zip->path, name, zip->members[index], (size_t)zip->sizes[index], arena, &array->tensor, err);
}

/* The members' bytes are the owner's, and gone with it; the arrays are the arena's. */
static ath_status read_archive(const char *path, struct ath__tensor_owner *owner, struct ath__arena *arena,
                               struct ath__array **arrays, int *count, ath_error *err) {
    struct ath__zip_members zip;
    ath_status              status = ATH_OK;
    ATH_TRY(ath__zip_members_open(&zip, path, owner, err));
    if (zip.count < 1 || zip.count > MOST_ARRAYS)
        status =
            ath__fail(err, ATH_DATA, path, "this zip file holds %s", zip.count < 1 ? "nothing" : "too many arrays");
    *arrays = status == ATH_OK ? ATH_ARENA_ARRAY(arena, struct ath__array, zip.count) : NULL;
    if (status == ATH_OK && !*arrays) status = ath__fail_memory(err, path);
    for (int64_t i = 0; i < zip.count && status == ATH_OK; i++)
        status = read_member(&zip, i, arena, &(*arrays)[i], err);
    *count = (int)zip.count;
    ath__zip_members_close(&zip);
    return status;
}

ath_status ath__array_file_read(const char *path, struct ath__arena *arena, struct ath__array **arrays, int *count,
                                ath_error *err) {
    struct ath__tensor_owner owner = {.arena = {0}};
    ath_status               status;
    ATH_TRY(ath__file_map(path, &owner.mapping, err));
    if (owner.mapping.size >= 4 && memcmp(owner.mapping.data, "PK\3\4", 4) == 0) {
        status = read_archive(path, &owner, arena, arrays, count, err);
    } else {
        *count = 1;
        *arrays = ATH_ARENA_ARRAY(arena, struct ath__array, 1);
        if (!*arrays)
            status = ath__fail_memory(err, path);
        else if (ath__npy_recognise(owner.mapping.data, owner.mapping.size)) {
            (*arrays)->name = "";
            status = read_npy(path, "this", owner.mapping.data, owner.mapping.size, arena, &(*arrays)->tensor, err);
        } else {
            status = ath__onnx_tensor_file(path, arena, &(*arrays)->tensor, &(*arrays)->name, err);
        }
    }
    ath__arena_free(&owner.arena);
    ath__file_unmap(&owner.mapping);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

ath_status ath__npy_write(const char *path, const struct ath__onnx_tensor *tensor, ath_error *err) {
    struct ath__str file = {0};
    const char     *code = NULL;
    for (int i = 0; i < TYPES; i++)
        if (types[i].type == tensor->type) code = types[i].code;
    if (tensor->type == ATH_ONNX_INT4 || tensor->type == ATH_ONNX_INT2) code = "i1";
    if (tensor->type == ATH_ONNX_UINT4 || tensor->type == ATH_ONNX_UINT2) code = "u1";
    ath__npy_header(&file, code ? code : "f4", tensor->rank, tensor->dims);
    if (code && tensor->count > 0)
        ath__str_append_bytes(&file, tensor->data, (size_t)tensor->count * ath__onnx_type_size(tensor->type));
    for (int64_t i = 0; !code && i < tensor->count; i++) {
        float value = (float)ath__onnx_get(tensor, i);
        ath__str_append_bytes(&file, (const char *)&value, sizeof value);
    }
    ath_status status = file.failed ? ath__fail_memory(err, path) : ath__file_write(path, file.data, file.size, err);
    ath__str_free(&file);
    return status;
}
