/* Pooling kernels for any processor. */
#include "cpu/simd/vec_generic.h"

#include "cpu/simd/pool2d_body.inc.h"

const struct ath__pool_kernels ath__pool_kernels_generic = {forward, backward};
