/* NumPy's files.
 *
 *     .npy   "\x93NUMPY" major minor | u16 (major 1) or u32 length | header | elements
 *            the header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *     .npz   a zip of .npy members
 */
#include "format/onnx/array_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "format/onnx/onnx_file.h"
#include "format/zip_library.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ARRAYS = 4096, MOST_HEADER = 1 << 16, MOST_BYTES = 1 << 30 };

static const struct descr {
    const char *text;
    int         type;
} descrs[] = {{"<f4", ATH_ONNX_FLOAT},  {"<f8", ATH_ONNX_DOUBLE}, {"<f2", ATH_ONNX_FLOAT16}, {"<i8", ATH_ONNX_INT64},
              {"<i4", ATH_ONNX_INT32},  {"<i2", ATH_ONNX_INT16},  {"|i1", ATH_ONNX_INT8},    {"|u1", ATH_ONNX_UINT8},
              {"<u2", ATH_ONNX_UINT16}, {"<u4", ATH_ONNX_UINT32}, {"<u8", ATH_ONNX_UINT64},  {"|b1", ATH_ONNX_BOOL}};
enum { DESCRS = sizeof descrs / sizeof descrs[0] };

static ath_status damaged(const char *path, const char *what, ath_error *err) {
    return ath__fail(err, ATH_DATA, path, "this NumPy array is damaged: %s", what);
}

/* What follows 'key': in the header. */
static const char *entry(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    return at + strspn(at, "': ");
}

static ath_status parse_header(const char *path, const char *header, struct ath__onnx_tensor *tensor, bool *fortran,
                               ath_error *err) {
    const char *descr = entry(header, "'descr'"), *order = entry(header, "'fortran_order'"),
               *shape = entry(header, "'shape'");
    if (!descr || !order || !shape || *shape != '(') return damaged(path, "its header is incomplete", err);
    for (int i = 0; i < DESCRS; i++)
        if (strncmp(descr, descrs[i].text, 3) == 0 && descr[3] == '\'') tensor->type = descrs[i].type;
    if (tensor->type == 0)
        return ath__fail(err, ATH_UNSUPPORTED, path, "NumPy arrays of '%.*s' are not read; convert it with astype()",
                         (int)strcspn(descr, "',"), descr);
    *fortran = strncmp(order, "True", 4) == 0;
    for (shape++; *shape && *shape != ')';) {
        char     *end;
        long long size = strtoll(shape, &end, 10);
        if (end == shape || size < 0) return damaged(path, "its shape cannot be read", err);
        if (tensor->rank == ATH_ONNX_MAX_RANK)
            return ath__fail(err, ATH_UNSUPPORTED, path, "arrays of more than %d dimensions are not read",
                             (int)ATH_ONNX_MAX_RANK);
        tensor->dims[tensor->rank++] = size;
        shape = end + strspn(end, "L, ");
    }
    return ATH_OK;
}

/* Elements in Fortran's order, the first dimension running fastest, put into C's. */
static void from_fortran(const struct ath__onnx_tensor *tensor, const unsigned char *bytes) {
    size_t  size = ath__onnx_type_size(tensor->type);
    int64_t at[ATH_ONNX_MAX_RANK] = {0};
    for (int64_t i = 0; i < tensor->count; i++) {
        int64_t to = 0;
        for (int d = 0; d < tensor->rank; d++) to = to * tensor->dims[d] + at[d];
        memcpy((char *)tensor->data + (size_t)to * size, bytes + (size_t)i * size, size);
        for (int d = 0; d < tensor->rank && ++at[d] == tensor->dims[d]; d++) at[d] = 0;
    }
}

ath_status ath__npy_parse(const char *path, const unsigned char *bytes, size_t size, struct ath__arena *arena,
                          struct ath__onnx_tensor *tensor, ath_error *err) {
    bool fortran = false;
    memset(tensor, 0, sizeof *tensor);
    if (size < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return damaged(path, "it does not begin as one", err);
    size_t start = bytes[6] == 1 ? 10 : 12, length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > MOST_HEADER || length > size - start) return damaged(path, "its header is cut off", err);
    char *header = ath__arena_alloc(arena, length + 1);
    if (!header) return ath__fail_memory(err, path);
    memcpy(header, bytes + start, length);
    ATH_TRY(parse_header(path, header, tensor, &fortran, err));
    if (!ath__onnx_count(tensor->type, tensor->rank, tensor->dims, MOST_BYTES, &tensor->count))
        return damaged(path, "its shape is not possible", err);
    size_t elements = (size_t)tensor->count * ath__onnx_type_size(tensor->type);
    if (elements > size - start - length) return damaged(path, "its elements are cut off", err);
    tensor->data = ath__arena_alloc(arena, elements + 8);
    if (!tensor->data) return ath__fail_memory(err, path);
    if (fortran)
        from_fortran(tensor, bytes + start + length);
    else if (elements > 0)
        memcpy(tensor->data, bytes + start + length, elements);
    return ATH_OK;
}

/* ---- .npz ------------------------------------------------------------------------------------------------------------ */

