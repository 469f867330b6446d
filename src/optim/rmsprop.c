/* RMSprop (Hinton, "Neural networks for machine learning", lecture 6e; PyTorch's form, with eps behind the root):
 *
 *     g = grad + weight_decay * p
 *     s = alpha * s + (1 - alpha) * g^2
 *     a = alpha * a + (1 - alpha) * g                centered: the variance s - a^2 in place of s
 *     b = momentum * b + g / (sqrt(s) + eps)
 *     p = p - lr * b
 */
#include "optim/optim_terms.h"

enum { RATE, MOMENTUM, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    return 1 + (settings->centered != 0.0) + (settings->momentum > 0.0);
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    (void)step;
    scalars[RATE] = lr;
    scalars[MOMENTUM] = settings->momentum;
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    int       slot = 1;
    double    alpha = settings->alpha;
    ath_value g = ath__optim_coupled(graph, settings, step);
    ath_value s = ath__optim_mix_by(graph, step->slot[0], alpha, ath_unary_op(graph, g, ATH_UNARY_SQUARE), 1.0 - alpha);
    ath__graph_store(graph, s, step->slot[0]);
    if (settings->centered != 0.0) {
        ath_value a = ath__optim_mix_by(graph, step->slot[slot], alpha, g, 1.0 - alpha);
        ath__graph_store(graph, a, step->slot[slot++]);
        /* Rounding can leave a variance of zero a little below it. */
        s = ath_relu(graph, ath__optim_minus(graph, s, ath_unary_op(graph, a, ATH_UNARY_SQUARE)));
    }
    ath_value move = ath_binary_op(graph, g, ath__optim_divisor(graph, s, ATH_NONE, settings->eps), ATH_BINARY_DIV);
    if (settings->momentum > 0.0) {
        move = ath_add(graph, ath_mul(graph, step->slot[slot], step->scalar[MOMENTUM]), move);
        ath__graph_store(graph, move, step->slot[slot]);
    }
    return ath__optim_minus(graph, step->params, ath_mul(graph, move, step->scalar[RATE]));
}

const struct ath__optimizer ath__optimizer_rmsprop = {
    .name = "rmsprop",
    .summary = "gradients over the root of their mean square",
    .lr = "0.01",
    .keys = {{"alpha", "0.99"}, {"eps", "1e-8"}, {"momentum", "0"}, {"centered", "false"}, {"weight_decay", "0"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
