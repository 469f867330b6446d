/* From pickled calls to tensors.
 *
 *     element i0, i1 ... of a tensor  =  storage[offset + i0 * stride0 + i1 * stride1 + ...]
 *
 * A tensor whose strides are those of its shape is its storage's memory; any other (channels-last weights, transposed
 * matrices) is gathered into a copy. A hostile file can make few bytes into many tensors, so a tensor may not have more
 * elements than its storage, and all copies together not more bytes than a small multiple of the file's.
 */
#include "format/torch/torch_file.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 1024, MAX_METADATA = 256, COPIES = 4 };

static const struct ath__torch_type types[] = {
    {"FloatStorage", 4, ATH_F32},  {"HalfStorage", 2, ATH_F16}, {"BFloat16Storage", 2, ATH_BF16},
    {"DoubleStorage", 8, ATH_F64}, {"LongStorage", 8, ATH_I64}, {"IntStorage", 4, ATH_I32},
    {"ShortStorage", 2, ATH_I32},  {"CharStorage", 1, ATH_I32}, {"ByteStorage", 1, ATH_U8},
    {"BoolStorage", 1, ATH_U8},
};

struct reader {
    const char               *path;
    ath__torch_fetch          fetch;
    void                     *context;
    struct ath__tensor_owner *owner;
    ath_tensor_file          *file;
    uint64_t                  copied; /* bytes */
    ath_error                *err;
};

static bool is_size(const struct ath__pickle *value) {
    return value && value->kind == ATH_PICKLE_INT && value->as.integer >= 0;
}

/* ---- storages --------------------------------------------------------------------------------------------------- */

static ath_status find_type(const char *path, const struct ath__pickle *value, const struct ath__torch_type **type,
                            ath_error *err) {
    if (!value || value->kind != ATH_PICKLE_GLOBAL)
        return ath__fail(err, ATH_DATA, path, "a tensor's storage has no type");
    const char *name = strrchr(value->as.bytes.text, '.') + 1;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, name) != 0 || strncmp(value->as.bytes.text, "torch.", 6) != 0) continue;
        *type = &types[i];
        return ATH_OK;
    }
    return ath__fail(err, ATH_UNSUPPORTED, path, "a tensor is stored as '%s', which is not supported",
                     value->as.bytes.text);
}

