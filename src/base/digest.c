/* Cutting a message into blocks, padding the last one, and writing the result: what SHA-256 and MD5 share.
 *
 *   | message | 0x80 | zeros up to 8 bytes short of a block | size in bits, 8 bytes |
 */
#include "base/digest.h"

#include <string.h>

/* Where byte `i` of a group of `size` bytes stands in the number that the group spells. */
static int shift_of(const struct ath__digest_kind *kind, int i, int size) {
    return 8 * (kind->big_endian ? size - 1 - i : i);
}

static void stir_bytes(struct ath__digest *digest, const unsigned char bytes[64]) {
    uint32_t words[16] = {0};
    for (int i = 0; i < 64; i++) words[i / 4] |= (uint32_t)bytes[i] << shift_of(digest->kind, i % 4, 4);
    digest->kind->stir(digest->state, words);
}

void ath__digest_start(struct ath__digest *digest, const struct ath__digest_kind *kind) {
    *digest = (struct ath__digest){.kind = kind};
    memcpy(digest->state, kind->initial, sizeof digest->state);
}

void ath__digest_add(struct ath__digest *digest, const void *data, size_t size) {
    const unsigned char *bytes = data;
    size_t               used = (size_t)(digest->size % 64);
    digest->size += size;
    while (size > 0) {
        size_t part = 64 - used < size ? 64 - used : size;
        if (part == 64) {
            stir_bytes(digest, bytes);
        } else {
            memcpy(digest->block + used, bytes, part);
            used += part;
            if (used == 64) stir_bytes(digest, digest->block);
            used %= 64;
        }
        bytes += part;
        size -= part;
    }
}

void ath__digest_end(struct ath__digest *digest, char text[ATH_DIGEST_TEXT]) {
    static const unsigned char padding[64] = {0x80};
    static const char          digits[] = "0123456789abcdef";
    const uint64_t             bits = digest->size * 8;
    unsigned char              size[8];
    for (int i = 0; i < 8; i++) size[i] = (unsigned char)(bits >> shift_of(digest->kind, i, 8));
    ath__digest_add(digest, padding, 1 + (size_t)((119 - digest->size % 64) % 64));
    ath__digest_add(digest, size, sizeof size);
    for (int i = 0; i < 4 * digest->kind->words; i++) {
        uint32_t byte = digest->state[i / 4] >> shift_of(digest->kind, i % 4, 4) & 0xFF;
        *text++ = digits[byte >> 4];
        *text++ = digits[byte & 15];
    }
    *text = '\0';
}

void ath__digest_text(const struct ath__digest_kind *kind, const void *data, size_t size, char text[ATH_DIGEST_TEXT]) {
    struct ath__digest digest;
    ath__digest_start(&digest, kind);
    ath__digest_add(&digest, data, size);
    ath__digest_end(&digest, text);
}
