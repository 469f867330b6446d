/* The pooling kernels over one vector vocabulary (include vec_*.h first).
 *
 *     max   y = max over the window's cells inside the input; place = r * kernel_w + s of the first maximum
 *     avg   y = sum of the cells inside the input / divisor
 *
 * and backward, for a cell (h,w) of x: the sum over windows (p,q) that cover it of dy[p,q] where the window's place is
 * this cell, or of dy[p,q] / divisor. Gathering needs no zeroed destination, adds in a fixed order, and keeps bfloat16
 * sums in float32 registers.
 */
#include "cpu/simd/pool2d_kernel.h"

#include <stdbool.h>

#if defined(ATHANOR_INSTRUMENTED) /* with sanitizers, unrolled code takes long to compile */
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 9")
#endif

typedef int32_t vi __attribute__((vector_size(VL * 4)));

static inline vf pick(vi mask, vf a, vf b) {
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

/* Lanes [0, n) from memory; the others are 0. */
static inline vf load_lanes(ath_dtype dtype, const void *data, int64_t at, int64_t n) {
    if (dtype == ATH_F32) {
        const float *from = (const float *)data + at;
        return n >= VL ? v_load(from) : v_load_n(from, (int)n);
    }
    const uint16_t *from = (const uint16_t *)data + at;
    if (n >= VL) return v_loadh(from);
    uint16_t part[VL] = {0};
    for (int64_t i = 0; i < n; i++) part[i] = from[i];
    return v_loadh(part);
}

static inline void store_lanes(ath_dtype dtype, void *data, int64_t at, int64_t n, vf value) {
    if (dtype == ATH_F32) {
        float *to = (float *)data + at;
        if (n >= VL)
            v_store(to, value);
        else
            v_store_n(to, value, (int)n);
        return;
    }
    uint16_t *to = (uint16_t *)data + at;
    if (n >= VL) {
        v_storeh(to, value);
        return;
    }
    uint16_t part[VL];
    v_storeh(part, value);
    for (int64_t i = 0; i < n; i++) to[i] = part[i];
}

static inline vi load_places(const int32_t *from, int64_t n) {
    vi places = {0};
    if (n >= VL)
        memcpy(&places, from, sizeof places);
    else
        for (int64_t i = 0; i < n && i < VL; i++) places[i] = from[i];
    return places;
}

/* Places of padding lanes (from `valid` on) are 0, as all padding is. */
static inline void store_places(int32_t *to, int64_t n, int64_t valid, vi places) {
    int64_t lanes = n < VL ? n : VL;
    if (lanes == VL && valid >= VL) {
        memcpy(to, &places, sizeof places);
        return;
    }
    for (int64_t i = 0; i < lanes; i++) to[i] = i < valid ? places[i] : 0;
}

/* The cells of one window inside the input, along one dimension: [begin, end), and the window's own start. */
struct reach {
    int64_t start, begin, end, padded_end;
};

static inline struct reach reach_of(const struct ath__pool_plane *plane, int dim, int64_t window) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    struct reach            reach;
    int64_t                 limit = plane->in[dim] + attrs->pad[2 + dim];
    reach.start = window * attrs->stride[dim] - attrs->pad[dim];
    reach.padded_end = reach.start + attrs->kernel[dim] < limit ? reach.start + attrs->kernel[dim] : limit;
    reach.begin = reach.start > 0 ? reach.start : 0;
    reach.end = reach.padded_end < plane->in[dim] ? reach.padded_end : plane->in[dim];
    return reach;
}

static inline float divisor_of(const struct ath__pool_plane *plane, struct reach h, struct reach w) {
    if (plane->attrs->count_include_pad) return (float)((h.padded_end - h.start) * (w.padded_end - w.start));
    return (float)((h.end - h.begin) * (w.end - w.begin));
}

