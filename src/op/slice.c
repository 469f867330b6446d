/* A box out of a value.
 *
 *     slice  x -> y of shape `size`, y[i...] = x[begin + i...]; the gradient pads with zeros
 */
#include "op/op_util.h"
#include "op/walk.h"

static const struct ath__attr slice_attrs[] = {
    ATH_ATTR_I(ath_slice_attrs, rank, 1),
    ATH_ATTR_I(ath_slice_attrs, begin, 6),
    ATH_ATTR_I(ath_slice_attrs, size, 6),
    ATH_ATTR_END,
};

static ath_status slice_infer(struct ath__infer *infer) {
    const ath_slice_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    const ath_shape *x = &infer->in[0].shape;
    if (attrs->rank != x->rank)
        return ath__infer_fail(infer, "a box of %lld dimensions was given, x is %s", (long long)attrs->rank,
                               ath__shape_text(x).text);
    for (int i = 0; i < x->rank; i++)
        if (attrs->begin[i] < 0 || attrs->size[i] < 1 || attrs->begin[i] > x->dims[i] ||
            attrs->size[i] > x->dims[i] - attrs->begin[i])
            return ath__infer_fail(infer, "%lld elements from %lld on do not lie inside dimension %d of x %s",
                                   (long long)attrs->size[i], (long long)attrs->begin[i], i, ath__shape_text(x).text);
    ath_shape y = ath_shape_make(x->rank, attrs->size);
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void slice_grad(const struct ath__grad *grad) {
    const ath_slice_attrs *attrs = grad->node->attrs;
    int64_t                after[ATH_MAX_RANK] = {0};
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(grad->graph, grad->node->in[0]);
    for (int i = 0; i < x.rank; i++) after[i] = x.dims[i] - attrs->begin[i] - attrs->size[i];
    grad->din[0] = ath_pad(grad->graph, grad->dout[0], attrs->begin, after, 0.0);
}

static void slice_ref(const struct ath__ref *ref) {
    const ath_slice_attrs *attrs = ref->attrs;
    int64_t                stride[ATH_MAX_RANK] = {0}, start = 0, to = 0;
    struct ath__walk       walk;
    ath__shape_strides(&ref->in[0].shape, stride);
    for (int i = 0; i < ref->in[0].shape.rank; i++) start += attrs->begin[i] * stride[i];
    ath__walk_start(&walk, &ref->out[0].shape);
    ath__walk_strided(&walk, stride, start);
    do ref->out[0].data[to++] = ref->in[0].data[walk.offset[0]];
    while (ath__walk_next(&walk));
}

const struct ath__op ath__op_slice = {
    .name = "slice",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_slice_attrs),
    .attrs = slice_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = slice_infer,
    .grad = slice_grad,
    .ref = slice_ref,
};

ath_value ath_slice(ath_graph *g, ath_value x, const int64_t *begin, const int64_t *size) {
    ath_slice_attrs attrs = {.rank = ath_value_shape(g, x).rank};
    for (int i = 0; i < attrs.rank; i++) {
        attrs.begin[i] = begin[i];
        attrs.size[i] = size[i];
    }
    return ath__graph_apply(g, &ath__op_slice, &attrs, &x, 1);
}
