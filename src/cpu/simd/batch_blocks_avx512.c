/* The batch-block kernels (see batch_blocks.h) for AVX-512: 32 registers, a block of images in one. */
#include "cpu/simd/vec_avx512.h"

#define PRODUCT_FILTERS 6
#define PRODUCT_POSITIONS(f) 4
#define GRADIENT_SUMS 16
#include "cpu/simd/batch_blocks_body.inc.h"

const struct ath__batch_kernels ath__batch_kernels_avx512 = ATH_BATCH_KERNELS_TABLE;
