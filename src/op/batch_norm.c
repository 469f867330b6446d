/* Batch normalisation over dimension 1, training form, fused with an optional residual and activation, and its
 * gradient. Evaluation is composed of element-wise nodes by the builder, so that it folds into its neighbours.
 *
 *     batch_norm  x (N,C,...), gamma (C), beta (C), running_mean (C), running_var (C), [residual r, x's shape]
 *                 -> y, mean (C), invstd (C), new_running_mean (C), new_running_var (C)
 *     batch_norm_grad  dy, x, gamma, mean, invstd, [y: with an activation], [dy2: added to dy]
 *                 -> dx, dgamma (C), dbeta (C), [dresidual]
 *
 * With m values per channel (N times the places):
 *
 *     mean = sum x / m,  var = sum (x - mean)^2 / m,  invstd = 1 / sqrt(var + eps),  xhat = (x - mean) * invstd
 *     y = act(xhat * gamma + beta + r)
 *     new_running = (1 - momentum) * running + momentum * batch, where the batch's variance is var * m / (m - 1)
 *
 *     dz = (dy + dy2) * act'(y)      (= dresidual)
 *     dbeta = sum dz,  dgamma = sum dz * xhat,  dx = gamma * invstd * (dz - dbeta / m - xhat * dgamma / m)
 *
 * Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1; running statistics as PyTorch.
 */
#include "op/op_util.h"
#include "op/scalar.h"

#include <math.h>

static const struct ath__attr batch_norm_attrs[] = {
    ATH_ATTR_R(ath_batch_norm_attrs, eps),
    ATH_ATTR_R(ath_batch_norm_attrs, momentum),
    ATH_ATTR_C(ath_batch_norm_attrs, act, ATH_ACT_CHOICES),
    ATH_ATTR_END,
};

static const struct ath__attr batch_norm_grad_attrs[] = {
    ATH_ATTR_R(ath_batch_norm_grad_attrs, eps),
    ATH_ATTR_R(ath_batch_norm_grad_attrs, momentum),
    ATH_ATTR_C(ath_batch_norm_grad_attrs, act, ATH_ACT_CHOICES),
    ATH_ATTR_I(ath_batch_norm_grad_attrs, with_residual, 1),
    ATH_ATTR_END,
};

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, RESIDUAL };                   /* batch_norm's inputs  */
enum { Y, MEAN, INVSTD, NEW_MEAN, NEW_VAR };                                    /* and outputs          */
enum { GRAD_DY, GRAD_X, GRAD_GAMMA, GRAD_MEAN, GRAD_INVSTD, GRAD_Y, GRAD_DY2 }; /* the gradient's inputs */
enum { GRAD_DX, GRAD_DGAMMA, GRAD_DBETA, GRAD_DRESIDUAL };                      /* and outputs          */

/* ---- shape inference -------------------------------------------------------------------------------------------- */

/* x has channels, and enough values for a variance. */
static ath_status x_check(struct ath__infer *infer, int i) {
    ATH_TRY(ath__infer_float(infer, i, "x"));
    const ath_shape *x = &infer->in[i].shape;
    if (x->rank < 2) return ath__infer_fail(infer, "x must be (N,C,...), is %s", ath__shape_text(x).text);
    if (ath_shape_count(x) / x->dims[1] < 2)
        return ath__infer_fail(infer,
                               "training needs more than one value per channel, x %s has one; use larger batches",
                               ath__shape_text(x).text);
    return ATH_OK;
}

static ath_status channels_check(struct ath__infer *infer, int i, const char *what, int64_t channels) {
    ATH_TRY(ath__infer_float(infer, i, what));
    return ath__infer_shape(infer, i, what, &(ath_shape){.rank = 1, .dims = {channels}});
}

static ath_status act_check(struct ath__infer *infer, int64_t act) {
    ATH_TRY(ath__infer_choice(infer, "activation", act, ATH_ACT_COUNT));
    if (!ath__act_from_output(act))
        return ath__infer_fail(infer, "an activation can be fused only if its derivative comes from its output");
    return ATH_OK;
}

