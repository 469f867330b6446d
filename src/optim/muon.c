/* Muon: momentum whose matrices are made nearly orthogonal before the step (Jordan et al., "Muon: an optimizer for
 * hidden layers in neural networks", 2024). A convolution's filters are the matrix (K, C*R*S).
 *
 *     v = momentum * v + grad;  d = grad + momentum * v (Nesterov) or v
 *     X = d / (|d| + eps), transposed where it has more rows than columns
 *     ns_steps times:  A = X X^T;  X = 3.4445 X + (-4.7750 A + 2.0315 A A) X        (Newton-Schulz)
 *     p = p - lr * weight_decay * p - lr * sqrt(max(1, rows / columns)) * X          PyTorch's form
 *     p = p * sqrt(rows) / |p|;  p = p - lr * X                                      renormalize=true: airbench's form
 *
 * The polynomial brings every singular value near 1 without computing any. It needs no more than half precision; here
 * it runs in float32. Parameters of fewer than two dimensions go to AdamW.
 */
#include "optim/optim_terms.h"

#include "base/mem.h"
#include "graph/op.h"

#include <math.h>

enum { RATE, MOMENTUM, DECAY, SCALARS };

static int slots(const struct ath__optim_settings *settings) {
    (void)settings;
    return 1;
}

static void scalars_at(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars) {
    (void)step;
    scalars[RATE] = lr;
    scalars[MOMENTUM] = settings->momentum;
    scalars[DECAY] = lr * settings->weight_decay;
}

static bool fits(const ath_shape *shape) {
    return shape->rank >= 2;
}

static ath_value transpose(ath_graph *graph, ath_value x) {
    return ath_permute(graph, x, (const int64_t[]){1, 0});
}

/* X of d (rows, columns). */
static ath_value orthogonal(ath_graph *graph, const struct ath__optim_settings *settings, ath_value d) {
    ath_shape shape = ath_value_shape(graph, d);
    bool      tall = shape.dims[0] > shape.dims[1];
    ath_value divisor = ath_scale(graph, ath__optim_norm(graph, d), 1.0, settings->eps);
    ath_value x = ath_binary_op(graph, d, divisor, ATH_BINARY_DIV);
    if (tall) x = transpose(graph, x);
    for (int i = 0; i < (int)settings->ns_steps; i++) {
        ath_value a = ath_matmul(graph, x, x, ATH_NONE, &(ath_matmul_attrs){.trans_b = 1});
        ath_value b = ath__optim_mix_by(graph, a, -4.7750, ath_matmul(graph, a, a, ATH_NONE, NULL), 2.0315);
        x = ath_add(graph, ath_scale(graph, x, 3.4445, 0.0), ath_matmul(graph, b, x, ATH_NONE, NULL));
    }
    return tall ? transpose(graph, x) : x;
}

static ath_value matrix_of(ath_graph *graph, ath_value flat, const struct ath__optim_piece *piece) {
    return ath_reshape(graph, ath__optim_piece_of(graph, flat, piece), ath_shape_of(piece->shape.dims[0], -1));
}

static ath_value build(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step) {
    bool       renormalize = settings->renormalize != 0.0;
    ath_value *move = ATH_NEW_ARRAY(ath_value, step->piece_count + 1);
    ath_value *scaled = ATH_NEW_ARRAY(ath_value, step->piece_count + 1), p = step->params;
    ath_value  v = ath_add(graph, ath_mul(graph, step->slot[0], step->scalar[MOMENTUM]), step->grad);
    ath__graph_store(graph, v, step->slot[0]);
    ath_value d = settings->nesterov != 0.0 ? ath_add(graph, step->grad, ath_mul(graph, v, step->scalar[MOMENTUM])) : v;
    for (int i = 0; move && scaled && i < step->piece_count; i++) {
        double rows = (double)step->pieces[i].shape.dims[0];
        double columns = (double)ath_shape_count(&step->pieces[i].shape) / rows;
        move[i] = orthogonal(graph, settings, matrix_of(graph, d, &step->pieces[i]));
        if (!renormalize) {
            if (rows > columns) move[i] = ath_scale(graph, move[i], sqrt(rows / columns), 0.0);
            continue;
        }
        ath_value weight = ath__optim_piece_of(graph, step->params, &step->pieces[i]);
        ath_value norm = ath_scale(graph, ath__optim_norm(graph, weight), 1.0 / sqrt(rows), settings->eps);
        scaled[i] = ath_binary_op(graph, weight, norm, ATH_BINARY_DIV);
    }
    if (!move || !scaled) {
        ath_graph_fail(graph, ATH_MEMORY, "out of memory");
    } else {
        if (renormalize)
            p = ath__graph_apply(graph, &ath__op_pack, NULL, scaled, step->piece_count);
        else if (settings->weight_decay > 0.0)
            p = ath__optim_minus(graph, p, ath_mul(graph, p, step->scalar[DECAY]));
        ath_value all = ath__graph_apply(graph, &ath__op_pack, NULL, move, step->piece_count);
        p = ath__optim_minus(graph, p, ath_mul(graph, all, step->scalar[RATE]));
    }
    ath__free(move);
    ath__free(scaled);
    return p;
}

const struct ath__optimizer ath__optimizer_muon = {
    .name = "muon",
    .summary = "orthogonalised momentum for weights of two or more dimensions, AdamW for the rest",
    .lr = "0.001",
    .keys = {{"momentum", "0.95"},
             {"nesterov", "true"},
             {"weight_decay", "0.1"},
             {"eps", "1e-7"},
             {"ns_steps", "5"},
             {"renormalize", "false"}},
    .slots = slots,
    .scalars = SCALARS,
    .scalars_at = scalars_at,
    .build = build,
    .fits = fits,
    .rest = "adamw",
};
