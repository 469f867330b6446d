/* Philox 4x32-10 and the distributions drawn from it.
 *
 * One round, on a counter c[0..3] with a key k[0..1] (Salmon et al., SC 2011, section 4.3):
 *   (hi0, lo0) = 0xD2511F53 * c[0],  (hi1, lo1) = 0xCD9E8D57 * c[2]
 *   c' = (hi1 ^ c[1] ^ k[0],  lo1,  hi0 ^ c[3] ^ k[1],  lo0)
 * and the key grows by (0x9E3779B9, 0xBB67AE85) between rounds. Ten rounds.
 */
#include "base/rng.h"

#include <math.h>

void ath__philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void ath__rng_start(struct ath__rng *rng, uint64_t seed, uint32_t stream, uint32_t a, uint32_t b) {
    *rng = (struct ath__rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, a, b, stream},
        .used = 4,
    };
}

uint32_t ath__rng_u32(struct ath__rng *rng) {
    if (rng->used == 4) {
        ath__philox(rng->key, rng->counter, rng->block);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

/* The high half of draw * bound is uniform once the few low halves that would be over-represented are drawn again
 * (Lemire, "Fast random integer generation in an interval", ACM TOMACS 29, 2019). */
uint32_t ath__rng_below(struct ath__rng *rng, uint32_t bound) {
    if (bound <= 1) return 0;
    uint32_t excess = (0u - bound) % bound; /* 2^32 mod bound */
    uint64_t product;
    do {
        product = (uint64_t)ath__rng_u32(rng) * bound;
    } while ((uint32_t)product < excess);
    return (uint32_t)(product >> 32);
}

float ath__rng_uniform(struct ath__rng *rng) {
    return (float)(ath__rng_u32(rng) >> 8) * 0x1p-24f;
}

/* Box-Muller: sqrt(-2 ln u) cos(2 pi v), with u in (0, 1] so that the logarithm is finite. */
double ath__rng_normal(struct ath__rng *rng) {
    double u = ((double)ath__rng_u32(rng) + 1.0) * 0x1p-32;
    double v = (double)ath__rng_u32(rng) * 0x1p-32;
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

void ath__rng_shuffle(struct ath__rng *rng, uint32_t *items, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t   j = ath__rng_below(rng, (uint32_t)i);
        uint32_t kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}
