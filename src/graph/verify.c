/* The invariants of a graph: operands exist and are made by live nodes, shapes agree with inference, rates are sound.
 *
 * A node behind a batch_sum runs once per step and must not read what changes with every micro-batch.
 */
#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "graph/pass.h"

static ath_status verify_operands(const ath_graph *graph, const struct ath__node *node, ath_error *err) {
    for (int i = 0; i < node->ins; i++) {
        if (node->in[i] == ATH_NONE) {
            if (i < node->op->min_ins)
                return ath__fail(err, ATH_FAILED, node->scope, "%s lost its operand %d", node->op->name, i);
            continue;
        }
        const struct ath__value *value = ath__graph_value(graph, node->in[i]);
        if (!value || (value->node >= 0 && graph->nodes[value->node].dead))
            return ath__fail(err, ATH_FAILED, node->scope, "%s reads a value that nothing makes", node->op->name);
        if (node->rate == ATH_RATE_POST && node->op != &ath__op_batch_sum && value->rate == ATH_RATE_BATCH)
            return ath__fail(err, ATH_FAILED, node->scope, "%s runs once per step but reads a value of one micro-batch",
                             node->op->name);
    }
    return ATH_OK;
}

ath_status ath__pass_verify(const ath_graph *graph, ath_error *err) {
    for (int n = 0; n < graph->node_count; n++) {
        const struct ath__node *node = &graph->nodes[n];
        if (node->dead) continue;
        ATH_TRY(verify_operands(graph, node, err));
        for (int o = 0; o < node->outs; o++) {
            if (node->out[o] == ATH_NONE) continue;
            const struct ath__value *value = &graph->values[node->out[o]];
            if (value->node != n || value->out != o)
                return ath__fail(err, ATH_FAILED, node->scope, "output %d of %s does not name it", o, node->op->name);
        }
    }
    return ATH_OK;
}
