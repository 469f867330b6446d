/* The batch-block kernels (see batch_blocks.h) for AVX2 with FMA: 16 registers. */
#include "cpu/simd/vec_avx2.h"

#define PRODUCT_FILTERS 6
#define PRODUCT_POSITIONS(f) ((f) >= 3 ? 1 : (f) == 2 ? 2 : 4)
#define GRADIENT_SUMS 12
#include "cpu/simd/batch_blocks_body.inc.h"

const struct ath__batch_kernels ath__batch_kernels_avx2 = ATH_BATCH_KERNELS_TABLE;
