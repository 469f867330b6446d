/* Matrix product, plain or batched.
 *
 *     y[i,j] = act(sum_l op(a)[i,l] * op(b)[l,j] + bias[j])
 *
 * where op transposes the last two dimensions if its flag is set;
 *
 *     a (I,L), b (L,J), [bias (J)] -> y (I,J), or all with the same leading batch dimension.
 */
#include "op/op_util.h"
#include "op/scalar.h"

static const struct ath__attr matmul_attrs[] = {
    ATH_ATTR_I(ath_matmul_attrs, trans_a, 1),
    ATH_ATTR_I(ath_matmul_attrs, trans_b, 1),
    ATH_ATTR_C(ath_matmul_attrs, act, ATH_ACT_CHOICES),
    ATH_ATTR_END,
};

/* Batch, rows, columns of op(m). */
struct matrix_shape {
    int64_t batch, rows, columns;
};

static struct matrix_shape matrix_shape(const ath_shape *shape, int64_t transposed) {
    int64_t rows = shape->dims[shape->rank - 2], columns = shape->dims[shape->rank - 1];
    return (struct matrix_shape){shape->rank == 3 ? shape->dims[0] : 1, transposed ? columns : rows,
                                 transposed ? rows : columns};
}

static ath_status matmul_infer(struct ath__infer *infer) {
    const ath_matmul_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_float(infer, 0, "a"));
    const ath_shape *shape_a = &infer->in[0].shape, *shape_b = &infer->in[1].shape;
    if (shape_a->rank != 2 && shape_a->rank != 3)
        return ath__infer_fail(infer, "a must have 2 or 3 dimensions, is %s; flatten it first",
                               ath__shape_text(shape_a).text);
    ATH_TRY(ath__infer_rank(infer, 1, "b", shape_a->rank));
    struct matrix_shape a = matrix_shape(shape_a, attrs->trans_a), b = matrix_shape(shape_b, attrs->trans_b);
    if (a.columns != b.rows)
        return ath__infer_fail(infer, "a %s%s has %lld columns, b %s%s has %lld rows", ath__shape_text(shape_a).text,
                               attrs->trans_a ? " transposed" : "", (long long)a.columns, ath__shape_text(shape_b).text,
                               attrs->trans_b ? " transposed" : "", (long long)b.rows);
    if (a.batch != b.batch)
        return ath__infer_fail(infer, "a %s and b %s differ in their batch", ath__shape_text(shape_a).text,
                               ath__shape_text(shape_b).text);
    if (ath__infer_has(infer, 2)) {
        ATH_TRY(ath__infer_float(infer, 2, "bias"));
        ATH_TRY(ath__infer_shape(infer, 2, "bias", &(ath_shape){.rank = 1, .dims = {b.columns}}));
    }
    ATH_TRY(ath__infer_choice(infer, "activation", attrs->act, ATH_ACT_COUNT));
    ath_shape y = *shape_a;
    y.dims[y.rank - 2] = a.rows;
    y.dims[y.rank - 1] = b.columns;
    return ath__infer_result(infer, 0, infer->in[0].dtype, &y);
}

/* With y = A B, A = op(a), B = op(b): dA = dy B^T, dB = A^T dy; a transposed operand gets the transposed product. */
static void matmul_grad(const struct ath__grad *grad) {
    ath_graph              *graph = grad->graph;
    const struct ath__node *node = grad->node;
    ath_matmul_attrs        attrs = *(const ath_matmul_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE) return;
    ath_value a = node->in[0], b = node->in[1];
    ath_value dy = ath__grad_act(graph, grad->dout[0], node->out[0], attrs.act);
    if (grad->want[0])
        grad->din[0] =
            attrs.trans_a
                ? ath_matmul(graph, b, dy, ATH_NONE, &(ath_matmul_attrs){.trans_a = attrs.trans_b, .trans_b = 1})
                : ath_matmul(graph, dy, b, ATH_NONE, &(ath_matmul_attrs){.trans_b = !attrs.trans_b});
    if (grad->want[1])
        grad->din[1] =
            attrs.trans_b
                ? ath_matmul(graph, dy, a, ATH_NONE, &(ath_matmul_attrs){.trans_a = 1, .trans_b = attrs.trans_a})
                : ath_matmul(graph, a, dy, ATH_NONE, &(ath_matmul_attrs){.trans_a = !attrs.trans_a});
    if (ath__node_has(node, 2) && grad->want[2]) {
        bool batched = ath_value_shape(graph, a).rank == 3;
        grad->din[2] = ath_reduce_op(graph, dy, ATH_REDUCE_SUM, batched ? 3u : 1u, false);
    }
}

static void matmul_ref(const struct ath__ref *ref) {
    const ath_matmul_attrs *attrs = ref->attrs;
    struct matrix_shape     a = matrix_shape(&ref->in[0].shape, attrs->trans_a);
    struct matrix_shape     b = matrix_shape(&ref->in[1].shape, attrs->trans_b);
    const double           *bias = ref->ins > 2 ? ref->in[2].data : NULL;
    for (int64_t n = 0; n < a.batch; n++) {
        const double *pa = ref->in[0].data + n * a.rows * a.columns, *pb = ref->in[1].data + n * b.rows * b.columns;
        double       *y = ref->out[0].data + n * a.rows * b.columns;
        for (int64_t i = 0; i < a.rows; i++)
            for (int64_t j = 0; j < b.columns; j++) {
                double sum = bias != NULL ? bias[j] : 0.0;
                for (int64_t l = 0; l < a.columns; l++)
                    sum += (attrs->trans_a ? pa[l * a.rows + i] : pa[i * a.columns + l]) *
                           (attrs->trans_b ? pb[j * b.rows + l] : pb[l * b.columns + j]);
                y[i * b.columns + j] = ath__scalar_act(attrs->act, sum);
            }
    }
}

static uint64_t matmul_macs(const void *attrs, const struct ath__desc *in, const struct ath__desc *out) {
    struct matrix_shape a = matrix_shape(&in[0].shape, ((const ath_matmul_attrs *)attrs)->trans_a);
    return (uint64_t)ath_shape_count(&out[0].shape) * (uint64_t)a.columns;
}

const struct ath__op ath__op_matmul = {
    .name = "matmul",
    .traits = ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_matmul_attrs),
    .attrs = matmul_attrs,
    .min_ins = 2,
    .max_ins = 3,
    .infer = matmul_infer,
    .grad = matmul_grad,
    .ref = matmul_ref,
    .macs = matmul_macs,
};

ath_value ath_matmul(ath_graph *g, ath_value a, ath_value b, ath_value bias, const ath_matmul_attrs *attrs) {
    ath_matmul_attrs own = attrs != NULL ? *attrs : (ath_matmul_attrs){0};
    int64_t          behind = ATH_ACT_NONE;
    own.trans_a = own.trans_a != 0;
    own.trans_b = own.trans_b != 0;
    if (own.act != ATH_ACT_NONE && !ath__act_from_output(own.act)) {
        behind = own.act; /* a node of its own, which keeps its input for the gradient */
        own.act = ATH_ACT_NONE;
    }
    ath_value y = ath__graph_apply(g, &ath__op_matmul, &own, (ath_value[]){a, b, bias}, 3);
    return behind == ATH_ACT_NONE ? y : ath_activation(g, y, (ath_act)behind);
}

ath_value ath_linear(ath_graph *g, ath_value x, ath_value weights, ath_value bias) {
    return ath_matmul(g, x, weights, bias, &(ath_matmul_attrs){.trans_b = 1});
}
