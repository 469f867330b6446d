/* The Winograd kernels (see winograd.h) for AVX-512 with BF16: stride 2's data gradient. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/winograd_bf16.inc.h"
#include "cpu/simd/winograd_s2_turned.inc.h"

#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_s2_turned_kernels_avx512bf16 = ATH_WINOGRAD_KERNELS_TABLE;
