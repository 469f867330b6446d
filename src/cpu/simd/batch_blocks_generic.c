/* The batch-block kernels (see batch_blocks.h) for the compiler's own four-lane vectors. */
#include "cpu/simd/vec_generic.h"

#define PRODUCT_FILTERS 2
#define PRODUCT_POSITIONS(f) 1
#define GRADIENT_SUMS 12
#include "cpu/simd/batch_blocks_body.inc.h"

const struct ath__batch_kernels ath__batch_kernels_generic = ATH_BATCH_KERNELS_TABLE;
