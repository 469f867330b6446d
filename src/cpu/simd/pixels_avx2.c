/* Pixel kernels for AVX2. */
#include "cpu/simd/pixels.h"

#include <immintrin.h>

enum { LANES = 8 };
typedef int32_t sums_v __attribute__((vector_size(4 * LANES)));

static inline sums_v widen(const unsigned char *from) {
    return (sums_v)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

static inline void narrow(sums_v sum, unsigned char *to) {
    __m256i value = _mm256_srai_epi32((__m256i)sum, ATH_RESAMPLE_BITS);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    _mm_storel_epi64((__m128i *)(void *)to, _mm_packus_epi16(words, words));
}

#include "cpu/simd/pixels_body.inc.h"
#include "cpu/simd/split_rgb.h"

const struct ath__pixel_kernels ath__pixel_kernels_avx2 = {column_sums, row_sums, split_rgb};
