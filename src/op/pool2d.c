/* Maximum and average pooling over windows, and their gradient.
 *
 *     pool2d       x (N,C,H,W) -> y (N,C,P,Q) [, workspace i32 (N,C,P,Q): r * kernel_w + s of the maximum, max only]
 *     pool2d_grad  dy (N,C,P,Q) [, workspace] -> dx (N,C,H,W)
 *
 * The first maximum of a window wins; a not-a-number counts as the maximum. Averages divide by the window's cells
 * inside the input, or with count_include_pad inside the padded input (a window that ceil_mode lets reach further is
 * clipped there), as PyTorch.
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr pool2d_attrs[] = {
    ATH_ATTR_C(ath_pool2d_attrs, kind, ATH_POOL_CHOICES),
    ATH_ATTR_I(ath_pool2d_attrs, kernel, 2),
    ATH_ATTR_I(ath_pool2d_attrs, stride, 2),
    ATH_ATTR_I(ath_pool2d_attrs, pad, 4),
    ATH_ATTR_I(ath_pool2d_attrs, count_include_pad, 1),
    ATH_ATTR_I(ath_pool2d_attrs, ceil_mode, 1),
    ATH_ATTR_I(ath_pool2d_attrs, src, 2),
    ATH_ATTR_END,
};

/* Completes and checks the attributes and finds the output's height and width. */
static ath_status output_size(struct ath__infer *infer, ath_pool2d_attrs *attrs, const int64_t *in, int64_t *out) {
    ATH_TRY(ath__infer_choice(infer, "pooling", attrs->kind, 2));
    for (int i = 0; i < 2; i++) {
        if (attrs->kernel[i] < 1 || attrs->kernel[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "kernel %lldx%lld is not possible", (long long)attrs->kernel[0],
                                   (long long)attrs->kernel[1]);
        if (attrs->stride[i] == 0) attrs->stride[i] = attrs->kernel[i];
        if (attrs->stride[i] < 1 || attrs->stride[i] > ATH_WINDOW_LIMIT)
            return ath__infer_fail(infer, "stride %lld is not possible", (long long)attrs->stride[i]);
        for (int side = i; side < 4; side += 2)
            if (attrs->pad[side] < 0 || attrs->pad[side] >= attrs->kernel[i])
                return ath__infer_fail(infer, "padding %lld does not fit kernel size %lld: a window would lie outside",
                                       (long long)attrs->pad[side], (long long)attrs->kernel[i]);
        struct ath__window window = {in[i], attrs->pad[i],        attrs->pad[2 + i], attrs->kernel[i], attrs->stride[i],
                                     1,     attrs->ceil_mode != 0};
        out[i] = ath__window_count(&window);
    }
    if (out[0] < 1 || out[1] < 1)
        return ath__infer_fail(infer, "kernel %lldx%lld larger than padded input %lldx%lld",
                               (long long)attrs->kernel[0], (long long)attrs->kernel[1],
                               (long long)(in[0] + attrs->pad[0] + attrs->pad[2]),
                               (long long)(in[1] + attrs->pad[1] + attrs->pad[3]));
    return ATH_OK;
}

static ath_status pool2d_infer(struct ath__infer *infer) {
    ath_pool2d_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "x", 4));
    ath_shape y = infer->in[0].shape;
    ATH_TRY(output_size(infer, attrs, &infer->in[0].shape.dims[2], &y.dims[2]));
    ATH_TRY(ath__infer_result(infer, 0, infer->in[0].dtype, &y));
    if (attrs->kind == ATH_POOL_MAX) return ath__infer_result(infer, 1, ATH_I32, &y);
    ath__infer_absent(infer, 1);
    return ATH_OK;
}

static ath_status pool2d_grad_infer(struct ath__infer *infer) {
    ath_pool2d_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "dy", 4));
    ath_shape dx = infer->in[0].shape, y = infer->in[0].shape;
    dx.dims[2] = attrs->src[0];
    dx.dims[3] = attrs->src[1];
    ATH_TRY(ath__infer_result(infer, 0, infer->in[0].dtype, &dx));
    ATH_TRY(output_size(infer, attrs, attrs->src, &y.dims[2]));
    ATH_TRY(ath__infer_shape(infer, 0, "dy", &y));
    return attrs->kind == ATH_POOL_MAX ? ath__infer_shape(infer, 1, "workspace", &y) : ATH_OK;
}

static void pool2d_grad(const struct ath__grad *grad) {
    const struct ath__node *node = grad->node;
    ath_pool2d_attrs        attrs = *(const ath_pool2d_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, node->in[0]);
    attrs.src[0] = x.dims[2];
    attrs.src[1] = x.dims[3];
    grad->din[0] = ath__graph_apply(grad->graph, &ath__op_pool2d_grad, &attrs,
                                    (ath_value[]){grad->dout[0], node->out[1]}, attrs.kind == ATH_POOL_MAX ? 2 : 1);
}

