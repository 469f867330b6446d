/* Pixel kernels for any processor. */
#include "cpu/simd/pixels.h"

enum { LANES = 4 };
typedef int32_t sums_v __attribute__((vector_size(4 * LANES)));

static inline sums_v widen(const unsigned char *from) {
    return (sums_v){from[0], from[1], from[2], from[3]};
}

static inline void narrow(sums_v sum, unsigned char *to) {
    for (int i = 0; i < LANES; i++) {
        int32_t value = sum[i] >> ATH_RESAMPLE_BITS;
        to[i] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

#include "cpu/simd/pixels_body.inc.h"
#include "cpu/simd/split_rgb.h"

const struct ath__pixel_kernels ath__pixel_kernels_generic = {column_sums, row_sums, split_rgb};
