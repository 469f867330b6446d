/* Pooling kernels for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/pool2d_body.inc.h"

const struct ath__pool_kernels ath__pool_kernels_avx2 = {forward, backward};
