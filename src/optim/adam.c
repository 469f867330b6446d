/* Adam (Kingma and Ba, ICLR 2015) with coupled weight decay, as PyTorch's:
 *
 *     g = grad + weight_decay * p
 *     m = beta1 * m + (1 - beta1) * g
 *     v = beta2 * v + (1 - beta2) * g^2
 *     p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 */
#include "optim/adam.h"

#include "optim/optim_terms.h"

#include <math.h>

int ath__adam_slots(const struct ath__optim_settings *settings) {
    (void)settings;
    return 2;
}

void ath__adam_scalars(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    double t = (double)step;
    scalars[ATH_ADAM_STEP] = lr / (1.0 - pow(settings->beta1, t));
    scalars[ATH_ADAM_ROOT] = 1.0 / sqrt(1.0 - pow(settings->beta2, t));
    scalars[ATH_ADAM_BETA1] = settings->beta1;
    scalars[ATH_ADAM_FRESH1] = 1.0 - settings->beta1;
}

ath_value ath__adam_move(ath_graph *graph, const struct ath__optim_settings *settings,
                         const struct ath__optim_step *step, ath_value grad) {
    ath_value m =
        ath__optim_mix(graph, step->slot[0], step->scalar[ATH_ADAM_BETA1], grad, step->scalar[ATH_ADAM_FRESH1]);
    ath_value v = ath__optim_mix_by(graph, step->slot[1], settings->beta2, ath_unary_op(graph, grad, ATH_UNARY_SQUARE),
                                    1.0 - settings->beta2);
    ath__graph_store(graph, m, step->slot[0]);
    ath__graph_store(graph, v, step->slot[1]);
    ath_value divisor = ath__optim_divisor(graph, v, step->scalar[ATH_ADAM_ROOT], settings->eps);
    return ath_mul(graph, ath_binary_op(graph, m, divisor, ATH_BINARY_DIV), step->scalar[ATH_ADAM_STEP]);
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value g = ath__optim_coupled(graph, settings, step);
    return ath__optim_minus(graph, step->params, ath__adam_move(graph, settings, step, g));
}

const struct ath__optimizer ath__optimizer_adam = {
    .name = "adam",
    .summary = "Adam; weight decay is part of the gradient (L2)",
    .lr = "0.001",
    .keys = {{"beta1", "0.9"}, {"beta2", "0.999"}, {"eps", "1e-8"}, {"weight_decay", "0"}},
    .slots = ath__adam_slots,
    .scalars = ATH_ADAM_SCALARS,
    .scalars_at = ath__adam_scalars,
    .build = build,
};
