/* Folding a per-channel affine map into the convolution before it (inference):
 *
 *     (conv(x, w) + b) * s + t  =  conv(x, w * s) + (b * s + t)
 *
 * s and t, of shape (1,K,1,1), depend on parameters and states only, so the work moves from every batch to once per
 * step; with constant parameters it folds away altogether. Evaluated batch normalisation arrives here in this form.
 */
#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

struct ath__node *ath__sole_reader(ath_graph *graph, ath_value value) {
    if (graph->values[value].is_output || graph->values[value].stored_in != ATH_NONE) return NULL;
    struct ath__node *reader = NULL;
    for (int n = 0; n < graph->node_count; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->dead) continue;
        for (int i = 0; i < node->ins; i++) {
            if (node->in[i] != value) continue;
            if (reader) return NULL;
            reader = node;
        }
    }
    return reader;
}

/* The per-channel operand of a binary node of `kind` whose other operand is `x`; ATH_NONE if it is something else. */
static ath_value channel_operand(const ath_graph *graph, const struct ath__node *node, ath_value x, ath_binary kind) {
    if (!node || node->op != &ath__op_binary || ((const ath_binary_attrs *)node->attrs)->kind != (int64_t)kind)
        return ATH_NONE;
    ath_value                other = node->in[0] == x ? node->in[1] : node->in[0];
    const struct ath__value *value = &graph->values[other];
    const ath_shape         *shape = &value->desc.shape, *full = &graph->values[x].desc.shape;
    bool                     per_channel = shape->rank == 4 && shape->dims[0] == 1 && shape->dims[1] == full->dims[1] &&
                       shape->dims[2] == 1 && shape->dims[3] == 1;
    return per_channel && value->rate < ATH_RATE_BATCH ? other : ATH_NONE;
}

/* Rewrites one convolution; returns whether it did. */
static bool merge_one(ath_graph *graph, int index) {
    struct ath__node       *conv = &graph->nodes[index];
    const ath_conv2d_attrs *attrs = conv->attrs;
    ath_value               y = conv->out[0], weights = conv->in[1], x = conv->in[0];
    ath_value               bias = conv->ins > 2 ? conv->in[2] : ATH_NONE;
    if (attrs->act != ATH_ACT_NONE || (conv->ins > 3 && conv->in[3] != ATH_NONE)) return false;
    if (graph->values[weights].rate >= ATH_RATE_BATCH) return false;
    struct ath__node *mul = ath__sole_reader(graph, y);
    ath_value         scale = channel_operand(graph, mul, y, ATH_BINARY_MUL);
    if (scale == ATH_NONE) return false;
    ath_value         scaled = mul->out[0];
    struct ath__node *add = ath__sole_reader(graph, scaled);
    ath_value         shift = channel_operand(graph, add, scaled, ATH_BINARY_ADD);
    if (shift == ATH_NONE) return false;
    ath_value        result = add->out[0];
    int64_t          channels = graph->values[weights].desc.shape.dims[0];
    double           key = conv->key;
    ath_conv2d_attrs plain = *attrs;

    ath_value new_weights = ath_mul(graph, weights, ath_reshape(graph, scale, ath_shape_of(channels, 1, 1, 1)));
    ath_value new_bias = ath_reshape(graph, shift, ath_shape_of(channels));
    if (bias != ATH_NONE)
        new_bias = ath_add(graph, ath_mul(graph, bias, ath_reshape(graph, scale, ath_shape_of(channels))), new_bias);
    ath_value merged = ath_conv2d(graph, x, new_weights, new_bias, &plain);
    if (merged == ATH_NONE) return false;
    graph->nodes[graph->values[merged].node].key = key;
    graph->nodes[graph->values[merged].node].scope = graph->nodes[index].scope;
    ath__graph_redirect(graph, result, merged);
    return true;
}

ath_status ath__pass_merge_affine(ath_graph *graph, ath_error *err) {
    int count = graph->node_count;
    for (int n = 0; n < count; n++)
        if (!graph->nodes[n].dead && graph->nodes[n].op == &ath__op_conv2d) merge_one(graph, n);
    ATH_TRY(ath_graph_status(graph, err));
    return ath__graph_order(graph, err);
}
