/* Pooling kernels: rows of one plane of windows over vectors of channels (or images).
 *
 * A plane is (H, W, inner) in memory: `inner` values stand together and are pooled alike: a block of channels or
 * images, all channels (channels last), or one (plain). The same source is compiled per instruction set
 * (pool2d_body.inc.h).
 */
#ifndef ATH_CPU_SIMD_POOL2D_KERNEL_H
#define ATH_CPU_SIMD_POOL2D_KERNEL_H

#include "athanor/ops.h"
#include "athanor/tensor.h"

struct ath__pool_plane {
    const ath_pool2d_attrs *attrs;
    ath_dtype               dtype;  /* ATH_F32 or ATH_BF16, of x, y, dx and dy */
    int64_t                 in[2];  /* height and width of x */
    int64_t                 out[2]; /* of y */
    int64_t                 inner;  /* values that stand together */
    int64_t                 valid;  /* how many of them are not padding */
};

struct ath__pool_kernels {
    /* Rows first .. last-1 of y, and of the workspace if it is a maximum (may be NULL). */
    void (*forward)(const struct ath__pool_plane *plane, int64_t first, int64_t last, const void *x, void *y,
                    int32_t *workspace);
    /* Rows first .. last-1 of dx: each cell gathers from the windows that cover it, in their order. */
    void (*backward)(const struct ath__pool_plane *plane, int64_t first, int64_t last, const void *dy,
                     const int32_t *workspace, void *dx);
};

extern const struct ath__pool_kernels ath__pool_kernels_generic;
#if defined(__x86_64__)
extern const struct ath__pool_kernels ath__pool_kernels_avx2;
extern const struct ath__pool_kernels ath__pool_kernels_avx512;
#endif

#endif
