/* The vector kernels for AVX-512 (see kernels.h). */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/transpose_avx.h"

#include "cpu/simd/kernels_body.inc.h"

const struct ath__kernels ath__kernels_avx512 = ATH_KERNELS_TABLE("avx512");
