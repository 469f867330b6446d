/* Kernels of Winograd's convolution F(m x m, 3x3): m x m results from (m+2)^2 inputs with as many products.
 *
 *     y  = A^T [ sum_c (G g G^T) . (B^T d B) ] A        d: (m+2)^2 of the source, g: 3x3 filter, y: m x m of the result
 *     dg = G^T [ sum_tiles (A dy A^T) . (B^T d B) ] G   its transpose in g: the weight gradient
 *
 * (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
 * Neural Networks, CVPR 2016.) "." is element by element: for each of the (m+2)^2 elements ("frequencies") the sum over
 * channels is a matrix product of its own. m is 4 in float32, which saves 3 products of 4, and 2 in bfloat16, which
 * saves 5 of 9 and hardly amplifies the rounding of what is multiplied; the matrices are in winograd_f4.inc.h and
 * winograd_f2.inc.h. 5x5 filters are taken in float32 alone, with 36 products of 100 (winograd_f2x5.inc.h). Stride 2
 * takes 25 products of 36, with which some of direct kernels' slowness there goes too (winograd_s2.inc.h). In bfloat16
 * activations, transformed tiles and transformed filters are bfloat16; transforms, products and sums are float32.
 *
 * Vectors run over `lanes` channels, which stand together in memory: activations are in channel blocks of that size.
 * Written once (winograd_body.inc.h), compiled per instruction set. All strides are in elements.
 *
 * bfloat16 is multiplied in pairs: two neighbours in the reduction stand together, where float32 has one. Below, `pair`
 * is 2 or 1 accordingly.
 */
#ifndef ATH_CPU_SIMD_WINOGRAD_H
#define ATH_CPU_SIMD_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ATH_WINOGRAD_CELLS = 25,    /* most elements of a filter */
    ATH_WINOGRAD_LANES = 16,    /* most channels per block */
    ATH_WINOGRAD_SEGMENT = 128, /* most tiles in a segment */
};

/* Where a tile lies: which of its rows and columns are inside the image, and the first element that is. Tiles of
 * results have top = left = 0. */
struct ath__winograd_tile {
    int64_t at;
    int     top, bottom, left, right; /* rows top .. bottom-1, columns left .. right-1 */
};

/* Tiles of an activation to transformed tiles: element f of tile i, channel block c goes to
 * to[f * to_frequency + c * to_channel + i * lanes]. For the weight gradient `pair` tiles are interleaved: lane l of tile
 * i is at i / pair * pair * lanes + l * pair + i % pair, and a missing last one counts as 0. Elements that do not exist
 * count as 0. */
struct ath__winograd_gather {
    const void                      *from;
    const struct ath__winograd_tile *tiles;
    void                            *to;
    int64_t                          count, channel_blocks;
    int64_t                          from_channel, from_row;
    int64_t                          to_frequency, to_channel;
};

/* Transformed tiles (laid out as above, in float32) to tiles of results: y = act(tile + bias + residual). */
struct ath__winograd_scatter {
    const float                     *from;
    const struct ath__winograd_tile *tiles;
    void                            *to;
    const float                     *bias;     /* per channel, or NULL */
    const void                      *residual; /* laid out as `to`, or NULL; may be the same memory */
    int64_t                          count, channel_blocks;
    int64_t                          from_frequency, from_channel;
    int64_t                          to_channel, to_row;
    bool                             relu;
    /* Any other activation, over each row of a tile, or NULL: act(y, NULL, y, n, 0, 0). */
    void (*act)(const float *a, const float *b, float *y, int64_t n, float p, float q);
};

/* For one frequency: to[k, i] = sum over channels of from[c, i] * weights[k, c], i a tile, k a channel of the result.
 *
 *     from     (channel block, tile, lane), blocks from_channel apart
 *     weights  panels of `panel` blocks of k: (panel, channel / pair, block in panel, lane, channel % pair); the last
 *              panel may be narrower
 *     to       (block of k, tile, lane), blocks to_channel apart */
