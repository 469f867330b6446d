/* The Winograd kernels (see winograd.h) for AVX-512 with BF16: F(2x2, 3x3), bfloat16 in, float32 sums. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/winograd_bf16.inc.h"
#include "cpu/simd/winograd_f2.inc.h"

#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_kernels_avx512bf16 = ATH_WINOGRAD_KERNELS_TABLE;
