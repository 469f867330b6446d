/* Element-wise functions of two values, with NumPy broadcasting: shapes are aligned at the right, and a dimension of 1
 * (or a missing one) repeats.
 *
 *     binary  a, b -> y of the broadcast shape, y = f(a, b)
 *
 * A gradient is summed over the dimensions along which its operand was repeated. At a tie, max and min give half of the
 * gradient to either side.
 */
#include "op/op_util.h"
#include "op/scalar.h"
#include "op/walk.h"

static const struct ath__attr binary_attrs[] = {
    ATH_ATTR_C(ath_binary_attrs, kind, ATH_BINARY_CHOICES),
    ATH_ATTR_END,
};

static ath_status binary_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_choice(infer, "function", ((const ath_binary_attrs *)infer->attrs)->kind, ATH_BINARY_COUNT));
    ATH_TRY(ath__infer_float(infer, 0, "a"));
    ATH_TRY(ath__infer_float(infer, 1, "b"));
    ath_shape y = infer->in[0].shape;
    if (!ath__shape_broadcast(&y, &infer->in[1].shape))
        return ath__infer_fail(infer,
                               "shapes %s and %s do not broadcast: aligned at the right, sizes must agree or be 1",
                               ath__shape_text(&infer->in[0].shape).text, ath__shape_text(&infer->in[1].shape).text);
    return ath__infer_result(infer, 0, ath__dtype_join(infer->in[0].dtype, infer->in[1].dtype), &y);
}

/* What one operand receives before the sum over broadcast dimensions; side 0 is a, side 1 is b. */
typedef ath_value (*binary_gradient)(ath_graph *g, ath_value dy, const struct ath__node *node, int side);

static ath_value grad_ADD(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    (void)g, (void)node, (void)side;
    return dy;
}
static ath_value grad_SUB(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    (void)node;
    return side == 0 ? dy : ath_scale(g, dy, -1.0, 0.0);
}
static ath_value grad_MUL(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    return ath_mul(g, dy, node->in[1 - side]);
}
static ath_value grad_DIV(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    ath_value quotient = ath_binary_op(g, dy, node->in[1], ATH_BINARY_DIV); /* dy / b */
    return side == 0 ? quotient : ath_mul(g, ath_scale(g, quotient, -1.0, 0.0), node->out[0]);
}
/* dy * (1 + sign(mine - other)) / 2: 1 where mine is larger, 1/2 at a tie. */
static ath_value grad_MAX(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    ath_value difference = ath_binary_op(g, node->in[side], node->in[1 - side], ATH_BINARY_SUB);
    return ath_mul(g, dy, ath_scale(g, ath_unary_op(g, difference, ATH_UNARY_SIGN), 0.5, 0.5));
}
static ath_value grad_MIN(ath_graph *g, ath_value dy, const struct ath__node *node, int side) {
    return grad_MAX(g, dy, node, 1 - side);
}

static void binary_grad(const struct ath__grad *grad) {
    static const binary_gradient table[] = {
#define ROW(name, text) grad_##name,
        ATH_BINARY_MAP(ROW)
#undef ROW
    };
    const struct ath__node *node = grad->node;
    int64_t                 kind = ((const ath_binary_attrs *)node->attrs)->kind;
    if (grad->dout[0] == ATH_NONE) return;
    for (int side = 0; side < 2; side++) {
        if (!grad->want[side]) continue;
        ath_shape shape = ath_value_shape(grad->graph, node->in[side]);
        ath_value full = table[kind](grad->graph, grad->dout[0], node, side);
        grad->din[side] = ath__grad_reduce_to(grad->graph, full, &shape);
    }
}

static void binary_ref(const struct ath__ref *ref) {
    int64_t          kind = ((const ath_binary_attrs *)ref->attrs)->kind, i = 0;
    struct ath__walk walk;
    ath__walk_start(&walk, &ref->out[0].shape);
    ath__walk_broadcast(&walk, &ref->in[0].shape);
    ath__walk_broadcast(&walk, &ref->in[1].shape);
    do
        ref->out[0].data[i++] =
            ath__scalar_binary(kind, ref->in[0].data[walk.offset[0]], ref->in[1].data[walk.offset[1]]);
    while (ath__walk_next(&walk));
}

const struct ath__op ath__op_binary = {
    .name = "binary",
    .traits = ATH_OP_ELEMENTWISE | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_binary_attrs),
    .attrs = binary_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = binary_infer,
    .grad = binary_grad,
    .ref = binary_ref,
};

ath_value ath_binary_op(ath_graph *g, ath_value a, ath_value b, ath_binary kind) {
    return ath__graph_apply(g, &ath__op_binary, &(ath_binary_attrs){.kind = (int64_t)kind}, (ath_value[]){a, b}, 2);
}

ath_value ath_add(ath_graph *g, ath_value a, ath_value b) {
    return ath_binary_op(g, a, b, ATH_BINARY_ADD);
}

ath_value ath_mul(ath_graph *g, ath_value a, ath_value b) {
    return ath_binary_op(g, a, b, ATH_BINARY_MUL);
}
