/* Top-k hits: 1 for a sample whose label is among its k largest logits, else 0. Their mean is the accuracy.
 *
 *     hits  logits (N,K), labels i32 (N) or targets f32 (N,K) -> f32 (N)
 *
 * Of equal logits the lower class index counts as larger. The label of a soft target is its first maximum. A label
 * whose logit is not a number, or that is outside 0..K-1, is a miss; a not-a-number elsewhere counts as larger.
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr hits_attrs[] = {
    ATH_ATTR_I(ath_hits_attrs, k, 1),
    ATH_ATTR_END,
};

static ath_status hits_infer(struct ath__infer *infer) {
    const ath_hits_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_rank(infer, 0, "logits", 2));
    const ath_shape *x = &infer->in[0].shape;
    if (attrs->k < 1) return ath__infer_fail(infer, "k must be 1 or more, is %lld", (long long)attrs->k);
    if (!ath__infer_has(infer, 1)) return ath__infer_fail(infer, "operand labels is missing");
    ath_shape rows = {.rank = 1, .dims = {x->dims[0]}};
    if (infer->in[1].dtype != ATH_I32 && infer->in[1].dtype != ATH_F32)
        return ath__infer_fail(infer, "labels must be i32 (N) or soft targets f32 (N,K), are %s",
                               ath_dtype_name(infer->in[1].dtype));
    ATH_TRY(ath__infer_shape(infer, 1, "labels", infer->in[1].dtype == ATH_I32 ? &rows : x));
    return ath__infer_result(infer, 0, ATH_F32, &rows);
}

static int64_t label_of(const struct ath__ref_tensor *labels, int64_t n, int64_t classes) {
    if (labels->shape.rank == 1)
        return labels->data[n] >= 0.0 && labels->data[n] < (double)classes ? (int64_t)labels->data[n] : -1;
    const double *t = labels->data + n * classes;
    int64_t       best = 0;
    for (int64_t k = 1; k < classes; k++)
        if (t[k] > t[best]) best = k;
    return best;
}

static void hits_ref(const struct ath__ref *ref) {
    int64_t k = ((const ath_hits_attrs *)ref->attrs)->k;
    int64_t samples = ref->in[0].shape.dims[0], classes = ref->in[0].shape.dims[1];
    for (int64_t n = 0; n < samples; n++) {
        const double *x = ref->in[0].data + n * classes;
        int64_t       label = label_of(&ref->in[1], n, classes), larger = 0;
        for (int64_t j = 0; label >= 0 && j < classes; j++)
            larger += x[j] > x[label] || (x[j] == x[label] && j < label) || (isnan(x[j]) && j != label);
        ref->out[0].data[n] = label >= 0 && !isnan(x[label]) && larger < k ? 1.0 : 0.0;
    }
}

const struct ath__op ath__op_hits = {
    .name = "hits",
    .traits = ATH_OP_NO_GRAD,
    .attrs_size = sizeof(ath_hits_attrs),
    .attrs = hits_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = hits_infer,
    .ref = hits_ref,
};

ath_value ath_hits(ath_graph *g, ath_value logits, ath_value labels, int k) {
    return ath__graph_apply(g, &ath__op_hits, &(ath_hits_attrs){.k = k}, (ath_value[]){logits, labels}, 2);
}
