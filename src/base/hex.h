/* Bytes as lower-case hexadecimal digits, as digests are written. */
#ifndef ATH_BASE_HEX_H
#define ATH_BASE_HEX_H

#include <stddef.h>

/* Writes 2 * size digits and a NUL. */
static inline void ath__hex_text(const unsigned char *bytes, size_t size, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

#endif
