/* Kernels for activations in batch blocks (N/16, C, H, W, 16 images): vectors run over images, weights are broadcast.
 *
 * Two loops carry convolutions, their gradients and matrix products of small nets; the drivers (cpu/batch_blocks_*.c)
 * describe each piece of work by strides, so that borders, strides and transposition never reach the kernels:
 *
 *     product    y[f, i, lane] = bias[f] + sum_t x[i, t, lane] * w[f, t]
 *     gradient   sums[f, t, lane] += sum_{i, 16 images folded onto lanes} dy[f, i, image] * x[i, t, image]
 *
 *     pooling    y[i] = scale * sum, or maximum, of a window's cells; and its gradient
 *
 * with f a filter, i a position (pixel, image block), t a tap (kernel cell, channel). Any number of channels runs
 * without padding. Written once (batch_blocks_body.inc.h), compiled per instruction set. All strides are in floats.
 */
#ifndef ATH_CPU_SIMD_BATCH_BLOCKS_H
#define ATH_CPU_SIMD_BATCH_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

enum { ATH_BATCH_BLOCK = 16 };

/* Taps are a box of three nested loops, outermost first; each position reads and writes 16 floats. */
struct ath__batch_product {
    const float *x, *w;
    const float *bias; /* per filter, or NULL for 0 */
    float       *y;
    int64_t      filters, positions;
    int64_t      taps[3], x_tap[3], w_tap[3];
    int64_t      x_position, w_filter, y_filter, y_position;
};

/* Positions are a box of rows and columns. `sums` is (filters, sums_filter / lanes, lanes): filter f, tap t has its
 * lanes at sums + f * sums_filter + t * lanes. `bias_sums` (filters, lanes) receives sum_i dy; NULL leaves that out. */
struct ath__batch_gradient {
    const float   *dy, *x;
    const int64_t *tap; /* where each tap begins in x */
    float         *sums, *bias_sums;
    int64_t        filters, taps, rows, columns;
    int64_t        dy_filter, dy_row, dy_column, x_row, x_column, sums_filter;
};

/* Windows side by side in one row of a plane, each of `rows` x `columns` cells inside the input. */
struct ath__batch_pool {
    const float   *from;      /* x, at the first cell of the first window; backward: dy of the first window */
    float         *to;        /* y; backward: dx, at the first cell of the first window */
    int32_t       *places;    /* maximum, forward: the workspace, or NULL for an average or where it is not wanted */
    const int32_t *places_in; /* maximum, backward: NULL for an average */
    int64_t        windows, rows, columns;
    int64_t        row, window;      /* in x or dx: floats between rows, between windows */
    int32_t        place, place_row; /* the first cell's number in the unclipped window, and how many are in its row */
    float          scale;            /* of an average */
    bool           add;              /* backward: windows overlap, add to what is there */
};

struct ath__batch_kernels {
    int lanes; /* floats per vector */
    void (*product)(const struct ath__batch_product *product);
    void (*gradient)(const struct ath__batch_gradient *gradient);
    void (*pool_max)(const struct ath__batch_pool *pool);
    void (*pool_avg)(const struct ath__batch_pool *pool);
    void (*pool_grad)(const struct ath__batch_pool *pool);
    /* to[i] = the sum over the lanes of from[i * lanes ..], in a fixed order. */
    void (*fold)(const float *from, float *to, int64_t n);
};

extern const struct ath__batch_kernels ath__batch_kernels_generic;
#if defined(__x86_64__)
extern const struct ath__batch_kernels ath__batch_kernels_avx2;
extern const struct ath__batch_kernels ath__batch_kernels_avx512;
#endif

#endif
