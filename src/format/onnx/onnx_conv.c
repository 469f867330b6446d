/* Convolutions and products.
 *
 *     Conv, Gemm, MatMul
 *
 * One spatial dimension is an image of height 1; three are a sum over the slices of the kernel, each a convolution of
 * all depths at once.
 */
#include "format/onnx/onnx_window.h"

static const ath_init weight_init = {.kind = ATH_INIT_WEIGHT};

static ath_value conv_2d(ath_graph *g, ath_value x, ath_value w, ath_value b, const struct ath__onnx_window *win,
                         int first, int64_t groups) {
    ath_conv2d_attrs attrs = {.groups = groups};
    for (int i = 0; i < 2; i++) {
        attrs.stride[i] = win->stride[first + i];
        attrs.dilation[i] = win->dilation[first + i];
        attrs.pad[i] = win->before[first + i];
        attrs.pad[2 + i] = win->after[first + i];
    }
    return ath_conv2d(g, x, w, b, &attrs);
}

static ath_value conv_1d(ath_graph *g, ath_value x, ath_value w, ath_value b, const struct ath__onnx_window *win,
                         int64_t groups) {
    ath_shape        sx = ath_value_shape(g, x), sw = ath_value_shape(g, w);
    ath_conv2d_attrs attrs = {.groups = groups,
                              .stride = {1, win->stride[0]},
                              .dilation = {1, win->dilation[0]},
                              .pad = {0, win->before[0], 0, win->after[0]}};
    x = ath_reshape(g, x, ath_shape_of(sx.dims[0], sx.dims[1], 1, sx.dims[2]));
    w = ath_reshape(g, w, ath_shape_of(sw.dims[0], sw.dims[1], 1, sw.dims[2]));
    ath_value y = ath_conv2d(g, x, w, b, &attrs);
    return ath_reshape(g, y, ath_shape_of(sx.dims[0], sw.dims[0], win->out[0]));
}

/* (N,C,D,H,W): the depths that slice r of the kernel meets go into the batch, (N*D',C,H,W). */
static ath_value conv_3d(struct ath__onnx_node *n, ath_value x, ath_value w, ath_value b,
                         const struct ath__onnx_window *win, int64_t groups) {
    static const int64_t    depth_to_batch[] = {0, 2, 1, 3, 4};
    ath_graph              *g = n->graph;
    ath_shape               sx = ath_value_shape(g, x), sw = ath_value_shape(g, w);
    int64_t                 before[5] = {0, 0, win->before[0]}, after[5] = {0, 0, win->after[0]}, depth = win->out[0];
    int64_t                *index = ATH_ARENA_ARRAY(&n->im->arena, int64_t, depth);
    struct ath__onnx_value *padded = ath__onnx_margin(n, ath__onnx_computed(n, x, ATH_ONNX_FLOAT), before, after, 0.0);
    ath_value               y = ATH_NONE;
    for (int64_t r = 0; r < win->kernel[0] && index && !ath__onnx_failed(n); r++) {
        for (int64_t d = 0; d < depth; d++) index[d] = d * win->stride[0] + r * win->dilation[0];
        ath_value xr = ath__onnx_graph(n, ath__onnx_take(n, padded, 2, index, depth));
        xr = ath_permute(g, xr, depth_to_batch);
        xr = ath_reshape(g, xr, ath_shape_of(sx.dims[0] * depth, sx.dims[1], sx.dims[3], sx.dims[4]));
        ath_value wr =
            ath_slice(g, w, (int64_t[]){0, 0, r, 0, 0}, (int64_t[]){sw.dims[0], sw.dims[1], 1, sw.dims[3], sw.dims[4]});
        wr = ath_reshape(g, wr, ath_shape_of(sw.dims[0], sw.dims[1], sw.dims[3], sw.dims[4]));
        ath_value part = conv_2d(g, xr, wr, r == 0 ? b : ATH_NONE, win, 1, groups);
        y = r == 0 ? part : ath_add(g, y, part);
    }
    y = ath_reshape(g, y, ath_shape_of(sx.dims[0], depth, sw.dims[0], win->out[1], win->out[2]));
    return ath_permute(g, y, depth_to_batch);
}

void ath__onnx_conv(struct ath__onnx_node *n) {
    struct ath__onnx_window win;
    ath_value               x = ath__onnx_x(n, 0), w = ath__onnx_weight(n, 1, weight_init), b = ATH_NONE, y = ATH_NONE;
    ath_shape               sx = ath_value_shape(n->graph, x), sw = ath_value_shape(n->graph, w);
    int64_t                 groups = ath__onnx_attr_int(n, "group", 1), fan_in = 1;
    if (ath__onnx_failed(n)) return;
    if (sw.rank != sx.rank) {
        ath__onnx_fail(n, ATH_DATA, "its weights have %d dimensions, the image %d", sw.rank, sx.rank);
        return;
    }
    if (!ath__onnx_window_read(n, &sx, &sw.dims[2], &win)) return;
    for (int i = 1; i < sw.rank; i++) fan_in *= sw.dims[i];
    if (ath__onnx_has(n, 2)) b = ath__onnx_weight(n, 2, (ath_init){.kind = ATH_INIT_BIAS, .fan_in = fan_in});
    if (win.spatial == 1) y = conv_1d(n->graph, x, w, b, &win, groups);
    if (win.spatial == 2) y = conv_2d(n->graph, x, w, b, &win, 0, groups);
    if (win.spatial == 3) y = conv_3d(n, x, w, b, &win, groups);
    ath__onnx_set(n, 0, y);
}

