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

static inline void forward_rows(const struct ath__pool_plane *plane, int64_t first, int64_t last, ath_dtype dtype,
                                const void *x, void *y, int32_t *workspace) {
    int64_t inner = plane->inner;
    for (int64_t p = first; p < last; p++) {
        struct reach h = reach_of(plane, 0, p);
        for (int64_t q = 0; q < plane->out[1]; q++) {
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

static inline void backward_rows(const struct ath__pool_plane *plane, int64_t first, int64_t last, ath_dtype dtype,
                                 const void *dy, const int32_t *workspace, void *dx) {
    int64_t at[2], p[2], q[2];
    for (at[0] = first; at[0] < last; at[0]++) {
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
