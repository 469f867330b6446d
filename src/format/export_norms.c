/* Finding batch norms in an inference graph, before folding makes plain numbers of them:
 *
 *     y = x * scale + shift,  scale = gamma / sqrt(variance + eps),  shift = beta - mean * scale
 */
#include "format/export_norms.h"

#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

/* The node of that operator that makes the value; NULL if another one does, or none. */
static const struct ath__node *maker(const ath_graph *graph, ath_value value, const struct ath__op *op) {
    if (value == ATH_NONE || graph->values[value].leaf != ATH_LEAF_NONE) return NULL;
    const struct ath__node *node = &graph->nodes[graph->values[value].node];
    return node->op == op && !node->dead ? node : NULL;
}

static const struct ath__node *binary(const ath_graph *graph, ath_value value, ath_binary kind) {
    const struct ath__node *node = maker(graph, value, &ath__op_binary);
    return node && ((const ath_binary_attrs *)node->attrs)->kind == (int64_t)kind ? node : NULL;
}

static const struct ath__node *unary(const ath_graph *graph, ath_value value, ath_unary kind) {
    const struct ath__node *node = maker(graph, value, &ath__op_unary);
    return node && ((const ath_unary_attrs *)node->attrs)->kind == (int64_t)kind ? node : NULL;
}

static bool is_vector(const ath_graph *graph, ath_value value) {
    return graph->values[value].leaf == ATH_LEAF_CONST && graph->values[value].desc.shape.rank == 1;
}

/* Does this node end a batch norm? */
static bool match(ath_graph *graph, const struct ath__node *end, struct ath__export_norm *norm) {
    const struct ath__node *add = binary(graph, end->out[0], ATH_BINARY_ADD);
    const struct ath__node *mul = add ? binary(graph, add->in[0], ATH_BINARY_MUL) : NULL;
    const struct ath__node *low = add ? maker(graph, add->in[1], &ath__op_reshape) : NULL;
    const struct ath__node *high = mul ? maker(graph, mul->in[1], &ath__op_reshape) : NULL;
    const struct ath__node *shift = low ? binary(graph, low->in[0], ATH_BINARY_SUB) : NULL;
    const struct ath__node *scale = high ? binary(graph, high->in[0], ATH_BINARY_DIV) : NULL;
    const struct ath__node *moved = shift ? binary(graph, shift->in[1], ATH_BINARY_MUL) : NULL;
    const struct ath__node *root = scale ? unary(graph, scale->in[1], ATH_UNARY_SQRT) : NULL;
    const struct ath__node *above = root ? unary(graph, root->in[0], ATH_UNARY_SCALE) : NULL;
    if (!moved || !above || moved->in[1] != scale->out[0] || ath__sole_reader(graph, mul->out[0]) != add) return false;
    const ath_unary_attrs *more = above->attrs;
    *norm = (struct ath__export_norm){.x = mul->in[0],
                                      .scaled = mul->out[0],
                                      .y = add->out[0],
                                      .gamma = scale->in[0],
                                      .beta = shift->in[0],
                                      .mean = moved->in[0],
                                      .variance = above->in[0],
                                      .eps = more->b};
    return more->a == 1.0 && more->b > 0.0 && is_vector(graph, norm->gamma) && is_vector(graph, norm->beta) &&
           is_vector(graph, norm->mean) && is_vector(graph, norm->variance);
}

ath_status ath__export_norms_find(struct ath__export *net, ath_error *err) {
    ath_graph *graph = net->graph;
    net->norms = ATH_ARENA_ARRAY(&graph->arena, struct ath__export_norm, graph->node_count + 1);
    if (!net->norms) return ath__fail_memory(err, "export");
    for (int n = 0; n < graph->node_count; n++)
        if (!graph->nodes[n].dead && match(graph, &graph->nodes[n], &net->norms[net->norm_count])) net->norm_count++;
    return ATH_OK;
}

const struct ath__export_norm *ath__export_norm_of(const struct ath__export *net, const struct ath__node *node) {
    for (int i = 0; i < net->norm_count; i++)
        if (node->out[0] == net->norms[i].scaled || node->out[0] == net->norms[i].y) return &net->norms[i];
    return NULL;
}
