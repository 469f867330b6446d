/* Dropout: every element, or with per_sample every sample, is zeroed with probability p and otherwise divided by 1 - p.
 *
 *     dropout  x (N,...), rng i32 (4) = seed low, seed high, step, batch -> y of x's shape
 *
 *     u = philox(key = (rng[0] ^ rng[3], rng[1]), counter = (i / 4, n, rng[2], ATH_RNG_DROPOUT + 256 * id))[i % 4]
 *     y[n,i] = u / 2^32 >= p ? x[n,i] / (1 - p) : 0,   i the row-major index inside sample n, or 0 with per_sample
 *
 * The mask is a pure function of seed, step, sample and place, so that it is never stored: the gradient is the same
 * operator applied to dy, and a resumed run draws the same masks. Samples dropped whole on the way around a residual
 * block are stochastic depth (Huang et al., "Deep networks with stochastic depth", 2016).
 */
#include "base/rng.h"
#include "op/op_util.h"

static const struct ath__attr dropout_attrs[] = {
    ATH_ATTR_R(ath_dropout_attrs, p),
    ATH_ATTR_I(ath_dropout_attrs, id, 1),
    ATH_ATTR_I(ath_dropout_attrs, per_sample, 1),
    ATH_ATTR_END,
};

static ath_status dropout_infer(struct ath__infer *infer) {
    const ath_dropout_attrs *attrs = infer->attrs;
    if (!(attrs->p >= 0.0 && attrs->p <= 1.0)) return ath__infer_fail(infer, "p must lie in 0 to 1, is %g", attrs->p);
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    if (infer->in[0].shape.rank < 1) return ath__infer_fail(infer, "a scalar has no samples");
    ATH_TRY(ath__infer_shape(infer, 1, "rng", &(ath_shape){.rank = 1, .dims = {4}}));
    if (infer->in[1].dtype != ATH_I32)
        return ath__infer_fail(infer, "rng must be i32, is %s", ath_dtype_name(infer->in[1].dtype));
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

static void dropout_grad(const struct ath__grad *grad) {
    const ath_dropout_attrs attrs = *(const ath_dropout_attrs *)grad->node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    grad->din[0] =
        ath__graph_apply(grad->graph, &ath__op_dropout, &attrs, (ath_value[]){grad->dout[0], grad->node->in[1]}, 2);
}

static void dropout_ref(const struct ath__ref *ref) {
    const ath_dropout_attrs *attrs = ref->attrs;
    int64_t                  samples = ref->in[0].shape.dims[0], size = ath_shape_count(&ref->in[0].shape) / samples;
    uint32_t                 rng[4], block[4] = {0};
    for (int i = 0; i < 4; i++) rng[i] = (uint32_t)(int32_t)ref->in[1].data[i];
    const uint32_t key[2] = {rng[0] ^ rng[3], rng[1]};
    for (int64_t n = 0; n < samples; n++)
        for (int64_t i = 0; i < size; i++) {
            int64_t at = attrs->per_sample ? 0 : i;
            if (at % 4 == 0)
                ath__philox(key,
                            (uint32_t[4]){(uint32_t)(at / 4), (uint32_t)n, rng[2],
                                          (uint32_t)(ATH_RNG_DROPOUT + 256 * attrs->id)},
                            block);
            bool keep = (double)block[at % 4] / 4294967296.0 >= attrs->p;
            ref->out[0].data[n * size + i] = keep ? ref->in[0].data[n * size + i] / (1.0 - attrs->p) : 0.0;
        }
}

const struct ath__op ath__op_dropout = {
    .name = "dropout",
    .traits = ATH_OP_RANDOM | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_dropout_attrs),
    .attrs = dropout_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = dropout_infer,
    .grad = dropout_grad,
    .ref = dropout_ref,
};

static ath_value drop(ath_graph *g, ath_value x, ath_value rng, double p, bool per_sample) {
    if (g == NULL) return ATH_NONE;
    ath_dropout_attrs attrs = {.p = p, .id = g->dropouts, .per_sample = per_sample};
    ath_value         y = ath__graph_apply(g, &ath__op_dropout, &attrs, (ath_value[]){x, rng}, 2);
    if (y != ATH_NONE) g->dropouts++;
    return y;
}

ath_value ath_dropout(ath_graph *g, ath_value x, ath_value rng, double p) {
    return drop(g, x, rng, p, false);
}

ath_value ath_drop_path(ath_graph *g, ath_value x, ath_value rng, double p) {
    return drop(g, x, rng, p, true);
}
