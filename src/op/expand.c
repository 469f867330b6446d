/* Repeats a value along dimensions of 1 (and along missing leading ones) until it has the asked shape.
 *
 *     expand  x -> y of shape `dims`; the gradient sums over the repeated dimensions
 */
#include "op/op_util.h"
#include "op/walk.h"

static const struct ath__attr expand_attrs[] = {
    ATH_ATTR_I(ath_shape_attrs, rank, 1),
    ATH_ATTR_I(ath_shape_attrs, dims, 6),
    ATH_ATTR_END,
};

static ath_status expand_infer(struct ath__infer *infer) {
    const ath_shape_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    if (attrs->rank < 0 || attrs->rank > ATH_MAX_RANK)
        return ath__infer_fail(infer, "%lld dimensions are not possible", (long long)attrs->rank);
    ath_shape y = ath_shape_make((int)attrs->rank, attrs->dims), broadcast = y;
    if (!ath__shape_broadcast(&broadcast, &infer->in[0].shape) || !ath_shape_equal(&broadcast, &y))
        return ath__infer_fail(infer, "x %s cannot be repeated to %s", ath__shape_text(&infer->in[0].shape).text,
                               ath__shape_text(&y).text);
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void expand_grad(const struct ath__grad *grad) {
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, grad->node->in[0]);
    grad->din[0] = ath__grad_reduce_to(grad->graph, grad->dout[0], &x);
}

static void expand_ref(const struct ath__ref *ref) {
    struct ath__walk walk;
    int64_t          i = 0;
    ath__walk_start(&walk, &ref->out[0].shape);
    ath__walk_broadcast(&walk, &ref->in[0].shape);
    do ref->out[0].data[i++] = ref->in[0].data[walk.offset[0]];
    while (ath__walk_next(&walk));
}

const struct ath__op ath__op_expand = {
    .name = "expand",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_shape_attrs),
    .attrs = expand_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = expand_infer,
    .grad = expand_grad,
    .ref = expand_ref,
};

ath_value ath_expand(ath_graph *g, ath_value x, ath_shape shape) {
    ath_shape_attrs attrs = {.rank = shape.rank};
    ath_shape       from = ath_value_shape(g, x);
    if (x != ATH_NONE && ath_shape_equal(&from, &shape)) return x;
    for (int i = 0; i < shape.rank && i < ATH_MAX_RANK; i++) attrs.dims[i] = shape.dims[i];
    return ath__graph_apply(g, &ath__op_expand, &attrs, &x, 1);
}
