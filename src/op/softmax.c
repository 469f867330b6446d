/* Softmax and log-softmax over the last dimension, and their gradient.
 *
 *     softmax       x (...,K) -> y: exp(x_k - max) / sum_j exp(x_j - max), or its logarithm
 *     softmax_grad  dy, y -> dx:    softmax  dx_k = y_k * (dy_k - sum_j dy_j y_j)
 *                                   log      dx_k = dy_k - exp(y_k) * sum_j dy_j
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr softmax_attrs[] = {
    ATH_ATTR_I(ath_softmax_attrs, log, 1),
    ATH_ATTR_END,
};

static ath_status softmax_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    if (infer->in[0].shape.rank < 1) return ath__infer_fail(infer, "a scalar has no classes");
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

static ath_status softmax_grad_infer(struct ath__infer *infer) {
    ATH_TRY(softmax_infer(infer));
    ATH_TRY(ath__infer_float(infer, 1, "y"));
    return ath__infer_shape(infer, 1, "y", &infer->in[0].shape);
}

static void softmax_grad(const struct ath__grad *grad) {
    const ath_softmax_attrs attrs = *(const ath_softmax_attrs *)grad->node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    grad->din[0] = ath__graph_apply(grad->graph, &ath__op_softmax_grad, &attrs,
                                    (ath_value[]){grad->dout[0], grad->node->out[0]}, 2);
}

static void softmax_ref(const struct ath__ref *ref) {
    bool    is_log = ((const ath_softmax_attrs *)ref->attrs)->log != 0;
    int64_t classes = ref->in[0].shape.dims[ref->in[0].shape.rank - 1];
    int64_t rows = ath_shape_count(&ref->in[0].shape) / classes;
    for (int64_t row = 0; row < rows; row++) {
        const double *x = ref->in[0].data + row * classes;
        double       *y = ref->out[0].data + row * classes, top = x[0], sum = 0.0;
        for (int64_t k = 1; k < classes; k++)
            if (x[k] > top || isnan(x[k])) top = x[k];
        for (int64_t k = 0; k < classes; k++) sum += exp(x[k] - top);
        for (int64_t k = 0; k < classes; k++) y[k] = is_log ? x[k] - top - log(sum) : exp(x[k] - top) / sum;
    }
}

static void softmax_grad_ref(const struct ath__ref *ref) {
    bool    is_log = ((const ath_softmax_attrs *)ref->attrs)->log != 0;
    int64_t classes = ref->in[0].shape.dims[ref->in[0].shape.rank - 1];
    int64_t rows = ath_shape_count(&ref->in[0].shape) / classes;
    for (int64_t row = 0; row < rows; row++) {
        const double *dy = ref->in[0].data + row * classes, *y = ref->in[1].data + row * classes;
        double       *dx = ref->out[0].data + row * classes, sum = 0.0;
        for (int64_t k = 0; k < classes; k++) sum += is_log ? dy[k] : dy[k] * y[k];
        for (int64_t k = 0; k < classes; k++) dx[k] = is_log ? dy[k] - exp(y[k]) * sum : y[k] * (dy[k] - sum);
    }
}

const struct ath__op ath__op_softmax = {
    .name = "softmax",
    .attrs_size = sizeof(ath_softmax_attrs),
    .attrs = softmax_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = softmax_infer,
    .grad = softmax_grad,
    .ref = softmax_ref,
};

const struct ath__op ath__op_softmax_grad = {
    .name = "softmax_grad",
    .attrs_size = sizeof(ath_softmax_attrs),
    .attrs = softmax_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = softmax_grad_infer,
    .ref = softmax_grad_ref,
};

ath_value ath_softmax(ath_graph *g, ath_value x, bool log) {
    return ath__graph_apply(g, &ath__op_softmax, &(ath_softmax_attrs){.log = log}, &x, 1);
}
