/* Poolings over one to three spatial dimensions.
 *
 *     AveragePool, MaxPool, GlobalAveragePool, GlobalMaxPool
 *
 * Maxima and sums may be taken dimension by dimension: what is no window of two dimensions becomes several poolings, and
 * a dilated one a maximum (or sum) over shifted copies, every stride-th place of each.
 */
#include "format/onnx/onnx_window.h"

#include "base/mem.h"

static const double lowest = -3.4028234663852886e38; /* margin of a maximum: the smallest float32 */

static bool needs_pieces(const struct ath__onnx_window *w) {
    for (int i = 0; i < w->spatial; i++)
        if (w->dilation[i] > 1 || w->before[i] >= w->kernel[i] || w->after[i] >= w->kernel[i]) return true;
    return false;
}

/* A window over spatial dimensions first .. first+1 (or one) as pool2d, the rest of the shape gathered around it. */
static ath_value pool_axes(ath_graph *g, ath_value x, const struct ath__onnx_window *w, int first, int count,
                           ath_pool kind, bool include, bool ceil) {
    ath_shape        shape = ath_value_shape(g, x), four, out = shape;
    ath_pool2d_attrs attrs = {
        .kind = kind, .count_include_pad = include, .ceil_mode = ceil, .kernel = {1, 1}, .stride = {1, 1}};
    int64_t outer = 1, inner = 1, size[2] = {1, 1};
    for (int d = 0; d < shape.rank; d++) {
        if (d < 2 + first) outer *= shape.dims[d];
        if (d >= 2 + first + count) inner *= shape.dims[d];
    }
    for (int i = 0; i < count; i++) {
        size[i] = shape.dims[2 + first + i];
        attrs.kernel[i] = w->kernel[first + i];
        attrs.stride[i] = w->stride[first + i];
        attrs.pad[i] = w->before[first + i];
        attrs.pad[2 + i] = w->after[first + i];
        out.dims[2 + first + i] = w->out[first + i];
    }
    /* (N,C) stay apart where they can: layouts with channels in blocks are for them. */
    if (first == 0) {
        four = ath_shape_of(shape.dims[0], shape.dims[1], size[0], count == 2 ? size[1] : inner);
    } else {
        four = ath_shape_of(1, outer, size[0], count == 2 ? size[1] : inner);
    }
    if (count == 2 && inner != 1) return ATH_NONE; /* the last two dimensions only */
    ath_value y = ath_pool2d(g, ath_reshape(g, x, four), &attrs);
    return ath_reshape(g, y, out);
}