static ath_status batch_norm_infer(struct ath__infer *infer) {
    static const char *const    names[] = {"x", "gamma", "beta", "running_mean", "running_var"};
    const ath_batch_norm_attrs *attrs = infer->attrs;
    if (!(attrs->eps > 0.0)) return ath__infer_fail(infer, "eps must be positive, is %g", attrs->eps);
    if (!(attrs->momentum >= 0.0 && attrs->momentum <= 1.0))
        return ath__infer_fail(infer, "momentum must lie in 0 to 1, is %g", attrs->momentum);
    ATH_TRY(act_check(infer, attrs->act));
    ATH_TRY(x_check(infer, X));
    const ath_shape *x = &infer->in[X].shape;
    ath_shape        channels = {.rank = 1, .dims = {x->dims[1]}};
    for (int i = GAMMA; i <= RUNNING_VAR; i++) ATH_TRY(channels_check(infer, i, names[i], x->dims[1]));
    if (ath__infer_has(infer, RESIDUAL)) {
        ATH_TRY(ath__infer_float(infer, RESIDUAL, "residual"));
        ATH_TRY(ath__infer_shape(infer, RESIDUAL, "residual", x));
    }
    ATH_TRY(ath__infer_result(infer, Y, infer->in[X].dtype, x));
    for (int i = MEAN; i <= NEW_VAR; i++) ATH_TRY(ath__infer_result(infer, i, ATH_F32, &channels));
    return ATH_OK;
}

static ath_status batch_norm_grad_infer(struct ath__infer *infer) {
    static const char *const         names[] = {"dy", "x", "gamma", "mean", "invstd", "y", "dy2"};
    const ath_batch_norm_grad_attrs *attrs = infer->attrs;
    ATH_TRY(act_check(infer, attrs->act));
    ATH_TRY(x_check(infer, GRAD_X));
    const ath_shape *x = &infer->in[GRAD_X].shape;
    ath_shape        channels = {.rank = 1, .dims = {x->dims[1]}};
    for (int i = GRAD_GAMMA; i <= GRAD_INVSTD; i++) ATH_TRY(channels_check(infer, i, names[i], x->dims[1]));
    if (attrs->act != ATH_ACT_NONE && !ath__infer_has(infer, GRAD_Y))
        return ath__infer_fail(infer, "the gradient behind an activation needs y");
    for (int i = 0; i <= GRAD_DY2; i++)
        if (i == GRAD_DY || (i >= GRAD_Y && ath__infer_has(infer, i))) {
            ATH_TRY(ath__infer_float(infer, i, names[i]));
            ATH_TRY(ath__infer_shape(infer, i, names[i], x));
        }
    ATH_TRY(ath__infer_result(infer, GRAD_DX, infer->in[GRAD_DY].dtype, x));
    ATH_TRY(ath__infer_result(infer, GRAD_DGAMMA, ATH_F32, &channels));
    ATH_TRY(ath__infer_result(infer, GRAD_DBETA, ATH_F32, &channels));
    if (attrs->with_residual != 0) return ath__infer_result(infer, GRAD_DRESIDUAL, infer->in[GRAD_DY].dtype, x);
    ath__infer_absent(infer, GRAD_DRESIDUAL);
    return ATH_OK;
}

/* ---- gradient --------------------------------------------------------------------------------------------------- */

static void batch_norm_grad(const struct ath__grad *grad) {
    ath_graph                  *graph = grad->graph;
    const struct ath__node     *node = grad->node;
    const ath_batch_norm_attrs *attrs = node->attrs;
    for (int i = MEAN; i <= NEW_VAR; i++)
        if (grad->dout[i] != ATH_NONE) {
            ath_graph_fail(graph, ATH_UNSUPPORTED,
                           "batch_norm: its statistics have no gradient of their own; compute them with reduce");
            return;
        }
    if (grad->dout[Y] == ATH_NONE) return;
    bool                      residual = ath__node_has(node, RESIDUAL) && grad->want[RESIDUAL];
    ath_batch_norm_grad_attrs own = {attrs->eps, attrs->momentum, attrs->act, residual};
    ath_value                 in[] = {grad->dout[Y],   node->in[X],       node->in[GAMMA],
                                      node->out[MEAN], node->out[INVSTD], attrs->act != ATH_ACT_NONE ? node->out[Y] : ATH_NONE};
    int                       made = ath__graph_node(graph, &ath__op_batch_norm_grad, &own, in, 6);
    grad->din[X] = ath__node_out(graph, made, GRAD_DX);
    grad->din[GAMMA] = ath__node_out(graph, made, GRAD_DGAMMA);
    grad->din[BETA] = ath__node_out(graph, made, GRAD_DBETA);
    if (residual) grad->din[RESIDUAL] = ath__node_out(graph, made, GRAD_DRESIDUAL);
}

