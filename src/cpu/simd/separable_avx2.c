/* The kernels of separable blocks (see separable.h) for AVX2 with FMA: 16 registers, 12 of them sums. */
#include "cpu/simd/vec_avx2.h"

#define PANEL 3
#define ROWS_OF_TWO 6
#define ROWS_OF_ONE 12
#define COLUMNS 4
#include "cpu/simd/separable_body.inc.h"

const struct ath__separable_kernels ath__separable_kernels_avx2 = ATH_SEPARABLE_KERNELS_TABLE;
