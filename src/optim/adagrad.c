/* Adagrad (Duchi, Hazan and Singer, JMLR 12, 2011; PyTorch's form):
 *
 *     g = grad + weight_decay * p
 *     s = s + g^2
 *     p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
 */
#include "optim/optim_terms.h"

enum { RATE, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    (void)settings;
    return 1;
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    scalars[RATE] = lr / (1.0 + (double)(step - 1) * settings->lr_decay);
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value g = ath__optim_coupled(graph, settings, step);
    ath_value s = ath_add(graph, step->slot[0], ath_unary_op(graph, g, ATH_UNARY_SQUARE));
    ath__graph_store(graph, s, step->slot[0]);
    ath_value move = ath_binary_op(graph, g, ath__optim_divisor(graph, s, ATH_NONE, settings->eps), ATH_BINARY_DIV);
    return ath__optim_minus(graph, step->params, ath_mul(graph, move, step->scalar[RATE]));
}

const struct ath__optimizer ath__optimizer_adagrad = {
    .name = "adagrad",
    .summary = "gradients over the root of the sum of their squares",
    .lr = "0.01",
    .keys = {{"lr_decay", "0"}, {"eps", "1e-10"}, {"weight_decay", "0"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
