/* Activations and their gradient.
 *
 *     act       x -> y,        y = f(x)
 *     act_grad  dy, ref -> dx, dx = dy * f'(ref)
 *
 * `ref` is the output y for kinds whose derivative can be had from y (relu, sigmoid ...), so that x need not be kept,
 * and the input x for the others (gelu, silu, hard_swish). ATH_ACT_MAP says which.
 */
#include "op/op_util.h"
#include "op/scalar.h"

static const struct ath__attr act_attrs[] = {
    ATH_ATTR_C(ath_act_attrs, kind, ATH_ACT_CHOICES),
    ATH_ATTR_END,
};

static ath_status act_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_choice(infer, "activation", ((const ath_act_attrs *)infer->attrs)->kind, ATH_ACT_COUNT));
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

static ath_status act_grad_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_choice(infer, "activation", ((const ath_act_attrs *)infer->attrs)->kind, ATH_ACT_COUNT));
    ATH_TRY(ath__infer_float(infer, 0, "dy"));
    ATH_TRY(ath__infer_float(infer, 1, "ref"));
    ATH_TRY(ath__infer_shape(infer, 1, "ref", &infer->in[0].shape));
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

static void act_grad(const struct ath__grad *grad) {
    const struct ath__node *node = grad->node;
    const ath_act_attrs     attrs = *(const ath_act_attrs *)node->attrs;
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_value ref = ath__act_from_output(attrs.kind) ? node->out[0] : node->in[0];
    grad->din[0] = attrs.kind == ATH_ACT_NONE
                       ? grad->dout[0]
                       : ath__graph_apply(grad->graph, &ath__op_act_grad, &attrs, (ath_value[]){grad->dout[0], ref}, 2);
}

static void act_ref(const struct ath__ref *ref) {
    int64_t kind = ((const ath_act_attrs *)ref->attrs)->kind, count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = ath__scalar_act(kind, ref->in[0].data[i]);
}

static void act_grad_ref(const struct ath__ref *ref) {
    int64_t kind = ((const ath_act_attrs *)ref->attrs)->kind, count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++)
        ref->out[0].data[i] = ref->in[0].data[i] * ath__scalar_act_slope(kind, ref->in[1].data[i]);
}

const struct ath__op ath__op_act = {
    .name = "act",
    .traits = ATH_OP_ELEMENTWISE | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_act_attrs),
    .attrs = act_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = act_infer,
    .grad = act_grad,
    .ref = act_ref,
};

const struct ath__op ath__op_act_grad = {
    .name = "act_grad",
    .traits = ATH_OP_ELEMENTWISE | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_act_attrs),
    .attrs = act_attrs,
    .min_ins = 2,
    .max_ins = 2,
    .infer = act_grad_infer,
    .ref = act_grad_ref,
};

ath_value ath_activation(ath_graph *g, ath_value x, ath_act kind) {
    if (kind == ATH_ACT_NONE) return x;
    return ath__graph_apply(g, &ath__op_act, &(ath_act_attrs){.kind = (int64_t)kind}, &x, 1);
}

ath_value ath_relu(ath_graph *g, ath_value x) {
    return ath_activation(g, x, ATH_ACT_RELU);
}

ath_value ath_sigmoid(ath_graph *g, ath_value x) {
    return ath_activation(g, x, ATH_ACT_SIGMOID);
}
