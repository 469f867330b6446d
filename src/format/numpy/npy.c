/* Reading and writing NumPy's array files. */
#include "format/numpy/npy.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 6, MAX_HEADER = 64 << 10, ALIGN = 64 };

static const char magic[] = "\x93NUMPY";

bool ath__npy_recognise(const unsigned char *bytes, size_t size) {
    return size >= MAGIC && memcmp(bytes, magic, MAGIC) == 0;
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

/* X(letters behind the byte order, bytes of an element, type that tensors of it become) */
static const struct npy_type {
    const char *code;
    int         width;
    ath_dtype   dtype;
} types[] = {
    {"f4", 4, ATH_F32}, {"f8", 8, ATH_F64}, {"f2", 2, ATH_F16},  {"i8", 8, ATH_I64},
    {"i4", 4, ATH_I32}, {"u1", 1, ATH_U8},  {"b1", 1, ATH_U8},   {"i1", 1, ATH_I32},
    {"i2", 2, ATH_I32}, {"u2", 2, ATH_I32}, {"V2", 2, ATH_BF16},
};

static const char *code_of(ath_dtype dtype) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype) return types[i].code;
    return "V1";
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

struct header {
    char                   descr[16];
    const struct npy_type *type;
    bool                   swap, fortran;
    ath_shape              shape;
    uint64_t               count;
};

/* A cursor over the literal. */
struct literal {
    const char *at, *end;
};

static void skip_blanks(struct literal *text) {
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n')) text->at++;
}

static bool take(struct literal *text, const char *word) {
    skip_blanks(text);
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0) return false;
    text->at += length;
    return true;
}

/* 'text' or "text", shorter than `capacity`. */
static bool take_quoted(struct literal *text, char *dst, size_t capacity) {
    skip_blanks(text);
    if (text->at == text->end || (*text->at != '\'' && *text->at != '"')) return false;
    char   quote = *text->at++;
    size_t length = 0;
    while (text->at < text->end && *text->at != quote && length + 1 < capacity) dst[length++] = *text->at++;
    dst[length] = '\0';
    return text->at < text->end && *text->at++ == quote;
}

static bool take_size(struct literal *text, int64_t *value) {
    skip_blanks(text);
    int64_t number = 0;
    int     digits = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9' && digits < 18; text->at++, digits++)
        number = number * 10 + (*text->at - '0');
    take(text, "L"); /* Python 2 */
    *value = number;
    return digits > 0;
}

/* (), (3,) or (2, 3) */
static bool take_shape(struct literal *text, ath_shape *shape) {
    if (!take(text, "(")) return false;
    shape->rank = 0;
    while (!take(text, ")")) {
        if (shape->rank == ATH_MAX_RANK || !take_size(text, &shape->dims[shape->rank])) return false;
        shape->rank++;
        if (!take(text, ",")) return take(text, ")");
    }
    return true;
}

static bool take_entry(struct literal *text, struct header *header, bool seen[3]) {
    char key[16];
    if (!take_quoted(text, key, sizeof key) || !take(text, ":")) return false;
    if (strcmp(key, "descr") == 0) return seen[0] = take_quoted(text, header->descr, sizeof header->descr);
    if (strcmp(key, "shape") == 0) return seen[2] = take_shape(text, &header->shape);
    if (strcmp(key, "fortran_order") != 0) return false;
    header->fortran = take(text, "True");
    return seen[1] = header->fortran || take(text, "False");
}

static bool parse(const unsigned char *bytes, size_t size, struct header *header) {
    struct literal text = {(const char *)bytes, (const char *)bytes + size};
    bool           seen[3] = {false};
    if (!take(&text, "{")) return false;
    while (!take(&text, "}")) {
        if (!take_entry(&text, header, seen)) return false;
        if (!take(&text, ",") && !(text.at < text.end && *text.at == '}')) return false;
    }
    return seen[0] && seen[1] && seen[2];
}

static ath_status find_type(const char *path, const char *what, struct header *header, bool bf16, ath_error *err) {
    const char *code = header->descr + (strchr("<>|=", header->descr[0]) && header->descr[0] ? 1 : 0);
    if (strchr(code, 'O'))
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "%s is an array of Python objects, which is a program; it is not read", what);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].code, code) == 0 && (types[i].dtype != ATH_BF16 || bf16)) header->type = &types[i];
    if (!header->type)
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s has the type '%s', which is not supported", what,
                         header->descr);
    header->swap = header->descr[0] == '>' && header->type->width > 1;
    return ATH_OK;
}

/* Elements, with room for the product of the other dimensions of an empty array. */
static bool measure(struct header *header) {
    uint64_t product = 1;
    bool     empty = false;
    for (int d = 0; d < header->shape.rank; d++) {
        int64_t dim = header->shape.dims[d];
        empty = empty || dim == 0;
        if (__builtin_mul_overflow(product, (uint64_t)(dim ? dim : 1), &product) || product > INT64_MAX / 8)
            return false;
    }
    header->count = empty ? 0 : product;
    return true;
}

/* ---- the data --------------------------------------------------------------------------------------------------- */

