/* A separable block: what inverted residuals and depth-wise separable layers are made of, as one operator. Made by the
 * fusion pass (graph/fuse_separable.c) for inference; it has no gradient.
 *
 *     wide = expand_act(conv1x1(x, w_expand) + b_expand)          x itself without w_expand
 *     deep = depth_act(depth-wise(wide, w_depth) + b_depth)
 *     y    = act(conv1x1(deep, w_project) + b_project + residual)
 *
 *     x (N,C,H,W), w_depth (E,1,R,S), [b_depth (E)], [w_expand (E,C,1,1)], [b_expand (E)],
 *     [w_project (K,E,1,1)], [b_project (K)], [residual (N,K,P,Q)] -> y (N,K,P,Q)
 *
 * Without w_project the window's result is y, with `act` and without residual; depth_act is not read then.
 */
#include "op/op_util.h"
#include "op/scalar.h"

enum { X, W_DEPTH, B_DEPTH, W_EXPAND, B_EXPAND, W_PROJECT, B_PROJECT, RESIDUAL, OPERANDS };

static const struct ath__attr separable_attrs[] = {
    ATH_ATTR_I(ath_separable_attrs, stride, 2),
    ATH_ATTR_I(ath_separable_attrs, pad, 4),
    ATH_ATTR_C(ath_separable_attrs, expand_act, ATH_ACT_CHOICES),
    ATH_ATTR_C(ath_separable_attrs, depth_act, ATH_ACT_CHOICES),
    ATH_ATTR_C(ath_separable_attrs, act, ATH_ACT_CHOICES),
    ATH_ATTR_END,
};

