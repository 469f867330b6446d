/* Fusing the residual add and the activation behind a convolution or matrix product into it:
 *
 *     y = act(conv(x, w) + bias + residual)
 *
 * Only where nothing else reads the intermediate; a backward that needs the activation's input keeps the nodes apart by
 * reading it.
 */
#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

static bool fuse_residual(ath_graph *graph, struct ath__node *conv) {
    struct ath__node *add = ath__sole_reader(graph, conv->out[0]);
    if (!add || add->op != &ath__op_binary || ((const ath_binary_attrs *)add->attrs)->kind != ATH_BINARY_ADD)
        return true;
    if (add->in[0] == add->in[1]) return true;
    ath_value residual = add->in[0] == conv->out[0] ? add->in[1] : add->in[0];
    if (!ath_shape_equal(&graph->values[residual].desc.shape, &graph->values[conv->out[0]].desc.shape)) return true;
    ath_value *in = ATH_ARENA_ARRAY(&graph->arena, ath_value, 4);
    if (!in) return false;
    for (int i = 0; i < 4; i++) in[i] = i < conv->ins ? conv->in[i] : ATH_NONE;
    in[3] = residual;
    conv->in = in;
    conv->ins = 4;
    conv->key = add->key > conv->key ? add->key : conv->key;
    add->dead = true;
    ath__graph_redirect(graph, add->out[0], conv->out[0]);
    return true;
}

static void fuse_activation(ath_graph *graph, struct ath__node *node, int64_t *act) {
    struct ath__node *reader = ath__sole_reader(graph, node->out[0]);
    if (!reader || reader->op != &ath__op_act) return;
    *act = ((const ath_act_attrs *)reader->attrs)->kind;
    reader->dead = true;
    ath__graph_redirect(graph, reader->out[0], node->out[0]);
}

ath_status ath__pass_fuse_act(ath_graph *graph, ath_error *err) {
    for (int n = 0; n < graph->node_count; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->dead) continue;
        if (node->op == &ath__op_conv2d) {
            ath_conv2d_attrs *attrs = node->attrs;
            if (attrs->act != ATH_ACT_NONE) continue;
            if (!fuse_residual(graph, node)) return ath__fail_memory(err, "fusion");
            fuse_activation(graph, node, &attrs->act);
        } else if (node->op == &ath__op_matmul) {
            ath_matmul_attrs *attrs = node->attrs;
            if (attrs->act == ATH_ACT_NONE) fuse_activation(graph, node, &attrs->act);
        }
    }
    return ath__graph_order(graph, err);
}