static inline void max_window(const struct ath__pool_plane *plane, struct reach h, struct reach w, int64_t lane,
                              int64_t n, ath_dtype dtype, const void *x, void *y, int32_t *workspace, int64_t to) {
    int64_t kernel_w = plane->attrs->kernel[1];
    int32_t place = (int32_t)((h.begin - h.start) * kernel_w + w.begin - w.start);
    vf      best = load_lanes(dtype, x, (h.begin * plane->in[1] + w.begin) * plane->inner + lane, n);
    vi      places = (vi){0} + place;
    for (int64_t i = h.begin; i < h.end; i++)
        for (int64_t j = w.begin; j < w.end; j++) {
            vf value = load_lanes(dtype, x, (i * plane->in[1] + j) * plane->inner + lane, n);
            place = (int32_t)((i - h.start) * kernel_w + j - w.start);
            /* Larger, or the first not-a-number. */
            vi take = (vi)(best < value) | ((vi)(value != value) & (vi)(best == best));
            best = pick(take, value, best);
            places = (places & ~take) | (((vi){0} + place) & take);
        }
    store_lanes(dtype, y, to + lane, n, best);
    if (workspace != NULL) store_places(workspace + to + lane, n, plane->valid - lane, places);
}

static inline void avg_window(const struct ath__pool_plane *plane, struct reach h, struct reach w, int64_t lane,
                              int64_t n, ath_dtype dtype, const void *x, void *y, int64_t to) {
    vf sum = v_set(0.0f);
    for (int64_t i = h.begin; i < h.end; i++)
        for (int64_t j = w.begin; j < w.end; j++)
            sum = v_add(sum, load_lanes(dtype, x, (i * plane->in[1] + j) * plane->inner + lane, n));
    store_lanes(dtype, y, to + lane, n, v_div(sum, v_set(divisor_of(plane, h, w))));
}

enum { ROWS_AHEAD = 2 }; /* rows of windows that memory is asked for before their turn */

/* Windows [first, last) of row p, which lie inside the input, with a kernel that is a constant of each copy. */
static inline __attribute__((always_inline)) void max_inside(const struct ath__pool_plane *plane, int64_t p,
                                                             int64_t first, int64_t last, ath_dtype dtype,
                                                             const void *x, void *y, int32_t *workspace,
                                                             const int kernel) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    int64_t                 inner = plane->inner, row = plane->in[1] * inner;
    int64_t                 size = dtype == ATH_F32 ? sizeof(float) : sizeof(uint16_t);
    for (int64_t q = first; q < last; q++) {
        int64_t from = (p * attrs->stride[0] - attrs->pad[0]) * row + (q * attrs->stride[1] - attrs->pad[1]) * inner;
        int64_t to = (p * plane->out[1] + q) * inner;
        for (int64_t lane = 0; lane < inner; lane += VL) {
            const char *ahead = (const char *)x + (from + ROWS_AHEAD * attrs->stride[0] * row + lane) * size;
            vf          cell[9], best, places = v_set(0.0f);
            UNROLL
            for (int i = 0; i < kernel * kernel; i++) {
                int64_t at = i / kernel * row + i % kernel * inner;
                if (i / kernel < 2 && i % kernel < 2) __builtin_prefetch(ahead + at * size);
                cell[i] = load_lanes(dtype, x, from + at + lane, VL);
            }
            best = cell[0];
            UNROLL
            for (int i = 1; i < kernel * kernel; i++) best = v_max(cell[i], best);
            /* Backwards, so that the first of equals stays; then the first not-a-number, which no comparison saw. */
            UNROLL
            for (int i = kernel * kernel - 1; i >= 0; i--)
                places = v_select(v_lt(cell[i], best), places, (vf)((vi){0} + (int32_t)i));
            UNROLL
            for (int i = kernel * kernel - 1; i >= 0; i--) {
                vm bad = v_nan(cell[i]);
                places = v_select(bad, (vf)((vi){0} + (int32_t)i), places);
                best = v_select(bad, cell[i], best);
            }
            store_lanes(dtype, y, to + lane, VL, best);
            if (workspace != NULL) memcpy(workspace + to + lane, &places, sizeof places);
        }
    }
}

