/* Kernels of a separable block (src/cpu/separable_cpu.c): products over channels and depth-wise windows, on activations
 * in channel blocks of one vector.
 *
 * Written once (separable_body.inc.h), compiled per instruction set. All strides are in elements; a "pixel" is one
 * vector of `lanes` channels.
 */
#ifndef ATH_CPU_SIMD_SEPARABLE_H
#define ATH_CPU_SIMD_SEPARABLE_H

#include <stdbool.h>
#include <stdint.h>

/* to[k, i] = act(to[k, i] or bias[k] + sum over channels of from[c, i] * weights[k, c] + residual[k, i])
 *
 *     from     (channel block, pixel, lane), blocks from_block apart
 *     weights  panels of `panel` blocks of k: (channel, block in panel, lane), panels weights_panel apart; filters that do
 *              not exist are 0
 *     to       (block of k, place, lane), blocks to_block apart; pixel i goes to element places[i] */
struct ath__separable_product {
    const float   *from, *weights;
    const float   *bias;     /* per channel of the result, whole vectors; NULL: adds to what `to` holds */
    const float   *residual; /* laid out as `to`, or NULL */
    float         *to;
    const int32_t *places;
    int64_t        pixels, channels, to_blocks;
    int64_t        from_block, weights_panel, to_block;
    int64_t        act; /* ath_act */
};

/* A window over each channel of one block: to[p, q] = act(bias + sum over taps of from[p * stride + r, q * stride + s] *
 * weights[r, s]), without padding; rows of `from` are from_row apart, those of `to` follow each other. */
struct ath__separable_window {
    const float *from, *weights, *bias;
    float       *to;
    int64_t      rows, columns, from_row;
    int64_t      taps[2], stride[2];
    int64_t      act; /* ath_act */
};

struct ath__separable_kernels {
    int lanes, panel;
    void (*product)(const struct ath__separable_product *product);
    void (*window)(const struct ath__separable_window *window);
};

#if defined(__x86_64__)
extern const struct ath__separable_kernels ath__separable_kernels_avx2;
extern const struct ath__separable_kernels ath__separable_kernels_avx512;
#endif

#endif
