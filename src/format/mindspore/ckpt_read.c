/* Reading MindSpore's checkpoints.
 *
 * The fields of the outer message are walked here, each value is unpacked alone into memory that is freed again, so that
 * a file needs little more memory than its size. Consecutive values of one tag are the pieces of one tensor. A trailer
 * of 17 bytes ("crc_num" and the CRC-32 of all before, ten bytes, the highest first) is checked. Values that are text
 * (NumPy's, four bytes a character) become metadata "mindspore.TAG".
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/metadata_json.h"
#include "format/mindspore/ckpt.h"
#include "format/mindspore/ckpt_names.h"
#include "mindspore_ckpt.pb-c.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum {
    TRAILER = 17,
    VALUE_FIELD = 1,
    OWN_FIELD = 1001,
    WIRE_BYTES = 2,
    LEAST_VALUE = 16,
    MOST_VALUES = 200000,
    MAX_TEXT = 4096
};

/* ---- the outer message ------------------------------------------------------------------------------------------ */

struct cursor {
    const unsigned char *bytes;
    size_t               size, at;
};

static bool take_varint(struct cursor *cursor, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && cursor->at < cursor->size; shift += 7) {
        unsigned char byte = cursor->bytes[cursor->at++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

/* The next field: its number, and its bytes where it has some. false at the end, and for what is no protobuf. */
static bool take_field(struct cursor *cursor, uint64_t *field, struct cursor *inside) {
    static const size_t fixed[8] = {[1] = 8, [5] = 4};
    uint64_t            key, length;
    *inside = (struct cursor){.bytes = NULL};
    if (!take_varint(cursor, &key)) return false;
    *field = key >> 3;
    if ((key & 7) == 0) return take_varint(cursor, &length);
    if ((key & 7) == WIRE_BYTES) {
        if (!take_varint(cursor, &length) || length > cursor->size - cursor->at) return false;
        *inside = (struct cursor){.bytes = cursor->bytes + cursor->at, .size = (size_t)length};
    } else {
        length = fixed[key & 7];
        if (length == 0 || length > cursor->size - cursor->at) return false;
    }
    cursor->at += (size_t)length;
    return true;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

struct reader {
    const char               *path;
    struct ath__tensor_owner *owner;
    ath_tensor_file          *file;
    json_t                   *own;
    /* The tensor that is being put together from pieces: elements wanted and there, and bytes of one in the file. */
    uint64_t                     wanted, there;
    const struct ath__ckpt_type *type;
    char                         type_name[16];
    int                          metadata_capacity;
    uint64_t                     held; /* bytes of all tensors */
    ath_error                   *err;
};

static void *take_memory(void *data, size_t size) {
    (void)data;
    return ath__alloc(size);
}

static void give_memory(void *data, void *memory) {
    (void)data;
    ath__free(memory);
}

static ath_status finish_tensor(struct reader *r) {
    if (r->there == r->wanted) return ATH_OK;
    return ath__fail(r->err, ATH_DATA, r->path, "tensor '%s' is cut off: %" PRIu64 " of %" PRIu64 " elements",
                     r->file->tensors[r->file->tensor_count - 1].name, r->there, r->wanted);
}

static void put_elements(const struct ath__ckpt_type *type, const unsigned char *src, size_t count,
                         unsigned char *dst) {
    size_t width = (size_t)type->width;
    if (ath_dtype_size(type->dtype) == width) {
        if (count > 0) memcpy(dst, src, count * width); /* an empty tensor has no bytes to point to */
        return;
    }
    for (size_t i = 0; i < count; i++, src += width) {
        int32_t wide = width == 1             ? (int8_t)src[0]
                       : type->name[0] == 'U' ? src[0] | src[1] << 8
                                              : (int16_t)(uint16_t)(src[0] | src[1] << 8);
        memcpy(dst + i * sizeof wide, &wide, sizeof wide);
    }
}

/* NumPy's text, four little-endian bytes a character, as UTF-8; false for what is none or does not fit. */
static bool decode_text(const unsigned char *from, size_t size, char text[MAX_TEXT]) {
    size_t at = 0;
    if (size % 4 != 0) return false;
    for (; size > 0; size -= 4, from += 4) {
        uint32_t code = from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
        int      more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        if (code == 0 || code > 0x10ffff || at + 5 > MAX_TEXT) return false;
        static const unsigned char first[] = {0x00, 0xc0, 0xe0, 0xf0};
        text[at++] = (char)(first[more] | code >> (6 * more));
        while (more-- > 0) text[at++] = (char)(0x80 | ((code >> (6 * more)) & 0x3f));
    }
    text[at] = '\0';
    return true;
}

/* Text becomes metadata. */
static ath_status add_text(struct reader *r, const Athanor__Ms__CkptValue *value) {
    char                       key[256], text[MAX_TEXT];
    const ProtobufCBinaryData *content = &value->tensor->tensor_content;
    if (r->file->metadata_count == r->metadata_capacity || !decode_text(content->data, content->len, text))
        return ATH_OK;
    snprintf(key, sizeof key, "mindspore.%s", value->tag);
    if (ath__tensor_text_check(r->path, key, NULL) != ATH_OK || ath__tensor_text_check(r->path, text, NULL) != ATH_OK)
        return ATH_OK;
    ath_metadata *item = &r->file->metadata[r->file->metadata_count];
    item->key = ath__arena_strdup(&r->owner->arena, key);
    item->value = ath__arena_strdup(&r->owner->arena, text);
    if (!item->key || !item->value) return ath__fail_memory(r->err, r->path);
    r->file->metadata_count++;
    return ATH_OK;
}

/* The shape as it is announced; a scalar is written as {} or {0} with one element in the content. */
static ath_status read_shape(struct reader *r, const Athanor__Ms__CkptValue *value, ath_tensor *tensor) {
    const Athanor__Ms__CkptTensor *from = value->tensor;
    uint64_t                       product = 1;
    bool                           empty = false;
    if (from->n_dims > ATH_MAX_RANK)
        return ath__fail(r->err, ATH_DATA, r->path, "tensor '%s' has %zu dimensions; %d is possible", value->tag,
                         from->n_dims, (int)ATH_MAX_RANK);
    tensor->shape.rank = (int)from->n_dims;
    for (size_t d = 0; d < from->n_dims; d++) {
        int64_t dim = from->dims[d];
        empty = empty || dim == 0;
        if (dim < 0 || __builtin_mul_overflow(product, (uint64_t)(dim ? dim : 1), &product) || product > INT64_MAX / 8)
            return ath__fail(r->err, ATH_DATA, r->path, "tensor '%s' has an impossible size in dimension %zu",
                             value->tag, d);
        tensor->shape.dims[d] = dim;
    }
    if (from->n_dims == 1 && from->dims[0] == 0 && from->tensor_content.len == (size_t)r->type->width) {
        tensor->shape.rank = 0;
        empty = false;
    }
    r->wanted = empty ? 0 : product;
    return ATH_OK;
}

static ath_status begin_tensor(struct reader *r, const Athanor__Ms__CkptValue *value) {
    if (r->file->tensor_count > 0) ATH_TRY(finish_tensor(r));
    r->type = ath__ckpt_type_find(value->tensor->tensor_type);
    if (!r->type)
        return ath__fail(r->err, ATH_UNSUPPORTED, r->path,
                         "tensor '%.64s' has the type '%.16s', which is not supported", value->tag,
                         value->tensor->tensor_type);
    ATH_TRY(ath__tensor_text_check(r->path, value->tag, r->err));
    ath_named_tensor *named = &r->file->tensors[r->file->tensor_count];
    ATH_TRY(read_shape(r, value, &named->tensor));
    named->tensor.dtype = r->type->dtype;
    /* Widened types take up to four times their bytes in the file, which has to hold them all. */
    if (r->wanted > (r->owner->mapping.size - r->held) / (uint64_t)r->type->width)
        return ath__fail(r->err, ATH_DATA, r->path, "tensor '%.64s' would be larger than the file", value->tag);
    r->held += r->wanted * (uint64_t)r->type->width;
    named->name = ath__arena_strdup(&r->owner->arena, value->tag);
    named->tensor.data = ath__arena_alloc(&r->owner->arena, (size_t)r->wanted * ath_dtype_size(r->type->dtype));
    if (!named->name || !named->tensor.data) return ath__fail_memory(r->err, r->path);
    r->file->tensor_count++;
    r->there = 0;
    return ATH_OK;
}

static ath_status add_value(struct reader *r, const Athanor__Ms__CkptValue *value) {
    if (!value->tensor)
        return ath__fail(r->err, ATH_UNSUPPORTED, r->path, "'%.64s' is no tensor but a map, which is not supported",
                         value->tag);
    if (strcmp(value->tensor->tensor_type, "str") == 0) return add_text(r, value);
    ath_named_tensor *last = r->file->tensor_count > 0 ? &r->file->tensors[r->file->tensor_count - 1] : NULL;
    if (!last || strcmp(last->name, value->tag) != 0) {
        ATH_TRY(begin_tensor(r, value));
        last = &r->file->tensors[r->file->tensor_count - 1];
    }
    size_t width = (size_t)r->type->width, count = value->tensor->tensor_content.len / width;
    if (value->tensor->tensor_content.len % width != 0 || count > r->wanted - r->there)
        return ath__fail(r->err, ATH_DATA, r->path, "tensor '%.64s' has more data than its shape", value->tag);
    put_elements(r->type, value->tensor->tensor_content.data, count,
                 (unsigned char *)last->tensor.data + r->there * ath_dtype_size(r->type->dtype));
    r->there += count;
    return ATH_OK;
}

static ath_status read_value(struct reader *r, const struct cursor *bytes) {
    ProtobufCAllocator      allocator = {take_memory, give_memory, NULL};
    Athanor__Ms__CkptValue *value = athanor__ms__ckpt_value__unpack(&allocator, bytes->size, bytes->bytes);
    if (!value)
        return ath__fail(r->err, ATH_DATA, r->path, "this checkpoint is damaged: one of its values cannot be read");
    ath_status status = add_value(r, value);
    athanor__ms__ckpt_value__free_unpacked(value, &allocator);
    return status;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static ath_status check_trailer(const char *path, struct cursor *cursor, ath_error *err) {
    if (cursor->size < TRAILER || memcmp(cursor->bytes + cursor->size - TRAILER, "crc_num", 7) != 0) return ATH_OK;
    uint64_t             told = 0;
    const unsigned char *number = cursor->bytes + cursor->size - 10;
    for (int i = 0; i < 10; i++) told = told << 8 | number[i];
    cursor->size -= TRAILER;
    uLong sum = crc32(0L, Z_NULL, 0);
    for (size_t at = 0; at < cursor->size;) {
        size_t piece = cursor->size - at < (1u << 30) ? cursor->size - at : 1u << 30;
        sum = crc32(sum, cursor->bytes + at, (uInt)piece);
        at += piece;
    }
    if (told == sum) return ATH_OK;
    return ath__fail(err, ATH_DATA, path, "this checkpoint is damaged: its checksum is not that of its content");
}

/* How many values there are at most, before memory is taken for them. */
static ath_status count_values(const char *path, struct cursor cursor, int *count, ath_error *err) {
    uint64_t      field = 0;
    struct cursor inside;
    *count = 0;
    while (cursor.at < cursor.size) {
        size_t before = cursor.at;
        if (!take_field(&cursor, &field, &inside))
            return ath__fail(err, ATH_DATA, path, "this checkpoint is damaged or cut off at byte %zu", before);
        if (field == VALUE_FIELD && inside.size < LEAST_VALUE)
            return ath__fail(err, ATH_DATA, path, "this checkpoint is damaged: a value of %zu bytes", inside.size);
        *count += field == VALUE_FIELD;
        if (*count > MOST_VALUES)
            return ath__fail(err, ATH_DATA, path, "this checkpoint holds more than %d values", (int)MOST_VALUES);
    }
    return *count > 0 ? ATH_OK : ath__fail(err, ATH_DATA, path, "this checkpoint holds no values");
}

static ath_status check_unique(const struct reader *r) {
    /* Pieces that do not follow each other, or names that met when they were translated. */
    json_t    *seen = json_object();
    ath_status status = seen ? ATH_OK : ath__fail_memory(r->err, r->path);
    for (int i = 0; status == ATH_OK && i < r->file->tensor_count; i++) {
        const char *name = r->file->tensors[i].name;
        if (json_object_get(seen, name))
            status = ath__fail(r->err, ATH_DATA, r->path, "two tensors are called '%s'", name);
        else if (json_object_set_new(seen, name, json_true()) != 0)
            status = ath__fail_memory(r->err, r->path);
    }
    json_decref(seen);
    return status;
}

/* What Athanor wrote keeps its names, or says that they were translated. */
static ath_status translate_names(struct reader *r) {
    const char *names = json_string_value(json_object_get(r->own, "names"));
    if (r->own && !(names && strcmp(names, "mindspore") == 0)) return ATH_OK;
    return ath__names_from_mindspore(r->path, r->file->tensors, r->file->tensor_count, &r->owner->arena, r->err);
}

static ath_status read_all(struct reader *r, struct cursor cursor) {
    uint64_t      field = 0;
    struct cursor inside;
    while (cursor.at < cursor.size && take_field(&cursor, &field, &inside)) {
        if (field == VALUE_FIELD) ATH_TRY(read_value(r, &inside));
        if (field == OWN_FIELD && !r->own)
            ATH_TRY(ath__metadata_json_read(r->path, inside.bytes, inside.size, r->owner, r->file, &r->own, r->err));
    }
    if (r->file->tensor_count == 0) return ath__fail(r->err, ATH_DATA, r->path, "this checkpoint holds no tensors");
    ATH_TRY(finish_tensor(r));
    ATH_TRY(check_unique(r));
    ATH_TRY(translate_names(r));
    return check_unique(r);
}

ath_status ath__ckpt_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file, ath_error *err) {
    struct cursor cursor = {.bytes = owner->mapping.data, .size = owner->mapping.size};
    struct reader r = {.path = path, .owner = owner, .file = file, .metadata_capacity = 64, .err = err};
    int           count = 0;
    if (cursor.size >= 4 && cursor.bytes[0] == 0xd8)
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "this checkpoint is encrypted: load it in MindSpore with its key, "
                         "and save it without");
    ATH_TRY(check_trailer(path, &cursor, err));
    ATH_TRY(count_values(path, cursor, &count, err));
    file->tensors = ATH_ARENA_ARRAY(&owner->arena, ath_named_tensor, count);
    file->metadata = ATH_ARENA_ARRAY(&owner->arena, ath_metadata, r.metadata_capacity);
    if (!file->tensors || !file->metadata) return ath__fail_memory(err, path);
    ath_status status = read_all(&r, cursor);
    json_decref(r.own);
    return status;
}