/* ('storage', type, key, location, count[, None or (view's key, offset, count)]) */
ath_status ath__torch_storage_read(const char *path, const struct ath__pickle *persistent,
                                   struct ath__torch_storage *storage, ath_error *err) {
    const struct ath__pickle *id = persistent && persistent->kind == ATH_PICKLE_PERSISTENT ? persistent->args : NULL;
    const struct ath__pickle *count = ath__pickle_item(id, 4), *view = ath__pickle_item(id, 5);
    memset(storage, 0, sizeof *storage);
    storage->key = ath__pickle_item(id, 2);
    if (!ath__pickle_is_text(ath__pickle_item(id, 0), "storage") || !is_size(count) || !storage->key ||
        storage->key->kind != ATH_PICKLE_TEXT || storage->key->as.bytes.length > 64)
        return ath__fail(err, ATH_DATA, path, "a tensor's storage is not described as torch.save does");
    ATH_TRY(find_type(path, ath__pickle_item(id, 1), &storage->type, err));
    storage->count = (uint64_t)count->as.integer;
    if (view && view->kind == ATH_PICKLE_TUPLE) {
        const struct ath__pickle *offset = ath__pickle_item(view, 1), *size = ath__pickle_item(view, 2);
        if (!is_size(offset) || !is_size(size) || (uint64_t)offset->as.integer > storage->count ||
            (uint64_t)size->as.integer > storage->count - (uint64_t)offset->as.integer)
            return ath__fail(err, ATH_DATA, path, "a view lies outside of its storage");
        storage->view = (uint64_t)offset->as.integer;
        storage->count = (uint64_t)size->as.integer;
    }
    return ATH_OK;
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

/* Sizes or strides: a tuple of numbers, or torch.Size of one. */
static bool read_sizes(const struct ath__pickle *value, uint64_t *sizes, int *rank) {
    if (value && value->kind == ATH_PICKLE_OBJECT) value = ath__pickle_item(value->args, 0);
    if (!value || value->kind != ATH_PICKLE_TUPLE || value->as.list.count > ATH_MAX_RANK) return false;
    *rank = (int)value->as.list.count;
    for (int i = 0; i < *rank; i++) {
        const struct ath__pickle *item = ath__pickle_item(value, (size_t)i);
        if (!is_size(item)) return false;
        sizes[i] = (uint64_t)item->as.integer;
    }
    return true;
}

/* Where a tensor lies in its storage. */
struct placement {
    struct ath__torch_storage storage;
    uint64_t                  offset, count;
    uint64_t                  dims[ATH_MAX_RANK], strides[ATH_MAX_RANK];
    int                       rank;
};

/* Elements, and whether the last one lies inside of the storage. */
static bool measure(struct placement *p) {
    uint64_t nominal = 1, last = p->offset; /* an empty tensor's other dimensions need a product too */
    bool     empty = false;
    for (int i = 0; i < p->rank; i++) {
        uint64_t reach;
        empty = empty || p->dims[i] == 0;
        if (__builtin_mul_overflow(nominal, p->dims[i] ? p->dims[i] : 1, &nominal) || nominal > INT64_MAX / 8)
            return false;
        if (p->dims[i] > 0 && (__builtin_mul_overflow(p->dims[i] - 1, p->strides[i], &reach) ||
                               __builtin_add_overflow(last, reach, &last)))
            return false;
    }
    p->count = empty ? 0 : nominal;
    return empty || (p->count <= p->storage.count && last < p->storage.count);
}

static bool is_contiguous(const struct placement *p) {
    uint64_t expected = 1;
    for (int i = p->rank - 1; i >= 0; i--) {
        if (p->dims[i] != 1 && p->strides[i] != expected) return false;
        expected *= p->dims[i];
    }
    return true;
}

static ath_status read_placement(const struct reader *r, const char *name, const struct ath__pickle *call,
                                 struct placement *p) {
    const struct ath__pickle *offset = ath__pickle_item(call->args, 1);
    int                       strides = 0;
    if (!ath__pickle_is_global(call->callable, "torch._utils._rebuild_tensor_v2") &&
        !ath__pickle_is_global(call->callable, "torch._utils._rebuild_tensor"))
        return ath__fail(r->err, ATH_UNSUPPORTED, r->path,
                         "tensor '%s' is rebuilt by '%s': only plain ones can be read", name,
                         call->callable->as.bytes.text);
    ATH_TRY(ath__torch_storage_read(r->path, ath__pickle_item(call->args, 0), &p->storage, r->err));
    if (!is_size(offset) || !read_sizes(ath__pickle_item(call->args, 2), p->dims, &p->rank) ||
        !read_sizes(ath__pickle_item(call->args, 3), p->strides, &strides) || strides != p->rank)
        return ath__fail(r->err, ATH_DATA, r->path, "tensor '%s' has no shape of at most %d dimensions", name,
                         (int)ATH_MAX_RANK);
    p->offset = (uint64_t)offset->as.integer;
    if (!measure(p))
        return ath__fail(r->err, ATH_DATA, r->path, "tensor '%s' reaches beyond its storage or repeats parts of it",
                         name);
    return ATH_OK;
}

/* One integer narrower than 32 bits. */
static int32_t widened(const unsigned char *bytes, int width) {
    if (width == 1) return (int8_t)bytes[0];
    return (int16_t)(uint16_t)(bytes[0] | bytes[1] << 8);
}

static void gather(const struct placement *p, const unsigned char *storage, unsigned char *dst) {
    int      width = p->storage.type->width;
    bool     widen = ath_dtype_size(p->storage.type->dtype) != (size_t)width;
    uint64_t at = p->offset, index[ATH_MAX_RANK] = {0};
    for (uint64_t i = 0; i < p->count; i++) {
        const unsigned char *src = storage + at * (uint64_t)width;
        if (widen) {
            int32_t value = widened(src, width);
            memcpy(dst + i * sizeof value, &value, sizeof value);
        } else {
            memcpy(dst + i * (uint64_t)width, src, (size_t)width);
        }
        for (int d = p->rank - 1; d >= 0; d--) {
            at += p->strides[d];
            if (++index[d] < p->dims[d]) break;
            at -= p->dims[d] * p->strides[d];
            index[d] = 0;
        }
    }
}

static ath_status read_tensor(struct reader *r, const char *name, const struct ath__pickle *call, ath_tensor *tensor) {
    struct placement     p = {.offset = 0};
    const unsigned char *data;
    uint64_t             size;
    ATH_TRY(read_placement(r, name, call, &p));
    uint64_t width = (uint64_t)p.storage.type->width, in_file;
    ATH_TRY(r->fetch(r->context, &p.storage, &data, &size, r->err));
    if (__builtin_add_overflow(p.storage.view, p.storage.count, &in_file) ||
        __builtin_mul_overflow(in_file, width, &in_file) || in_file > size)
        return ath__fail(r->err, ATH_DATA, r->path, "the storage of tensor '%s' is cut off: %" PRIu64 " bytes", name,
                         size);
    data += p.storage.view * width;
    tensor->dtype = p.storage.type->dtype;
    tensor->shape.rank = p.rank;
    for (int i = 0; i < p.rank; i++) tensor->shape.dims[i] = (int64_t)p.dims[i];
    tensor->data = (void *)(uintptr_t)(data + (p.count ? p.offset * width : 0));
    if (is_contiguous(&p) && ath_dtype_size(tensor->dtype) == width && (uintptr_t)tensor->data % width == 0)
        return ATH_OK;
    uint64_t bytes = p.count * ath_dtype_size(tensor->dtype);
    r->copied += bytes;
    if (r->copied > COPIES * (uint64_t)r->owner->mapping.size)
        return ath__fail(r->err, ATH_DATA, r->path, "its tensors would take many times the memory of the file");
    tensor->data = ath__arena_alloc(&r->owner->arena, (size_t)bytes);
    if (!tensor->data) return ath__fail_memory(r->err, r->path);
    gather(&p, data, tensor->data);
    return ATH_OK;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* A number or short text as metadata; false for anything else. */
static bool value_text(const struct ath__pickle *value, char *text, size_t capacity) {
    switch (value->kind) {
    case ATH_PICKLE_BOOL: snprintf(text, capacity, "%s", value->as.integer ? "true" : "false"); return true;
    case ATH_PICKLE_INT: snprintf(text, capacity, "%" PRId64, value->as.integer); return true;
    case ATH_PICKLE_REAL: snprintf(text, capacity, "%.17g", value->as.real); return true;
    case ATH_PICKLE_TEXT:
        if (value->as.bytes.length >= capacity || memchr(value->as.bytes.text, '\0', value->as.bytes.length))
            return false;
        snprintf(text, capacity, "%.*s", (int)value->as.bytes.length, value->as.bytes.text);
        return true;
    default: return false;
    }
}

/* What stands beside the tensors: "torch.epoch", "torch.best_prec1" ... */
static ath_status read_metadata(struct reader *r, const struct ath__pickle *root) {
    if (root->kind != ATH_PICKLE_DICT) return ATH_OK;
    r->file->metadata = ATH_ARENA_ARRAY(&r->owner->arena, ath_metadata, MAX_METADATA);
    if (!r->file->metadata) return ath__fail_memory(r->err, r->path);
    for (size_t i = 0; i + 1 < root->as.list.count && r->file->metadata_count < MAX_METADATA; i += 2) {
        char key[MAX_TEXT + 8], text[MAX_TEXT] = "";
        memcpy(key, "torch.", 7);
        if (root->as.list.items[i]->kind != ATH_PICKLE_TEXT || !value_text(root->as.list.items[i], key + 6, MAX_TEXT) ||
            !value_text(root->as.list.items[i + 1], text, sizeof text) ||
            ath__tensor_text_check(r->path, key, NULL) != ATH_OK ||
            ath__tensor_text_check(r->path, text, NULL) != ATH_OK)
            continue;
        ath_metadata *item = &r->file->metadata[r->file->metadata_count];
        item->key = ath__arena_strdup(&r->owner->arena, key);
        item->value = ath__arena_strdup(&r->owner->arena, text);
        if (!item->key || !item->value) return ath__fail_memory(r->err, r->path);
        r->file->metadata_count++;
    }
    return ATH_OK;
}

ath_status ath__torch_tensors(const char *path, const struct ath__pickle *root, ath__torch_fetch fetch, void *context,
                              struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    struct reader r = {.path = path, .fetch = fetch, .context = context, .owner = owner, .file = file, .err = err};
    struct ath__torch_named *named;
    size_t                   count;
    ATH_TRY(ath__torch_find(path, root, &owner->arena, &named, &count, err));
    file->tensors = ATH_ARENA_ARRAY(&owner->arena, ath_named_tensor, count);
    if (!file->tensors) return ath__fail_memory(err, path);
    for (size_t i = 0; i < count; i++) {
        file->tensors[i].name = named[i].name;
        ATH_TRY(read_tensor(&r, named[i].name, named[i].call, &file->tensors[i].tensor));
        file->tensor_count++;
    }
    return read_metadata(&r, root);
}
