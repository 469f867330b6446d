/* ONNX files: protobuf through protobuf-c, over memory that is counted against a budget.
 *
 * protobuf-c checks lengths against the bytes that are there, but an empty message of two bytes becomes a struct of some
 * hundred: the budget, a multiple of the file's size, stops a file of nothing but those. Messages do not contain
 * themselves (proto/onnx.proto), so nesting is bounded by the description.
 */
#include "format/onnx/onnx_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/onnx/onnx_small.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROWTH = 32, GROWN_BYTES = 4 << 20, SPARE = 1 << 20, HEADER = 64 };

struct budget {
    ProtobufCAllocator base;
    size_t             left;
};

struct ath__onnx_external {
    struct ath__onnx_external *next;
    const char                *location;
    struct ath__mapping        mapping;
};

static void *budget_alloc(void *context, size_t size) {
    struct budget *budget = context;
    if (size > budget->left || budget->left - size < HEADER) return NULL;
    budget->left -= size + HEADER;
    return ath__alloc(size);
}

static void budget_free(void *context, void *pointer) {
    (void)context;
    ath__free(pointer);
}

static void budget_start(struct budget *budget, size_t size) {
    size_t grown = size < GROWN_BYTES ? size : GROWN_BYTES;
    *budget = (struct budget){.left = size + GROWTH * grown + SPARE};
    budget->base = (ProtobufCAllocator){budget_alloc, budget_free, budget};
}

bool ath__onnx_is_model(const unsigned char *bytes, size_t size) {
    /* ir_version 1 to 31, behind which a producer's name, version, domain, a graph or the operator sets follow. */
    if (size < 4 || bytes[0] != 0x08 || bytes[1] < 1 || bytes[1] > 31) return false;
    return bytes[2] == 0x12 || bytes[2] == 0x1A || bytes[2] == 0x22 || bytes[2] == 0x28 || bytes[2] == 0x32 ||
           bytes[2] == 0x3A || bytes[2] == 0x42 || bytes[2] == 0x72;
}

ath_status ath__onnx_file_read(const char *path, const unsigned char *bytes, size_t size, struct ath__onnx_file *file,
                               ath_error *err) {
    memset(file, 0, sizeof *file);
    file->path = path;
    struct budget *budget = ATH_NEW(struct budget);
    if (!budget) return ath__fail_memory(err, path);
    budget_start(budget, size);
    file->budget = budget;
    file->model = athanor__onnx__model__unpack(&budget->base, size, bytes);
    if (!file->model) return ath__fail(err, ATH_DATA, path, "this ONNX file is damaged: its protobuf cannot be read");
    if (!file->model->graph || file->model->graph->n_node == 0)
        return ath__fail(err, ATH_DATA, path, "this ONNX file holds no graph");
    return ATH_OK;
}

void ath__onnx_file_close(struct ath__onnx_file *file) {
    struct budget *budget = file->budget;
    for (struct ath__onnx_external *e = file->external; e; e = e->next)
        if (e->mapping.data) ath__file_unmap(&e->mapping);
    if (file->model) athanor__onnx__model__free_unpacked(file->model, &budget->base);
    ath__free(budget);
    ath__arena_free(&file->arena);
    memset(file, 0, sizeof *file);
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static const char *tensor_name(const Athanor__Onnx__Tensor *proto) {
    return proto->name && *proto->name ? proto->name : "(unnamed)";
}

static ath_status damaged(const char *path, const Athanor__Onnx__Tensor *proto, const char *what, ath_error *err) {
    return ath__fail(err, ATH_DATA, path, "the tensor '%.80s' is damaged: %s", tensor_name(proto), what);
}

/* Bytes that the elements take in a file. */
static size_t packed_bytes(const struct ath__onnx_tensor *tensor) {
    size_t count = (size_t)tensor->count, bits = (size_t)ath__onnx_type_bits(tensor->type);
    return bits >= 8 ? count * (bits / 8) : count / (8 / bits) + (count % (8 / bits) != 0);
}

/* Elements of four or two bits, the lowest first, into bytes. */
static void unpack(struct ath__onnx_tensor *tensor, const unsigned char *bytes) {
    int            bits = ath__onnx_type_bits(tensor->type), each = 8 / bits;
    unsigned char *to = tensor->data;
    for (int64_t i = 0; i < tensor->count; i++) {
        to[i] = (unsigned char)((bytes[i / each] >> (int)(i % each) * bits) & ((1 << bits) - 1));
        if (ath__onnx_type_is_integer(tensor->type)) ath__onnx_put(tensor, i, (double)to[i]);
    }
}

/* Packed elements, one byte of them in each number. */
static ath_status packed_data(const char *path, const Athanor__Onnx__Tensor *proto, struct ath__arena *arena,
                              struct ath__onnx_tensor *tensor, ath_error *err) {
    size_t size = packed_bytes(tensor);
    if (proto->n_int32_data != size)
        return damaged(path, proto, "the number of its values is not that of its shape", err);
    unsigned char *bytes = ath__arena_alloc(arena, size + 1);
    tensor->data = ath__arena_alloc(arena, (size_t)tensor->count + 8);
    if (!bytes || !tensor->data) return ath__fail_memory(err, path);
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)proto->int32_data[i];
    unpack(tensor, bytes);
    return ATH_OK;
}

