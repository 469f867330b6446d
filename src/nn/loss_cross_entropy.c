/* Cross-entropy of the softmax, with label smoothing and class weights (PyTorch's CrossEntropyLoss):
 *
 *     loss_n = -sum_k w_k t_nk log softmax(x_n)_k
 *
 * Without weights this is one fused operator on the labels themselves.
 */
#include "nn/loss.h"

static ath_value build(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits,
                       ath_value labels) {
    if (!settings->weights) return ath_cross_entropy(graph, logits, labels, settings->smoothing);
    ath_value t = ath__loss_targets(graph, settings, logits, labels);
    t = ath_mul(graph, t, ath__loss_weights(graph, settings, logits));
    return ath_cross_entropy(graph, logits, t, 0.0); /* targets need not sum to one */
}

const struct ath__loss ath__loss_cross_entropy = {
    .name = "cross_entropy",
    .summary = "cross-entropy of the softmax; label_smoothing, class_weights",
    .weighted_mean = true,
    .build = build,
};
