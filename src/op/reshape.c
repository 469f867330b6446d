/* The same elements, in the same row-major order, under another shape.
 *
 *     reshape  x -> y of shape `dims`; one of them may be -1 and is then found from the number of elements
 */
#include "op/op_util.h"

#include <string.h>

static const struct ath__attr reshape_attrs[] = {
    ATH_ATTR_I(ath_shape_attrs, rank, 1),
    ATH_ATTR_I(ath_shape_attrs, dims, 6),
    ATH_ATTR_END,
};

static ath_status reshape_infer(struct ath__infer *infer) {
    ath_shape_attrs *attrs = infer->attrs;
    int64_t          known = 1;
    int              open = -1;
    if (!ath__infer_has(infer, 0)) return ath__infer_fail(infer, "operand x is missing");
    if (attrs->rank < 0 || attrs->rank > ATH_MAX_RANK)
        return ath__infer_fail(infer, "%lld dimensions are not possible", (long long)attrs->rank);
    const ath_shape *x = &infer->in[0].shape;
    ath_shape        y = ath_shape_make((int)attrs->rank, attrs->dims);
    int64_t          count = ath_shape_count(x);
    for (int i = 0; i < y.rank; i++) {
        if (y.dims[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (y.dims[i] < 1 || known > count / y.dims[i])
            return ath__infer_fail(infer, "x %s with its %lld elements cannot become %s", ath__shape_text(x).text,
                                   (long long)count, ath__shape_text(&y).text);
        known *= y.dims[i];
    }
    if (open >= 0 ? count % known != 0 : count != known)
        return ath__infer_fail(infer, "x %s with its %lld elements cannot become %s", ath__shape_text(x).text,
                               (long long)count, ath__shape_text(&y).text);
    if (open >= 0) attrs->dims[open] = y.dims[open] = count / known;
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void reshape_grad(const struct ath__grad *grad) {
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    grad->din[0] = ath_reshape(grad->graph, grad->dout[0], ath_value_shape(grad->graph, grad->node->in[0]));
}

static void reshape_ref(const struct ath__ref *ref) {
    memmove(ref->out[0].data, ref->in[0].data, (size_t)ath_shape_count(&ref->out[0].shape) * sizeof(double));
}

const struct ath__op ath__op_reshape = {
    .name = "reshape",
    .traits = ATH_OP_VIEW | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_shape_attrs),
    .attrs = reshape_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = reshape_infer,
    .grad = reshape_grad,
    .ref = reshape_ref,
};

ath_value ath_reshape(ath_graph *g, ath_value x, ath_shape shape) {
    ath_shape_attrs attrs = {.rank = shape.rank};
    for (int i = 0; i < shape.rank && i < ATH_MAX_RANK; i++) attrs.dims[i] = shape.dims[i];
    return ath__graph_apply(g, &ath__op_reshape, &attrs, &x, 1);
}

ath_value ath_flatten(ath_graph *g, ath_value x) {
    ath_shape shape = ath_value_shape(g, x);
    if (x != ATH_NONE && shape.rank < 1)
        return ath_graph_fail(g, ATH_USAGE, "flatten: a scalar has no batch dimension");
    return ath_reshape(g, x, (ath_shape){.rank = 2, .dims = {shape.dims[0], -1}});
}