struct ath__winograd_product {
    const void *from, *weights;
    float      *to;
    int64_t     tiles, channels, to_blocks;
    int64_t     from_channel, to_channel;
};

/* For one frequency: sums[k, c] (+)= sum over tiles of x[c, i] * dy[k, i], by segments of `segment` tiles. Calls that
 * continue a sum give the same bits as one call, if all but the last have whole segments.
 *
 *     x, dy    (channel block, tile / pair, lane, tile % pair), blocks x_channel or dy_channel apart
 *     sums     (block of k, channel, lane), blocks sums_block apart */
struct ath__winograd_gradient {
    const void *x, *dy;
    float      *sums;
    int64_t     tiles, x_blocks, dy_blocks;
    int64_t     x_channel, dy_channel, sums_block;
    bool        add; /* to what the sums hold; else they are set */
};

struct ath__winograd_kernels {
    int lanes;       /* channels per block */
    int panel;       /* blocks per panel of transformed weights */
    int out, in;     /* rows and columns of a tile of results, and of the source behind it */
    int step;        /* rows or columns of the source from one tile to the next */
    int taps;        /* rows and columns of a filter */
    int frequencies; /* elements of a transformed tile or filter */
    int pair;        /* neighbours in a reduction that stand together */
    int size;        /* bytes of an element of activations, transformed tiles and transformed filters */
    int segment;     /* tiles that a gradient adds up in one go */
    /* Measured sizes, all with wide optima: */
    int block_tiles;   /* tiles that a thread takes through a convolution at a time */
    int chunk_tiles;   /* ... all threads together, where there are */
    int many_channels; /* ... so many */

    void (*gather_source)(const struct ath__winograd_gather *gather); /* B^T d B for a convolution */
    void (*gather_x)(const struct ath__winograd_gather *gather);      /* ... and for a weight gradient */
    void (*gather_dy)(const struct ath__winograd_gather *gather);     /* A dy A^T */
    void (*scatter)(const struct ath__winograd_scatter *scatter);     /* A^T m A */
    /* U = G g G^T for `count` vectors of filters, a multiple of `pair`: g at from + i * taps^2 * lanes (cell, lane), turned
     * by 180 degrees if `turned`; element f goes to to[f * to_frequency + i * to_step], `pair` vectors interleaved. */
    void (*filters)(const float *from, int64_t count, bool turned, void *to, int64_t to_frequency, int64_t to_step);
    /* dg = G^T s G: element f of vector i at from[f * from_frequency + i * lanes]; to + i * taps^2 * lanes (cell, lane). */
    void (*filters_back)(const float *from, int64_t from_frequency, int64_t count, float *to);
    void (*product)(const struct ath__winograd_product *product);
    void (*gradient)(const struct ath__winograd_gradient *gradient);
};

#if defined(__x86_64__)
extern const struct ath__winograd_kernels ath__winograd_kernels_avx2;
extern const struct ath__winograd_kernels ath__winograd_kernels_avx512;
extern const struct ath__winograd_kernels ath__winograd_kernels_avx512bf16;
extern const struct ath__winograd_kernels ath__winograd_f2x5_kernels_avx512;
/* Stride 2: convolution and weight gradient; data gradient with padding 1. */
extern const struct ath__winograd_kernels ath__winograd_s2_kernels_avx2;
extern const struct ath__winograd_kernels ath__winograd_s2_kernels_avx512;
extern const struct ath__winograd_kernels ath__winograd_s2_kernels_avx512bf16;
extern const struct ath__winograd_kernels ath__winograd_s2_turned_kernels_avx2;
extern const struct ath__winograd_kernels ath__winograd_s2_turned_kernels_avx512;
extern const struct ath__winograd_kernels ath__winograd_s2_turned_kernels_avx512bf16;
#endif

#endif
