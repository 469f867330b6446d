/* SHA-256 (FIPS 180-4): what downloads and data files are verified with. */
#ifndef ATH_BASE_SHA256_H
#define ATH_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { ATH_SHA256_BYTES = 32, ATH_SHA256_TEXT = 65 };

struct ath__sha256 {
    uint32_t      state[8];
    uint64_t      size; /* bytes so far */
    unsigned char block[64];
};

void ath__sha256_start(struct ath__sha256 *hash);
void ath__sha256_add(struct ath__sha256 *hash, const void *data, size_t size);
void ath__sha256_end(struct ath__sha256 *hash, unsigned char digest[ATH_SHA256_BYTES]);

/* The digest of a range as 64 lower-case hexadecimal digits. */
void ath__sha256_text(const void *data, size_t size, char text[ATH_SHA256_TEXT]);

#endif