/* One dimension in pieces: the maximum or sum over the kernel's places. */
static ath_value pieces(struct ath__onnx_node *n, ath_value x, const struct ath__onnx_window *w, int i, ath_pool kind) {
    int64_t  before[ATH_ONNX_MAX_RANK] = {0}, after[ATH_ONNX_MAX_RANK] = {0};
    int64_t *index = ATH_ARENA_ARRAY(&n->im->arena, int64_t, w->out[i]);
    int64_t  length = ath_value_shape(n->graph, x).dims[2 + i];
    int64_t  reach = (w->out[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
    before[2 + i] = w->before[i];
    after[2 + i] = reach > length + w->before[i] ? reach - length - w->before[i] : 0;
    struct ath__onnx_value *padded = ath__onnx_margin(n, ath__onnx_computed(n, x, ATH_ONNX_FLOAT), before, after,
                                                      kind == ATH_POOL_MAX ? lowest : 0.0);
    ath_value               y = ATH_NONE;
    for (int64_t r = 0; index && r < w->kernel[i] && !ath__onnx_failed(n); r++) {
        for (int64_t o = 0; o < w->out[i]; o++) index[o] = o * w->stride[i] + r * w->dilation[i];
        ath_value part = ath__onnx_graph(n, ath__onnx_take(n, padded, 2 + i, index, w->out[i]));
        y = r == 0 ? part : ath_binary_op(n->graph, y, part, kind == ATH_POOL_MAX ? ATH_BINARY_MAX : ATH_BINARY_ADD);
    }
    return y;
}

/* How many of the kernel's places lie in 0..length-1, or with `include` in the padded range. */
static double places_inside(const struct ath__onnx_window *w, int i, int64_t length, int64_t o, bool include) {
    int64_t low = include ? -w->before[i] : 0, high = include ? length + w->after[i] : length, count = 0;
    for (int64_t r = 0; r < w->kernel[i]; r++) {
        int64_t at = o * w->stride[i] - w->before[i] + r * w->dilation[i];
        count += at >= low && at < high;
    }
    return (double)count;
}

/* The sum in pieces becomes an average: times one over the places of each window. */
static ath_value averaged(struct ath__onnx_node *n, ath_value y, const struct ath__onnx_window *w, const ath_shape *x,
                          int i, bool include) {
    ath_shape shape = {.rank = x->rank};
    double   *share = ATH_NEW_ARRAY(double, w->out[i]);
    for (int d = 0; d < x->rank; d++) shape.dims[d] = d == 2 + i ? w->out[i] : 1;
    for (int64_t o = 0; share && o < w->out[i]; o++) share[o] = 1.0 / places_inside(w, i, x->dims[2 + i], o, include);
    y = share ? ath_mul(n->graph, y, ath__onnx_constant(n, share, &shape)) : ATH_NONE;
    ath__free(share);
    return y;
}

static void pool(struct ath__onnx_node *n, ath_pool kind) {
    struct ath__onnx_window w;
    ath_value               x = ath__onnx_x(n, 0);
    ath_shape               shape = ath_value_shape(n->graph, x);
    bool                    include = ath__onnx_attr_int(n, "count_include_pad", 0) != 0;
    bool                    ceil = ath__onnx_attr_int(n, "ceil_mode", 0) != 0;
    if (ath__onnx_failed(n) || !ath__onnx_window_read(n, &shape, NULL, &w)) return;
    if (needs_pieces(&w)) {
        for (int i = 0; i < w.spatial && !ath__onnx_failed(n); i++) {
            x = pieces(n, x, &w, i, kind);
            if (kind == ATH_POOL_AVG) x = averaged(n, x, &w, &shape, i, include);
        }
    } else {
        int pair = w.spatial >= 2 ? 2 : 1;
        x = pool_axes(n->graph, x, &w, w.spatial - pair, pair, kind, include, ceil);
        if (w.spatial == 3) x = pool_axes(n->graph, x, &w, 0, 1, kind, include, ceil);
    }
    ath__onnx_set(n, 0, x);
}

/* The places of the maxima, counted over the whole input: worked out here, where the input's numbers are given. With
 * storage_order=1 the last two dimensions are counted column by column. */
static void indices_of_maxima(struct ath__onnx_node *n, const struct ath__onnx_tensor *x,
                              const struct ath__onnx_window *w) {
    int64_t dims[ATH_MAX_RANK], plane = 1, windows = 1, kernel = 1;
    bool    columns = ath__onnx_attr_int(n, "storage_order", 0) != 0;
    for (int d = 0; d < x->rank; d++) dims[d] = d < 2 ? x->dims[d] : w->out[d - 2];
    for (int i = 0; i < w->spatial; i++) {
        plane *= x->dims[2 + i];
        windows *= w->out[i];
        kernel *= w->kernel[i];
    }
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, ATH_ONNX_INT64, x->rank, dims);
    for (int64_t o = 0; y && o < y->count; o++) {
        double  best = 0.0;
        int64_t at = -1;
        for (int64_t k = 0; k < kernel; k++) {
            int64_t place = 0, window = o % windows, tap = k, in[ATH_ONNX_SPATIAL] = {0};
            bool    inside = true;
            for (int i = w->spatial - 1; i >= 0; i--) {
                in[i] = window % w->out[i] * w->stride[i] - w->before[i] + tap % w->kernel[i] * w->dilation[i];
                window /= w->out[i];
                tap /= w->kernel[i];
                inside = inside && in[i] >= 0 && in[i] < x->dims[2 + i];
            }
            for (int i = 0; i < w->spatial; i++) place = place * x->dims[2 + i] + in[i];
            double value = inside ? ath__onnx_get(x, o / windows * plane + place) : 0.0;
            if (!inside || (at >= 0 && !(value > best))) continue;
            best = value;
            at = place;
            if (columns && w->spatial == 2) at = in[1] * x->dims[2] + in[0];
        }
        ath__onnx_put(y, o, (double)(o / windows * plane + at));
    }
    ath__onnx_set_value(n, 1, ath__onnx_fixed(n, y));
}

void ath__onnx_average_pool(struct ath__onnx_node *n) {
    pool(n, ATH_POOL_AVG);
}
void ath__onnx_max_pool(struct ath__onnx_node *n) {
    struct ath__onnx_window w;
    ath_shape               shape;
    pool(n, ATH_POOL_MAX);
    if (n->outs < 2 || ath__onnx_failed(n) || n->im->batch || !n->in[0]->host) return;
    if (ath__onnx_shape(n, n->in[0], &shape) && ath__onnx_window_read(n, &shape, NULL, &w))
        indices_of_maxima(n, n->in[0]->host, &w);
}

static void global_pool(struct ath__onnx_node *n, ath_pool kind) {
    ath_value x = ath__onnx_x(n, 0);
    ath_shape shape = ath_value_shape(n->graph, x);
    if (ath__onnx_failed(n)) return;
    if (shape.rank < 3) {
        ath__onnx_fail(n, ATH_DATA, "it needs images (N,C,...)");
        return;
    }
    if (shape.rank == 4 && kind == ATH_POOL_AVG) {
        ath__onnx_set(n, 0, ath_global_avg_pool(n->graph, x));
        return;
    }
    if (shape.rank == 4) {
        ath__onnx_set(n, 0, ath_adaptive_pool(n->graph, x, kind, 1, 1));
        return;
    }
    uint32_t axes = (uint32_t)((1u << shape.rank) - 4u);
    ath__onnx_set(n, 0,
                  ath_reduce_op(n->graph, x, kind == ATH_POOL_MAX ? ATH_REDUCE_MAX : ATH_REDUCE_MEAN, axes, true));
}
void ath__onnx_global_average_pool(struct ath__onnx_node *n) {
    global_pool(n, ATH_POOL_AVG);
}
void ath__onnx_global_max_pool(struct ath__onnx_node *n) {
    global_pool(n, ATH_POOL_MAX);
}
