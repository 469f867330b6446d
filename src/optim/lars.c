/* LARS: layer-wise adaptive rates for large batches (You, Gitman and Ginsburg, "Large batch training of convolutional
 * networks", 2017):
 *
 *     r = trust * |p| / (|grad| + weight_decay * |p| + eps)    for every weight of two or more dimensions
 *     r = 1                                                    for the others, and where |p| or |grad| is zero
 *     v = momentum * v + r * (grad + weight_decay * p)
 *     p = p - lr * v
 */
#include "optim/optim_terms.h"

#include "base/mem.h"
#include "graph/op.h"

enum { RATE, MOMENTUM, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    (void)settings;
    return 1;
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    (void)step;
    scalars[RATE] = lr;
    scalars[MOMENTUM] = settings->momentum;
}

/* r of one weight, as (1). With n = 1 where both norms are positive and 0 elsewhere: n * ratio + (1 - n). */
static ath_value trust_of(ath_graph *graph, const struct ath__optim_settings *settings, ath_value p, ath_value grad) {
    ath_value p_norm = ath__optim_norm(graph, p), g_norm = ath__optim_norm(graph, grad);
    ath_value below = ath_add(graph, g_norm, ath_scale(graph, p_norm, settings->weight_decay, settings->eps));
    ath_value ratio = ath_binary_op(graph, ath_scale(graph, p_norm, settings->trust, 0.0), below, ATH_BINARY_DIV);
    ath_value both =
        ath_mul(graph, ath_unary_op(graph, p_norm, ATH_UNARY_SIGN), ath_unary_op(graph, g_norm, ATH_UNARY_SIGN));
    return ath_add(graph, ath_mul(graph, both, ratio), ath_scale(graph, both, -1.0, 1.0));
}

/* r for every element of the flat array. */
static ath_value flat_trust(ath_graph *graph, const struct ath__optim_settings *settings,
                            const struct ath__optim_step *step) {
    ath_value *trust = ATH_NEW_ARRAY(ath_value, step->piece_count + 1);
    if (!trust) return ath_graph_fail(graph, ATH_MEMORY, "out of memory");
    for (int i = 0; i < step->piece_count; i++) {
        const struct ath__optim_piece *piece = &step->pieces[i];
        ath_shape                      flat = ath_shape_of(ath_shape_count(&piece->shape));
        ath_value                      one;
        if (piece->shape.rank >= 2)
            one = trust_of(graph, settings, ath__optim_piece_of(graph, step->params, piece),
                           ath__optim_piece_of(graph, step->grad, piece));
        else
            one = ath__graph_scalar(graph, 1.0);
        trust[i] = ath_expand(graph, one, flat);
    }
    ath_value all = ath__graph_apply(graph, &ath__op_pack, NULL, trust, step->piece_count);
    ath__free(trust);
    return all;
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    ath_value trust = flat_trust(graph, settings, step);
    ath_value g = ath_mul(graph, ath__optim_coupled(graph, settings, step), trust);
    ath_value v = ath_add(graph, ath_mul(graph, step->slot[0], step->scalar[MOMENTUM]), g);
    ath__graph_store(graph, v, step->slot[0]);
    return ath__optim_minus(graph, step->params, ath_mul(graph, v, step->scalar[RATE]));
}

const struct ath__optimizer ath__optimizer_lars = {
    .name = "lars",
    .summary = "SGD whose rate for each layer follows the size of its weights, for large batches",
    .lr = "1",
    .keys = {{"momentum", "0.9"}, {"weight_decay", "0"}, {"trust", "0.001"}, {"eps", "1e-8"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
};
