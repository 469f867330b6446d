/* Values laid side by side along one dimension.
 *
 *     concat  values... equal in every dimension but `axis` -> y, whose `axis` is the sum; the gradients are slices
 */
#include "op/op_util.h"

#include <string.h>

static const struct ath__attr concat_attrs[] = {
    ATH_ATTR_I(ath_concat_attrs, axis, 1),
    ATH_ATTR_END,
};

static ath_status concat_infer(struct ath__infer *infer) {
    int64_t axis = ((const ath_concat_attrs *)infer->attrs)->axis;
    ATH_TRY(ath__infer_float(infer, 0, "value 0"));
    ath_shape y = infer->in[0].shape;
    ath_dtype dtype = infer->in[0].dtype;
    if (axis < 0 || axis >= y.rank)
        return ath__infer_fail(infer, "there is no dimension %lld in %s", (long long)axis, ath__shape_text(&y).text);
    for (int i = 1; i < infer->ins; i++) {
        ATH_TRY(ath__infer_float(infer, i, "value"));
        ath_shape other = infer->in[i].shape;
        int64_t   size = other.rank == y.rank ? other.dims[axis] : 0;
        other.dims[axis] = y.dims[axis];
        if (!ath_shape_equal(&other, &y))
            return ath__infer_fail(infer, "value %d %s and value 0 %s differ in another dimension than %lld", i,
                                   ath__shape_text(&infer->in[i].shape).text, ath__shape_text(&infer->in[0].shape).text,
                                   (long long)axis);
        if (y.dims[axis] > ATH_COUNT_LIMIT - size) return ath__infer_fail(infer, "the result would be too large");
        y.dims[axis] += size;
        dtype = ath__dtype_join(dtype, infer->in[i].dtype);
    }
    return ath__infer_result(infer, 0, dtype, &y);
}

static void concat_grad(const struct ath__grad *grad) {
    int64_t axis = ((const ath_concat_attrs *)grad->node->attrs)->axis, begin[ATH_MAX_RANK] = {0};
    if (grad->dout[0] == ATH_NONE) return;
    for (int i = 0; i < grad->node->ins; i++) {
        ath_shape shape = ath_value_shape(grad->graph, grad->node->in[i]);
        if (grad->want[i]) grad->din[i] = ath_slice(grad->graph, grad->dout[0], begin, shape.dims);
        begin[axis] += shape.dims[axis];
    }
}

static void concat_ref(const struct ath__ref *ref) {
    int64_t          axis = ((const ath_concat_attrs *)ref->attrs)->axis, outer = 1, inner = 1, begin = 0;
    const ath_shape *y = &ref->out[0].shape;
    for (int i = 0; i < y->rank; i++) {
        if (i < axis) outer *= y->dims[i];
        if (i > axis) inner *= y->dims[i];
    }
    for (int i = 0; i < ref->ins; i++) {
        int64_t size = ref->in[i].shape.dims[axis];
        for (int64_t o = 0; o < outer; o++)
            memcpy(ref->out[0].data + (o * y->dims[axis] + begin) * inner, ref->in[i].data + o * size * inner,
                   (size_t)(size * inner) * sizeof(double));
        begin += size;
    }
}

const struct ath__op ath__op_concat = {
    .name = "concat",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_concat_attrs),
    .attrs = concat_attrs,
    .min_ins = 1,
    .max_ins = -1,
    .infer = concat_infer,
    .grad = concat_grad,
    .ref = concat_ref,
};

ath_value ath_concat(ath_graph *g, const ath_value *values, int count, int axis) {
    return ath__graph_apply(g, &ath__op_concat, &(ath_concat_attrs){.axis = axis}, values, count);
}