static void put_element(const struct header *header, const unsigned char *src, unsigned char *dst) {
    unsigned char turned[8];
    int           width = header->type->width;
    for (int i = 0; i < width; i++) turned[i] = src[header->swap ? width - 1 - i : i];
    int32_t wide = 0;
    if (ath_dtype_size(header->type->dtype) == (size_t)width) {
        memcpy(dst, turned, (size_t)width);
        return;
    }
    if (width == 1)
        wide = (int8_t)turned[0];
    else if (header->type->code[0] == 'u')
        wide = turned[0] | turned[1] << 8;
    else
        wide = (int16_t)(uint16_t)(turned[0] | turned[1] << 8);
    memcpy(dst, &wide, sizeof wide);
}

/* In row-major order; index[0] runs fastest in Fortran's. */
static void copy_elements(const struct header *header, const unsigned char *src, unsigned char *dst) {
    size_t   width = (size_t)header->type->width, step = ath_dtype_size(header->type->dtype);
    int      rank = header->shape.rank;
    uint64_t stride[ATH_MAX_RANK], index[ATH_MAX_RANK] = {0}, at = 0, product = 1;
    for (int i = 0; i < rank; i++) {
        int d = header->fortran ? i : rank - 1 - i;
        stride[d] = product;
        product *= (uint64_t)header->shape.dims[d];
    }
    for (uint64_t n = 0; n < header->count; n++, dst += step) {
        put_element(header, src + at * width, dst);
        for (int d = rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < (uint64_t)header->shape.dims[d]) break;
            at -= (uint64_t)header->shape.dims[d] * stride[d];
            index[d] = 0;
        }
    }
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static ath_status read_header(const char *path, const char *what, const unsigned char *bytes, size_t size, bool bf16,
                              struct header *header, size_t *data, ath_error *err) {
    int    wide = size > MAGIC && bytes[MAGIC] >= 2 ? 4 : 2;
    size_t begin = MAGIC + 2 + (size_t)wide, length = 0;
    if (!ath__npy_recognise(bytes, size) || size < begin)
        return ath__fail(err, ATH_DATA, path, "%s is no array of NumPy's", what);
    if (bytes[MAGIC] < 1 || bytes[MAGIC] > 3)
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s is of version %d of NumPy's format; 1 to 3 are known", what,
                         bytes[MAGIC]);
    for (int i = wide - 1; i >= 0; i--) length = length << 8 | bytes[MAGIC + 2 + i];
    if (length > size - begin || length > MAX_HEADER)
        return ath__fail(err, ATH_DATA, path, "%s is cut off: its header would have %zu bytes", what, length);
    if (!parse(bytes + begin, length, header))
        return ath__fail(err, ATH_DATA, path, "%s has a damaged header, or more than %d dimensions", what,
                         (int)ATH_MAX_RANK);
    ATH_TRY(find_type(path, what, header, bf16, err));
    *data = begin + length;
    if (measure(header) && header->count <= (size - *data) / (uint64_t)header->type->width) return ATH_OK;
    return ath__fail(err, ATH_DATA, path, "%s is cut off: %zu bytes of data do not fit its shape", what, size - *data);
}

ath_status ath__npy_read(const char *path, const char *what, const unsigned char *bytes, size_t size, bool bf16,
                         struct ath__arena *arena, ath_tensor *tensor, ath_error *err) {
    struct header header = {.type = NULL};
    size_t        at = 0;
    ATH_TRY(read_header(path, what, bytes, size, bf16, &header, &at, err));
    size_t width = ath_dtype_size(header.type->dtype);
    *tensor = (ath_tensor){.dtype = header.type->dtype, .shape = header.shape};
    tensor->data = (void *)(uintptr_t)(bytes + at);
    bool as_is = !header.swap && width == (size_t)header.type->width && (!header.fortran || header.shape.rank < 2);
    if (as_is && (uintptr_t)tensor->data % width == 0) return ATH_OK;
    tensor->data = ath__arena_alloc(arena, (size_t)header.count * width);
    if (!tensor->data) return ath__fail_memory(err, path);
    copy_elements(&header, bytes + at, tensor->data);
    return ATH_OK;
}

void ath__npy_header(struct ath__str *dst, const ath_tensor *tensor) {
    struct ath__str text = {0};
    const char     *code = code_of(tensor->dtype);
    bool            bytes = tensor->dtype == ATH_U8 || tensor->dtype == ATH_BF16;
    ath__str_printf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", bytes ? '|' : '<', code);
    for (int d = 0; d < tensor->shape.rank; d++)
        ath__str_printf(&text, "%s%" PRId64, d ? ", " : "", tensor->shape.dims[d]);
    ath__str_append(&text, tensor->shape.rank == 1 ? ",), }" : "), }");
    size_t head = MAGIC + 2 + 2, length = (head + text.size + 1 + ALIGN - 1) / ALIGN * ALIGN - head;
    while (text.size + 1 < length && !text.failed) ath__str_append(&text, " ");
    ath__str_append(&text, "\n");
    const char version[4] = {1, 0, (char)(length & 255), (char)(length >> 8)};
    ath__str_append_bytes(dst, magic, MAGIC);
    ath__str_append_bytes(dst, version, sizeof version);
    ath__str_append_bytes(dst, ath__str_text(&text), text.size);
    dst->failed = dst->failed || text.failed;
    ath__str_free(&text);
}
