/* Resampling of the last two dimensions to a given size, and its gradient.
 *
 *     resize       x (N,C,H,W) -> y (N,C,P,Q)
 *     resize_grad  dy (N,C,P,Q) -> dx (N,C,H,W)
 *
 *     nearest:  y[i] = x[floor(i * in / out)]
 *     bilinear: y[i] = (1 - f) * x[floor(at)] + f * x[min(floor(at) + 1, in - 1)] with f = at - floor(at) and
 *               at = max((i + 1/2) * in / out - 1/2, 0), in both dimensions (half-pixel centres, no antialiasing)
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr resize_attrs[] = {
    ATH_ATTR_C(ath_resize_attrs, mode, "nearest|bilinear"),
    ATH_ATTR_I(ath_resize_attrs, out, 2),
    ATH_ATTR_I(ath_resize_attrs, src, 2),
    ATH_ATTR_END,
};

static ath_status attrs_check(struct ath__infer *infer, const int64_t *in) {
    const ath_resize_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_choice(infer, "mode", attrs->mode, 2));
    for (int i = 0; i < 2; i++)
        if (attrs->out[i] < 1 || attrs->out[i] > ATH_WINDOW_LIMIT || in[i] < 1 || in[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "resizing %lldx%lld to %lldx%lld is not possible", (long long)in[0],
                                   (long long)in[1], (long long)attrs->out[0], (long long)attrs->out[1]);
    return ATH_OK;
}

static ath_status resize_infer(struct ath__infer *infer) {
    const ath_resize_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "x", 4));
    ath_shape y = infer->in[0].shape;
    ATH_TRY(attrs_check(infer, &y.dims[2]));
    y.dims[2] = attrs->out[0];
    y.dims[3] = attrs->out[1];
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static ath_status resize_grad_infer(struct ath__infer *infer) {
    const ath_resize_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "dy", 4));
    ATH_TRY(attrs_check(infer, attrs->src));
    ath_shape shape = infer->in[0].shape;
    shape.dims[2] = attrs->out[0];
    shape.dims[3] = attrs->out[1];
    ATH_TRY(ath__infer_shape(infer, 0, "dy", &shape));
    shape.dims[2] = attrs->src[0];
    shape.dims[3] = attrs->src[1];
    return ath__infer_result(infer, 0, infer->in[0].dtype, &shape);
}

static void resize_grad(const struct ath__grad *grad) {
    ath_resize_attrs attrs = *(const ath_resize_attrs *)grad->node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, grad->node->in[0]);
    attrs.src[0] = x.dims[2];
    attrs.src[1] = x.dims[3];
    grad->din[0] = ath__graph_apply(grad->graph, &ath__op_resize_grad, &attrs, &grad->dout[0], 1);
}

/* The two places that an output place reads along one dimension, with their weights. */
struct taps {
    int64_t at[2];
    double  weight[2];
};

static struct taps taps_of(int64_t mode, int64_t i, int64_t in, int64_t out) {
    if (mode == ATH_RESIZE_NEAREST) return (struct taps){{i * in / out, 0}, {1.0, 0.0}};
    double      at = fmax(((double)i + 0.5) * (double)in / (double)out - 0.5, 0.0), low = floor(at);
    struct taps taps = {{(int64_t)low, (int64_t)low + 1}, {1.0 - (at - low), at - low}};
    for (int k = 0; k < 2; k++)
        if (taps.at[k] > in - 1) taps.at[k] = in - 1;
    return taps;
}

static void resize_ref(const struct ath__ref *ref) {
    int64_t        mode = ((const ath_resize_attrs *)ref->attrs)->mode, to = 0;
    const int64_t *x = ref->in[0].shape.dims, *y = ref->out[0].shape.dims;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++, to++) {
                struct taps   rows = taps_of(mode, p, x[2], y[2]), columns = taps_of(mode, q, x[3], y[3]);
                const double *from = ref->in[0].data + plane * x[2] * x[3];
                double        sum = 0.0;
                for (int k = 0; k < 4; k++)
                    if (rows.weight[k / 2] != 0.0 && columns.weight[k % 2] != 0.0)
                        sum += rows.weight[k / 2] * columns.weight[k % 2] *
                               from[rows.at[k / 2] * x[3] + columns.at[k % 2]];
                ref->out[0].data[to] = sum;
            }
}

static void resize_grad_ref(const struct ath__ref *ref) {
    int64_t        mode = ((const ath_resize_attrs *)ref->attrs)->mode, from = 0;
    const int64_t *x = ref->out[0].shape.dims, *y = ref->in[0].shape.dims;
    int64_t        count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = 0.0;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++, from++) {
                struct taps rows = taps_of(mode, p, x[2], y[2]), columns = taps_of(mode, q, x[3], y[3]);
                double     *to = ref->out[0].data + plane * x[2] * x[3];
                for (int k = 0; k < 4; k++)
                    if (rows.weight[k / 2] != 0.0 && columns.weight[k % 2] != 0.0)
                        to[rows.at[k / 2] * x[3] + columns.at[k % 2]] +=
                            rows.weight[k / 2] * columns.weight[k % 2] * ref->in[0].data[from];
            }
}

const struct ath__op ath__op_resize = {
    .name = "resize",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_resize_attrs),
    .attrs = resize_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = resize_infer,
    .grad = resize_grad,
    .ref = resize_ref,
};

const struct ath__op ath__op_resize_grad = {
    .name = "resize_grad",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_resize_attrs),
    .attrs = resize_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = resize_grad_infer,
    .ref = resize_grad_ref,
};

ath_value ath_resize(ath_graph *g, ath_value x, ath_resize_mode mode, int64_t out_h, int64_t out_w) {
    ath_resize_attrs attrs = {.mode = (int64_t)mode, .out = {out_h, out_w}};
    return ath__graph_apply(g, &ath__op_resize, &attrs, &x, 1);
}
