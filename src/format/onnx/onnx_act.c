/* Activations, softmax and dropout.
 *
 *     Relu, LeakyRelu, PRelu, Elu, Selu, Celu, Clip, HardSwish, HardSigmoid, Sigmoid, Swish, Mish, Softplus, Softsign,
 *     Tanh, Gelu, Softmax, LogSoftmax, Dropout
 *
 * What Athanor has no activation for is composed, with p = max(x, 0) and m = min(x, 0).
 */
#include "format/onnx/onnx_import.h"

#include <math.h>
#include <string.h>

static void act(struct ath__onnx_node *n, ath_act kind) {
    ath__onnx_set(n, 0, ath_activation(n->graph, ath__onnx_x(n, 0), kind));
}

static ath_value positive(ath_graph *g, ath_value x) {
    return ath_relu(g, x);
}
static ath_value negative(ath_graph *g, ath_value x) {
    return ath_scale(g, ath_relu(g, ath_scale(g, x, -1.0, 0.0)), -1.0, 0.0);
}
/* exp(x) - 1 */
static ath_value exp_less_one(ath_graph *g, ath_value x) {
    return ath_scale(g, ath_unary_op(g, x, ATH_UNARY_EXP), 1.0, -1.0);
}

static double host_relu(double x) {
    return x < 0.0 ? 0.0 : x;
}
void ath__onnx_relu(struct ath__onnx_node *n) {
    if (ath__onnx_has(n, 0) && n->in[0]->fixed) {
        ath__onnx_set_value(n, 0, ath__onnx_host_unary(n, n->in[0], n->in[0]->type, host_relu));
        return;
    }
    act(n, ATH_ACT_RELU);
}
void ath__onnx_sigmoid(struct ath__onnx_node *n) {
    act(n, ATH_ACT_SIGMOID);
}
void ath__onnx_tanh(struct ath__onnx_node *n) {
    act(n, ATH_ACT_TANH);
}
void ath__onnx_hard_swish(struct ath__onnx_node *n) {
    act(n, ATH_ACT_HARD_SWISH);
}

void ath__onnx_leaky_relu(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), m = negative(n->graph, x);
    double    alpha = ath__onnx_attr_real(n, "alpha", 0.01);
    ath__onnx_set(n, 0, ath_add(n->graph, positive(n->graph, x), ath_scale(n->graph, m, alpha, 0.0)));
}

/* One slope per channel comes as (C) in old files and as (C,1,1) in newer ones: both broadcast, the former from the left.
 */
void ath__onnx_prelu(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0),
              slope = ath__onnx_weight(n, 1, (ath_init){.kind = ATH_INIT_CONSTANT, .value = 0.25});
    ath_shape from = ath_value_shape(n->graph, x), shape = ath_value_shape(n->graph, slope);
    if (ath__onnx_failed(n)) return;
    if (n->opset < 7 && shape.rank == 1 && from.rank > 2) {
        for (shape.rank = 1; shape.rank < from.rank - 1; shape.rank++) shape.dims[shape.rank] = 1;
        slope = ath_reshape(n->graph, slope, shape);
    }
    ath__onnx_set(n, 0, ath_add(n->graph, positive(n->graph, x), ath_mul(n->graph, slope, negative(n->graph, x))));
}

void ath__onnx_elu(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), m = exp_less_one(n->graph, negative(n->graph, x));
    ath__onnx_set(
        n, 0,
        ath_add(n->graph, positive(n->graph, x), ath_scale(n->graph, m, ath__onnx_attr_real(n, "alpha", 1.0), 0.0)));
}

void ath__onnx_selu(struct ath__onnx_node *n) {
    bool      old = n->opset < 6;
    double    alpha = ath__onnx_attr_real(n, "alpha", old ? 1.6732 : 1.67326319217681884765625);
    double    gamma = ath__onnx_attr_real(n, "gamma", old ? 1.0507 : 1.05070102214813232421875);
    ath_value x = ath__onnx_x(n, 0), m = exp_less_one(n->graph, negative(n->graph, x));
    ath_value y = ath_add(n->graph, positive(n->graph, x), ath_scale(n->graph, m, alpha, 0.0));
    ath__onnx_set(n, 0, ath_scale(n->graph, y, gamma, 0.0));
}

