/* Reduced-precision storage: activations and their gradients in bfloat16.
 *
 * Operators say which of their operands follow (ATH_OP_LOW_*). Results of BATCH rate and rank 2 or more become
 * bfloat16; casts are inserted where a float32 operand meets an operator that computes in bfloat16 (images, weights)
 * and where a bfloat16 value meets one that does not (the loss). Parameters, statistics, sums over micro-batches,
 * weight gradients and losses stay float32; so does all that is computed in the scope "loss", in which
 * nn/loss.c builds them, and the gradients there, which inherit it.
 */
#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

#include <string.h>

enum { LOW_ANY = ATH_OP_LOW_ALL | ATH_OP_LOW_FIRST | ATH_OP_LOW_IN };

static bool feeds_batch_sum(const ath_graph *graph, ath_value value) {
    for (int n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].dead && graph->nodes[n].op == &ath__op_batch_sum && graph->nodes[n].in[0] == value)
            return true;
    return false;
}

static bool is_of_loss(const struct ath__node *node) {
    return strncmp(node->scope, "loss.", 5) == 0;
}

static void lower_outputs(ath_graph *graph, const struct ath__node *node) {
    if (is_of_loss(node)) return;
    if (node->rate != ATH_RATE_BATCH || !(node->op->traits & (ATH_OP_LOW_ALL | ATH_OP_LOW_FIRST))) return;
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE) continue;
        struct ath__value *value = &graph->values[node->out[o]];
        bool first = o == 0 || o == 3; /* batch_norm_grad's output 3 is the residual's gradient: an activation too */
        if ((node->op->traits & ATH_OP_LOW_FIRST) && !first) continue;
        if (value->desc.dtype != ATH_F32 || value->desc.shape.rank < 2 || value->stored_in != ATH_NONE) continue;
        if (value->is_output || feeds_batch_sum(graph, node->out[o])) continue;
        value->desc.dtype = ATH_BF16;
    }
}

/* The value in the other type: an existing cast's result, or a new one's. */
static ath_value cast_to(ath_graph *graph, ath_value value, ath_dtype dtype, double key) {
    for (int n = 0; n < graph->node_count; n++) {
        const struct ath__node *node = &graph->nodes[n];
        if (!node->dead && node->op == &ath__op_cast && node->in[0] == value &&
            ((const ath_cast_attrs *)node->attrs)->dtype == (int64_t)dtype)
            return node->out[0];
    }
    ath_cast_attrs attrs = {.dtype = dtype};
    ath_value      cast = ath__graph_apply(graph, &ath__op_cast, &attrs, &value, 1);
    if (cast != ATH_NONE) graph->nodes[graph->values[cast].node].key = key - 0.25;
    return cast;
}

/* Element-wise kernels take mixed types; products need both operands in bfloat16. */
static bool wants_low(const struct ath__node *node, const struct ath__value *in, int i) {
    bool product = node->op == &ath__op_conv2d || node->op == &ath__op_conv2d_dgrad ||
                   node->op == &ath__op_conv2d_wgrad || node->op == &ath__op_matmul;
    return product && i < 2 && in->desc.dtype == ATH_F32 && in->desc.shape.rank >= 2;
}

static ath_status cast_operands(ath_graph *graph, int index, ath_error *err) {
    for (int i = 0; i < graph->nodes[index].ins; i++) {
        const struct ath__node *node = &graph->nodes[index];
        if (node->in[i] == ATH_NONE || node->op == &ath__op_cast) continue;
        const struct ath__value *in = &graph->values[node->in[i]];
        bool                     low = (node->op->traits & LOW_ANY) && node->rate == ATH_RATE_BATCH;
        ath_value                cast = node->in[i];
        if (!low && in->desc.dtype == ATH_BF16)
            cast = cast_to(graph, node->in[i], ATH_F32, node->key);
        else if (low && wants_low(node, in, i))
            cast = cast_to(graph, node->in[i], ATH_BF16, node->key);
        ATH_TRY(ath_graph_status(graph, err));
        graph->nodes[index].in[i] = cast;
    }
    return ATH_OK;
}

ath_status ath__pass_precision(ath_graph *graph, ath_error *err) {
    for (int i = 0; i < graph->order_count; i++) lower_outputs(graph, &graph->nodes[graph->order[i]]);
    int count = graph->node_count;
    for (int n = 0; n < count; n++)
        if (!graph->nodes[n].dead) ATH_TRY(cast_operands(graph, n, err));
    return ath__graph_order(graph, err);
}
