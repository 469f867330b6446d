/* Pooling kernels for AVX-512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/pool2d_body.inc.h"

const struct ath__pool_kernels ath__pool_kernels_avx512 = {forward, backward};
