/* The table of vector kernels: written once (kernels_body.inc.h), compiled per instruction set, picked once.
 *
 * Kernels are pure loops: no threads, no allocation, no shapes. Drivers (src/cpu) cut the work into pieces that stay in
 * the first-level cache and call through the table. Ranges may be exactly the same memory or must not overlap at all.
 */
#ifndef ATH_CPU_SIMD_KERNELS_H
#define ATH_CPU_SIMD_KERNELS_H

#include "athanor/ops.h"

#include <stdbool.h>
#include <stdint.h>

/* y[i] = f(a[i], b[i]) for i < n. b is not read by functions of one value; p and q are SCALE's a and b. */
typedef void (*ath__step_fn)(const float *a, const float *b, float *y, int64_t n, float p, float q);

#define ATH_KERNELS_COUNT2_(name, text) +1
#define ATH_KERNELS_COUNT3_(name, text, from_output) +1
enum {
    ATH_KERNELS_ACTS = 0 ATH_ACT_MAP(ATH_KERNELS_COUNT3_),
    ATH_KERNELS_UNARIES = 0 ATH_UNARY_MAP(ATH_KERNELS_COUNT2_),
    ATH_KERNELS_BINARIES = 0 ATH_BINARY_MAP(ATH_KERNELS_COUNT2_),
};

/* A panel: `pieces` times `rows` rows of up to 16 neighbouring elements ("lanes"); row r of piece p begins at element
 * p * piece_stride + r * stride of each pointer. All batch-norm kernels work on panels, whatever the layout (see
 * cpu/norm_view.h). */
enum { ATH_PANEL_LANES = 16 };
struct ath__norm_panel {
    int64_t     pieces, piece_stride, rows, stride;
    int         lanes;
    bool        low;            /* x, residual, y, dy, dy2, dx, dresidual are bfloat16, else float32 */
    int         act;            /* ath_act whose derivative comes from y */
    const void *x, *residual;   /* residual may be NULL */
    const void *dy, *dy2;       /* dy2 may be NULL */
    const void *y_in;           /* backward: NULL when act is NONE */
    void       *y;              /* forward */
    void       *dx, *dresidual; /* dresidual may be NULL */
    float       mean[ATH_PANEL_LANES];
    float       a[ATH_PANEL_LANES], b[ATH_PANEL_LANES], c[ATH_PANEL_LANES];
};

struct ath__kernels {
    const char  *name;
    ath__step_fn unary[ATH_KERNELS_UNARIES];
    ath__step_fn binary[ATH_KERNELS_BINARIES];
    ath__step_fn act[ATH_KERNELS_ACTS];
    ath__step_fn act_grad[ATH_KERNELS_ACTS]; /* a = dy, b = y or x */

    void (*from_bf16)(const uint16_t *x, float *y, int64_t n);
    void (*to_bf16)(const float *x, uint16_t *y, int64_t n);

    /* Sums run in float32 over at most 64 terms per lane, then in double. */
    double (*sum)(const float *x, int64_t n);
    double (*dot)(const float *a, const float *b, int64_t n);
    double (*sum_exp)(const float *x, float *y, int64_t n, float shift); /* y[i] = exp(x[i] - shift), y may be NULL */
    float (*largest)(const float *x, int64_t n);                         /* not-a-number if one is; n >= 1 */
    /* acc[i] += x[r * stride + i] for r < rows, i < n; rows <= 64 */
    void (*add_rows)(const float *x, int64_t rows, int64_t stride, double *acc, int64_t n);

    /* y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < columns. */
    void (*transpose)(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t rows, int64_t columns);

    /* Per lane: mean over the rows, as the sum of mean and rest (one float32 would lose the digits of a mean far from
     * 0), and the sum of squared distances from it. Reads x. */
    void (*norm_stats)(const struct ath__norm_panel *panel, float *mean, float *rest, float *squares);
    /* y = act((x - mean) * a + b + residual) */
    void (*norm_apply)(const struct ath__norm_panel *panel);
    /* g = (dy + dy2) * act'(y):  per lane sum g and sum g * (x - mean) */
    void (*norm_grad_sums)(const struct ath__norm_panel *panel, float *sum, float *sum_x);
    /* dx = a * g + b * (x - mean) + c,  dresidual = g */
    void (*norm_grad_apply)(const struct ath__norm_panel *panel);

    /* The words of `blocks` Philox blocks, the first with `counter`, the next with counter[0] + 1 ... */
    void (*philox)(const uint32_t key[2], const uint32_t counter[4], uint32_t *words, int64_t blocks);
    /* y[i] = draws[i] >= threshold ? x[i] * scale : 0 */
    void (*drop)(const float *x, const uint32_t *draws, uint32_t threshold, float scale, float *y, int64_t n);
};

extern const struct ath__kernels ath__kernels_generic;
extern const struct ath__kernels ath__kernels_avx2;
extern const struct ath__kernels ath__kernels_avx512;

/* The table for this processor. */
const struct ath__kernels *ath__kernels(void);

#endif
