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

/* ---- the header ------------------------------------------------------------------------------------------------- */

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
static bool take_shape(struct literal *text, struct ath__npy *array) {
    if (!take(text, "(")) return false;
    array->rank = 0;
    while (!take(text, ")")) {
        if (array->rank == ATH_NPY_MAX_RANK || !take_size(text, &array->dims[array->rank])) return false;
        array->rank++;
        if (!take(text, ",")) return take(text, ")");
    }
    return true;
}

static bool take_entry(struct literal *text, struct ath__npy *array, char descr[16], bool seen[3]) {
    char key[16];
    if (!take_quoted(text, key, sizeof key) || !take(text, ":")) return false;
    if (strcmp(key, "descr") == 0) return seen[0] = take_quoted(text, descr, 16);
    if (strcmp(key, "shape") == 0) return seen[2] = take_shape(text, array);
    if (strcmp(key, "fortran_order") != 0) return false;
    array->fortran = take(text, "True");
    return seen[1] = array->fortran || take(text, "False");
}

static bool parse(const unsigned char *bytes, size_t size, struct ath__npy *array, char descr[16]) {
    struct literal text = {(const char *)bytes, (const char *)bytes + size};
    bool           seen[3] = {false};
    if (!take(&text, "{")) return false;
    while (!take(&text, "}")) {
        if (!take_entry(&text, array, descr, seen)) return false;
        if (!take(&text, ",") && !(text.at < text.end && *text.at == '}')) return false;
    }
    return seen[0] && seen[1] && seen[2];
}

/* '<f4': byte order, kind, bytes of an element. Kinds of numbers are f, i, u, b and c; V is plain bytes. */
static ath_status take_type(const char *path, const char *what, const char *descr, struct ath__npy *array,
                            ath_error *err) {
    const char *code = descr + (descr[0] && strchr("<>|=", descr[0]) ? 1 : 0);
    if (strchr(code, 'O'))
        return ath__fail(err, ATH_UNSUPPORTED, path,
                         "%s is an array of Python objects, which is a program; it is not read", what);
    if (!code[0] || !strchr("fiubV", code[0]) || code[1] < '1' || code[1] > '8' || code[2])
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s has the type '%s', which is not supported", what, descr);
    memcpy(array->code, code, 3);
    array->width = code[1] - '0';
    array->swap = descr[0] == '>' && array->width > 1;
    return ATH_OK;
}

/* Elements, with room for the product of the other dimensions of an empty array. */
static bool measure(struct ath__npy *array) {
    uint64_t product = 1;
    bool     empty = false;
    for (int d = 0; d < array->rank; d++) {
        int64_t dim = array->dims[d];
        empty = empty || dim == 0;
        if (__builtin_mul_overflow(product, (uint64_t)(dim ? dim : 1), &product) || product > INT64_MAX / 8)
            return false;
    }
    array->count = empty ? 0 : product;
    return true;
}

ath_status ath__npy_open(const char *path, const char *what, const unsigned char *bytes, size_t size,
                         struct ath__npy *array, ath_error *err) {
    char   descr[16] = "";
    int    wide = size > MAGIC && bytes[MAGIC] >= 2 ? 4 : 2;
    size_t begin = MAGIC + 2 + (size_t)wide, length = 0;
    memset(array, 0, sizeof *array);
    if (!ath__npy_recognise(bytes, size) || size < begin)
        return ath__fail(err, ATH_DATA, path, "%s is no array of NumPy's", what);
    if (bytes[MAGIC] < 1 || bytes[MAGIC] > 3)
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s is of version %d of NumPy's format; 1 to 3 are known", what,
                         bytes[MAGIC]);
    for (int i = wide - 1; i >= 0; i--) length = length << 8 | bytes[MAGIC + 2 + i];
    if (length > size - begin || length > MAX_HEADER)
        return ath__fail(err, ATH_DATA, path, "%s is cut off: its header would have %zu bytes", what, length);
    if (!parse(bytes + begin, length, array, descr))
        return ath__fail(err, ATH_DATA, path, "%s has a damaged header, or more than %d dimensions", what,
                         (int)ATH_NPY_MAX_RANK);
    ATH_TRY(take_type(path, what, descr, array, err));
    array->data = bytes + begin + length;
    size -= begin + length;
    if (measure(array) && array->count <= size / (uint64_t)array->width) return ATH_OK;
    return ath__fail(err, ATH_DATA, path, "%s is cut off: %zu bytes of data do not fit its shape", what, size);
}

