/* Two-dimensional convolution (cross-correlation) and its two gradients.
 *
 *     y[n,k,p,q] = act(sum_{c,r,s} x[n, g*C/G + c, h, w] * w[k,c,r,s] + b[k] + z[n,k,p,q])
 *     h = p*stride_h - pad_top + r*dilation_h,  w = q*stride_w - pad_left + s*dilation_w,  g = k / (K/G)
 *
 *     conv2d        x (N,C,H,W), w (K,C/G,R,S), [b (K)], [residual z (N,K,P,Q)] -> y (N,K,P,Q)
 *     conv2d_dgrad  dy (N,K,P,Q), w (K,C/G,R,S) -> dx (N,C,H,W)
 *     conv2d_wgrad  x (N,C,H,W), dy (N,K,P,Q)   -> dw (K,C/G,R,S) [, db (K)]
 *
 * The weights are an ordinary value: whatever node makes them gets their gradient.
 */
#include "op/op_util.h"
#include "op/scalar.h"

static const struct ath__attr conv2d_attrs[] = {
    ATH_ATTR_I(ath_conv2d_attrs, stride, 2),
    ATH_ATTR_I(ath_conv2d_attrs, pad, 4),
    ATH_ATTR_I(ath_conv2d_attrs, dilation, 2),
    ATH_ATTR_I(ath_conv2d_attrs, groups, 1),
    ATH_ATTR_C(ath_conv2d_attrs, act, ATH_ACT_CHOICES),
    ATH_ATTR_I(ath_conv2d_attrs, src, 2),
    ATH_ATTR_I(ath_conv2d_attrs, kernel, 2),
    ATH_ATTR_I(ath_conv2d_attrs, with_bias, 1),
    ATH_ATTR_END,
};

/* ---- shape inference -------------------------------------------------------------------------------------------- */