void ath__onnx_celu(struct ath__onnx_node *n) {
    double    alpha = ath__onnx_attr_real(n, "alpha", 1.0);
    ath_value x = ath__onnx_x(n, 0), m = ath_scale(n->graph, negative(n->graph, x), 1.0 / alpha, 0.0);
    if (alpha == 0.0) {
        ath__onnx_fail(n, ATH_DATA, "an alpha of 0");
        return;
    }
    ath__onnx_set(n, 0,
                  ath_add(n->graph, positive(n->graph, x), ath_scale(n->graph, exp_less_one(n->graph, m), alpha, 0.0)));
}

/* Bounds are attributes below opset 11, inputs from there on; both may be missing. */
void ath__onnx_clip(struct ath__onnx_node *n) {
    bool   low_given = n->opset < 11 ? ath__onnx_attr(n, "min") != NULL : ath__onnx_has(n, 1);
    bool   high_given = n->opset < 11 ? ath__onnx_attr(n, "max") != NULL : ath__onnx_has(n, 2);
    double low = n->opset < 11 ? ath__onnx_attr_real(n, "min", 0.0) : ath__onnx_number(n, 1, "minimum", 0.0);
    double high = n->opset < 11 ? ath__onnx_attr_real(n, "max", 0.0) : ath__onnx_number(n, 2, "maximum", 0.0);
    if (ath__onnx_failed(n) || !ath__onnx_has(n, 0)) return;
    if (n->in[0]->fixed) {
        const struct ath__onnx_tensor *x = n->in[0]->host;
        struct ath__onnx_tensor       *y = ath__onnx_host_new(n, x->type, x->rank, x->dims);
        for (int64_t i = 0; y && i < y->count; i++) {
            double value = ath__onnx_get(x, i);
            if (low_given && value < low) value = low;
            ath__onnx_put(y, i, high_given && value > high ? high : value);
        }
        ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
        return;
    }
    ath_value x = ath__onnx_x(n, 0);
    ath_shape scalar = {.rank = 0};
    if (low_given && high_given && low == 0.0 && high == 6.0) {
        act(n, ATH_ACT_RELU6);
        return;
    }
    if (low_given && low == 0.0)
        x = ath_relu(n->graph, x);
    else if (low_given && low > -3.4e38)
        x = ath_binary_op(n->graph, x, ath__onnx_constant(n, &low, &scalar), ATH_BINARY_MAX);
    if (high_given && high < 3.4e38)
        x = ath_binary_op(n->graph, x, ath__onnx_constant(n, &high, &scalar), ATH_BINARY_MIN);
    ath__onnx_set(n, 0, x);
}

/* max(0, min(1, alpha x + beta)) */
void ath__onnx_hard_sigmoid(struct ath__onnx_node *n) {
    double    alpha = ath__onnx_attr_real(n, "alpha", 0.2), beta = ath__onnx_attr_real(n, "beta", 0.5), one = 1.0;
    ath_shape scalar = {.rank = 0};
    if (fabs(alpha - 1.0 / 6.0) < 1e-6 && beta == 0.5) {
        act(n, ATH_ACT_HARD_SIGMOID);
        return;
    }
    ath_value y = ath_relu(n->graph, ath_scale(n->graph, ath__onnx_x(n, 0), alpha, beta));
    ath__onnx_set(n, 0, ath_binary_op(n->graph, y, ath__onnx_constant(n, &one, &scalar), ATH_BINARY_MIN));
}

/* x * sigmoid(alpha x) */
void ath__onnx_swish(struct ath__onnx_node *n) {
    double    alpha = ath__onnx_attr_real(n, "alpha", 1.0);
    ath_value x = ath__onnx_x(n, 0);
    if (alpha == 1.0) {
        act(n, ATH_ACT_SILU);
        return;
    }
    ath__onnx_set(n, 0, ath_mul(n->graph, x, ath_sigmoid(n->graph, ath_scale(n->graph, x, alpha, 0.0))));
}

/* log(1 + exp(x)) = p + log(1 + exp(-|x|)) */
static ath_value softplus(ath_graph *g, ath_value x) {
    ath_value e = ath_unary_op(g, ath_scale(g, ath_unary_op(g, x, ATH_UNARY_ABS), -1.0, 0.0), ATH_UNARY_EXP);
    return ath_add(g, positive(g, x), ath_unary_op(g, ath_scale(g, e, 1.0, 1.0), ATH_UNARY_LOG));
}
void ath__onnx_softplus(struct ath__onnx_node *n) {
    ath__onnx_set(n, 0, softplus(n->graph, ath__onnx_x(n, 0)));
}
void ath__onnx_mish(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0);
    ath__onnx_set(n, 0, ath_mul(n->graph, x, ath_activation(n->graph, softplus(n->graph, x), ATH_ACT_TANH)));
}
void ath__onnx_softsign(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), below = ath_scale(n->graph, ath_unary_op(n->graph, x, ATH_UNARY_ABS), 1.0, 1.0);
    ath__onnx_set(n, 0, ath_binary_op(n->graph, x, below, ATH_BINARY_DIV));
}

