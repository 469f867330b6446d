/* Reverse-mode differentiation, graph to graph.
 *
 * One walk against the topological order. Every value collects contributions; when its producer is reached they are
 * summed and handed to the operator's `grad`, which appends nodes and returns the operands' contributions:
 *
 *     d<seed, out>/d in_i = sum over outputs o of (d out_o / d in_i)^T  dout_o
 *
 * The sum of a value that changes once per step takes its per-batch contributions through one batch_sum first: a
 * vector-Jacobian product is linear in the incoming gradient, so summing over micro-batches before the backward of a
 * weight transform gives the same result as after it.
 */
#include "graph/grad.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"

struct reverse {
    ath_graph *graph;
    int        values;    /* values that existed before the walk */
    bool      *wanted;    /* per value: lies between wrt and the outputs */
    ath_value *per_batch; /* sum so far of contributions of BATCH rate */
    ath_value *per_step;  /* and of the others                        */
};

static ath_value sum_with(ath_graph *graph, ath_value sum, ath_value term) {
    return sum == ATH_NONE ? term : ath_add(graph, sum, term);
}

static void contribute(struct reverse *reverse, ath_value value, ath_value term) {
    if (value == ATH_NONE || term == ATH_NONE || value >= reverse->values || !reverse->wanted[value]) return;
    ath_value *sum =
        reverse->graph->values[term].rate == ATH_RATE_BATCH ? &reverse->per_batch[value] : &reverse->per_step[value];
    *sum = sum_with(reverse->graph, *sum, term);
}

/* The whole gradient of a value, summed over micro-batches if the value itself does not change with them. */
static ath_value gradient_of(struct reverse *reverse, ath_value value) {
    ath_value batch = reverse->per_batch[value], step = reverse->per_step[value];
    if (batch != ATH_NONE && reverse->graph->values[value].rate < ATH_RATE_BATCH)
        batch = ath__graph_apply(reverse->graph, &ath__op_batch_sum, NULL, &batch, 1);
    if (batch == ATH_NONE) return step;
    return step == ATH_NONE ? batch : ath_add(reverse->graph, batch, step);
}

/* Marks what depends on a wrt value. */
static void mark_wanted(struct reverse *reverse, const ath_value *wrt, int wrt_count) {
    const ath_graph *graph = reverse->graph;
    for (int i = 0; i < wrt_count; i++) reverse->wanted[wrt[i]] = true;
    for (int i = 0; i < graph->order_count; i++) {
        const struct ath__node *node = &graph->nodes[graph->order[i]];
        if (node->op->traits & ATH_OP_NO_GRAD) continue;
        bool depends = false;
        for (int k = 0; k < node->ins; k++) depends |= node->in[k] != ATH_NONE && reverse->wanted[node->in[k]];
        for (int k = 0; depends && k < node->outs; k++)
            if (node->out[k] != ATH_NONE) reverse->wanted[node->out[k]] = true;
    }
}

static ath_status differentiate(struct reverse *reverse, int index, ath_error *err) {
    ath_graph       *graph = reverse->graph;
    struct ath__node node = graph->nodes[index];
    ath_value        dout[ATH_MAX_OUTS];
    bool             any = false;
    for (int o = 0; o < node.outs; o++) {
        dout[o] = node.out[o] == ATH_NONE ? ATH_NONE : gradient_of(reverse, node.out[o]);
        any |= dout[o] != ATH_NONE;
    }
    if (!any) return ATH_OK;
    if (!node.op->grad)
        return ath__fail(err, ATH_USAGE, node.scope, "%s has no gradient, but one is needed here", node.op->name);
    ath_status status = ATH_OK;
    bool      *want = ATH_NEW_ARRAY(bool, node.ins + 1);
    ath_value *din = ATH_NEW_ARRAY(ath_value, node.ins + 1);
    if (!want || !din) {
        status = ath__fail_memory(err, "gradient");
        goto done;
    }
    bool useful = false;
    for (int i = 0; i < node.ins; i++) {
        din[i] = ATH_NONE;
        want[i] = node.in[i] != ATH_NONE && reverse->wanted[node.in[i]];
        useful |= want[i];
    }
    if (useful) {
        struct ath__grad grad = {.graph = graph, .node = &node, .dout = dout, .want = want, .din = din};
        int              first = graph->node_count;
        node.op->grad(&grad);
        for (int n = first; n < graph->node_count; n++) graph->nodes[n].scope = node.scope;
        for (int i = 0; i < node.ins; i++)
            if (want[i]) contribute(reverse, node.in[i], din[i]);
    }
    status = ath_graph_status(graph, err);
done:
    ath__free(want);
    ath__free(din);
    return status;
}

/* Orders the nodes that the outputs need; what is not needed yet (seeds, other heads) stays alive. */
static ath_status order_keeping_all(ath_graph *graph, ath_error *err) {
    bool *dead = ATH_NEW_ARRAY(bool, graph->node_count + 1);
    if (!dead) return ath__fail_memory(err, "gradient");
    for (int n = 0; n < graph->node_count; n++) dead[n] = graph->nodes[n].dead;
    ath_status status = ath__graph_order(graph, err);
    for (int n = 0; n < graph->node_count; n++) graph->nodes[n].dead = dead[n];
    ath__free(dead);
    return status;
}

ath_status ath__grad_build(ath_graph *graph, const ath_value *outputs, const ath_value *seeds, int output_count,
                           const ath_value *wrt, int wrt_count, ath_value *grads, ath_error *err) {
    ATH_TRY(ath_graph_status(graph, err));
    ath_status     status = ATH_OK;
    struct reverse reverse = {.graph = graph, .values = graph->value_count};
    int           *order = NULL;
    size_t         count = (size_t)graph->value_count + 1;
    for (int i = 0; i < output_count; i++) graph->values[outputs[i]].is_output = true;
    ATH_TRY(order_keeping_all(graph, err));
    int order_count = graph->order_count;
    reverse.wanted = ATH_NEW_ARRAY(bool, count);
    reverse.per_batch = ATH_NEW_ARRAY(ath_value, count);
    reverse.per_step = ATH_NEW_ARRAY(ath_value, count);
    order = ATH_NEW_ARRAY(int, order_count + 1);
    if (!reverse.wanted || !reverse.per_batch || !reverse.per_step || !order) {
        status = ath__fail_memory(err, "gradient");
        goto done;
    }
    for (int i = 0; i < order_count; i++) order[i] = graph->order[i];
    for (size_t i = 0; i < count; i++) reverse.per_batch[i] = reverse.per_step[i] = ATH_NONE;
    mark_wanted(&reverse, wrt, wrt_count);
    for (int i = 0; i < output_count; i++) contribute(&reverse, outputs[i], seeds[i]);
    for (int i = order_count - 1; i >= 0; i--) ATH_TRY_DONE(differentiate(&reverse, order[i], err));
    for (int j = 0; j < wrt_count; j++) grads[j] = gradient_of(&reverse, wrt[j]);
    status = ath_graph_status(graph, err);
done:
    ath__free(reverse.wanted);
    ath__free(reverse.per_batch);
    ath__free(reverse.per_step);
    ath__free(order);
    return status;
}
