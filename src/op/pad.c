/* A value with a margin of a constant around it.
 *
 *     pad  x -> y, y.dims[i] = before[i] + x.dims[i] + after[i]; the gradient cuts the margin off
 */
#include "op/op_util.h"
#include "op/walk.h"

static const struct ath__attr pad_attrs[] = {
    ATH_ATTR_I(ath_pad_attrs, rank, 1),
    ATH_ATTR_I(ath_pad_attrs, before, 6),
    ATH_ATTR_I(ath_pad_attrs, after, 6),
    ATH_ATTR_R(ath_pad_attrs, value),
    ATH_ATTR_END,
};

static ath_status pad_infer(struct ath__infer *infer) {
    const ath_pad_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    const ath_shape *x = &infer->in[0].shape;
    ath_shape        y = *x;
    if (attrs->rank != x->rank)
        return ath__infer_fail(infer, "a margin of %lld dimensions was given, x is %s", (long long)attrs->rank,
                               ath__shape_text(x).text);
    for (int i = 0; i < x->rank; i++) {
        if (attrs->before[i] < 0 || attrs->before[i] > ATH_COUNT_LIMIT || attrs->after[i] < 0 ||
            attrs->after[i] > ATH_COUNT_LIMIT)
            return ath__infer_fail(infer, "margins %lld and %lld of dimension %d are not possible (slice cuts)",
                                   (long long)attrs->before[i], (long long)attrs->after[i], i);
        y.dims[i] += attrs->before[i] + attrs->after[i];
    }
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void pad_grad(const struct ath__grad *grad) {
    const ath_pad_attrs *attrs = grad->node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, grad->node->in[0]);
    grad->din[0] = ath_slice(grad->graph, grad->dout[0], attrs->before, x.dims);
}

static void pad_ref(const struct ath__ref *ref) {
    const ath_pad_attrs *attrs = ref->attrs;
    int64_t              stride[ATH_MAX_RANK] = {0}, start = 0, from = 0, count = ath_shape_count(&ref->out[0].shape);
    struct ath__walk     walk;
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = attrs->value;
    ath__shape_strides(&ref->out[0].shape, stride);
    for (int i = 0; i < ref->out[0].shape.rank; i++) start += attrs->before[i] * stride[i];
    ath__walk_start(&walk, &ref->in[0].shape);
    ath__walk_strided(&walk, stride, start);
    do ref->out[0].data[walk.offset[0]] = ref->in[0].data[from++];
    while (ath__walk_next(&walk));
}

const struct ath__op ath__op_pad = {
    .name = "pad",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_pad_attrs),
    .attrs = pad_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = pad_infer,
    .grad = pad_grad,
    .ref = pad_ref,
};

ath_value ath_pad(ath_graph *g, ath_value x, const int64_t *before, const int64_t *after, double value) {
    ath_pad_attrs attrs = {.rank = ath_value_shape(g, x).rank, .value = value};
    for (int i = 0; i < attrs.rank; i++) {
        attrs.before[i] = before[i];
        attrs.after[i] = after[i];
    }
    return ath__graph_apply(g, &ath__op_pad, &attrs, &x, 1);
}
