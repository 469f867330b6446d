/* Pixel kernels for AVX-512. */
#include "cpu/simd/pixels.h"

#include <immintrin.h>

enum { LANES = 16 };
typedef int32_t sums_v __attribute__((vector_size(4 * LANES)));

static inline sums_v widen(const unsigned char *from) {
    return (sums_v)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline void narrow(sums_v sum, unsigned char *to) {
    __m512i value = _mm512_max_epi32(_mm512_srai_epi32((__m512i)sum, ATH_RESAMPLE_BITS), _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtusepi32_epi8(value));
}

#include "cpu/simd/pixels_body.inc.h"
#include "cpu/simd/split_rgb.h"

const struct ath__pixel_kernels ath__pixel_kernels_avx512 = {column_sums, row_sums, split_rgb};