/* Which windows [first, last) of a dimension lie inside the input. */
static inline void inside(const struct ath__pool_plane *plane, int dim, int64_t *first, int64_t *last) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    int64_t                 stride = attrs->stride[dim], room = plane->in[dim] + attrs->pad[dim] - attrs->kernel[dim];
    *first = (attrs->pad[dim] + stride - 1) / stride;
    *last = room < 0 ? 0 : room / stride + 1;
    if (*last > plane->out[dim]) *last = plane->out[dim];
    if (*first > *last) *first = *last;
}

/* Does the windows of a row that lie inside, where there is a copy for their kernel; says which these were. */
static inline void fast_row(const struct ath__pool_plane *plane, int64_t p, ath_dtype dtype, const void *x, void *y,
                            int32_t *workspace, int64_t *first, int64_t *last) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    bool whole = attrs->kind == ATH_POOL_MAX && plane->inner % VL == 0 && plane->valid >= plane->inner;
    inside(plane, 0, first, last);
    whole = whole && p >= *first && p < *last && attrs->kernel[0] == attrs->kernel[1];
    inside(plane, 1, first, last);
    if (whole && attrs->kernel[0] == 2)
        max_inside(plane, p, *first, *last, dtype, x, y, workspace, 2);
    else if (whole && attrs->kernel[0] == 3)
        max_inside(plane, p, *first, *last, dtype, x, y, workspace, 3);
    else
        *first = *last = 0;
}

static inline void forward_rows(const struct ath__pool_plane *plane, int64_t first, int64_t last, ath_dtype dtype,
                                const void *x, void *y, int32_t *workspace) {
    int64_t inner = plane->inner;
    for (int64_t p = first; p < last; p++) {
        struct reach h = reach_of(plane, 0, p);
        int64_t      done, end;
        fast_row(plane, p, dtype, x, y, workspace, &done, &end);
        for (int64_t q = 0; q < plane->out[1]; q++) {
            if (q == done && done < end) q = end;
            if (q == plane->out[1]) break;
            struct reach w = reach_of(plane, 1, q);
            int64_t      to = (p * plane->out[1] + q) * inner;
            if (plane->attrs->kind == ATH_POOL_MAX)
                for (int64_t lane = 0; lane < inner; lane += VL)
                    max_window(plane, h, w, lane, inner - lane, dtype, x, y, workspace, to);
            else
                for (int64_t lane = 0; lane < inner; lane += VL)
                    avg_window(plane, h, w, lane, inner - lane, dtype, x, y, to);
        }
    }
}

/* The windows [first, last) that cover a position. */
static inline void covering(const struct ath__pool_plane *plane, int dim, int64_t at, int64_t *first, int64_t *last) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    int64_t                 shifted = at + attrs->pad[dim], stride = attrs->stride[dim];
    int64_t before = shifted - attrs->kernel[dim]; /* windows starting here or earlier end before `at` */
    *first = before < 0 ? 0 : before / stride + 1;
    *last = shifted / stride + 1;
    if (*last > plane->out[dim]) *last = plane->out[dim];
}

static inline vf gather_cell(const struct ath__pool_plane *plane, const int64_t at[2], const int64_t p[2],
                             const int64_t q[2], int64_t lane, int64_t n, ath_dtype dtype, const void *dy,
                             const int32_t *workspace) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    vf                      sum = v_set(0.0f);
    for (int64_t i = p[0]; i < p[1]; i++)
        for (int64_t j = q[0]; j < q[1]; j++) {
            int64_t from = (i * plane->out[1] + j) * plane->inner + lane;
            vf      part = load_lanes(dtype, dy, from, n);
            if (attrs->kind == ATH_POOL_MAX) {
                int64_t r = at[0] + attrs->pad[0] - i * attrs->stride[0];
                int64_t s = at[1] + attrs->pad[1] - j * attrs->stride[1];
                vi      mine = (vi)(load_places(workspace + from, n) == (vi){0} + (int32_t)(r * attrs->kernel[1] + s));
                part = (vf)((vi)part & mine);
            } else {
                part = v_div(part, v_set(divisor_of(plane, reach_of(plane, 0, i), reach_of(plane, 1, j))));
            }
            sum = v_add(sum, part);
        }
    return sum;
}

