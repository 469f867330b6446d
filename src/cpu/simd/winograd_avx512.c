/* The Winograd kernels (see winograd.h) for AVX-512: 32 registers, up to 28 of them sums. */
#include "cpu/simd/vec_avx512.h"

#define PRODUCT_ROWS 14
#define GRADIENT_ROWS 8
#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_kernels_avx512 = ATH_WINOGRAD_KERNELS_TABLE;
