/* Pooling to a given output size, and its gradient. Windows follow from the sizes and may overlap:
 *
 *     window i of `out` over `in` places covers floor(i * in / out) up to ceil((i + 1) * in / out)
 *
 *     adaptive_pool       x (N,C,H,W) -> y (N,C,P,Q) [, workspace i32 (N,C,P,Q): h * W + w of the maximum, max only]
 *     adaptive_pool_grad  dy (N,C,P,Q) [, workspace] -> dx (N,C,H,W)
 *
 * The first maximum of a window wins; a not-a-number counts as the maximum. Global average pooling is output size 1x1.
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr adaptive_pool_attrs[] = {
    ATH_ATTR_C(ath_adaptive_pool_attrs, kind, ATH_POOL_CHOICES),
    ATH_ATTR_I(ath_adaptive_pool_attrs, out, 2),
    ATH_ATTR_I(ath_adaptive_pool_attrs, src, 2),
    ATH_ATTR_END,
};

static ath_status attrs_check(struct ath__infer *infer, const int64_t *in) {
    const ath_adaptive_pool_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_choice(infer, "pooling", attrs->kind, 2));
    for (int i = 0; i < 2; i++)
        if (attrs->out[i] < 1 || attrs->out[i] > ATH_WINDOW_LIMIT || in[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "pooling %lldx%lld to %lldx%lld is not possible", (long long)in[0],
                                   (long long)in[1], (long long)attrs->out[0], (long long)attrs->out[1]);
    return ATH_OK;
}

static ath_status adaptive_pool_infer(struct ath__infer *infer) {
    const ath_adaptive_pool_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "x", 4));
    ath_shape y = infer->in[0].shape;
    ATH_TRY(attrs_check(infer, &y.dims[2]));
    y.dims[2] = attrs->out[0];
    y.dims[3] = attrs->out[1];
    ATH_TRY(ath__infer_result(infer, 0, infer->in[0].dtype, &y));
    if (attrs->kind == ATH_POOL_MAX) return ath__infer_result(infer, 1, ATH_I32, &y);
    ath__infer_absent(infer, 1);
    return ATH_OK;
}

static ath_status adaptive_pool_grad_infer(struct ath__infer *infer) {
    const ath_adaptive_pool_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "dy", 4));
    ath_shape dx = infer->in[0].shape, y = infer->in[0].shape;
    ATH_TRY(attrs_check(infer, attrs->src));
    y.dims[2] = attrs->out[0];
    y.dims[3] = attrs->out[1];
    ATH_TRY(ath__infer_shape(infer, 0, "dy", &y));
    if (attrs->kind == ATH_POOL_MAX) ATH_TRY(ath__infer_shape(infer, 1, "workspace", &y));
    dx.dims[2] = attrs->src[0];
    dx.dims[3] = attrs->src[1];
    return ath__infer_result(infer, 0, infer->in[0].dtype, &dx);
}

static void adaptive_pool_grad(const struct ath__grad *grad) {
    const struct ath__node *node = grad->node;
    ath_adaptive_pool_attrs attrs = *(const ath_adaptive_pool_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, node->in[0]);
    attrs.src[0] = x.dims[2];
    attrs.src[1] = x.dims[3];
    grad->din[0] = ath__graph_apply(grad->graph, &ath__op_adaptive_pool_grad, &attrs,
                                    (ath_value[]){grad->dout[0], node->out[1]}, attrs.kind == ATH_POOL_MAX ? 2 : 1);
}

static int64_t window_begin(int64_t i, int64_t in, int64_t out) {
    return i * in / out;
}
static int64_t window_end(int64_t i, int64_t in, int64_t out) {
    return ((i + 1) * in + out - 1) / out;
}

/* The maximum of output place (p, q) of a plane and its index in the plane, or the average. */
static double window_value(int64_t kind, const double *plane, const int64_t *in, const int64_t *out, int64_t p,
                           int64_t q, int64_t *place) {
    double  sum = 0.0, best = 0.0;
    int64_t count = 0;
    for (int64_t h = window_begin(p, in[0], out[0]); h < window_end(p, in[0], out[0]); h++)
        for (int64_t w = window_begin(q, in[1], out[1]); w < window_end(q, in[1], out[1]); w++) {
            double value = plane[h * in[1] + w];
            sum += value;
            if (count++ == 0 || value > best || (isnan(value) && !isnan(best))) {
                best = value;
                *place = h * in[1] + w;
            }
        }
    return kind == ATH_POOL_MAX ? best : sum / (double)count;
}

static void adaptive_pool_ref(const struct ath__ref *ref) {
    int64_t        kind = ((const ath_adaptive_pool_attrs *)ref->attrs)->kind, to = 0, place = 0;
    const int64_t *x = ref->in[0].shape.dims, *y = ref->out[0].shape.dims;
    double        *workspace = ref->outs > 1 ? ref->out[1].data : NULL;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++, to++) {
                ref->out[0].data[to] =
                    window_value(kind, ref->in[0].data + plane * x[2] * x[3], &x[2], &y[2], p, q, &place);
                if (workspace != NULL) workspace[to] = (double)place;
            }
}

/* Spreads dy evenly over the window of output place (p, q). */
static void window_spread(double *plane, const int64_t *in, const int64_t *out, int64_t p, int64_t q, double dy) {
    int64_t h0 = window_begin(p, in[0], out[0]), h1 = window_end(p, in[0], out[0]);
    int64_t w0 = window_begin(q, in[1], out[1]), w1 = window_end(q, in[1], out[1]);
    for (int64_t h = h0; h < h1; h++)
        for (int64_t w = w0; w < w1; w++) plane[h * in[1] + w] += dy / (double)((h1 - h0) * (w1 - w0));
}

static void adaptive_pool_grad_ref(const struct ath__ref *ref) {
    int64_t        kind = ((const ath_adaptive_pool_attrs *)ref->attrs)->kind, from = 0;
    const int64_t *x = ref->out[0].shape.dims, *y = ref->in[0].shape.dims;
    int64_t        count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = 0.0;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++, from++) {
                double *dx = ref->out[0].data + plane * x[2] * x[3], dy = ref->in[0].data[from];
                if (kind == ATH_POOL_MAX)
                    dx[(int64_t)ref->in[1].data[from]] += dy;
                else
                    window_spread(dx, &x[2], &y[2], p, q, dy);
            }
}

const struct ath__op ath__op_adaptive_pool = {
    .name = "adaptive_pool",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_adaptive_pool_attrs),
    .attrs = adaptive_pool_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = adaptive_pool_infer,
    .grad = adaptive_pool_grad,
    .ref = adaptive_pool_ref,
};

const struct ath__op ath__op_adaptive_pool_grad = {
    .name = "adaptive_pool_grad",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_adaptive_pool_attrs),
    .attrs = adaptive_pool_attrs,
    .min_ins = 1,
    .max_ins = 2,
    .infer = adaptive_pool_grad_infer,
    .ref = adaptive_pool_grad_ref,
};

ath_value ath_adaptive_pool(ath_graph *g, ath_value x, ath_pool kind, int64_t out_h, int64_t out_w) {
    ath_adaptive_pool_attrs attrs = {.kind = (int64_t)kind, .out = {out_h, out_w}};
    return ath__graph_apply(g, &ath__op_adaptive_pool, &attrs, &x, 1);
}

ath_value ath_global_avg_pool(ath_graph *g, ath_value x) {
    return ath_adaptive_pool(g, x, ATH_POOL_AVG, 1, 1);
}
