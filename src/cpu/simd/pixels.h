/* Kernels over 8-bit pixels: the two passes of resizing, and taking interleaved colours apart.
 *
 * The same source is compiled per instruction set (pixels_body.inc.h); whole-number arithmetic gives the same bytes on
 * all of them.
 */
#ifndef ATH_CPU_SIMD_PIXELS_H
#define ATH_CPU_SIMD_PIXELS_H

#include <stddef.h>
#include <stdint.h>

/* Fractional bits of the weights: 8 bits hold the pixel, 2 are spare in 32. */
enum { ATH_RESAMPLE_BITS = 32 - 8 - 2 };

/* One axis: output i is the sum over j < count[i] of weights[i * taps + j] times input first[i] + j. */
struct ath__resample_axis {
    int            out, taps;
    const int32_t *first, *count, *weights;
};

struct ath__pixel_kernels {
    /* One row of the result of the vertical pass: dst[x] = cut((sum_j weights[j] src[j stride + x] + half) >> BITS). */
    void (*column_sums)(const unsigned char *src, ptrdiff_t stride, const int32_t *weights, int count, int width,
                        unsigned char *dst);
    /* The horizontal pass over `rows` rows of `width` pixels. `scratch` has ath__resample_scratch(width, out) bytes. */
    void (*row_sums)(const struct ath__resample_axis *axis, const unsigned char *src, ptrdiff_t src_stride, int rows,
                     int width, unsigned char *dst, ptrdiff_t dst_stride, unsigned char *scratch);
    /* RGB RGB ... to three rows. */
    void (*split_rgb)(const unsigned char *rgb, size_t count, unsigned char *red, unsigned char *green,
                      unsigned char *blue);
};

/* The table for this processor. */
const struct ath__pixel_kernels *ath__pixel_kernels(void);

enum { ATH_RESAMPLE_ROWS = 16 }; /* rows that the horizontal pass takes at a time */
static inline size_t ath__resample_scratch(int width, int out) {
    return ((size_t)width + (size_t)out + 2 * ATH_RESAMPLE_ROWS) * ATH_RESAMPLE_ROWS;
}

extern const struct ath__pixel_kernels ath__pixel_kernels_generic;
#if defined(__x86_64__)
extern const struct ath__pixel_kernels ath__pixel_kernels_avx2;
extern const struct ath__pixel_kernels ath__pixel_kernels_avx512;
#endif

#endif