/* Writes the defaults into zero fields and checks the ranges. */
static ath_status attrs_complete(struct ath__infer *infer, ath_conv2d_attrs *attrs) {
    static const char *const axis[] = {"vertical", "horizontal"};
    static const char *const side[] = {"top", "left", "bottom", "right"};
    for (int i = 0; i < 2; i++) {
        if (attrs->stride[i] == 0) attrs->stride[i] = 1;
        if (attrs->dilation[i] == 0) attrs->dilation[i] = 1;
        if (attrs->stride[i] < 1 || attrs->stride[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "%s stride must be 1 or more, is %lld", axis[i], (long long)attrs->stride[i]);
        if (attrs->dilation[i] < 1 || attrs->dilation[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "%s dilation must be 1 or more, is %lld", axis[i],
                                   (long long)attrs->dilation[i]);
    }
    for (int i = 0; i < 4; i++)
        if (attrs->pad[i] < 0 || attrs->pad[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "%s padding must be 0 or more, is %lld", side[i], (long long)attrs->pad[i]);
    if (attrs->groups == 0) attrs->groups = 1;
    if (attrs->groups < 1) return ath__infer_fail(infer, "groups must be 1 or more, is %lld", (long long)attrs->groups);
    return ath__infer_choice(infer, "activation", attrs->act, ATH_ACT_COUNT);
}

/* The shape of y from those of x and w, with every check between them. */
static ath_status output_shape(struct ath__infer *infer, const ath_conv2d_attrs *attrs, const ath_shape *x,
                               const ath_shape *w, ath_shape *y) {
    if (x->dims[1] % attrs->groups != 0)
        return ath__infer_fail(infer, "%lld input channels cannot be split into %lld groups", (long long)x->dims[1],
                               (long long)attrs->groups);
    if (w->dims[1] != x->dims[1] / attrs->groups)
        return ath__infer_fail(infer, "weights %s need %lld input channels%s, x %s has %lld", ath__shape_text(w).text,
                               (long long)w->dims[1], attrs->groups > 1 ? " per group" : "", ath__shape_text(x).text,
                               (long long)(x->dims[1] / attrs->groups));
    if (w->dims[0] % attrs->groups != 0)
        return ath__infer_fail(infer, "%lld filters cannot be split into %lld groups", (long long)w->dims[0],
                               (long long)attrs->groups);
    *y = (ath_shape){.rank = 4, .dims = {x->dims[0], w->dims[0]}};
    for (int i = 0; i < 2; i++) {
        struct ath__window window = {x->dims[2 + i], attrs->pad[i],    attrs->pad[2 + i],
                                     w->dims[2 + i], attrs->stride[i], attrs->dilation[i],
                                     false};
        if (w->dims[2 + i] < 1 || w->dims[2 + i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "kernel size %lld is not possible", (long long)w->dims[2 + i]);
        y->dims[2 + i] = ath__window_count(&window);
    }
    if (y->dims[2] < 1 || y->dims[3] < 1)
        return ath__infer_fail(infer, "kernel %lldx%lld%s larger than padded input %lldx%lld", (long long)w->dims[2],
                               (long long)w->dims[3],
                               attrs->dilation[0] > 1 || attrs->dilation[1] > 1 ? " with its dilation" : "",
                               (long long)(x->dims[2] + attrs->pad[0] + attrs->pad[2]),
                               (long long)(x->dims[3] + attrs->pad[1] + attrs->pad[3]));
    return ATH_OK;
}

static ath_status conv2d_infer(struct ath__infer *infer) {
    ath_shape y;
    ATH_TRY(attrs_complete(infer, infer->attrs));
    ATH_TRY(ath__infer_rank(infer, 0, "x", 4));
    ATH_TRY(ath__infer_rank(infer, 1, "weights", 4));
    ATH_TRY(output_shape(infer, infer->attrs, &infer->in[0].shape, &infer->in[1].shape, &y));
    if (ath__infer_has(infer, 2)) {
        ATH_TRY(ath__infer_float(infer, 2, "bias"));
        ATH_TRY(ath__infer_shape(infer, 2, "bias", &(ath_shape){.rank = 1, .dims = {y.dims[1]}}));
    }
    if (ath__infer_has(infer, 3)) {
        ATH_TRY(ath__infer_float(infer, 3, "residual"));
        ATH_TRY(ath__infer_shape(infer, 3, "residual", &y));
    }
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static ath_status conv2d_dgrad_infer(struct ath__infer *infer) {
    ath_conv2d_attrs *attrs = infer->attrs;
    ath_shape         y;
    ATH_TRY(attrs_complete(infer, attrs));
    ATH_TRY(ath__infer_rank(infer, 0, "dy", 4));
    ATH_TRY(ath__infer_rank(infer, 1, "weights", 4));
    const ath_shape *dy = &infer->in[0].shape, *w = &infer->in[1].shape;
    if (w->dims[1] > ATH_COUNT_LIMIT / attrs->groups)
        return ath__infer_fail(infer, "%lld groups of %lld channels are too many", (long long)attrs->groups,
                               (long long)w->dims[1]);
    ath_shape dx = {.rank = 4, .dims = {dy->dims[0], w->dims[1] * attrs->groups, attrs->src[0], attrs->src[1]}};
    ATH_TRY(ath__infer_result(infer, 0, infer->in[0].dtype, &dx));
    ATH_TRY(output_shape(infer, attrs, &dx, w, &y));
    return ath__infer_shape(infer, 0, "dy", &y);
}

static ath_status conv2d_wgrad_infer(struct ath__infer *infer) {
    ath_conv2d_attrs *attrs = infer->attrs;
    ath_shape         y;
    ATH_TRY(attrs_complete(infer, attrs));
    ATH_TRY(ath__infer_rank(infer, 0, "x", 4));
    ATH_TRY(ath__infer_rank(infer, 1, "dy", 4));
    const ath_shape *x = &infer->in[0].shape, *dy = &infer->in[1].shape;
    ath_shape        dw = {.rank = 4, .dims = {dy->dims[1], x->dims[1] / attrs->groups}};
    dw.dims[2] = attrs->kernel[0];
    dw.dims[3] = attrs->kernel[1];
    ATH_TRY(output_shape(infer, attrs, x, &dw, &y));
    ATH_TRY(ath__infer_shape(infer, 1, "dy", &y));
    ATH_TRY(ath__infer_result(infer, 0, ATH_F32, &dw));
    if (attrs->with_bias != 0)
        return ath__infer_result(infer, 1, ATH_F32, &(ath_shape){.rank = 1, .dims = {dy->dims[1]}});
    ath__infer_absent(infer, 1);
    return ATH_OK;
}

/* ---- gradient --------------------------------------------------------------------------------------------------- */

static void conv2d_grad(const struct ath__grad *grad) {
    ath_graph              *graph = grad->graph;
    const struct ath__node *node = grad->node;
    ath_conv2d_attrs        attrs = *(const ath_conv2d_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE) return;
    ath_shape x = ath_value_shape(graph, node->in[0]), w = ath_value_shape(graph, node->in[1]);
    ath_value dz = ath__grad_act(graph, grad->dout[0], node->out[0], attrs.act);
    bool      want_bias = ath__node_has(node, 2) && grad->want[2];
    attrs.act = ATH_ACT_NONE;
    if (grad->want[0]) {
        ath_conv2d_attrs data = attrs;
        data.src[0] = x.dims[2];
        data.src[1] = x.dims[3];
        grad->din[0] = ath__graph_apply(graph, &ath__op_conv2d_dgrad, &data, (ath_value[]){dz, node->in[1]}, 2);
    }
    if (grad->want[1]) {
        ath_conv2d_attrs weights = attrs;
        weights.kernel[0] = w.dims[2];
        weights.kernel[1] = w.dims[3];
        weights.with_bias = want_bias;
        int made = ath__graph_node(graph, &ath__op_conv2d_wgrad, &weights, (ath_value[]){node->in[0], dz}, 2);
        grad->din[1] = ath__node_out(graph, made, 0);
        if (want_bias) grad->din[2] = ath__node_out(graph, made, 1);
    } else if (want_bias) {
        grad->din[2] = ath_reduce_op(graph, dz, ATH_REDUCE_SUM, 1u << 0 | 1u << 2 | 1u << 3, false);
    }
    if (ath__node_has(node, 3) && grad->want[3]) grad->din[3] = dz;
}

/* ---- reference -------------------------------------------------------------------------------------------------- */

/* A convolution y = x * w, whichever of the three is asked for. Every product x[xi] * w[wi] that goes into y[yi] is visited
 * once, a row of y at a time. */
struct conv_loop {
    const ath_conv2d_attrs *attrs;
    const ath_shape        *x, *w, *y;
};
/* The products of w[wi] with x[xi + i * step] that go into y[yi + i], for i in [0, count). */
struct conv_row {
    int64_t xi, step, wi, yi, count;
};
typedef void (*conv_visit)(double *const *data, const struct conv_row *row);

/* All products of one weight in one image. at: image n, filter k, channel of x, row r and column s of the kernel. */
static void visit_weight(const struct conv_loop *loop, const int64_t at[5], int64_t wi, conv_visit visit,
                         double *const *data) {
    const ath_conv2d_attrs *attrs = loop->attrs;
    const int64_t          *x = loop->x->dims, *y = loop->y->dims;
    int64_t                 n = at[0], k = at[1], from = at[2], step = attrs->stride[1];
    int64_t                 down = at[3] * attrs->dilation[0] - attrs->pad[0];
    int64_t                 right = at[4] * attrs->dilation[1] - attrs->pad[1];
    int64_t first = right < 0 ? (-right + step - 1) / step : 0; /* columns of y in [first, end) meet the image */
    int64_t end = x[3] - right <= 0 ? 0 : (x[3] - right + step - 1) / step;
    if (end > y[3]) end = y[3];
    if (first >= end) return;
    for (int64_t p = 0; p < y[2]; p++) {
        int64_t h = p * attrs->stride[0] + down;
        if (h < 0 || h >= x[2]) continue;
        visit(data, &(struct conv_row){((n * x[1] + from) * x[2] + h) * x[3] + right + first * step, step, wi,
                                       ((n * y[1] + k) * y[2] + p) * y[3] + first, end - first});
    }
}

static void conv_visit_all(const struct conv_loop *loop, conv_visit visit, double *const *data) {
    const int64_t *w = loop->w->dims, *y = loop->y->dims;
    int64_t        filters = y[1] / loop->attrs->groups; /* of a group */
    for (int64_t n = 0; n < y[0]; n++)
        for (int64_t k = 0; k < y[1]; k++)
            for (int64_t c = 0; c < w[1]; c++)
                for (int64_t r = 0; r < w[2]; r++)
                    for (int64_t s = 0; s < w[3]; s++)
                        visit_weight(loop, (int64_t[5]){n, k, k / filters * w[1] + c, r, s},
                                     ((k * w[1] + c) * w[2] + r) * w[3] + s, visit, data);
}

/* data: x, w, y or their gradients. */
static void add_forward(double *const *data, const struct conv_row *row) {
    const double *x = data[0] + row->xi;
    double       *y = data[2] + row->yi, w = data[1][row->wi];
    for (int64_t i = 0; i < row->count; i++) y[i] += x[i * row->step] * w;
}
static void add_data_gradient(double *const *data, const struct conv_row *row) {
    const double *dy = data[2] + row->yi;
    double       *dx = data[0] + row->xi, w = data[1][row->wi];
    for (int64_t i = 0; i < row->count; i++) dx[i * row->step] += dy[i] * w;
}
static void add_weight_gradient(double *const *data, const struct conv_row *row) {
    const double *x = data[0] + row->xi, *dy = data[2] + row->yi;
    double        sum = 0.0;
    for (int64_t i = 0; i < row->count; i++) sum += dy[i] * x[i * row->step];
    data[1][row->wi] += sum;
}

static void conv2d_ref(const struct ath__ref *ref) {
    const ath_conv2d_attrs *attrs = ref->attrs;
    const ath_shape        *shape = &ref->out[0].shape;
    struct conv_loop        loop = {attrs, &ref->in[0].shape, &ref->in[1].shape, shape};
    double                 *y = ref->out[0].data;
    const double           *bias = ref->ins > 2 ? ref->in[2].data : NULL;
    const double           *residual = ref->ins > 3 ? ref->in[3].data : NULL;
    int64_t                 count = ath_shape_count(shape), plane = shape->dims[2] * shape->dims[3];
    for (int64_t i = 0; i < count; i++) y[i] = bias != NULL ? bias[i / plane % shape->dims[1]] : 0.0;
    conv_visit_all(&loop, add_forward, (double *[]){ref->in[0].data, ref->in[1].data, y});
    for (int64_t i = 0; i < count; i++)
        y[i] = ath__scalar_act(attrs->act, y[i] + (residual != NULL ? residual[i] : 0.0));
}

static void conv2d_dgrad_ref(const struct ath__ref *ref) {
    struct conv_loop loop = {ref->attrs, &ref->out[0].shape, &ref->in[1].shape, &ref->in[0].shape};
    int64_t          count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = 0.0;
    conv_visit_all(&loop, add_data_gradient, (double *[]){ref->out[0].data, ref->in[1].data, ref->in[0].data});
}

static void conv2d_wgrad_ref(const struct ath__ref *ref) {
    const ath_shape *dy = &ref->in[1].shape;
    struct conv_loop loop = {ref->attrs, &ref->in[0].shape, &ref->out[0].shape, dy};
    int64_t          count = ath_shape_count(&ref->out[0].shape), plane = dy->dims[2] * dy->dims[3];
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = 0.0;
    conv_visit_all(&loop, add_weight_gradient, (double *[]){ref->in[0].data, ref->out[0].data, ref->in[1].data});
    if (ref->outs < 2 || ref->out[1].data == NULL) return;
    for (int64_t k = 0; k < dy->dims[1]; k++) ref->out[1].data[k] = 0.0;
    for (int64_t i = 0; i < ath_shape_count(dy); i++) ref->out[1].data[i / plane % dy->dims[1]] += ref->in[1].data[i];
}

/* ---- cost ------------------------------------------------------------------------------------------------------- */

/* N*K*P*Q * C/G*R*S, for the forward pass and for both gradients. */
static uint64_t conv_macs(const ath_shape *y, const ath_shape *w) {
    return (uint64_t)ath_shape_count(y) * (uint64_t)(w->dims[1] * w->dims[2] * w->dims[3]);
}
static uint64_t conv2d_macs(const void *attrs, const struct ath__desc *in, const struct ath__desc *out) {
    return (void)attrs, conv_macs(&out[0].shape, &in[1].shape);
}
static uint64_t conv2d_dgrad_macs(const void *attrs, const struct ath__desc *in, const struct ath__desc *out) {
    return (void)attrs, (void)out, conv_macs(&in[0].shape, &in[1].shape);
}
static uint64_t conv2d_wgrad_macs(const void *attrs, const struct ath__desc *in, const struct ath__desc *out) {
    return (void)attrs, conv_macs(&in[1].shape, &out[0].shape);
}

/* ---- operators and builder -------------------------------------------------------------------------------------- */

const struct ath__op ath__op_conv2d = {
    .name = "conv2d",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_conv2d_attrs),
    .attrs = conv2d_attrs,
    .min_ins = 2,
    .max_ins = 4,
    .infer = conv2d_infer,
    .grad = conv2d_grad,
    .ref = conv2d_ref,
    .macs = conv2d_macs,
};

const struct ath__op ath__op_conv2d_dgrad = {
    .name = "conv2d_dgrad",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_conv2d_attrs),
    .attrs = conv2d_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = conv2d_dgrad_infer,
    .ref = conv2d_dgrad_ref,
    .macs = conv2d_dgrad_macs,
};

const struct ath__op ath__op_conv2d_wgrad = {
    .name = "conv2d_wgrad",
    .traits = ATH_OP_LOW_IN,
    .attrs_size = sizeof(ath_conv2d_attrs),
    .attrs = conv2d_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = conv2d_wgrad_infer,
    .ref = conv2d_wgrad_ref,
    .macs = conv2d_wgrad_macs,
};

ath_value ath_conv2d(ath_graph *g, ath_value x, ath_value weights, ath_value bias, const ath_conv2d_attrs *attrs) {
    ath_conv2d_attrs own = attrs != NULL ? *attrs : (ath_conv2d_attrs){.groups = 1};
    int64_t          behind = ATH_ACT_NONE;
    own.src[0] = own.src[1] = own.kernel[0] = own.kernel[1] = own.with_bias = 0;
    if (own.act != ATH_ACT_NONE && !ath__act_from_output(own.act)) {
        behind = own.act; /* a node of its own, which keeps its input for the gradient */
        own.act = ATH_ACT_NONE;
    }
    ath_value y = ath__graph_apply(g, &ath__op_conv2d, &own, (ath_value[]){x, weights, bias}, 3);
    return behind == ATH_ACT_NONE ? y : ath_activation(g, y, (ath_act)behind);
}