/* The cells of window (p, q) inside the input, and by how much an average divides. */
struct pool_window {
    int64_t h0, h1, w0, w1, top, left;
    double  divisor;
};

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static struct pool_window pool_window(const ath_pool2d_attrs *attrs, const int64_t *in, int64_t p, int64_t q) {
    struct pool_window window;
    window.top = p * attrs->stride[0] - attrs->pad[0];
    window.left = q * attrs->stride[1] - attrs->pad[1];
    int64_t bottom = at_most(window.top + attrs->kernel[0], in[0] + attrs->pad[2]);
    int64_t right = at_most(window.left + attrs->kernel[1], in[1] + attrs->pad[3]);
    window.h0 = at_least(window.top, 0);
    window.w0 = at_least(window.left, 0);
    window.h1 = at_most(bottom, in[0]);
    window.w1 = at_most(right, in[1]);
    window.divisor = attrs->count_include_pad ? (double)((bottom - window.top) * (right - window.left))
                                              : (double)((window.h1 - window.h0) * (window.w1 - window.w0));
    return window;
}

/* The maximum of a window and where it is, or its average (place 0). */
static double window_value(const ath_pool2d_attrs *attrs, const struct pool_window *window, const double *plane,
                           int64_t width, int64_t *place) {
    double sum = 0.0, best = 0.0;
    *place = -1;
    for (int64_t h = window->h0; h < window->h1; h++)
        for (int64_t w = window->w0; w < window->w1; w++) {
            double value = plane[h * width + w];
            sum += value;
            if (*place < 0 || value > best || (isnan(value) && !isnan(best))) {
                best = value;
                *place = (h - window->top) * attrs->kernel[1] + w - window->left;
            }
        }
    return attrs->kind == ATH_POOL_MAX ? best : sum / window->divisor;
}

static void pool2d_ref(const struct ath__ref *ref) {
    const ath_pool2d_attrs *attrs = ref->attrs;
    const int64_t          *x = ref->in[0].shape.dims, *y = ref->out[0].shape.dims;
    double                 *workspace = ref->outs > 1 ? ref->out[1].data : NULL;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++) {
                struct pool_window window = pool_window(attrs, &x[2], p, q);
                int64_t            to = (plane * y[2] + p) * y[3] + q, place;
                ref->out[0].data[to] =
                    window_value(attrs, &window, ref->in[0].data + plane * x[2] * x[3], x[3], &place);
                if (workspace != NULL) workspace[to] = (double)place;
            }
}

static void pool2d_grad_ref(const struct ath__ref *ref) {
    const ath_pool2d_attrs *attrs = ref->attrs;
    const int64_t          *x = ref->out[0].shape.dims, *y = ref->in[0].shape.dims;
    int64_t                 count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = 0.0;
    for (int64_t plane = 0; plane < x[0] * x[1]; plane++)
        for (int64_t p = 0; p < y[2]; p++)
            for (int64_t q = 0; q < y[3]; q++) {
                struct pool_window window = pool_window(attrs, &x[2], p, q);
                double            *dx = ref->out[0].data + plane * x[2] * x[3];
                int64_t            from = (plane * y[2] + p) * y[3] + q;
                if (attrs->kind == ATH_POOL_MAX) {
                    int64_t place = (int64_t)ref->in[1].data[from];
                    dx[(window.top + place / attrs->kernel[1]) * x[3] + window.left + place % attrs->kernel[1]] +=
                        ref->in[0].data[from];
                    continue;
                }
                for (int64_t h = window.h0; h < window.h1; h++)
                    for (int64_t w = window.w0; w < window.w1; w++)
                        dx[h * x[3] + w] += ref->in[0].data[from] / window.divisor;
            }
}

const struct ath__op ath__op_pool2d = {
    .name = "pool2d",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_pool2d_attrs),
    .attrs = pool2d_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = pool2d_infer,
    .grad = pool2d_grad,
    .ref = pool2d_ref,
};

const struct ath__op ath__op_pool2d_grad = {
    .name = "pool2d_grad",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_pool2d_attrs),
    .attrs = pool2d_attrs,
    .min_ins = 1,
    .max_ins = 2,
    .infer = pool2d_grad_infer,
    .ref = pool2d_grad_ref,
};

ath_value ath_pool2d(ath_graph *g, ath_value x, const ath_pool2d_attrs *attrs) {
    ath_pool2d_attrs own = attrs != NULL ? *attrs : (ath_pool2d_attrs){0}; /* without a kernel inference refuses */
    own.src[0] = own.src[1] = 0;
    own.count_include_pad = own.count_include_pad != 0;
    own.ceil_mode = own.ceil_mode != 0;
    return ath__graph_apply(g, &ath__op_pool2d, &own, &x, 1);
}
