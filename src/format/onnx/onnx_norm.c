/* Normalisations.
 *
 *     BatchNormalization, LayerNormalization, InstanceNormalization, GroupNormalization, LRN
 */
#include "format/onnx/onnx_import.h"
#include "graph/ir.h"

#include <math.h>

static const ath_init ones = {.kind = ATH_INIT_CONSTANT, .value = 1.0}, zeros = {.kind = ATH_INIT_ZEROS};

/* (C) as (1,C,1,...) beside `rank` dimensions. */
static ath_value per_channel(ath_graph *g, ath_value v, int rank) {
    ath_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++) shape.dims[i] = 1;
    if (v == ATH_NONE || rank < 2) return v;
    shape.dims[1] = ath_value_shape(g, v).dims[0];
    return ath_reshape(g, v, shape);
}

/* (x - mean) / sqrt(variance + eps) over the dimensions of the mask, which stay as 1 in *mean and *invstd. */
static ath_value standardised(ath_graph *g, ath_value x, uint32_t axes, double eps, ath_value *mean,
                              ath_value *variance, ath_value *invstd) {
    *mean = ath_reduce_op(g, x, ATH_REDUCE_MEAN, axes, true);
    ath_value off = ath_binary_op(g, x, *mean, ATH_BINARY_SUB);
    *variance = ath_reduce_op(g, ath_unary_op(g, off, ATH_UNARY_SQUARE), ATH_REDUCE_MEAN, axes, true);
    ath_value deviation = ath_unary_op(g, ath_scale(g, *variance, 1.0, eps), ATH_UNARY_SQRT);
    *invstd = ath_unary_op(g, deviation, ATH_UNARY_RECIPROCAL);
    return ath_mul(g, off, *invstd);
}

/* The mask of dimensions first .. rank-1. */
static uint32_t from_on(int first, int rank) {
    return first < rank ? (uint32_t)((1u << rank) - (1u << first)) : 0;
}

/* training_mode=1 (opset 14 on) where the graph is run as it stands: the batch's statistics, with the running ones as
 * further results. */
static void batch_norm_of_batch(struct ath__onnx_node *n, ath_value x, ath_value gamma, ath_value beta, ath_value mean,
                                ath_value var, double eps, double momentum) {
    ath_graph *g = n->graph;
    int        rank = ath_value_shape(g, x).rank;
    ath_value  own_mean, own_var, invstd;
    ath_value  y = standardised(g, x, from_on(0, rank) & ~2u, eps, &own_mean, &own_var, &invstd);
    y = ath_add(g, ath_mul(g, y, per_channel(g, gamma, rank)), per_channel(g, beta, rank));
    ath__onnx_set(n, 0, y);
    ath_shape channels = ath_value_shape(g, mean);
    own_mean = ath_scale(g, ath_reshape(g, own_mean, channels), 1.0 - momentum, 0.0);
    own_var = ath_scale(g, ath_reshape(g, own_var, channels), 1.0 - momentum, 0.0);
    ath__onnx_set(n, 1, ath_add(g, ath_scale(g, mean, momentum, 0.0), own_mean));
    ath__onnx_set(n, 2, ath_add(g, ath_scale(g, var, momentum, 0.0), own_var));
}

void ath__onnx_batch_normalization(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), gamma = ath__onnx_weight(n, 1, ones), beta = ath__onnx_weight(n, 2, zeros);
    ath_value mean = ath__onnx_statistic(n, 3), var = ath__onnx_statistic(n, 4);
    double    eps = ath__onnx_attr_real(n, "epsilon", 1e-5), momentum = ath__onnx_attr_real(n, "momentum", 0.9);
    if (ath__onnx_failed(n)) return;
    if (ath__onnx_attr_int(n, "spatial", 1) == 0) {
        ath__onnx_refuse(n, "spatial=0, statistics of single pixels");
        return;
    }
    if (n->im->batch == 0 && ath__onnx_attr_int(n, "training_mode", 0)) {
        batch_norm_of_batch(n, x, gamma, beta, mean, var, eps, momentum);
        return;
    }
    bool states = n->graph->values[mean].leaf == ATH_LEAF_STATE && n->graph->values[var].leaf == ATH_LEAF_STATE;
    if (n->im->nn->train && states)
        ath__onnx_set(n, 0, ath_batch_norm_train(n->graph, x, gamma, beta, mean, var, eps, 1.0 - momentum));
    else
        ath__onnx_set(n, 0, ath_batch_norm_eval(n->graph, x, gamma, beta, mean, var, eps));
}

void ath__onnx_layer_normalization(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), scale = ath__onnx_weight(n, 1, ones), mean, variance, invstd;
    ath_shape shape = ath_value_shape(n->graph, x);
    int       axis;
    if (ath__onnx_failed(n) || !ath__onnx_axis(n, ath__onnx_attr_int(n, "axis", -1), shape.rank, &axis)) return;
    double    eps = ath__onnx_attr_real(n, "epsilon", 1e-5);
    ath_value y = standardised(n->graph, x, from_on(axis, shape.rank), eps, &mean, &variance, &invstd);
    y = ath_mul(n->graph, y, scale);
    if (ath__onnx_has(n, 2)) y = ath_add(n->graph, y, ath__onnx_weight(n, 2, zeros));
    ath__onnx_set(n, 0, y);
    if (n->outs > 1) ath__onnx_set(n, 1, mean);
    if (n->outs > 2) ath__onnx_set(n, 2, invstd);
}

