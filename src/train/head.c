/* Finding the head, by walking back from the logits to the first convolution or product on every path. */
#include "train/head.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"

/* Marks the parameters that a value which depends on no image is computed from (a weight transform has several). */
static void mark_params(const ath_graph *graph, ath_value value, bool *is_head) {
    const struct ath__value *v = &graph->values[value];
    if (v->leaf == ATH_LEAF_PARAM) is_head[value] = true;
    if (v->node < 0) return;
    const struct ath__node *node = &graph->nodes[v->node];
    for (int i = 0; i < node->ins; i++)
        if (node->in[i] != ATH_NONE) mark_params(graph, node->in[i], is_head);
}

ath_status ath__head_mark(const ath_graph *graph, ath_value logits, bool *is_head, ath_error *err) {
    bool      *reached = ATH_NEW_ARRAY(bool, graph->node_count + 1);
    int       *stack = ATH_NEW_ARRAY(int, graph->node_count + 1), depth = 0;
    ath_status status = reached && stack ? ATH_OK : ath__fail_memory(err, "head");
    int        last = graph->values[logits].node;
    if (status == ATH_OK && last >= 0) {
        reached[last] = true;
        stack[depth++] = last;
    }
    while (depth > 0) {
        const struct ath__node *node = &graph->nodes[stack[--depth]];
        for (int i = 0; i < node->ins; i++) {
            if (node->in[i] == ATH_NONE) continue;
            const struct ath__value *in = &graph->values[node->in[i]];
            if (in->rate < ATH_RATE_BATCH) {
                mark_params(graph, node->in[i], is_head);
            } else if (!node->op->macs && in->node >= 0 && !reached[in->node]) {
                reached[in->node] = true;
                stack[depth++] = in->node;
            }
        }
    }
    ath__free(reached);
    ath__free(stack);
    return status;
}
