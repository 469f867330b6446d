/* Dimensions in another order.
 *
 *     permute  x -> y, y.dims[i] = x.dims[order[i]]; the gradient permutes back
 */
#include "op/op_util.h"
#include "op/walk.h"

static const struct ath__attr permute_attrs[] = {
    ATH_ATTR_I(ath_permute_attrs, rank, 1),
    ATH_ATTR_I(ath_permute_attrs, order, 6),
    ATH_ATTR_END,
};

static ath_status permute_infer(struct ath__infer *infer) {
    const ath_permute_attrs *attrs = infer->attrs;
    uint32_t                 seen = 0;
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    const ath_shape *x = &infer->in[0].shape;
    ath_shape        y = {.rank = x->rank};
    if (attrs->rank != x->rank)
        return ath__infer_fail(infer, "an order of %lld dimensions was given, x is %s", (long long)attrs->rank,
                               ath__shape_text(x).text);
    for (int i = 0; i < x->rank; i++) {
        int64_t from = attrs->order[i];
        if (from < 0 || from >= x->rank || (seen >> from & 1))
            return ath__infer_fail(infer, "the order must name each of the %d dimensions once; entry %d is %lld",
                                   x->rank, i, (long long)from);
        seen |= 1u << from;
        y.dims[i] = x->dims[from];
    }
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void permute_grad(const struct ath__grad *grad) {
    const ath_permute_attrs *attrs = grad->node->attrs;
    int64_t                  back[ATH_MAX_RANK] = {0};
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    for (int i = 0; i < attrs->rank; i++) back[attrs->order[i]] = i;
    grad->din[0] = ath_permute(grad->graph, grad->dout[0], back);
}

static void permute_ref(const struct ath__ref *ref) {
    const ath_permute_attrs *attrs = ref->attrs;
    int64_t                  own[ATH_MAX_RANK] = {0}, stride[ATH_MAX_RANK] = {0}, to = 0;
    struct ath__walk         walk;
    ath__shape_strides(&ref->in[0].shape, own);
    for (int i = 0; i < ref->out[0].shape.rank; i++) stride[i] = own[attrs->order[i]];
    ath__walk_start(&walk, &ref->out[0].shape);
    ath__walk_strided(&walk, stride, 0);
    do ref->out[0].data[to++] = ref->in[0].data[walk.offset[0]];
    while (ath__walk_next(&walk));
}

const struct ath__op ath__op_permute = {
    .name = "permute",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_permute_attrs),
    .attrs = permute_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = permute_infer,
    .grad = permute_grad,
    .ref = permute_ref,
};

ath_value ath_permute(ath_graph *g, ath_value x, const int64_t *order) {
    ath_permute_attrs attrs = {.rank = ath_value_shape(g, x).rank};
    for (int i = 0; i < attrs.rank; i++) attrs.order[i] = order[i];
    return ath__graph_apply(g, &ath__op_permute, &attrs, &x, 1);
}
