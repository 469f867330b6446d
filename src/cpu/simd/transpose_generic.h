/* 8 x 8 transposition, y[j * y_stride + i] = x[i * x_stride + j], by plain moves. */
#ifndef ATH_CPU_SIMD_TRANSPOSE_GENERIC_H
#define ATH_CPU_SIMD_TRANSPOSE_GENERIC_H

#include <stdint.h>

static inline void transpose_8x8(const float *x, int64_t x_stride, float *y, int64_t y_stride) {
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 8; i++) y[j * y_stride + i] = x[i * x_stride + j];
}

#endif
