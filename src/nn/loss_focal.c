/* Focal loss (Lin et al., "Focal loss for dense object detection", ICCV 2017), in its form for a softmax: what is
 * already classified well counts less.
 *
 *     loss_n = -sum_k w_k t_nk (1 - p_nk)^gamma log p_nk,   p = softmax(x)
 *
 * The power is exp(gamma * log u) with u = max(1 - p, 2^-25): 2^-24 is the smallest 1 - p above zero that float32
 * holds, and at u = 0 the factor log p is zero too. gamma = 0 is cross-entropy.
 */
#include "nn/loss.h"

#include "graph/ir.h"

static ath_value build(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits,
                       ath_value labels) {
    if (settings->gamma == 0.0) return ath__loss_cross_entropy.build(graph, settings, logits, labels);
    ath_value t = ath__loss_targets(graph, settings, logits, labels);
    ath_value weights = ath__loss_weights(graph, settings, logits);
    if (weights != ATH_NONE) t = ath_mul(graph, t, weights);
    ath_value log_p = ath_softmax(graph, logits, true);
    ath_value u = ath_scale(graph, ath_unary_op(graph, log_p, ATH_UNARY_EXP), -1.0, 1.0);
    u = ath_binary_op(graph, u, ath__graph_scalar(graph, 0x1p-25), ATH_BINARY_MAX);
    ath_value power = ath_unary_op(graph, ath_scale(graph, ath_unary_op(graph, u, ATH_UNARY_LOG), settings->gamma, 0.0),
                                   ATH_UNARY_EXP);
    ath_value terms = ath_mul(graph, ath_mul(graph, t, power), ath_scale(graph, log_p, -1.0, 0.0));
    return ath_reduce_op(graph, terms, ATH_REDUCE_SUM, 1u << 1, false);
}

const struct ath__loss ath__loss_focal = {
    .name = "focal",
    .summary = "focal loss: cross-entropy times (1 - p)^loss.gamma; label_smoothing, class_weights",
    .weighted_mean = true,
    .build = build,
};
