/* The vector kernels for AVX2 with FMA (see kernels.h). */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/transpose_avx.h"

#include "cpu/simd/kernels_body.inc.h"

const struct ath__kernels ath__kernels_avx2 = ATH_KERNELS_TABLE("avx2");
