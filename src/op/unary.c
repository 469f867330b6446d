/* Element-wise functions of one value: a*x + b, square, square root, reciprocal, exponential, logarithm, error
 * function, absolute value, sign.
 *
 *     unary  x -> y of the same shape, y = f(x)
 */
#include "op/op_util.h"
#include "op/scalar.h"

static const struct ath__attr unary_attrs[] = {
    ATH_ATTR_C(ath_unary_attrs, kind, ATH_UNARY_CHOICES),
    ATH_ATTR_R(ath_unary_attrs, a),
    ATH_ATTR_R(ath_unary_attrs, b),
    ATH_ATTR_END,
};

static ath_status unary_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_choice(infer, "function", ((const ath_unary_attrs *)infer->attrs)->kind, ATH_UNARY_COUNT));
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

/* One gradient per function: appends nodes that compute dx from dy, x and y. */
typedef ath_value (*unary_gradient)(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs);

static ath_value grad_SCALE(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)x, (void)y;
    return ath_scale(g, dy, attrs->a, 0.0);
}
static ath_value grad_SQUARE(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)y, (void)attrs;
    return ath_mul(g, dy, ath_scale(g, x, 2.0, 0.0));
}
static ath_value grad_SQRT(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)x, (void)attrs;
    return ath_binary_op(g, ath_scale(g, dy, 0.5, 0.0), y, ATH_BINARY_DIV);
}
static ath_value grad_RECIPROCAL(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)x, (void)attrs;
    return ath_mul(g, ath_scale(g, dy, -1.0, 0.0), ath_unary_op(g, y, ATH_UNARY_SQUARE));
}
static ath_value grad_EXP(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)x, (void)attrs;
    return ath_mul(g, dy, y);
}
static ath_value grad_LOG(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)y, (void)attrs;
    return ath_binary_op(g, dy, x, ATH_BINARY_DIV);
}
/* dy * 2 / sqrt(pi) * exp(-x^2) */
static ath_value grad_ERF(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)y, (void)attrs;
    ath_value bell = ath_unary_op(g, ath_scale(g, ath_unary_op(g, x, ATH_UNARY_SQUARE), -1.0, 0.0), ATH_UNARY_EXP);
    return ath_mul(g, dy, ath_scale(g, bell, 1.12837916709551257390, 0.0));
}
static ath_value grad_ABS(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)y, (void)attrs;
    return ath_mul(g, dy, ath_unary_op(g, x, ATH_UNARY_SIGN));
}
static ath_value grad_SIGN(ath_graph *g, ath_value dy, ath_value x, ath_value y, const ath_unary_attrs *attrs) {
    (void)g, (void)dy, (void)x, (void)y, (void)attrs;
    return ATH_NONE; /* zero almost everywhere */
}

static void unary_grad(const struct ath__grad *grad) {
    static const unary_gradient table[] = {
#define ROW(name, text) grad_##name,
        ATH_UNARY_MAP(ROW)
#undef ROW
    };
    const struct ath__node *node = grad->node;
    const ath_unary_attrs  *attrs = node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    grad->din[0] = table[attrs->kind](grad->graph, grad->dout[0], node->in[0], node->out[0], attrs);
}

static void unary_ref(const struct ath__ref *ref) {
    const ath_unary_attrs *attrs = ref->attrs;
    int64_t                count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++)
        ref->out[0].data[i] = ath__scalar_unary(attrs->kind, ref->in[0].data[i], attrs->a, attrs->b);
}

const struct ath__op ath__op_unary = {
    .name = "unary",
    .traits = ATH_OP_ELEMENTWISE | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_unary_attrs),
    .attrs = unary_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = unary_infer,
    .grad = unary_grad,
    .ref = unary_ref,
};

ath_value ath_unary_op(ath_graph *g, ath_value x, ath_unary kind) {
    ath_unary_attrs attrs = {.kind = (int64_t)kind, .a = kind == ATH_UNARY_SCALE ? 1.0 : 0.0};
    return ath__graph_apply(g, &ath__op_unary, &attrs, &x, 1);
}

ath_value ath_scale(ath_graph *g, ath_value x, double a, double b) {
    return ath__graph_apply(g, &ath__op_unary, &(ath_unary_attrs){.kind = ATH_UNARY_SCALE, .a = a, .b = b}, &x, 1);
}
