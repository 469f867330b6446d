/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A draw is a pure function of a key and a counter, so augmentation, dropout and shuffling depend neither on threads
 * nor on where a run was resumed. Callers name a draw by (seed, stream, a, b) and its place:
 * e.g. (seed, ATH_RNG_SHUFFLE, epoch, 0).
 */
#ifndef ATH_BASE_RNG_H
#define ATH_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a stream of draws is for; part of the key, so that two uses never share numbers. */
enum ath__rng_stream {
    ATH_RNG_INIT = 1,
    ATH_RNG_SHUFFLE,
    ATH_RNG_DROPOUT,
    ATH_RNG_AUGMENT,
    ATH_RNG_DIGITS,
    ATH_RNG_HOLDOUT,
    ATH_RNG_TEST,
    ATH_RNG_SWEEP,
    ATH_RNG_VIEW,
};

/* One Philox 4x32-10 block: out = f(key, counter). */
void ath__philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A sequential generator over one named stream. */
struct ath__rng {
    uint32_t key[2];
    uint32_t counter[4]; /* [0] counts blocks; [1..3] name the stream */
    uint32_t block[4];
    int      used; /* words of `block` already handed out */
};

void     ath__rng_start(struct ath__rng *rng, uint64_t seed, uint32_t stream, uint32_t a, uint32_t b);
uint32_t ath__rng_u32(struct ath__rng *rng);
uint32_t ath__rng_below(struct ath__rng *rng, uint32_t bound); /* uniform in [0, bound), unbiased */
float    ath__rng_uniform(struct ath__rng *rng);               /* [0, 1), 24 bits */
double   ath__rng_normal(struct ath__rng *rng);                /* mean 0, deviation 1 (Box-Muller) */

/* Fisher-Yates over `items`. */
void ath__rng_shuffle(struct ath__rng *rng, uint32_t *items, size_t count);

#endif
