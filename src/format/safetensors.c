/* The safetensors format: u64 length N, N bytes of JSON, then the data.
 *
 *     {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [0, 24]}, ..., "__metadata__": {"key": "value"}}
 *
 * Reading treats the file as hostile: every size is checked against the file before it is used, tensors must tile the
 * data without hole or overlap, keys must be unique. Writing sorts by width of type, then name, pads the header with
 * spaces to 8 bytes, and streams.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/tensor_format.h"

#include <stdlib.h>
#include <string.h>

/* 16 MiB name 100,000 tensors, whose tree takes some 160 MiB. */
enum { MAX_HEADER = 16 << 20, MAX_TREE = 256 << 20, LENGTH_BYTES = 8 };

/* X(dtype, text in the file) */
#define SAFETENSORS_DTYPES(X)                                                                                          \
    X(ATH_F64, "F64")                                                                                                  \
    X(ATH_I64, "I64") X(ATH_F32, "F32") X(ATH_I32, "I32") X(ATH_F16, "F16") X(ATH_BF16, "BF16") X(ATH_U8, "U8")

static bool find_dtype(const char *text, ath_dtype *dtype) {
#define SAFETENSORS_MATCH_(type, name)                                                                                 \
    if (strcmp(text, name) == 0) {                                                                                     \
        *dtype = type;                                                                                                 \
        return true;                                                                                                   \
    }
    SAFETENSORS_DTYPES(SAFETENSORS_MATCH_)
#undef SAFETENSORS_MATCH_
    return false;
}

static const char *dtype_text(ath_dtype dtype) {
#define SAFETENSORS_TEXT_(type, name)                                                                                  \
    if (dtype == type) return name;
    SAFETENSORS_DTYPES(SAFETENSORS_TEXT_)
#undef SAFETENSORS_TEXT_
    return "?";
}

/* Shape from its JSON array; `bytes` receives the size of the data. */
static ath_status read_shape(const char *path, const char *name, json_t *json, ath_tensor *tensor, uint64_t *bytes,
                             ath_error *err) {
    size_t rank = json_array_size(json);
    if (!json_is_array(json) || rank > ATH_MAX_RANK)
        return ath__fail(err, ATH_DATA, path, "tensor '%s' has no shape of at most %d dimensions", name,
                         (int)ATH_MAX_RANK);
    tensor->shape.rank = (int)rank;
    /* An empty tensor's other dimensions must have a product too, for whoever computes strides. */
    uint64_t width = ath_dtype_size(tensor->dtype), product = width;
    bool     empty = false;
    for (size_t d = 0; d < rank; d++) {
        json_t    *dim = json_array_get(json, d);
        json_int_t size = json_integer_value(dim);
        if (!json_is_integer(dim) || size < 0 ||
            __builtin_mul_overflow(product, (uint64_t)(size ? size : 1), &product) || product > INT64_MAX)
            return ath__fail(err, ATH_DATA, path, "tensor '%s' has an impossible size in dimension %zu", name, d);
        empty = empty || size == 0;
        tensor->shape.dims[d] = size;
    }
    *bytes = empty ? 0 : product;
    return ATH_OK;
}

/* One tensor's entry; `range` receives where its data lies. */
static ath_status read_tensor(const char *path, const char *name, json_t *json, const unsigned char *data,
                              uint64_t size, ath_tensor *tensor, uint64_t range[2], ath_error *err) {
    const char *dtype = json_string_value(json_object_get(json, "dtype"));
    json_t     *offsets = json_object_get(json, "data_offsets");
    if (!dtype || json_array_size(offsets) != 2)
        return ath__fail(err, ATH_DATA, path, "tensor '%s' lacks its dtype or data_offsets", name);
    if (!find_dtype(dtype, &tensor->dtype))
        return ath__fail(err, ATH_UNSUPPORTED, path, "tensor '%s' has the type '%.16s', which is not supported", name,
                         dtype);
    uint64_t bytes = 0;
    ATH_TRY(read_shape(path, name, json_object_get(json, "shape"), tensor, &bytes, err));
    for (size_t k = 0; k < 2; k++) {
        json_t    *offset = json_array_get(offsets, k);
        json_int_t at = json_integer_value(offset);
        if (!json_is_integer(offset) || at < 0 || (uint64_t)at > size)
            return ath__fail(err, ATH_DATA, path, "tensor '%s' lies outside of the file", name);
        range[k] = (uint64_t)at;
    }
    if (range[1] < range[0] || range[1] - range[0] != bytes)
        return ath__fail(err, ATH_DATA, path, "tensor '%s' has a size that does not fit its shape", name);
    tensor->data = (void *)(uintptr_t)(data + range[0]);
    return ATH_OK;
}