/* y = alpha op(A) op(B) + beta C */
void ath__onnx_gemm(struct ath__onnx_node *n) {
    ath_value        a = ath__onnx_x(n, 0), b = ath__onnx_weight(n, 1, weight_init), c = ATH_NONE;
    ath_shape        sb = ath_value_shape(n->graph, b);
    double           alpha = ath__onnx_attr_real(n, "alpha", 1.0), beta = ath__onnx_attr_real(n, "beta", 1.0);
    ath_matmul_attrs attrs = {.trans_a = ath__onnx_attr_int(n, "transA", 0) != 0,
                              .trans_b = ath__onnx_attr_int(n, "transB", 0) != 0};
    if (ath__onnx_failed(n)) return;
    if (sb.rank != 2) {
        ath__onnx_fail(n, ATH_DATA, "B has %d dimensions, not 2", sb.rank);
        return;
    }
    int64_t columns = sb.dims[attrs.trans_b ? 0 : 1], inner = sb.dims[attrs.trans_b ? 1 : 0];
    if (ath__onnx_has(n, 2)) c = ath__onnx_weight(n, 2, (ath_init){.kind = ATH_INIT_BIAS, .fan_in = inner});
    ath_shape sc = ath_value_shape(n->graph, c);
    bool      fused = c != ATH_NONE && sc.rank == 1 && sc.dims[0] == columns && alpha == 1.0 && beta == 1.0;
    ath_value y = ath_matmul(n->graph, a, b, fused ? c : ATH_NONE, &attrs);
    if (alpha != 1.0) y = ath_scale(n->graph, y, alpha, 0.0);
    if (c != ATH_NONE && !fused) y = ath_add(n->graph, y, beta == 1.0 ? c : ath_scale(n->graph, c, beta, 0.0));
    ath__onnx_set(n, 0, y);
}

/* NumPy's rules: vectors get a dimension that goes again, leading dimensions broadcast. */
void ath__onnx_matmul(struct ath__onnx_node *n) {
    ath_graph *g = n->graph;
    ath_value  a = ath__onnx_x(n, 0), b = ath__onnx_weight(n, 1, weight_init);
    ath_shape  sa = ath_value_shape(g, a), sb = ath_value_shape(g, b), batch = {.rank = 0}, y;
    if (ath__onnx_failed(n)) return;
    if (sa.rank < 1 || sb.rank < 1) {
        ath__onnx_fail(n, ATH_DATA, "a product with a number");
        return;
    }
    bool row = sa.rank == 1, column = sb.rank == 1;
    if (row) sa = ath_shape_of(1, sa.dims[0]);
    if (column) sb = ath_shape_of(sb.dims[0], 1);
    int64_t rows = sa.dims[sa.rank - 2], inner = sa.dims[sa.rank - 1], columns = sb.dims[sb.rank - 1];
    int     lead_a = sa.rank - 2, lead_b = sb.rank - 2;
    batch.rank = lead_a > lead_b ? lead_a : lead_b;
    for (int i = 0; i < batch.rank; i++) {
        int64_t in_a = i >= batch.rank - lead_a ? sa.dims[i - (batch.rank - lead_a)] : 1;
        int64_t in_b = i >= batch.rank - lead_b ? sb.dims[i - (batch.rank - lead_b)] : 1;
        if (in_a != in_b && in_a != 1 && in_b != 1) {
            ath__onnx_fail(n, ATH_DATA, "its shapes do not broadcast");
            return;
        }
        batch.dims[i] = in_a == 1 ? in_b : in_a;
    }
    y = batch;
    if (!row) y.dims[y.rank++] = rows;
    if (!column) y.dims[y.rank++] = columns;
    a = ath_reshape(g, a, sa);
    b = ath_reshape(g, b, sb);
    ath_value product;
    if (lead_b == 0) { /* one matrix for all: all rows at once */
        product = ath_matmul(g, ath_reshape(g, a, ath_shape_of(-1, inner)), b, ATH_NONE, NULL);
    } else {
        ath_shape all_a = batch, all_b = batch;
        int64_t   count = ath_shape_count(&batch);
        all_a.dims[all_a.rank++] = rows;
        all_a.dims[all_a.rank++] = inner;
        all_b.dims[all_b.rank++] = sb.dims[sb.rank - 2];
        all_b.dims[all_b.rank++] = columns;
        a = ath_reshape(g, ath_expand(g, a, all_a), ath_shape_of(count, rows, inner));
        b = ath_reshape(g, ath_expand(g, b, all_b), ath_shape_of(count, sb.dims[sb.rank - 2], columns));
        product = ath_matmul(g, a, b, ATH_NONE, NULL);
    }
    ath__onnx_set(n, 0, ath_reshape(g, product, y));
}
