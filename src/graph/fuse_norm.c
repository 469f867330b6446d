/* Fusing batch normalisation (training) with the residual add and the activation behind it, forward and backward.
 *
 *     y = act(batch_norm(x) + residual)          one pass over x and residual instead of three
 *     dx, dgamma, dbeta, dresidual = ...(dy, y)  the activation's mask comes from y; a sum of two gradients is added on
 *                                                the way in
 */
#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

static bool act_from_output(int64_t kind) {
    static const bool table[] = {
#define ATH_ACT_FROM_(name, text, from_output) from_output,
        ATH_ACT_MAP(ATH_ACT_FROM_)
#undef ATH_ACT_FROM_
    };
    return table[kind];
}

static bool is_add_of_equal_shapes(const ath_graph *graph, const struct ath__node *node) {
    if (!node || node->op != &ath__op_binary || ((const ath_binary_attrs *)node->attrs)->kind != ATH_BINARY_ADD)
        return false;
    return ath_shape_equal(&graph->values[node->in[0]].desc.shape, &graph->values[node->in[1]].desc.shape);
}

/* Gives the node room for `ins` operands (new ones missing). */
static bool widen(ath_graph *graph, struct ath__node *node, int ins) {
    if (node->ins >= ins) return true;
    ath_value *in = ATH_ARENA_ARRAY(&graph->arena, ath_value, ins);
    if (!in) return false;
    for (int i = 0; i < ins; i++) in[i] = i < node->ins ? node->in[i] : ATH_NONE;
    node->in = in;
    node->ins = ins;
    return true;
}

/* The activation node that is the only *forward* reader of `value`; its gradients read its output, not its input. */
static struct ath__node *sole_activation(ath_graph *graph, ath_value value) {
    struct ath__node *reader = ath__sole_reader(graph, value);
    return reader && reader->op == &ath__op_act && act_from_output(((const ath_act_attrs *)reader->attrs)->kind)
               ? reader
               : NULL;
}

static bool fuse_forward(ath_graph *graph, struct ath__node *norm) {
    ath_batch_norm_attrs *attrs = norm->attrs;
    if (attrs->act != ATH_ACT_NONE) return true;
    struct ath__node *add = ath__sole_reader(graph, norm->out[0]);
    if ((norm->ins < 6 || norm->in[5] == ATH_NONE) && is_add_of_equal_shapes(graph, add) && add->in[0] != add->in[1]) {
        if (!widen(graph, norm, 6)) return false;
        norm->in[5] = add->in[0] == norm->out[0] ? add->in[1] : add->in[0];
        ath_value sum = add->out[0];
        norm->key = add->key > norm->key ? add->key : norm->key;
        add->dead = true;
        ath__graph_redirect(graph, sum, norm->out[0]);
    }
    struct ath__node *act = sole_activation(graph, norm->out[0]);
    if (act) {
        attrs->act = ((const ath_act_attrs *)act->attrs)->kind;
        ath_value y = act->out[0];
        act->dead = true;
        ath__graph_redirect(graph, y, norm->out[0]);
    }
    return true;
}

/* The forward node of a batch_norm_grad: the one that made its saved mean. */
static struct ath__node *forward_of(ath_graph *graph, const struct ath__node *grad) {
    int producer = graph->values[grad->in[3]].node;
    return producer >= 0 && graph->nodes[producer].op == &ath__op_batch_norm ? &graph->nodes[producer] : NULL;
}

/* Adds output 3, the gradient behind the activation, and makes all other readers of `masked` use it. */
static bool add_residual_output(ath_graph *graph, struct ath__node *grad, ath_value masked) {
    ath_value *out = ATH_ARENA_ARRAY(&graph->arena, ath_value, 4);
    if (!out) return false;
    for (int i = 0; i < 3; i++) out[i] = i < grad->outs ? grad->out[i] : ATH_NONE;
    struct ath__desc desc = graph->values[masked].desc;
    out[3] = ath__graph_value_new(graph, &desc);
    if (out[3] == ATH_NONE) return false;
    graph->values[out[3]].node = (int)(grad - graph->nodes);
    graph->values[out[3]].out = 3;
    graph->values[out[3]].rate = grad->rate;
    grad->out = out;
    grad->outs = 4;
    ((ath_batch_norm_grad_attrs *)grad->attrs)->with_residual = 1;
    ath__graph_redirect(graph, masked, out[3]);
    return true;
}

static bool fuse_backward(ath_graph *graph, int index) {
    struct ath__node *grad = &graph->nodes[index];
    struct ath__node *norm = forward_of(graph, grad);
    if (!norm || !widen(graph, grad, 7)) return norm == NULL;
    const ath_batch_norm_attrs *forward = norm->attrs;
    ath_value                   dy = grad->in[0];
    int                         producer = graph->values[dy].node;
    if (forward->act != ATH_ACT_NONE) {
        struct ath__node *mask = producer >= 0 ? &graph->nodes[producer] : NULL;
        if (!mask || mask->op != &ath__op_act_grad || mask->in[1] != norm->out[0])
            return false; /* the forward was fused although its backward is something else: refused by the caller */
        bool shared = ath__graph_uses(graph, dy) > 1 || graph->values[dy].is_output;
        grad->in[0] = mask->in[0];
        grad->in[5] = norm->out[0];
        ((ath_batch_norm_grad_attrs *)grad->attrs)->act = forward->act;
        mask->dead = true;
        if (shared && !add_residual_output(graph, grad, dy)) return false;
        dy = grad->in[0];
        producer = graph->values[dy].node;
    }
    struct ath__node *sum = producer >= 0 ? &graph->nodes[producer] : NULL;
    if (is_add_of_equal_shapes(graph, sum) && ath__sole_reader(graph, dy) == grad) {
        grad->in[0] = sum->in[0];
        grad->in[6] = sum->in[1];
        sum->dead = true;
    }
    return true;
}

ath_status ath__pass_fuse_norm(ath_graph *graph, ath_error *err) {
    int count = graph->node_count;
    for (int n = 0; n < count; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->dead || node->op != &ath__op_batch_norm) continue;
        if (!fuse_forward(graph, node)) return ath__fail_memory(err, "fusion");
    }
    for (int n = 0; n < count; n++) {
        if (graph->nodes[n].dead || graph->nodes[n].op != &ath__op_batch_norm_grad) continue;
        if (!fuse_backward(graph, n)) {
            ATH_TRY(ath_graph_status(graph, err));
            return ath__fail(err, ATH_FAILED, graph->nodes[n].scope, "a fused batch_norm lost its backward");
        }
    }
    return ath__graph_order(graph, err);
}
