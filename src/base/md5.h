/* MD5 (RFC 1321): verifies downloads whose publishers give nothing better. No protection against forgery. */
#ifndef ATH_BASE_MD5_H
#define ATH_BASE_MD5_H

#include <stddef.h>
#include <stdint.h>

enum { ATH_MD5_BYTES = 16, ATH_MD5_TEXT = 33 };

struct ath__md5 {
    uint32_t      state[4];
    uint64_t      size; /* bytes so far */
    unsigned char block[64];
};

void ath__md5_start(struct ath__md5 *hash);
void ath__md5_add(struct ath__md5 *hash, const void *data, size_t size);
void ath__md5_end(struct ath__md5 *hash, unsigned char digest[ATH_MD5_BYTES]);

/* The digest of a range as 32 lower-case hexadecimal digits. */
void ath__md5_text(const void *data, size_t size, char text[ATH_MD5_TEXT]);

#endif
