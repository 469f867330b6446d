/* Stochastic gradient descent with momentum, Nesterov momentum and coupled weight decay (Sutskever et al., "On the
 * importance of initialization and momentum in deep learning", ICML 2013; PyTorch's form, in which the first gradient
 * enters the momentum undampened):
 *
 *     g = grad + weight_decay * p
 *     v = momentum * v + (1 - dampening) * g
 *     p = p - lr * v                    plain
 *     p = p - lr * (g + momentum * v)   Nesterov
 */
#include "optim/optim_terms.h"

enum { RATE, MOMENTUM, FRESH, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    return settings->momentum > 0.0 ? 1 : 0;
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    scalars[RATE] = lr;
    scalars[MOMENTUM] = settings->momentum;
    scalars[FRESH] = step == 1 ? 1.0 : 1.0 - settings->dampening;
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value g = ath__optim_coupled(graph, settings, step), direction = g;
    if (settings->momentum > 0.0) {
        ath_value fresh = settings->dampening > 0.0 ? ath_mul(graph, g, step->scalar[FRESH]) : g;
        ath_value v = ath_add(graph, ath_mul(graph, step->slot[0], step->scalar[MOMENTUM]), fresh);
        ath__graph_store(graph, v, step->slot[0]);
        direction = settings->nesterov != 0.0 ? ath_add(graph, g, ath_mul(graph, v, step->scalar[MOMENTUM])) : v;
    }
    return ath__optim_minus(graph, step->params, ath_mul(graph, direction, step->scalar[RATE]));
}

const struct ath__optimizer ath__optimizer_sgd = {
    .name = "sgd",
    .summary = "stochastic gradient descent with (Nesterov) momentum",
    .lr = "0.1",
    .keys = {{"momentum", "0"}, {"dampening", "0"}, {"nesterov", "false"}, {"weight_decay", "0"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
