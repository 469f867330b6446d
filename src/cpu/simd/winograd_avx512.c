/* The Winograd kernels (see winograd.h) for AVX-512: F(4x4, 3x3), 32 registers, up to 28 of them sums. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/winograd_f32.inc.h"
#include "cpu/simd/winograd_f4.inc.h"

#define PRODUCT_ROWS 14
#define GRADIENT_ROWS 8
enum { REDUCTION = 64, SEGMENT = 64, BLOCK_TILES = 28, CHUNK_TILES = 256, MANY_CHANNELS = 256 };
#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_kernels_avx512 = ATH_WINOGRAD_KERNELS_TABLE;
