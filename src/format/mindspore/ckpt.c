/* The row of MindSpore's checkpoints: recognising them, and their types. */
#include "format/mindspore/ckpt.h"

#include <string.h>
#include <strings.h>

/* The first row of a type of ours is the one that is written. */
static const struct ath__ckpt_type types[] = {
    {"Float32", 4, ATH_F32}, {"Float64", 8, ATH_F64}, {"Float16", 2, ATH_F16}, {"BFloat16", 2, ATH_BF16},
    {"Int64", 8, ATH_I64},   {"Int32", 4, ATH_I32},   {"UInt8", 1, ATH_U8},    {"Bool", 1, ATH_U8},
    {"Int8", 1, ATH_I32},    {"Int16", 2, ATH_I32},   {"UInt16", 2, ATH_I32},
};
enum { TYPES = sizeof types / sizeof types[0] };

/* Versions differ in the case of letters: Uint8, UInt8. */
const struct ath__ckpt_type *ath__ckpt_type_find(const char *name) {
    for (int i = 0; i < TYPES; i++)
        if (strcasecmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

const char *ath__ckpt_type_name(ath_dtype dtype) {
    for (int i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype) return types[i].name;
    return NULL;
}

static size_t skip_varint(const unsigned char *bytes, size_t size, size_t at) {
    for (int i = 0; i < 10 && at < size; i++)
        if (!(bytes[at++] & 0x80)) return at;
    return size;
}

/* Field 1 (a value), in it field 1 (its tag), a text of at most 127 bytes, then field 2 (its tensor); or a file that is
 * encrypted, which begins with a magic number of its own. */
static bool recognise(const unsigned char *bytes, size_t size) {
    if (size >= 4 && memcmp(bytes, "\xd8\x5e\x3a\x7f", 4) == 0) return true;
    if (size < 2 || bytes[0] != 0x0a) return false;
    size_t at = skip_varint(bytes, size, 1);
    if (at + 2 > size || bytes[at] != 0x0a || bytes[at + 1] == 0 || bytes[at + 1] > 127) return false;
    size_t behind = at + 2 + bytes[at + 1];
    for (size_t i = at + 2; i < behind && i < size; i++)
        if (bytes[i] < 0x20 || bytes[i] == 0x7f) return false;
    return behind >= size || bytes[behind] == 0x12;
}

static ath_status write_file(const char *path, const struct ath__tensors *what, struct ath__str *notes,
                             ath_error *err) {
    return ath__ckpt_write(path, what, ATH_CKPT_SLICE, notes, err);
}

const struct ath__tensor_format ath__tensor_format_mindspore = {
    .name = "mindspore",
    .summary = "MindSpore's checkpoint, with its names for batch norms and for MobileNetV2's layers",
    .endings = "ckpt",
    .recognise = recognise,
    .read = ath__ckpt_read,
    .write = write_file,
};
