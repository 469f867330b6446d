/* Weight normalisation (Salimans and Kingma, "Weight normalization", 2016), per filter:
 *
 *     w[k] = v[k] * (g[k] / |v[k]|),   |v[k]| = sqrt(sum over all other dimensions of v[k]^2)
 *
 * with parameters <layer>.weight_v (shape of the weight) and <layer>.weight_g (K,1,...), as PyTorch names them. g
 * starts as the norm that the graph itself computes, so that g / |v| is exactly 1 and w exactly v: the net starts equal
 * to the plain one to the last bit. The sum gets 1e-30 added, far below a float's resolution for any real filter, so
 * that a filter of zeros gives w = 0 and finite gradients instead of 0 / 0.
 */
#include "nn/weight_transform.h"

static ath_value apply(struct ath__nn *nn, const ath_shape *shape) {
    ath_graph *g = nn->graph;
    ath_value  v = ath_param(g, "weight_v", *shape, nn->weight_init);
    uint32_t   axes = (1u << shape->rank) - 2u; /* every dimension but the filters' */
    ath_value  sum = ath_reduce_op(g, ath_unary_op(g, v, ATH_UNARY_SQUARE), ATH_REDUCE_SUM, axes, true);
    ath_value  norm = ath_unary_op(g, ath_scale(g, sum, 1.0, 1e-30), ATH_UNARY_SQRT);
    ath_shape  gain_shape = {.rank = shape->rank, .dims = {shape->dims[0]}};
    for (int i = 1; i < shape->rank; i++) gain_shape.dims[i] = 1;
    ath_value gain = ath_param(g, "weight_g", gain_shape, (ath_init){.kind = ATH_INIT_FROM, .from = norm});
    return ath_mul(g, v, ath_binary_op(g, gain, norm, ATH_BINARY_DIV));
}

const struct ath__weight_transform ath__weight_transform_wn = {
    .name = "wn",
    .summary = "weight normalisation: each filter's length and direction are trained apart",
    .applies = ATH_TRANSFORM_CONV | ATH_TRANSFORM_LINEAR,
    .apply = apply,
};
