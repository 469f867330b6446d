/* The Winograd kernels (see winograd.h) for AVX2 with FMA: stride 2's data gradient, 16 registers, 12 of them sums. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/winograd_f32.inc.h"
#include "cpu/simd/winograd_s2_turned.inc.h"

#define PRODUCT_ROWS 6
#define GRADIENT_ROWS 4
enum { REDUCTION = 64, SEGMENT = 64, BLOCK_TILES = 24, CHUNK_TILES = 252, MANY_CHANNELS = 256 };
#include "cpu/simd/winograd_body.inc.h"

const struct ath__winograd_kernels ath__winograd_s2_turned_kernels_avx2 = ATH_WINOGRAD_KERNELS_TABLE;
