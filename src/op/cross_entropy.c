/* Softmax cross-entropy per sample, fused for numerical stability, and its gradient.
 *
 *     cross_entropy       logits x (N,K), labels i32 (N) or targets f32 (N,K) -> loss (N)
 *     cross_entropy_grad  dloss (N), logits, labels -> dlogits (N,K)
 *
 *     t = (1 - smoothing) * target + smoothing / K,    log softmax(x)_k = x_k - max - log sum_j exp(x_j - max)
 *     loss_n = -sum_k t_nk log softmax(x_n)_k
 *     dx_nk  = dloss_n * (softmax(x_n)_k * sum_j t_nj - t_nk)
 *
 * A label outside 0..K-1 makes the sample's loss and gradient not-a-number: it is never ignored silently.
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr cross_entropy_attrs[] = {
    ATH_ATTR_R(ath_cross_entropy_attrs, smoothing),
    ATH_ATTR_END,
};

/* Checks logits and labels, operands `i` and `i + 1`. */
static ath_status operands_check(struct ath__infer *infer, int i) {
    const ath_cross_entropy_attrs *attrs = infer->attrs;
    if (!(attrs->smoothing >= 0.0 && attrs->smoothing < 1.0))
        return ath__infer_fail(infer, "label smoothing must be at least 0 and less than 1, is %g", attrs->smoothing);
    ATH_TRY(ath__infer_rank(infer, i, "logits", 2));
    const ath_shape *x = &infer->in[i].shape;
    if (!ath__infer_has(infer, i + 1)) return ath__infer_fail(infer, "operand labels is missing");
    const struct ath__desc *labels = &infer->in[i + 1];
    if (labels->dtype == ATH_I32)
        return ath__infer_shape(infer, i + 1, "labels", &(ath_shape){.rank = 1, .dims = {x->dims[0]}});
    if (labels->dtype != ATH_F32)
        return ath__infer_fail(infer, "labels must be i32 (N) or soft targets f32 (N,K), are %s",
                               ath_dtype_name(labels->dtype));
    return ath__infer_shape(infer, i + 1, "soft targets", x);
}

static ath_status cross_entropy_infer(struct ath__infer *infer) {
    ATH_TRY(operands_check(infer, 0));
    return ath__infer_result(infer, 0, ATH_F32, &(ath_shape){.rank = 1, .dims = {infer->in[0].shape.dims[0]}});
}

static ath_status cross_entropy_grad_infer(struct ath__infer *infer) {
    ATH_TRY(operands_check(infer, 1));
    const ath_shape *x = &infer->in[1].shape;
    ATH_TRY(ath__infer_float(infer, 0, "dloss"));
    ATH_TRY(ath__infer_shape(infer, 0, "dloss", &(ath_shape){.rank = 1, .dims = {x->dims[0]}}));
    return ath__infer_result(infer, 0, infer->in[1].dtype, x);
}

static void cross_entropy_grad(const struct ath__grad *grad) {
    ath_graph                    *graph = grad->graph;
    const struct ath__node       *node = grad->node;
    const ath_cross_entropy_attrs attrs = *(const ath_cross_entropy_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE) return;
    if (grad->want[0])
        grad->din[0] = ath__graph_apply(graph, &ath__op_cross_entropy_grad, &attrs,
                                        (ath_value[]){grad->dout[0], node->in[0], node->in[1]}, 3);
    if (grad->want[1] && ath_value_dtype(graph, node->in[1]) == ATH_F32) {
        /* d loss / d target = -(1 - smoothing) * log softmax(x) */
        ath_value rows = ath_reshape(graph, grad->dout[0], ath_shape_of(-1, 1));
        ath_value slope = ath_scale(graph, ath_softmax(graph, node->in[0], true), attrs.smoothing - 1.0, 0.0);
        grad->din[1] = ath_mul(graph, slope, rows);
    }
}

/* log(sum_k exp(x_k)) of one sample. */
static double log_sum_exp(const double *x, int64_t classes) {
    double top = x[0], sum = 0.0;
    for (int64_t k = 1; k < classes; k++)
        if (x[k] > top || isnan(x[k])) top = x[k];
    for (int64_t k = 0; k < classes; k++) sum += exp(x[k] - top);
    return top + log(sum);
}

/* The smoothed target t_nk. */
static double target_at(const struct ath__ref_tensor *labels, double smoothing, int64_t n, int64_t k, int64_t classes) {
    double target;
    if (labels->shape.rank == 2)
        target = labels->data[n * classes + k];
    else if (labels->data[n] >= 0.0 && labels->data[n] < (double)classes)
        target = (int64_t)labels->data[n] == k ? 1.0 : 0.0;
    else
        target = NAN;
    return (1.0 - smoothing) * target + smoothing / (double)classes;
}

static void cross_entropy_ref(const struct ath__ref *ref) {
    const struct ath__ref_tensor *labels = &ref->in[1];
    double                        smoothing = ((const ath_cross_entropy_attrs *)ref->attrs)->smoothing;
    int64_t                       samples = ref->in[0].shape.dims[0], classes = ref->in[0].shape.dims[1];
    for (int64_t n = 0; n < samples; n++) {
        const double *x = ref->in[0].data + n * classes;
        double        total = log_sum_exp(x, classes), loss = 0.0;
        for (int64_t k = 0; k < classes; k++) {
            double t = target_at(labels, smoothing, n, k, classes);
            if (t != 0.0) loss -= t * (x[k] - total); /* 0 * -infinity counts as 0 */
        }
        ref->out[0].data[n] = loss;
    }
}

static void cross_entropy_grad_ref(const struct ath__ref *ref) {
    const struct ath__ref_tensor *labels = &ref->in[2];
    double                        smoothing = ((const ath_cross_entropy_attrs *)ref->attrs)->smoothing;
    int64_t                       samples = ref->in[1].shape.dims[0], classes = ref->in[1].shape.dims[1];
    for (int64_t n = 0; n < samples; n++) {
        const double *x = ref->in[1].data + n * classes;
        double        total = log_sum_exp(x, classes), mass = 0.0;
        for (int64_t k = 0; k < classes; k++) mass += target_at(labels, smoothing, n, k, classes);
        for (int64_t k = 0; k < classes; k++)
            ref->out[0].data[n * classes + k] =
                ref->in[0].data[n] * (exp(x[k] - total) * mass - target_at(labels, smoothing, n, k, classes));
    }
}

const struct ath__op ath__op_cross_entropy = {
    .name = "cross_entropy",
    .attrs_size = sizeof(ath_cross_entropy_attrs),
    .attrs = cross_entropy_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = cross_entropy_infer,
    .grad = cross_entropy_grad,
    .ref = cross_entropy_ref,
};

const struct ath__op ath__op_cross_entropy_grad = {
    .name = "cross_entropy_grad",
    .attrs_size = sizeof(ath_cross_entropy_attrs),
    .attrs = cross_entropy_attrs,
    .min_ins = 3,
    .max_ins = 3,
    .infer = cross_entropy_grad_infer,
    .ref = cross_entropy_grad_ref,
};

ath_value ath_cross_entropy(ath_graph *g, ath_value logits, ath_value labels, double smoothing) {
    return ath__graph_apply(g, &ath__op_cross_entropy, &(ath_cross_entropy_attrs){.smoothing = smoothing},
                            (ath_value[]){logits, labels}, 2);
}