/* ---- the data --------------------------------------------------------------------------------------------------- */

static void put_element(const struct ath__npy *array, const unsigned char *src, unsigned char *dst) {
    int width = array->width;
    for (int i = 0; i < width; i++) dst[i] = src[array->swap ? width - 1 - i : i];
}

void ath__npy_copy(const struct ath__npy *array, void *dst) {
    size_t         width = (size_t)array->width;
    unsigned char *to = dst;
    uint64_t       stride[ATH_NPY_MAX_RANK], index[ATH_NPY_MAX_RANK] = {0}, at = 0, product = 1;
    if (!array->swap && (!array->fortran || array->rank < 2)) {
        if (array->count > 0) memcpy(dst, array->data, (size_t)array->count * width);
        return;
    }
    for (int i = 0; i < array->rank; i++) {
        int d = array->fortran ? i : array->rank - 1 - i;
        stride[d] = product;
        product *= (uint64_t)array->dims[d];
    }
    for (uint64_t n = 0; n < array->count; n++, to += width) {
        put_element(array, array->data + at * width, to);
        for (int d = array->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < (uint64_t)array->dims[d]) break;
            at -= (uint64_t)array->dims[d] * stride[d];
            index[d] = 0;
        }
    }
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

/* Letters behind the byte order, and the type that tensors of it become. */
static const struct npy_type {
    const char *code;
    ath_dtype   dtype;
} types[] = {
    {"f4", ATH_F32}, {"f8", ATH_F64}, {"f2", ATH_F16}, {"i8", ATH_I64}, {"i4", ATH_I32},  {"u1", ATH_U8},
    {"b1", ATH_U8},  {"i1", ATH_I32}, {"i2", ATH_I32}, {"u2", ATH_I32}, {"V2", ATH_BF16},
};

const char *ath__npy_code(ath_dtype dtype) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype) return types[i].code;
    return "V1";
}

/* Elements of one or two bytes become int32, from the last to the first: they lie at the beginning of the same memory. */
static void widen(const struct ath__npy *array, unsigned char *data) {
    for (uint64_t i = array->count; i-- > 0;) {
        const unsigned char *at = data + i * (uint64_t)array->width;
        int32_t              wide = array->width == 1       ? (int8_t)at[0]
                                    : array->code[0] == 'u' ? at[0] | at[1] << 8
                                                            : (int16_t)(uint16_t)(at[0] | at[1] << 8);
        memcpy(data + i * sizeof wide, &wide, sizeof wide);
    }
}

ath_status ath__npy_read(const char *path, const char *what, const unsigned char *bytes, size_t size, bool bf16,
                         struct ath__arena *arena, ath_tensor *tensor, ath_error *err) {
    struct ath__npy        array;
    const struct npy_type *type = NULL;
    ATH_TRY(ath__npy_open(path, what, bytes, size, &array, err));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].code, array.code) == 0 && (types[i].dtype != ATH_BF16 || bf16)) type = &types[i];
    if (!type)
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s has the type '%s', which is not supported", what, array.code);
    if (array.rank > ATH_MAX_RANK)
        return ath__fail(err, ATH_UNSUPPORTED, path, "%s has %d dimensions; up to %d are supported", what, array.rank,
                         (int)ATH_MAX_RANK);
    size_t width = ath_dtype_size(type->dtype);
    bool   in_order = !array.swap && (!array.fortran || array.rank < 2) && width == (size_t)array.width;
    *tensor = (ath_tensor){.dtype = type->dtype, .shape = ath_shape_make(array.rank, array.dims)};
    tensor->data = (void *)(uintptr_t)array.data;
    if (in_order && (uintptr_t)tensor->data % width == 0) return ATH_OK;
    tensor->data = ath__arena_alloc(arena, (size_t)array.count * width);
    if (!tensor->data) return ath__fail_memory(err, path);
    ath__npy_copy(&array, tensor->data);
    if (width > (size_t)array.width) widen(&array, tensor->data);
    return ATH_OK;
}

void ath__npy_header(struct ath__str *dst, const char *code, int rank, const int64_t *dims) {
    struct ath__str text = {0};
    bool            bytes = code[1] == '1' || code[0] == 'V';
    ath__str_printf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", bytes ? '|' : '<', code);
    for (int d = 0; d < rank; d++) ath__str_printf(&text, "%s%" PRId64, d ? ", " : "", dims[d]);
    ath__str_append(&text, rank == 1 ? ",), }" : "), }");
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
