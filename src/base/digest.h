/* Digests of bytes: SHA-256 (FIPS 180-4) and MD5 (RFC 1321), with which downloads and data files are verified.
 *
 * MD5 finds damage, not forgery; it is here for publishers that give nothing better.
 */
#ifndef ATH_BASE_DIGEST_H
#define ATH_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { ATH_DIGEST_TEXT = 65 }; /* room for the hexadecimal digits of any digest and a NUL */

/* What differs between the two; both stir blocks of 64 bytes into words of 32 bits. */
struct ath__digest_kind {
    const char *name;       /* "sha256", "md5" */
    int         words;      /* of the digest   */
    int         big_endian; /* of message words, size and digest */
    uint32_t    initial[8];
    void (*stir)(uint32_t state[8], const uint32_t block[16]);
};

extern const struct ath__digest_kind ath__sha256, ath__md5;

struct ath__digest {
    const struct ath__digest_kind *kind;
    uint32_t                       state[8];
    uint64_t                       size; /* bytes so far */
    unsigned char                  block[64];
};

void ath__digest_start(struct ath__digest *digest, const struct ath__digest_kind *kind);
void ath__digest_add(struct ath__digest *digest, const void *data, size_t size);
/* Ends the message and writes its digest in lower-case hexadecimal digits. */
void ath__digest_end(struct ath__digest *digest, char text[ATH_DIGEST_TEXT]);

/* The digest of one range. */
void ath__digest_text(const struct ath__digest_kind *kind, const void *data, size_t size, char text[ATH_DIGEST_TEXT]);

#endif
