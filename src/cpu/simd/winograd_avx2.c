/* The Winograd kernels (see winograd.h) for AVX2 with FMA: 16 registers, 12 of them sums. */
#include "cpu/simd/vec_avx2.h"

#define PRODUCT_ROWS 6
#define GRADIENT_ROWS 4
#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_kernels_avx2 = ATH_WINOGRAD_KERNELS_TABLE;
