/* AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019;
 * PyTorch's form, in which the decay is multiplied by the rate):
 *
 *     p = p - lr * weight_decay * p
 *     then Adam's step with g = grad
 */
#include "optim/adam.h"
#include "optim/optim_terms.h"

enum { DECAY = ATH_ADAM_SCALARS, SCALARS };

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    ath__adam_scalars(settings, step, lr, scalars);
    scalars[DECAY] = lr * settings->weight_decay;
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value p = step->params;
    if (settings->weight_decay > 0.0) p = ath__optim_minus(graph, p, ath_mul(graph, p, step->scalar[DECAY]));
    return ath__optim_minus(graph, p, ath__adam_move(graph, settings, step, step->grad));
}

const struct ath__optimizer ath__optimizer_adamw = {
    .name = "adamw",
    .summary = "Adam with decoupled weight decay",
    .lr = "0.001",
    .keys = {{"beta1", "0.9"}, {"beta2", "0.999"}, {"eps", "1e-8"}, {"weight_decay", "0.01"}},
    .slots = ath__adam_slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
