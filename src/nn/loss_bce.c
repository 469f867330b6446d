/* Binary cross-entropy on logits, one class against the rest: the mean over the classes of PyTorch's
 * BCEWithLogitsLoss with one-hot targets. Class weights multiply their class's column, as its `weight=`.
 *
 *     loss_n = 1/K sum_k w_k (max(x,0) - x t + log(1 + exp(-|x|)))_nk
 *
 * |x| is written 2 max(x,0) - x: a tie of max gives half to either side, which makes the slope at x = 0 the 1/2 - t
 * that it is. abs would make it -t, and a head that starts at zero would learn from its own class alone.
 */
#include "nn/loss.h"

#include "graph/ir.h"

static ath_value build(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits,
                       ath_value labels) {
    ath_value t = ath__loss_targets(graph, settings, logits, labels);
    ath_value weights = ath__loss_weights(graph, settings, logits);
    ath_value positive = ath_binary_op(graph, logits, ath__graph_scalar(graph, 0.0), ATH_BINARY_MAX);
    ath_value minus_size = ath_binary_op(graph, logits, ath_scale(graph, positive, 2.0, 0.0), ATH_BINARY_SUB);
    ath_value rest =
        ath_unary_op(graph, ath_scale(graph, ath_unary_op(graph, minus_size, ATH_UNARY_EXP), 1.0, 1.0), ATH_UNARY_LOG);
    ath_value terms = ath_binary_op(graph, positive, ath_mul(graph, logits, t), ATH_BINARY_SUB);
    terms = ath_add(graph, terms, rest);
    if (weights != ATH_NONE) terms = ath_mul(graph, terms, weights);
    return ath_reduce_op(graph, terms, ATH_REDUCE_MEAN, 1u << 1, false);
}

const struct ath__loss ath__loss_bce = {
    .name = "bce",
    .summary = "binary cross-entropy on the logits, one class against the rest; label_smoothing, class_weights",
    .build = build,
};