/* Values in one of the typed fields. int32_data also holds the narrower types, floats of 16 and 8 bits as their bits. */
static ath_status typed_data(const char *path, const Athanor__Onnx__Tensor *proto, struct ath__arena *arena,
                             struct ath__onnx_tensor *tensor, ath_error *err) {
    if (ath__onnx_type_bits(tensor->type) < 8) return packed_data(path, proto, arena, tensor, err);
    size_t count = (size_t)tensor->count;
    bool   bits = tensor->type == ATH_ONNX_FLOAT16 || tensor->type == ATH_ONNX_BFLOAT16;
    bool   fits = tensor->type == ATH_ONNX_FLOAT                                       ? proto->n_float_data == count
                  : tensor->type == ATH_ONNX_DOUBLE                                    ? proto->n_double_data == count
                  : tensor->type == ATH_ONNX_INT64                                     ? proto->n_int64_data == count
                  : tensor->type == ATH_ONNX_UINT32 || tensor->type == ATH_ONNX_UINT64 ? proto->n_uint64_data == count
                                                                                       : proto->n_int32_data == count;
    if (!fits) return damaged(path, proto, "the number of its values is not that of its shape", err);
    if (tensor->type == ATH_ONNX_FLOAT) tensor->data = proto->float_data;
    if (tensor->type == ATH_ONNX_DOUBLE) tensor->data = proto->double_data;
    if (tensor->type == ATH_ONNX_INT64) tensor->data = proto->int64_data;
    if (tensor->type == ATH_ONNX_UINT64) tensor->data = proto->uint64_data;
    if (tensor->type == ATH_ONNX_INT32) tensor->data = proto->int32_data;
    if (tensor->data || count == 0) return ATH_OK;
    tensor->data = ath__arena_alloc(arena, count * ath__onnx_type_size(tensor->type));
    if (!tensor->data) return ath__fail_memory(err, path);
    for (size_t i = 0; i < count; i++) {
        if (bits)
            ((uint16_t *)tensor->data)[i] = (uint16_t)proto->int32_data[i];
        else if (ath__onnx_is_small(tensor->type))
            ((uint8_t *)tensor->data)[i] = (uint8_t)proto->int32_data[i];
        else
            ath__onnx_put(tensor, (int64_t)i,
                          tensor->type == ATH_ONNX_UINT32 ? (double)proto->uint64_data[i]
                                                          : (double)proto->int32_data[i]);
    }
    return ATH_OK;
}

/* Aligned bytes stay where they are. */
static ath_status raw_data(const char *path, const Athanor__Onnx__Tensor *proto, const unsigned char *bytes,
                           size_t size, struct ath__arena *arena, struct ath__onnx_tensor *tensor, ath_error *err) {
    if (size != packed_bytes(tensor))
        return damaged(path, proto, "the number of its bytes is not that of its shape", err);
    if (ath__onnx_type_bits(tensor->type) < 8) {
        tensor->data = ath__arena_alloc(arena, (size_t)tensor->count + 8);
        if (!tensor->data) return ath__fail_memory(err, path);
        unpack(tensor, bytes);
        return ATH_OK;
    }
    tensor->data = (void *)(uintptr_t)bytes;
    if ((uintptr_t)bytes % 8 == 0 && size > 0) return ATH_OK;
    tensor->data = ath__arena_alloc(arena, size + 8);
    if (!tensor->data) return ath__fail_memory(err, path);
    if (size > 0) memcpy(tensor->data, bytes, size);
    return ATH_OK;
}

static ath_status tensor_head(const char *path, const Athanor__Onnx__Tensor *proto, struct ath__onnx_tensor *tensor,
                              ath_error *err) {
    memset(tensor, 0, sizeof *tensor);
    tensor->type = proto->has_data_type ? proto->data_type : 0;
    if (ath__onnx_type_size(tensor->type) == 0)
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "the tensor '%.80s' holds elements of the type %s, which is not supported", tensor_name(proto),
                         ath__onnx_type_name(tensor->type));
    if (proto->n_dims > ATH_ONNX_MAX_RANK)
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "the tensor '%.80s' is not supported: it has %zu dimensions, %d are possible",
                         tensor_name(proto), proto->n_dims, (int)ATH_ONNX_MAX_RANK);
    tensor->rank = (int)proto->n_dims;
    for (int i = 0; i < tensor->rank; i++) tensor->dims[i] = proto->dims[i];
    if (!ath__onnx_count(tensor->type, tensor->rank, tensor->dims, SIZE_MAX / 2, &tensor->count))
        return damaged(path, proto, "its shape is not possible", err);
    return ATH_OK;
}