/* ---- reference -------------------------------------------------------------------------------------------------- */

/* x as (outer, channels, inner). */
struct planes {
    int64_t outer, channels, inner;
};

static struct planes planes_of(const ath_shape *shape) {
    struct planes planes = {shape->dims[0], shape->dims[1], 1};
    for (int i = 2; i < shape->rank; i++) planes.inner *= shape->dims[i];
    return planes;
}

static double optional(const struct ath__ref *ref, int i, int64_t at) {
    return i < ref->ins && ref->in[i].data != NULL ? ref->in[i].data[at] : 0.0;
}

static void statistics(const double *x, const struct planes *planes, int64_t c, double *mean, double *var) {
    double sum = 0.0, squares = 0.0, count = (double)(planes->outer * planes->inner);
    for (int64_t n = 0; n < planes->outer; n++)
        for (int64_t i = 0; i < planes->inner; i++) sum += x[(n * planes->channels + c) * planes->inner + i];
    *mean = sum / count;
    for (int64_t n = 0; n < planes->outer; n++)
        for (int64_t i = 0; i < planes->inner; i++) {
            double off = x[(n * planes->channels + c) * planes->inner + i] - *mean;
            squares += off * off;
        }
    *var = squares / count;
}

static void batch_norm_ref(const struct ath__ref *ref) {
    const ath_batch_norm_attrs *attrs = ref->attrs;
    struct planes               planes = planes_of(&ref->in[X].shape);
    double                      count = (double)(planes.outer * planes.inner), m = attrs->momentum;
    for (int64_t c = 0; c < planes.channels; c++) {
        double mean, var;
        statistics(ref->in[X].data, &planes, c, &mean, &var);
        double invstd = 1.0 / sqrt(var + attrs->eps);
        for (int64_t n = 0; n < planes.outer; n++)
            for (int64_t i = 0; i < planes.inner; i++) {
                int64_t at = (n * planes.channels + c) * planes.inner + i;
                double  z = (ref->in[X].data[at] - mean) * invstd * ref->in[GAMMA].data[c] + ref->in[BETA].data[c];
                ref->out[Y].data[at] = ath__scalar_act(attrs->act, z + optional(ref, RESIDUAL, at));
            }
        ref->out[MEAN].data[c] = mean;
        ref->out[INVSTD].data[c] = invstd;
        ref->out[NEW_MEAN].data[c] = (1.0 - m) * ref->in[RUNNING_MEAN].data[c] + m * mean;
        ref->out[NEW_VAR].data[c] = (1.0 - m) * ref->in[RUNNING_VAR].data[c] + m * var * count / (count - 1.0);
    }
}

/* The gradient behind the activation at one place. */
static double inner_gradient(const struct ath__ref *ref, int64_t act, int64_t at) {
    double dy = ref->in[GRAD_DY].data[at] + optional(ref, GRAD_DY2, at);
    return act == ATH_ACT_NONE ? dy : dy * ath__scalar_act_slope(act, ref->in[GRAD_Y].data[at]);
}

