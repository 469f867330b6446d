/* Kernels of Winograd's convolution F(4x4, 3x3): 4x4 results from 6x6 inputs with 36 products instead of 144.
 *
 *     y  = A^T [ sum_c (G g G^T) . (B^T d B) ] A        d: 6x6 of the source, g: 3x3 filter, y: 4x4 of the result
 *     dg = G^T [ sum_tiles (A dy A^T) . (B^T d B) ] G   its transpose in g: the weight gradient
 *
 * (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
 * Neural Networks, CVPR 2016.) "." is element by element: for each of the 36 elements ("frequencies") the sum over
 * channels is a matrix product of its own. The matrices interpolate polynomials at 0, +-a, +-b and infinity:
 *
 *           |  1   0    0    0  |        | 1/(aabb)                |         | aabb   0   -(aa+bb)   0      1  0 |
 *           |  1   a   aa  aaa  |        | 1/n    a/n   aa/n       |         |  0   -abb   -bb       a      1  0 |
 *      A =  |  1  -a   aa -aaa  |    G = | 1/n   -a/n   aa/n       |   B^T = |  0    abb   -bb      -a      1  0 |
 *           |  1   b   bb  bbb  |        | 1/m    b/m   bb/m       |         |  0   -baa   -aa       b      1  0 |
 *           |  1  -b   bb -bbb  |        | 1/m   -b/m   bb/m       |         |  0    baa   -aa      -b      1  0 |
 *           |  0   0    0    1  |        |   0      0     1        |         |  0   aabb     0   -(aa+bb)   0  1 |
 *
 * with n = 2aa(aa-bb), m = 2bb(bb-aa). a = 11/16 and b = 23/16 amplify rounding least among multiples of 1/16 (by 7.3
 * where a = 1, b = 2 amplify by 31; tests/op/test_impl_cases.c defines the measure), and all of A and B is exact in
 * float32.
 *
 * Vectors run over `lanes` channels, which stand together in memory: activations are in channel blocks of that size.
 * Written once (winograd_body.inc.h), compiled per instruction set. All strides are in floats.
 */
#ifndef ATH_CPU_SIMD_WINOGRAD_H
#define ATH_CPU_SIMD_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ATH_WINOGRAD_OUT = 4,          /* rows and columns of a tile of results    */
    ATH_WINOGRAD_IN = 6,           /* ... of the source behind it              */
    ATH_WINOGRAD_FREQUENCIES = 36, /* elements of a transformed tile or filter */
    ATH_WINOGRAD_CELLS = 9,        /* elements of a filter                     */
    ATH_WINOGRAD_SEGMENT = 64,     /* tiles that a gradient adds up in one go  */
};

/* Where a tile lies: which of its rows and columns are inside the image, and the first element that is. Tiles of
 * results have top = left = 0. */
struct ath__winograd_tile {
    int64_t at;
    int     top, bottom, left, right; /* rows top .. bottom-1, columns left .. right-1 */
};

/* Tiles of an activation to transformed tiles: element f of tile i, channel block c goes to
 * to[f * to_frequency + c * to_channel + i * lanes]. Elements that do not exist count as 0. */
struct ath__winograd_gather {
    const float                     *from;
    const struct ath__winograd_tile *tiles;
    float                           *to;
    int64_t                          count, channel_blocks;
    int64_t                          from_channel, from_row;
    int64_t                          to_frequency, to_channel;
};

/* Transformed tiles (laid out as above) to tiles of results: y = act(tile + bias + residual). */
struct ath__winograd_scatter {
    const float                     *from;
    const struct ath__winograd_tile *tiles;
    float                           *to;
    const float                     *bias;     /* per channel, or NULL */
    const float                     *residual; /* laid out as `to`, or NULL; may be the same memory */
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
 *     weights  panels of `panel` blocks of k: (panel, channel, block in panel, lane); the last panel may be narrower
 *     to       (block of k, tile, lane), blocks to_channel apart */
struct ath__winograd_product {
    const float *from, *weights;
    float       *to;
    int64_t      tiles, channels, to_blocks;
    int64_t      from_channel, to_channel;
};

/* For one frequency: sums[k, c] (+)= sum over tiles of x[c, i] * dy[k, i], by segments of ATH_WINOGRAD_SEGMENT tiles.
 * Calls that continue a sum give the same bits as one call, if all but the last have whole segments.
 *
 *     x, dy    (channel block, tile, lane), blocks x_channel or dy_channel apart
 *     sums     (block of k, channel, lane), blocks sums_block apart */
struct ath__winograd_gradient {
    const float *x, *dy;
    float       *sums;
    int64_t      tiles, x_blocks, dy_blocks;
    int64_t      x_channel, dy_channel, sums_block;
    bool         add; /* to what the sums hold; else they are set */
};

struct ath__winograd_kernels {
    int lanes;                                                          /* channels per block */
    int panel;                                                          /* blocks per panel of transformed weights */
    void (*gather_source)(const struct ath__winograd_gather *gather);   /* B^T d B of 6x6 tiles */
    void (*gather_gradient)(const struct ath__winograd_gather *gather); /* A dy A^T of 4x4 tiles */
    void (*scatter)(const struct ath__winograd_scatter *scatter);       /* A^T m A to 4x4 tiles  */
    /* U = G g G^T for `count` vectors of filters: g at from + i * 9 * lanes (cell, lane), turned by 180 degrees if
     * `turned`; element f goes to to[f * to_frequency + i * to_step]. */
    void (*filters)(const float *from, int64_t count, bool turned, float *to, int64_t to_frequency, int64_t to_step);
    /* dg = G^T s G: element f of vector i at from[f * from_frequency + i * lanes]; to + i * 9 * lanes (cell, lane). */
    void (*filters_back)(const float *from, int64_t from_frequency, int64_t count, float *to);
    void (*product)(const struct ath__winograd_product *product);
    void (*gradient)(const struct ath__winograd_gradient *gradient);
};

#if defined(__x86_64__)
extern const struct ath__winograd_kernels ath__winograd_kernels_avx2;
extern const struct ath__winograd_kernels ath__winograd_kernels_avx512;
#endif

#endif
