/* Sums, means and maxima over dimensions.
 *
 *     reduce  x -> y; bit i of `axes`: dimension i is reduced; with `keep` it stays as 1, else it goes
 *
 * The gradient of a maximum is shared equally by all positions that attain it.
 */
#include "op/op_util.h"
#include "op/walk.h"

#include <math.h>

static const struct ath__attr reduce_attrs[] = {
    ATH_ATTR_C(ath_reduce_attrs, kind, "sum|mean|max"),
    ATH_ATTR_I(ath_reduce_attrs, axes, 1),
    ATH_ATTR_I(ath_reduce_attrs, keep, 1),
    ATH_ATTR_END,
};

/* x's shape with every reduced dimension as 1. */
static ath_shape kept_shape(const ath_shape *x, int64_t axes) {
    ath_shape kept = *x;
    for (int i = 0; i < x->rank; i++)
        if (axes >> i & 1) kept.dims[i] = 1;
    return kept;
}

static ath_status reduce_infer(struct ath__infer *infer) {
    const ath_reduce_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_choice(infer, "reduction", attrs->kind, 3));
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    const ath_shape *x = &infer->in[0].shape;
    if (attrs->axes <= 0 || attrs->axes >> x->rank != 0)
        return ath__infer_fail(infer, "axes must name some of the %d dimensions of %s, one bit each; is %lld", x->rank,
                               ath__shape_text(x).text, (long long)attrs->axes);
    ath_shape y = kept_shape(x, attrs->axes);
    if (!attrs->keep) {
        y.rank = 0;
        for (int i = 0; i < x->rank; i++)
            if (!(attrs->axes >> i & 1)) y.dims[y.rank++] = x->dims[i];
        for (int i = y.rank; i < ATH_MAX_RANK; i++) y.dims[i] = 0;
    }
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

static void reduce_grad(const struct ath__grad *grad) {
    ath_graph              *graph = grad->graph;
    const struct ath__node *node = grad->node;
    const ath_reduce_attrs *attrs = node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_shape x = ath_value_shape(graph, node->in[0]), kept = kept_shape(&x, attrs->axes);
    ath_value dy = attrs->keep ? grad->dout[0] : ath_reshape(graph, grad->dout[0], kept);
    if (attrs->kind == ATH_REDUCE_MAX) {
        /* mask = 1 - |sign(x - y)|, 1 exactly where x is the maximum; dx = mask * dy / sum(mask) */
        ath_value y = attrs->keep ? node->out[0] : ath_reshape(graph, node->out[0], kept);
        ath_value apart = ath_unary_op(graph, ath_binary_op(graph, node->in[0], y, ATH_BINARY_SUB), ATH_UNARY_SIGN);
        ath_value mask = ath_scale(graph, ath_unary_op(graph, apart, ATH_UNARY_ABS), -1.0, 1.0);
        ath_value ties = ath_reduce_op(graph, mask, ATH_REDUCE_SUM, (uint32_t)attrs->axes, true);
        grad->din[0] = ath_mul(graph, mask, ath_binary_op(graph, dy, ties, ATH_BINARY_DIV));
        return;
    }
    if (attrs->kind == ATH_REDUCE_MEAN)
        dy = ath_scale(graph, dy, (double)ath_shape_count(&kept) / (double)ath_shape_count(&x), 0.0);
    grad->din[0] = ath_expand(graph, dy, x);
}

static void reduce_ref(const struct ath__ref *ref) {
    const ath_reduce_attrs *attrs = ref->attrs;
    const ath_shape        *x = &ref->in[0].shape;
    ath_shape               kept = kept_shape(x, attrs->axes);
    bool                    is_max = attrs->kind == ATH_REDUCE_MAX;
    double                 *y = ref->out[0].data;
    int64_t                 count = ath_shape_count(&kept), i = 0;
    struct ath__walk        walk;
    for (int64_t j = 0; j < count; j++) y[j] = is_max ? -INFINITY : 0.0;
    ath__walk_start(&walk, x);
    ath__walk_broadcast(&walk, &kept);
    do {
        double value = ref->in[0].data[i++], *to = &y[walk.offset[0]];
        if (!is_max)
            *to += value;
        else if (value > *to || isnan(value))
            *to = value;
    } while (ath__walk_next(&walk));
    if (attrs->kind == ATH_REDUCE_MEAN)
        for (int64_t j = 0; j < count; j++) y[j] /= (double)(i / count);
}

const struct ath__op ath__op_reduce = {
    .name = "reduce",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_reduce_attrs),
    .attrs = reduce_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = reduce_infer,
    .grad = reduce_grad,
    .ref = reduce_ref,
};

ath_value ath_reduce_op(ath_graph *g, ath_value x, ath_reduce kind, uint32_t axes, bool keep) {
    ath_reduce_attrs attrs = {.kind = (int64_t)kind, .axes = (int64_t)axes, .keep = keep};
    return ath__graph_apply(g, &ath__op_reduce, &attrs, &x, 1);
}