/* approximate=tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
void ath__onnx_gelu(struct ath__onnx_node *n) {
    const char *how = ath__onnx_attr_text(n, "approximate", "none");
    ath_graph  *g = n->graph;
    if (how && strcmp(how, "tanh") != 0) {
        act(n, ATH_ACT_GELU);
        return;
    }
    ath_value x = ath__onnx_x(n, 0), inner = ath_scale(g, ath_unary_op(g, x, ATH_UNARY_SQUARE), 0.044715, 1.0);
    inner = ath_scale(g, ath_mul(g, x, inner), 0.79788456080286535588, 0.0);
    ath_value half = ath_scale(g, ath_activation(g, inner, ATH_ACT_TANH), 0.5, 0.5);
    ath__onnx_set(n, 0, ath_mul(g, x, half));
}

/* ---- softmax ----------------------------------------------------------------------------------------------------------- */

/* Over one dimension from opset 13 on; before, over all from `axis` on taken together. */
static void softmax(struct ath__onnx_node *n, bool log) {
    int64_t   order[ATH_MAX_RANK], folded[2] = {1, 1};
    int       axis;
    ath_value x = ath__onnx_x(n, 0);
    ath_shape shape = ath_value_shape(n->graph, x);
    if (ath__onnx_failed(n)) return;
    if (!ath__onnx_axis(n, ath__onnx_attr_int(n, "axis", n->opset < 13 ? 1 : -1), shape.rank, &axis)) return;
    if (n->opset < 13) {
        for (int i = 0; i < shape.rank; i++) folded[i >= axis] *= shape.dims[i];
        ath_value y = ath_softmax(n->graph, ath_reshape(n->graph, x, ath_shape_make(2, folded)), log);
        ath__onnx_set(n, 0, ath_reshape(n->graph, y, shape));
        return;
    }
    if (axis == shape.rank - 1) {
        ath__onnx_set(n, 0, ath_softmax(n->graph, x, log));
        return;
    }
    for (int i = 0; i < shape.rank; i++) order[i] = i;
    order[axis] = shape.rank - 1; /* exchanging two dimensions is its own inverse */
    order[shape.rank - 1] = axis;
    x = ath_softmax(n->graph, ath_permute(n->graph, x, order), log);
    ath__onnx_set(n, 0, ath_permute(n->graph, x, order));
}
void ath__onnx_softmax(struct ath__onnx_node *n) {
    softmax(n, false);
}
void ath__onnx_log_softmax(struct ath__onnx_node *n) {
    softmax(n, true);
}

/* ---- dropout ----------------------------------------------------------------------------------------------------------- */

/* Alive where a model is trained, else x itself with a mask of ones. */
void ath__onnx_dropout(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK];
    double  ratio = n->opset < 12 ? ath__onnx_attr_real(n, "ratio", 0.5) : ath__onnx_number(n, 1, "ratio", 0.5);
    double  training = n->opset < 12 ? 0.0 : ath__onnx_number(n, 2, "training_mode", 0.0);
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    if (ath__onnx_failed(n)) return;
    if (n->im->batch == 0 && training != 0.0 && ratio > 0.0) {
        ath__onnx_refuse(n, "dropout in training is random; there is no answer to compare with");
        return;
    }
    if (!(ratio >= 0.0 && ratio < 1.0)) {
        ath__onnx_fail(n, ATH_DATA, "a ratio of %g", ratio);
        return;
    }
    if (n->im->batch)
        ath__onnx_set(n, 0, ath__nn_dropout(n->im->nn, ath__onnx_x(n, 0), ratio));
    else
        ath__onnx_set_value(n, 0, n->in[0]);
    if (n->outs < 2) return;
    int                      rank = ath__onnx_dims(n->im, n->in[0], dims);
    struct ath__onnx_tensor *mask = ath__onnx_host_new(n, n->opset < 10 ? n->in[0]->type : ATH_ONNX_BOOL, rank, dims);
    for (int64_t i = 0; mask && i < mask->count; i++) ath__onnx_put(mask, i, 1.0);
    ath__onnx_set_value(n, 1, ath__onnx_fixed(n, mask));
}
