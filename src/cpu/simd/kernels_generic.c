/* The vector kernels for the plain baseline (see kernels.h). */
#include "cpu/simd/vec_generic.h"

#include "cpu/simd/transpose_generic.h"

#include "cpu/simd/kernels_body.inc.h"

const struct ath__kernels ath__kernels_generic = ATH_KERNELS_TABLE("generic");
