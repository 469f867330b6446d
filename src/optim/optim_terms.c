/* Terms that optimisers share. */
#include "optim/optim_terms.h"

ath_value ath__optim_coupled(ath_graph *graph, const struct ath__optim_settings *settings,
                             const struct ath__optim_step *step) {
    if (!(settings->weight_decay > 0.0)) return step->grad;
    return ath_add(graph, step->grad, ath_scale(graph, step->params, settings->weight_decay, 0.0));
}

ath_value ath__optim_mix(ath_graph *graph, ath_value old, ath_value a, ath_value new_value, ath_value b) {
    return ath_add(graph, ath_mul(graph, old, a), ath_mul(graph, new_value, b));
}

ath_value ath__optim_mix_by(ath_graph *graph, ath_value old, double a, ath_value new_value, double b) {
    return ath_add(graph, ath_scale(graph, old, a, 0.0), ath_scale(graph, new_value, b, 0.0));
}

ath_value ath__optim_minus(ath_graph *graph, ath_value a, ath_value b) {
    return ath_binary_op(graph, a, b, ATH_BINARY_SUB);
}

ath_value ath__optim_divisor(ath_graph *graph, ath_value second, ath_value root, double eps) {
    ath_value divisor = ath_unary_op(graph, second, ATH_UNARY_SQRT);
    if (root != ATH_NONE) divisor = ath_mul(graph, divisor, root);
    return ath_scale(graph, divisor, 1.0, eps);
}

ath_value ath__optim_piece_of(ath_graph *graph, ath_value flat, const struct ath__optim_piece *piece) {
    int64_t count = ath_shape_count(&piece->shape);
    return ath_slice(graph, flat, &piece->offset, &count);
}

ath_value ath__optim_norm(ath_graph *graph, ath_value value) {
    uint32_t all = (1u << ath_value_shape(graph, value).rank) - 1u;
    return ath_unary_op(graph,
                        ath_reduce_op(graph, ath_unary_op(graph, value, ATH_UNARY_SQUARE), ATH_REDUCE_SUM, all, true),
                        ATH_UNARY_SQRT);
}
