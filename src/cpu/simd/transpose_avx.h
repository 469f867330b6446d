/* 8 x 8 transposition, y[j * y_stride + i] = x[i * x_stride + j], in eight 256-bit registers: interleave pairs of rows,
 * then pairs of pairs, then exchange halves. Serves AVX2 and AVX-512.
 */
#ifndef ATH_CPU_SIMD_TRANSPOSE_AVX_H
#define ATH_CPU_SIMD_TRANSPOSE_AVX_H

#include <immintrin.h>
#include <stdint.h>

static inline void transpose_8x8(const float *x, int64_t x_stride, float *y, int64_t y_stride) {
    __m256 r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(x + i * x_stride);
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(y + i * y_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
        _mm256_storeu_ps(y + (i + 4) * y_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
    }
}

#endif