/* A row of dx where windows stand side by side, each cell in one at most. */
static inline void side_by_side(const struct ath__pool_plane *plane, int64_t row, ath_dtype dtype, const void *dy,
                                const int32_t *workspace, void *dx) {
    int64_t kernel_w = plane->attrs->kernel[1], inner = plane->inner, width = plane->in[1];
    int64_t p = row / plane->attrs->kernel[0], place = row % plane->attrs->kernel[0] * kernel_w;
    int64_t windows = p < plane->out[0] ? plane->out[1] : 0;
    for (int64_t q = 0; q < windows; q++)
        for (int64_t lane = 0; lane < inner; lane += VL) {
            int64_t from = (p * plane->out[1] + q) * inner + lane, n = inner - lane;
            vf      part = load_lanes(dtype, dy, from, n);
            vi      places = load_places(workspace + from, n);
            for (int64_t s = 0; s < kernel_w && q * kernel_w + s < width; s++) {
                vi mine = (vi)(places == (vi){0} + (int32_t)(place + s));
                store_lanes(dtype, dx, (row * width + q * kernel_w + s) * inner + lane, n, (vf)((vi)part & mine));
            }
        }
    for (int64_t at = windows * kernel_w; at < width; at++)
        for (int64_t lane = 0; lane < inner; lane += VL)
            store_lanes(dtype, dx, (row * width + at) * inner + lane, inner - lane, v_set(0.0f));
}

static inline bool windows_side_by_side(const struct ath__pool_plane *plane) {
    const ath_pool2d_attrs *attrs = plane->attrs;
    return attrs->kind == ATH_POOL_MAX && attrs->kernel[0] == attrs->stride[0] &&
           attrs->kernel[1] == attrs->stride[1] && attrs->pad[0] == 0 && attrs->pad[1] == 0;
}

static inline void backward_rows(const struct ath__pool_plane *plane, int64_t first, int64_t last, ath_dtype dtype,
                                 const void *dy, const int32_t *workspace, void *dx) {
    int64_t at[2], p[2], q[2];
    bool    alone = windows_side_by_side(plane);
    for (at[0] = first; at[0] < last; at[0]++) {
        if (alone) {
            side_by_side(plane, at[0], dtype, dy, workspace, dx);
            continue;
        }
        covering(plane, 0, at[0], &p[0], &p[1]);
        for (at[1] = 0; at[1] < plane->in[1]; at[1]++) {
            covering(plane, 1, at[1], &q[0], &q[1]);
            for (int64_t lane = 0; lane < plane->inner; lane += VL) {
                int64_t n = plane->inner - lane;
                vf      sum = gather_cell(plane, at, p, q, lane, n, dtype, dy, workspace);
                store_lanes(dtype, dx, (at[0] * plane->in[1] + at[1]) * plane->inner + lane, n, sum);
            }
        }
    }
}

/* The type is made a constant of each copy, so that the loops hold no test of it. */
static void forward(const struct ath__pool_plane *plane, int64_t first, int64_t last, const void *x, void *y,
                    int32_t *workspace) {
    if (plane->dtype == ATH_F32)
        forward_rows(plane, first, last, ATH_F32, x, y, workspace);
    else
        forward_rows(plane, first, last, ATH_BF16, x, y, workspace);
}

static void backward(const struct ath__pool_plane *plane, int64_t first, int64_t last, const void *dy,
                     const int32_t *workspace, void *dx) {
    if (plane->dtype == ATH_F32)
        backward_rows(plane, first, last, ATH_F32, dy, workspace, dx);
    else
        backward_rows(plane, first, last, ATH_BF16, dy, workspace, dx);
}
