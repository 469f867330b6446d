/* The kernels of separable blocks (see separable.h) for AVX-512: 32 registers, up to 28 of them sums. */
#include "cpu/simd/vec_avx512.h"

#define PANEL 2
#define ROWS_OF_TWO 14
#define ROWS_OF_ONE 12
#define COLUMNS 7
#include "cpu/simd/separable_body.inc.h"

const struct ath__separable_kernels ath__separable_kernels_avx512 = ATH_SEPARABLE_KERNELS_TABLE;
