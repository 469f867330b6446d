/* NAdam: Adam with Nesterov momentum (Dozat, "Incorporating Nesterov momentum into Adam", 2016; PyTorch's form, with a
 * momentum that rises over the steps):
 *
 *     mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
 *     g = grad + weight_decay * p;  m and v as in Adam
 *     p = p - lr * ( (1 - mu_t) / (1 - mu_1 .. mu_t) * g + mu_{t+1} / (1 - mu_1 .. mu_{t+1}) * m )
 *              / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 */
#include "optim/optim_terms.h"

#include <math.h>

enum { ROOT, OF_GRAD, OF_MOMENT, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    (void)settings;
    return 2;
}

static double mu_at(const struct ath__optim_settings *settings, int64_t t) {
    return settings->beta1 * (1.0 - 0.5 * pow(0.96, (double)t * settings->momentum_decay));
}

/* mu_1 ... mu_t. Every factor is below one: once the product is below half a unit in the last place of 1, 1 - product
 * is 1 whatever follows. */
static double mu_product(const struct ath__optim_settings *settings, int64_t t) {
    double product = 1.0;
    for (int64_t i = 1; i <= t && product > 0x1p-60; i++) product *= mu_at(settings, i);
    return product;
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    double product = mu_product(settings, step), next = mu_at(settings, step + 1);
    scalars[ROOT] = 1.0 / sqrt(1.0 - pow(settings->beta2, (double)step));
    scalars[OF_GRAD] = lr * (1.0 - mu_at(settings, step)) / (1.0 - product);
    scalars[OF_MOMENT] = lr * next / (1.0 - product * next);
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value g = ath__optim_coupled(graph, settings, step);
    ath_value m = ath__optim_mix_by(graph, step->slot[0], settings->beta1, g, 1.0 - settings->beta1);
    ath_value v = ath__optim_mix_by(graph, step->slot[1], settings->beta2, ath_unary_op(graph, g, ATH_UNARY_SQUARE),
                                    1.0 - settings->beta2);
    ath__graph_store(graph, m, step->slot[0]);
    ath__graph_store(graph, v, step->slot[1]);
    ath_value divisor = ath__optim_divisor(graph, v, step->scalar[ROOT], settings->eps);
    ath_value move = ath__optim_mix(graph, g, step->scalar[OF_GRAD], m, step->scalar[OF_MOMENT]);
    return ath__optim_minus(graph, step->params, ath_binary_op(graph, move, divisor, ATH_BINARY_DIV));
}

const struct ath__optimizer ath__optimizer_nadam = {
    .name = "nadam",
    .summary = "Adam with Nesterov momentum",
    .lr = "0.002",
    .keys = {{"beta1", "0.9"}, {"beta2", "0.999"}, {"eps", "1e-8"}, {"weight_decay", "0"}, {"momentum_decay", "0.004"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
