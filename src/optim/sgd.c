/* Stochastic gradient descent with momentum, Nesterov momentum and coupled weight decay (Sutskever et al., "On the
 * importance of initialization and momentum in deep learning", ICML 2013; PyTorch's form, without dampening):
 *
 *     g = grad + weight_decay * p
 *     v = momentum * v + g
 *     p = p - lr * v                    plain
 *     p = p - lr * (g + momentum * v)   Nesterov
 */
#include "optim/optimizer.h"

static int slots(const struct ath__optim_settings *settings) {
    return settings->momentum > 0.0 ? 1 : 0;
}

static void build(ath_graph *graph, const struct ath__optim_settings *settings, const struct ath__optim_step *step) {
    ath_value g = step->grad;
    if (settings->weight_decay > 0.0)
        g = ath_add(graph, g, ath_scale(graph, step->params, settings->weight_decay, 0.0));
    ath_value direction = g;
    if (settings->momentum > 0.0) {
        ath_value v = ath_add(graph, ath_scale(graph, step->slot[0], settings->momentum, 0.0), g);
        ath__graph_store(graph, v, step->slot[0]);
        direction = settings->nesterov ? ath_add(graph, g, ath_scale(graph, v, settings->momentum, 0.0)) : v;
    }
    ath_value moved = ath_binary_op(graph, step->params, ath_mul(graph, direction, step->lr), ATH_BINARY_SUB);
    ath__graph_store(graph, moved, step->params);
}

const struct ath__optimizer ath__optimizer_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent; momentum, nesterov, weight_decay",
    .slots = slots,
    .build = build,
};