static int by_begin(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    if (x[0] != y[0]) return x[0] < y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

/* Do the ranges tile [0, size) without hole or overlap? */
static ath_status check_tiling(const char *path, uint64_t (*ranges)[2], int count, uint64_t size, ath_error *err) {
    qsort(ranges, (size_t)count, sizeof *ranges, by_begin);
    uint64_t end = 0;
    for (int i = 0; i < count; i++) {
        if (ranges[i][0] != end)
            return ath__fail(err, ATH_DATA, path, "the tensors overlap or leave a hole at byte %llu",
                             (unsigned long long)end);
        end = ranges[i][1];
    }
    if (end != size)
        return ath__fail(err, ATH_DATA, path, "%llu bytes belong to no tensor", (unsigned long long)(size - end));
    return ATH_OK;
}

/* Unaligned data is copied, so that users may read it as its type. */
static ath_status align(struct ath__tensor_owner *owner, ath_tensor *tensor, ath_error *err) {
    size_t width = ath_dtype_size(tensor->dtype);
    if ((uintptr_t)tensor->data % width == 0) return ATH_OK;
    size_t bytes = (size_t)ath_shape_count(&tensor->shape) * width;
    void  *copy = ath__arena_alloc(&owner->arena, bytes);
    if (!copy) return ath__fail_memory(err, "tensors");
    memcpy(copy, tensor->data, bytes);
    tensor->data = copy;
    return ATH_OK;
}

static ath_status read_metadata(const char *path, json_t *json, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                ath_error *err) {
    if (!json_is_object(json)) return ath__fail(err, ATH_DATA, path, "__metadata__ is no object of texts");
    file->metadata = ATH_ARENA_ARRAY(&owner->arena, ath_metadata, json_object_size(json) + 1);
    if (!file->metadata) return ath__fail_memory(err, path);
    const char *key;
    json_t     *value;
    json_object_foreach(json, key, value) {
        if (!json_is_string(value)) return ath__fail(err, ATH_DATA, path, "the metadata '%.64s' is no text", key);
        ath_metadata *item = &file->metadata[file->metadata_count++];
        item->key = ath__arena_strdup(&owner->arena, key);
        item->value = ath__arena_strdup(&owner->arena, json_string_value(value));
        if (!item->key || !item->value) return ath__fail_memory(err, path);
    }
    return ATH_OK;
}

static ath_status read_entries(const char *path, json_t *root, const unsigned char *data, uint64_t size,
                               struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    ath_status status = ATH_OK;
    size_t     count = json_object_size(root);
    uint64_t(*ranges)[2] = ath__alloc_array(count + 1, sizeof *ranges);
    file->tensors = ATH_ARENA_ARRAY(&owner->arena, ath_named_tensor, count + 1);
    if (!ranges || !file->tensors) {
        status = ath__fail_memory(err, path);
        goto done;
    }
    const char *name;
    json_t     *entry;
    json_object_foreach(root, name, entry) {
        if (strcmp(name, "__metadata__") == 0) {
            ATH_TRY_DONE(read_metadata(path, entry, owner, file, err));
            continue;
        }
        ATH_TRY_DONE(ath__tensor_text_check(path, name, err));
        ath_named_tensor *named = &file->tensors[file->tensor_count];
        named->name = ath__arena_strdup(&owner->arena, name);
        if (!named->name) {
            status = ath__fail_memory(err, path);
            goto done;
        }
        ATH_TRY_DONE(
            read_tensor(path, named->name, entry, data, size, &named->tensor, ranges[file->tensor_count], err));
        file->tensor_count++;
    }
    ATH_TRY_DONE(check_tiling(path, ranges, file->tensor_count, size, err));
    /* Only now is it sure that the copies together are no larger than the file. */
    for (int i = 0; i < file->tensor_count; i++) ATH_TRY_DONE(align(owner, &file->tensors[i].tensor, err));
done:
    ath__free(ranges);
    return status;
}

static uint64_t read_length(const unsigned char *bytes) {
    uint64_t value = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static ath_status read_file(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    const unsigned char *bytes = owner->mapping.data;
    size_t               size = owner->mapping.size;
    uint64_t             header = size >= LENGTH_BYTES ? read_length(bytes) : 0;
    if (size < LENGTH_BYTES || header > size - LENGTH_BYTES)
        return ath__fail(err, ATH_DATA, path,
                         "this is no safetensors file, or it is cut off: its header would have %llu bytes of %zu",
                         (unsigned long long)header, size);
    if (header > MAX_HEADER)
        return ath__fail(err, ATH_DATA, path,
                         "the header of this safetensors file has %llu bytes; no more than %d are read, which name "
                         "100,000 tensors",
                         (unsigned long long)header, (int)MAX_HEADER);
    char    why[JSON_ERROR_TEXT_LENGTH] = "its header is no object";
    json_t *root = ath__json_parse((const char *)bytes + LENGTH_BYTES, (size_t)header, MAX_TREE, why);
    if (!json_is_object(root)) {
        json_decref(root);
        return ath__fail(err, ATH_DATA, path, "this is no safetensors file: %s", why);
    }
    ath_status status =
        read_entries(path, root, bytes + LENGTH_BYTES + header, size - LENGTH_BYTES - header, owner, file, err);
    json_decref(root);
    return status;
}

/* The length of a header of less than 4 GiB, then its first character. */
static bool recognise(const unsigned char *bytes, size_t size) {
    return size > LENGTH_BYTES && bytes[LENGTH_BYTES] == '{' && read_length(bytes) >> 32 == 0;
}

static ath_status write_file(const char *path, const struct ath__tensors *what, struct ath__str *notes,
                             ath_error *err) {
    (void)notes;
    return ath_safetensors_save(path, what->tensors, what->tensor_count, what->metadata, what->metadata_count, err);
}

const struct ath__tensor_format ath__tensor_format_safetensors = {
    .name = "safetensors",
    .summary = "tensors by name behind a JSON header; what Athanor writes",
    .endings = "safetensors",
    .recognise = recognise,
    .read = read_file,
    .write = write_file,
};

ath_status ath_safetensors_load(const char *path, ath_tensor_file *file, ath_error *err) {
    return ath__tensor_file_open(path, &ath__tensor_format_safetensors, file, err);
}

static int by_width_then_name(const void *a, const void *b) {
    const ath_named_tensor *x = *(const ath_named_tensor *const *)a, *y = *(const ath_named_tensor *const *)b;
    size_t                  wx = ath_dtype_size(x->tensor.dtype), wy = ath_dtype_size(y->tensor.dtype);
    return wx != wy ? (wx < wy ? 1 : -1) : strcmp(x->name, y->name);
}

/* Sets a key that is not there yet; takes `value`. false for a key that is, or text that is not UTF-8. */
static bool set_new(json_t *object, const char *key, json_t *value) {
    if (value && !json_object_get(object, key)) return json_object_set_new(object, key, value) == 0;
    json_decref(value);
    return false;
}

static json_t *entry_json(const ath_tensor *tensor, json_int_t begin, json_int_t end) {
    json_t *shape = json_array();
    for (int d = 0; d < tensor->shape.rank; d++) json_array_append_new(shape, json_integer(tensor->shape.dims[d]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text(tensor->dtype), "shape", shape, "data_offsets", begin,
                     end);
}

/* The header as JSON text, for the caller to free. */
static ath_status make_header(const char *path, const ath_named_tensor *const *sorted, int count,
                              const ath_metadata *metadata, int metadata_count, char **text, ath_error *err) {
    ath_status  status = ATH_OK;
    const char *refused = NULL;
    json_t     *root = json_object(), *meta = json_object();
    json_int_t  at = 0;
    for (int i = 0; i < metadata_count && !refused; i++)
        if (!set_new(meta, metadata[i].key, json_string(metadata[i].value))) refused = metadata[i].key;
    if (metadata_count > 0) json_object_set(root, "__metadata__", meta);
    for (int i = 0; i < count && !refused; i++) {
        json_int_t end = at + (json_int_t)ath__tensor_bytes(&sorted[i]->tensor);
        if (strcmp(sorted[i]->name, "__metadata__") == 0 ||
            !set_new(root, sorted[i]->name, entry_json(&sorted[i]->tensor, at, end)))
            refused = sorted[i]->name;
        at = end;
    }
    *text = refused ? NULL : ath__json_text(root, JSON_COMPACT);
    if (refused) {
        status = ath__fail(err, ATH_USAGE, path, "'%.64s' cannot be written: names must differ, and all text be UTF-8",
                           refused);
    } else if (!*text) {
        status = ath__fail_memory(err, path);
    } else if (strlen(*text) > MAX_HEADER) {
        status = ath__fail(err, ATH_USAGE, path, "the names and metadata are larger than %d bytes", (int)MAX_HEADER);
    }
    json_decref(meta);
    json_decref(root);
    return status;
}

static ath_status write_header(struct ath__file_writer *writer, const char *text, ath_error *err) {
    size_t        length = strlen(text), padded = (length + 7) / 8 * 8;
    unsigned char prefix[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) prefix[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    ATH_TRY(ath__file_writer_append(writer, prefix, LENGTH_BYTES, err));
    ATH_TRY(ath__file_writer_append(writer, text, length, err));
    return ath__file_writer_append(writer, "        ", padded - length, err);
}

ath_status ath_safetensors_save(const char *path, const ath_named_tensor *tensors, int tensor_count,
                                const ath_metadata *metadata, int metadata_count, ath_error *err) {
    struct ath__file_writer  writer;
    ath_status               status = ATH_OK;
    char                    *header = NULL;
    const ath_named_tensor **sorted = ath__alloc_array((size_t)tensor_count + 1, sizeof *sorted);
    if (!sorted) return ath__fail_memory(err, path);
    for (int i = 0; i < tensor_count; i++) sorted[i] = &tensors[i];
    qsort(sorted, (size_t)tensor_count, sizeof *sorted, by_width_then_name);
    ATH_TRY_DONE(make_header(path, sorted, tensor_count, metadata, metadata_count, &header, err));
    ATH_TRY_DONE(ath__file_writer_open(&writer, path, err));
    status = write_header(&writer, header, err);
    for (int i = 0; i < tensor_count && status == ATH_OK; i++)
        status = ath__file_writer_append(&writer, sorted[i]->tensor.data, ath__tensor_bytes(&sorted[i]->tensor), err);
    if (status == ATH_OK)
        status = ath__file_writer_commit(&writer, err);
    else
        ath__file_writer_abandon(&writer);
done:
    ath__free(header);
    ath__free(sorted);
    return status;
}