static ath_status read_member(zip_t *zip, int64_t index, const char *path, struct ath__arena *arena,
                              struct ath__array *array, ath_error *err) {
    zip_stat_t st;
    if (zip_stat_index(zip, (zip_uint64_t)index, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE) ||
        !(st.valid & ZIP_STAT_NAME))
        return ath__fail(err, ATH_DATA, path, "this zip file is damaged: a member has no size");
    if (st.size > MOST_BYTES)
        return ath__fail(err, ATH_DATA, path, "an array of more than a gigabyte is not read from a zip file");
    unsigned char *bytes = ath__arena_alloc(arena, (size_t)st.size + 1);
    size_t         length = strlen(st.name);
    char          *name = ath__arena_strdup(arena, st.name);
    if (!bytes || !name) return ath__fail_memory(err, path);
    zip_file_t *member = zip_fopen_index(zip, (zip_uint64_t)index, 0);
    int64_t     got = member ? zip_fread(member, bytes, st.size) : -1;
    if (member) zip_fclose(member);
    if (got < 0 || (uint64_t)got != st.size)
        return ath__fail(err, ATH_DATA, path, "this zip file is damaged: '%.80s' cannot be read", st.name);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0) name[length - 4] = '\0';
    array->name = name;
    return ath__npy_parse(path, bytes, (size_t)st.size, arena, &array->tensor, err);
}

static ath_status read_zip(const char *path, const struct ath__mapping *mapping, struct ath__arena *arena,
                           struct ath__array **arrays, int *count, ath_error *err) {
    zip_error_t error;
    ATH_TRY(ath__zip_library_load(err));
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(mapping->data, mapping->size, 0, &error);
    zip_t        *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    ath_status    status = ATH_OK;
    if (!zip) {
        status = ath__fail(err, ATH_DATA, path, "this zip file is damaged: %s", zip_error_strerror(&error));
        if (source) zip_source_free(source);
    }
    zip_error_fini(&error);
    int64_t members = zip ? zip_get_num_entries(zip, 0) : 0;
    if (status == ATH_OK && (members < 1 || members > MOST_ARRAYS))
        status = ath__fail(err, ATH_DATA, path, "this zip file holds %s", members < 1 ? "nothing" : "too many arrays");
    *arrays = status == ATH_OK ? ATH_ARENA_ARRAY(arena, struct ath__array, members) : NULL;
    if (status == ATH_OK && !*arrays) status = ath__fail_memory(err, path);
    for (int64_t i = 0; i < members && status == ATH_OK; i++)
        status = read_member(zip, i, path, arena, &(*arrays)[i], err);
    *count = (int)members;
    if (zip) zip_discard(zip);
    return status;
}

ath_status ath__array_file_read(const char *path, struct ath__arena *arena, struct ath__array **arrays, int *count,
                                ath_error *err) {
    struct ath__mapping mapping;
    ath_status          status;
    ATH_TRY(ath__file_map(path, &mapping, err));
    if (mapping.size >= 4 && memcmp(mapping.data, "PK\3\4", 4) == 0) {
        status = read_zip(path, &mapping, arena, arrays, count, err);
    } else {
        *count = 1;
        *arrays = ATH_ARENA_ARRAY(arena, struct ath__array, 1);
        if (!*arrays)
            status = ath__fail_memory(err, path);
        else if (mapping.size >= 6 && memcmp(mapping.data, "\x93NUMPY", 6) == 0) {
            (*arrays)->name = "";
            status = ath__npy_parse(path, mapping.data, mapping.size, arena, &(*arrays)->tensor, err);
        } else {
            status = ath__onnx_tensor_file(path, arena, &(*arrays)->tensor, &(*arrays)->name, err);
        }
    }
    ath__file_unmap(&mapping);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

ath_status ath__npy_write(const char *path, const struct ath__onnx_tensor *tensor, ath_error *err) {
    struct ath__str text = {0};
    const char     *descr = "<f4";
    bool            as_float = tensor->type == ATH_ONNX_BFLOAT16;
    for (int i = 0; i < DESCRS; i++)
        if (descrs[i].type == tensor->type) descr = descrs[i].text;
    ath__str_printf(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int d = 0; d < tensor->rank; d++)
        ath__str_printf(&text, "%s%lld%s", d ? " " : "", (long long)tensor->dims[d],
                        d + 1 < tensor->rank || tensor->rank == 1 ? "," : "");
    ath__str_append(&text, "), }");
    /* Blanks up to a multiple of 64 bytes with the ten in front, a newline at the end. */
    while ((text.size + 11) % 64 != 0 && !text.failed) ath__str_append(&text, " ");
    ath__str_append(&text, "\n");
    unsigned char head[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(text.size & 255), (unsigned char)(text.size >> 8)};
    struct ath__str file = {0};
    ath__str_append_bytes(&file, (const char *)head, sizeof head);
    ath__str_append_bytes(&file, ath__str_text(&text), text.size);
    if (as_float)
        for (int64_t i = 0; i < tensor->count; i++) {
            float value = (float)ath__onnx_get(tensor, i);
            ath__str_append_bytes(&file, (const char *)&value, sizeof value);
        }
    else if (tensor->count > 0)
        ath__str_append_bytes(&file, tensor->data, (size_t)tensor->count * ath__onnx_type_size(tensor->type));
    ath_status status =
        file.failed || text.failed ? ath__fail_memory(err, path) : ath__file_write(path, file.data, file.size, err);
    ath__str_free(&file);
    ath__str_free(&text);
    return status;
}