void ath__onnx_instance_normalization(struct ath__onnx_node *n) {
    ath_value x = ath__onnx_x(n, 0), scale = ath__onnx_weight(n, 1, ones), shift = ath__onnx_weight(n, 2, zeros);
    ath_value mean, variance, invstd;
    int       rank = ath_value_shape(n->graph, x).rank;
    if (ath__onnx_failed(n)) return;
    if (rank < 3) {
        ath__onnx_fail(n, ATH_DATA, "it needs images (N,C,...)");
        return;
    }
    double    eps = ath__onnx_attr_real(n, "epsilon", 1e-5);
    ath_value y = standardised(n->graph, x, from_on(2, rank), eps, &mean, &variance, &invstd);
    y = ath_mul(n->graph, y, per_channel(n->graph, scale, rank));
    ath__onnx_set(n, 0, ath_add(n->graph, y, per_channel(n->graph, shift, rank)));
}

/* The scale is one number per group in opset 18, one per channel from 21 on. */
void ath__onnx_group_normalization(struct ath__onnx_node *n) {
    ath_value  x = ath__onnx_x(n, 0), scale = ath__onnx_weight(n, 1, ones), shift = ath__onnx_weight(n, 2, zeros);
    ath_value  mean, variance, invstd;
    ath_graph *g = n->graph;
    ath_shape  shape = ath_value_shape(g, x);
    int64_t    groups = ath__onnx_attr_int(n, "num_groups", 0);
    if (ath__onnx_failed(n)) return;
    if (shape.rank < 2 || groups < 1 || shape.dims[1] % groups != 0) {
        ath__onnx_fail(n, ATH_DATA, "%lld groups do not divide its channels", (long long)groups);
        return;
    }
    double    eps = ath__onnx_attr_real(n, "epsilon", 1e-5);
    ath_shape grouped = ath_shape_of(shape.dims[0], groups, ath_shape_count(&shape) / (shape.dims[0] * groups));
    ath_value y = standardised(g, ath_reshape(g, x, grouped), 4u, eps, &mean, &variance, &invstd);
    ath_shape scales = ath_value_shape(g, scale);
    if (scales.rank == 1 && scales.dims[0] == groups && (n->opset < 21 || groups == shape.dims[1])) {
        y = ath_mul(g, y, ath_reshape(g, scale, ath_shape_of(1, groups, 1)));
        y = ath_reshape(g, ath_add(g, y, ath_reshape(g, shift, ath_shape_of(1, groups, 1))), shape);
        ath__onnx_set(n, 0, y);
        return;
    }
    y = ath_mul(g, ath_reshape(g, y, shape), per_channel(g, scale, shape.rank));
    ath__onnx_set(n, 0, ath_add(g, y, per_channel(g, shift, shape.rank)));
}

/* Local response: x / (bias + alpha * mean of squares over `size` neighbouring channels) ^ beta. The mean is an average
 * pooling along the channels, seen as rows of (N,1,C,pixels). */
void ath__onnx_lrn(struct ath__onnx_node *n) {
    ath_graph *g = n->graph;
    ath_value  x = ath__onnx_x(n, 0);
    ath_shape  shape = ath_value_shape(g, x);
    int64_t    size = ath__onnx_attr_int(n, "size", 0);
    double     alpha = ath__onnx_attr_real(n, "alpha", 1e-4), beta = ath__onnx_attr_real(n, "beta", 0.75);
    double     bias = ath__onnx_attr_real(n, "bias", 1.0);
    if (ath__onnx_failed(n)) return;
    if (shape.rank < 2 || size < 1 || size > 1 << 16 || bias <= 0.0) {
        ath__onnx_fail(n, ATH_DATA, "it needs (N,C,...) and a size");
        return;
    }
    ath_shape rows =
        ath_shape_of(shape.dims[0], 1, shape.dims[1], ath_shape_count(&shape) / (shape.dims[0] * shape.dims[1]));
    ath_pool2d_attrs pool = {.kind = ATH_POOL_AVG,
                             .kernel = {size, 1},
                             .stride = {1, 1},
                             .pad = {(size - 1) / 2, 0, size - 1 - (size - 1) / 2, 0},
                             .count_include_pad = 1};
    ath_value        mean = ath_pool2d(g, ath_reshape(g, ath_unary_op(g, x, ATH_UNARY_SQUARE), rows), &pool);
    ath_value        base = ath_scale(g, ath_reshape(g, mean, shape), alpha, bias);
    ath_value        root = ath_scale(g, ath_unary_op(g, base, ATH_UNARY_LOG), -beta, 0.0);
    ath__onnx_set(n, 0, ath_mul(g, x, ath_unary_op(g, root, ATH_UNARY_EXP)));
}