static ath_status attrs_complete(struct ath__infer *infer, ath_separable_attrs *attrs) {
    for (int i = 0; i < 4; i++) {
        if (attrs->stride[i % 2] == 0) attrs->stride[i % 2] = 1;
        if (attrs->stride[i % 2] < 1 || attrs->stride[i % 2] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "stride must be 1 or more, is %lld", (long long)attrs->stride[i % 2]);
        if (attrs->pad[i] < 0 || attrs->pad[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "padding must be 0 or more, is %lld", (long long)attrs->pad[i]);
    }
    ATH_TRY(ath__infer_choice(infer, "activation", attrs->expand_act, ATH_ACT_COUNT));
    ATH_TRY(ath__infer_choice(infer, "activation", attrs->depth_act, ATH_ACT_COUNT));
    return ath__infer_choice(infer, "activation", attrs->act, ATH_ACT_COUNT);
}

/* Weights, and the bias behind them where given. */
static ath_status check_weights(struct ath__infer *infer, int i, const char *what, const ath_shape *weights) {
    ATH_TRY(ath__infer_shape(infer, i, what, weights));
    if (!ath__infer_has(infer, i + 1)) return ATH_OK;
    return ath__infer_shape(infer, i + 1, "bias", &(ath_shape){.rank = 1, .dims = {weights->dims[0]}});
}

static ath_status separable_infer(struct ath__infer *infer) {
    const ath_separable_attrs *attrs = infer->attrs;
    ATH_TRY(attrs_complete(infer, infer->attrs));
    ATH_TRY(ath__infer_rank(infer, X, "x", 4));
    ATH_TRY(ath__infer_rank(infer, W_DEPTH, "depth-wise weights", 4));
    const int64_t *x = infer->in[X].shape.dims, *w = infer->in[W_DEPTH].shape.dims;
    ath_shape      y = {.rank = 4, .dims = {x[0], w[0]}};
    if (ath__infer_has(infer, W_EXPAND))
        ATH_TRY(check_weights(infer, W_EXPAND, "expanding weights", &(ath_shape){4, {w[0], x[1], 1, 1}}));
    else if (w[0] != x[1])
        return ath__infer_fail(infer, "%lld depth-wise filters for %lld channels", (long long)w[0], (long long)x[1]);
    ATH_TRY(check_weights(infer, W_DEPTH, "depth-wise weights", &(ath_shape){4, {w[0], 1, w[2], w[3]}}));
    for (int i = 0; i < 2; i++) {
        struct ath__window window = {x[2 + i], attrs->pad[i], attrs->pad[2 + i], w[2 + i], attrs->stride[i], 1, false};
        if (w[2 + i] > ATH_WINDOW_LIMIT) return ath__infer_fail(infer, "the window is too large");
        y.dims[2 + i] = ath__window_count(&window);
    }
    if (ath__infer_has(infer, W_PROJECT)) {
        ATH_TRY(ath__infer_rank(infer, W_PROJECT, "projecting weights", 4));
        y.dims[1] = infer->in[W_PROJECT].shape.dims[0];
        ATH_TRY(check_weights(infer, W_PROJECT, "projecting weights", &(ath_shape){4, {y.dims[1], w[0], 1, 1}}));
    }
    if (ath__infer_has(infer, RESIDUAL)) {
        if (!ath__infer_has(infer, W_PROJECT)) return ath__infer_fail(infer, "a residual needs a projection");
        ATH_TRY(ath__infer_shape(infer, RESIDUAL, "residual", &y));
    }
    return ath__infer_result(infer, 0, infer->in[X].dtype, &y);
}

/* ---- reference: the three convolutions one after the other, a pixel at a time ----------------------------------- */

struct block {
    const ath_separable_attrs *attrs;
    const struct ath__ref     *ref;
    const int64_t             *x, *w, *y; /* dimensions of x, w_depth, y */
};

static const double *operand(const struct ath__ref *ref, int i) {
    return i < ref->ins ? ref->in[i].data : NULL;
}

/* Expanded channel e of image n at a pixel. */
static double wide_at(const struct block *b, int64_t n, int64_t e, int64_t pixel) {
    int64_t       plane = b->x[2] * b->x[3];
    const double *x = b->ref->in[X].data + n * b->x[1] * plane + pixel, *w = operand(b->ref, W_EXPAND);
    const double *bias = operand(b->ref, B_EXPAND);
    if (w == NULL) return x[e * plane];
    double sum = bias != NULL ? bias[e] : 0.0;
    for (int64_t c = 0; c < b->x[1]; c++) sum += w[e * b->x[1] + c] * x[c * plane];
    return ath__scalar_act(b->attrs->expand_act, sum);
}

static double deep_at(const struct block *b, int64_t n, int64_t e, int64_t p, int64_t q) {
    const double *bias = operand(b->ref, B_DEPTH);
    double        sum = bias != NULL ? bias[e] : 0.0;
    bool          last = operand(b->ref, W_PROJECT) == NULL;
    for (int64_t r = 0; r < b->w[2]; r++)
        for (int64_t s = 0; s < b->w[3]; s++) {
            int64_t h = p * b->attrs->stride[0] - b->attrs->pad[0] + r;
            int64_t column = q * b->attrs->stride[1] - b->attrs->pad[1] + s;
            if (h < 0 || h >= b->x[2] || column < 0 || column >= b->x[3]) continue;
            sum += b->ref->in[W_DEPTH].data[(e * b->w[2] + r) * b->w[3] + s] * wide_at(b, n, e, h * b->x[3] + column);
        }
    return ath__scalar_act(last ? b->attrs->act : b->attrs->depth_act, sum);
}

static void separable_ref(const struct ath__ref *ref) {
    struct block  b = {ref->attrs, ref, ref->in[X].shape.dims, ref->in[W_DEPTH].shape.dims, ref->out[0].shape.dims};
    const double *w = operand(ref, W_PROJECT), *bias = operand(ref, B_PROJECT), *residual = operand(ref, RESIDUAL);
    double       *y = ref->out[0].data;
    int64_t       count = ath_shape_count(&ref->out[0].shape), plane = b.y[2] * b.y[3];
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i / plane % b.y[1];
        y[i] = (w != NULL && bias != NULL ? bias[k] : 0.0) + (residual != NULL ? residual[i] : 0.0);
    }
    for (int64_t i = 0; i < b.y[0] * b.w[0] * plane; i++) {
        int64_t n = i / (b.w[0] * plane), e = i / plane % b.w[0], pixel = i % plane;
        double  deep = deep_at(&b, n, e, pixel / b.y[3], pixel % b.y[3]);
        if (w == NULL) y[i] = deep;
        for (int64_t k = 0; w != NULL && k < b.y[1]; k++)
            y[(n * b.y[1] + k) * plane + pixel] += w[k * b.w[0] + e] * deep;
    }
    for (int64_t i = 0; w != NULL && i < count; i++) y[i] = ath__scalar_act(b.attrs->act, y[i]);
}

static uint64_t separable_macs(const void *attrs, const struct ath__desc *in, const struct ath__desc *out) {
    (void)attrs;
    const int64_t *x = in[X].shape.dims, *w = in[W_DEPTH].shape.dims, *y = out[0].shape.dims;
    uint64_t       from = (uint64_t)(x[0] * x[2] * x[3]), to = (uint64_t)(y[0] * y[2] * y[3]), wide = (uint64_t)w[0];
    uint64_t       expand = in[W_EXPAND].present ? from * wide * (uint64_t)x[1] : 0;
    uint64_t       project = in[W_PROJECT].present ? to * wide * (uint64_t)y[1] : 0;
    return expand + to * wide * (uint64_t)(w[2] * w[3]) + project;
}

const struct ath__op ath__op_separable = {
    .name = "separable",
    .attrs_size = sizeof(ath_separable_attrs),
    .attrs = separable_attrs,
    .min_ins = 2,
    .max_ins = OPERANDS,
    .infer = separable_infer,
    .ref = separable_ref,
    .macs = separable_macs,
};