static const char *entry_of(const Athanor__Onnx__Tensor *proto, const char *key) {
    for (size_t i = 0; i < proto->n_external_data; i++)
        if (proto->external_data[i]->key && strcmp(proto->external_data[i]->key, key) == 0)
            return proto->external_data[i]->value;
    return NULL;
}

/* Maps the file `location` beside the model, once. Only a plain relative path without ".." is followed. */
static ath_status external_open(struct ath__onnx_file *file, const char *location, struct ath__mapping **mapping,
                                ath_error *err) {
    char        path[ATH_PATH_MAX];
    const char *slash = strrchr(file->path, '/');
    for (struct ath__onnx_external *e = file->external; e; e = e->next)
        if (strcmp(e->location, location) == 0) {
            *mapping = &e->mapping;
            return ATH_OK;
        }
    if (!*location || location[0] == '/' || strstr(location, "..") || strlen(location) > 255)
        return ath__fail(err, ATH_DATA, file->path,
                         "its tensors are said to lie in '%.80s': only files in the model's own folder are read",
                         location);
    int length = snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash - file->path + 1) : 0, file->path, location);
    if (length < 0 || (size_t)length >= sizeof path)
        return ath__fail(err, ATH_DATA, file->path, "the path of its tensors is too long");
    struct ath__onnx_external *e = ATH_ARENA_NEW(&file->arena, struct ath__onnx_external);
    if (!e) return ath__fail_memory(err, file->path);
    ATH_TRY(ath__file_map(path, &e->mapping, err));
    e->location = location;
    e->next = file->external;
    file->external = e;
    *mapping = &e->mapping;
    return ATH_OK;
}

static ath_status external_data(struct ath__onnx_file *file, const Athanor__Onnx__Tensor *proto,
                                struct ath__onnx_tensor *tensor, ath_error *err) {
    const char          *location = entry_of(proto, "location"), *offset = entry_of(proto, "offset");
    const char          *length = entry_of(proto, "length");
    struct ath__mapping *mapping;
    uint64_t             size = packed_bytes(tensor);
    uint64_t             first = offset ? strtoull(offset, NULL, 10) : 0;
    if (!location) return damaged(file->path, proto, "the file that holds it is not named", err);
    ATH_TRY(external_open(file, location, &mapping, err));
    if (first > mapping->size || size > mapping->size - first || (length && strtoull(length, NULL, 10) != size))
        return damaged(file->path, proto, "the file that holds it is too short, or its length is wrong", err);
    return raw_data(file->path, proto, mapping->data + first, (size_t)size, &file->arena, tensor, err);
}

ath_status ath__onnx_tensor_read(struct ath__onnx_file *file, const Athanor__Onnx__Tensor *proto,
                                 struct ath__onnx_tensor *tensor, ath_error *err) {
    ATH_TRY(tensor_head(file->path, proto, tensor, err));
    if (proto->has_data_location && proto->data_location == 1) return external_data(file, proto, tensor, err);
    if (proto->has_raw_data)
        return raw_data(file->path, proto, proto->raw_data.data, proto->raw_data.len, &file->arena, tensor, err);
    return typed_data(file->path, proto, &file->arena, tensor, err);
}

ath_status ath__onnx_tensor_file(const char *path, struct ath__arena *arena, struct ath__onnx_tensor *tensor,
                                 const char **name, ath_error *err) {
    struct ath__mapping     mapping;
    struct ath__onnx_tensor read = {.data = NULL};
    struct ath__arena       scratch = {0};
    ATH_TRY(ath__file_map(path, &mapping, err));
    struct budget budget;
    budget_start(&budget, mapping.size);
    Athanor__Onnx__Tensor *proto = athanor__onnx__tensor__unpack(&budget.base, mapping.size, mapping.data);
    ath_status             status =
        proto ? ATH_OK : ath__fail(err, ATH_DATA, path, "this is no ONNX tensor file: its protobuf cannot be read");
    if (status == ATH_OK) status = tensor_head(path, proto, &read, err);
    if (status == ATH_OK && proto->has_data_location && proto->data_location == 1)
        status = ath__fail(err, ATH_UNSUPPORTED, path, "a tensor file that refers to another file is not read");
    if (status == ATH_OK)
        status = proto->has_raw_data
                     ? raw_data(path, proto, proto->raw_data.data, proto->raw_data.len, &scratch, &read, err)
                     : typed_data(path, proto, &scratch, &read, err);
    if (status == ATH_OK) {
        size_t bytes = (size_t)read.count * ath__onnx_type_size(read.type);
        *tensor = read;
        tensor->data = ath__arena_alloc(arena, bytes + 8);
        *name = ath__arena_strdup(arena, proto->name ? proto->name : "");
        if (!tensor->data || !*name)
            status = ath__fail_memory(err, path);
        else if (bytes > 0)
            memcpy(tensor->data, read.data, bytes);
    }
    if (proto) athanor__onnx__tensor__free_unpacked(proto, &budget.base);
    ath__arena_free(&scratch);
    ath__file_unmap(&mapping);
    return status;
}