static void batch_norm_grad_ref(const struct ath__ref *ref) {
    int64_t       act = ((const ath_batch_norm_grad_attrs *)ref->attrs)->act;
    struct planes planes = planes_of(&ref->in[GRAD_X].shape);
    double       *dresidual = ref->outs > GRAD_DRESIDUAL ? ref->out[GRAD_DRESIDUAL].data : NULL;
    double        count = (double)(planes.outer * planes.inner);
    for (int64_t c = 0; c < planes.channels; c++) {
        double mean = ref->in[GRAD_MEAN].data[c], invstd = ref->in[GRAD_INVSTD].data[c], dgamma = 0.0, dbeta = 0.0;
        for (int64_t n = 0; n < planes.outer; n++)
            for (int64_t i = 0; i < planes.inner; i++) {
                int64_t at = (n * planes.channels + c) * planes.inner + i;
                double  dz = inner_gradient(ref, act, at);
                dbeta += dz;
                dgamma += dz * (ref->in[GRAD_X].data[at] - mean) * invstd;
            }
        for (int64_t n = 0; n < planes.outer; n++)
            for (int64_t i = 0; i < planes.inner; i++) {
                int64_t at = (n * planes.channels + c) * planes.inner + i;
                double  dz = inner_gradient(ref, act, at), xhat = (ref->in[GRAD_X].data[at] - mean) * invstd;
                ref->out[GRAD_DX].data[at] =
                    ref->in[GRAD_GAMMA].data[c] * invstd * (dz - dbeta / count - xhat * dgamma / count);
                if (dresidual != NULL) dresidual[at] = dz;
            }
        ref->out[GRAD_DGAMMA].data[c] = dgamma;
        ref->out[GRAD_DBETA].data[c] = dbeta;
    }
}

/* ---- operators and builders ------------------------------------------------------------------------------------- */

const struct ath__op ath__op_batch_norm = {
    .name = "batch_norm",
    .traits = ATH_OP_LOW_FIRST,
    .attrs_size = sizeof(ath_batch_norm_attrs),
    .attrs = batch_norm_attrs,
    .min_ins = 5,
    .max_ins = 6,
    .infer = batch_norm_infer,
    .grad = batch_norm_grad,
    .ref = batch_norm_ref,
};

const struct ath__op ath__op_batch_norm_grad = {
    .name = "batch_norm_grad",
    .traits = ATH_OP_LOW_FIRST,
    .attrs_size = sizeof(ath_batch_norm_grad_attrs),
    .attrs = batch_norm_grad_attrs,
    .min_ins = 5,
    .max_ins = 7,
    .infer = batch_norm_grad_infer,
    .ref = batch_norm_grad_ref,
};

ath_value ath_batch_norm_train(ath_graph *g, ath_value x, ath_value gamma, ath_value beta, ath_value running_mean,
                               ath_value running_var, double eps, double momentum) {
    ath_batch_norm_attrs attrs = {.eps = eps, .momentum = momentum};
    int                  node =
        ath__graph_node(g, &ath__op_batch_norm, &attrs, (ath_value[]){x, gamma, beta, running_mean, running_var}, 5);
    if (node < 0) return ATH_NONE;
    ath__graph_store(g, ath__node_out(g, node, NEW_MEAN), running_mean);
    ath__graph_store(g, ath__node_out(g, node, NEW_VAR), running_var);
    return ath__node_out(g, node, Y);
}

ath_value ath_batch_norm_eval(ath_graph *g, ath_value x, ath_value gamma, ath_value beta, ath_value running_mean,
                              ath_value running_var, double eps) {
    ath_shape shape = ath_value_shape(g, x), channels = {.rank = shape.rank};
    if (x == ATH_NONE) return ATH_NONE;
    if (shape.rank < 2)
        return ath_graph_fail(g, ATH_USAGE, "batch_norm: x must be (N,C,...), is %s", ath__shape_text(&shape).text);
    for (int i = 0; i < shape.rank; i++) channels.dims[i] = i == 1 ? shape.dims[1] : 1;
    ath_value deviation = ath_unary_op(g, ath_scale(g, running_var, 1.0, eps), ATH_UNARY_SQRT);
    ath_value scale = ath_binary_op(g, gamma, deviation, ATH_BINARY_DIV);
    ath_value shift = ath_binary_op(g, beta, ath_mul(g, running_mean, scale), ATH_BINARY_SUB);
    return ath_add(g, ath_mul(g, x, ath_reshape(g, scale, channels)), ath_reshape(g, shift, channels));
}
