/* Fusing element-wise nodes into chains.
 *
 * From a chain's last node backwards: a producer joins when it is element-wise, of the same shape and rate, and
 * everything that reads it has joined already. Taken against the execution order one sweep finds the largest such set;
 * it is trimmed from the front to a chain's limits. A value that is stored into a leaf (an optimiser's momentum) stays
 * visible as a further output. So an optimiser step written as a dozen nodes over flat arrays runs as one pass over
 * memory.
 */
#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "graph/pass.h"

#include <string.h>

struct set {
    int member[ATH_CHAIN_MAX_STEPS]; /* nodes, last first */
    int count;
};

static bool is_elementwise(const struct ath__node *node) {
    return (node->op->traits & ATH_OP_ELEMENTWISE) && node->outs == 1 && node->op != &ath__op_chain;
}

static bool set_has(const struct set *set, int node) {
    for (int i = 0; i < set->count; i++)
        if (set->member[i] == node) return true;
    return false;
}

/* Is the value read by members of the set, and by nothing else? */
static bool read_only_inside(const ath_graph *graph, const struct set *set, ath_value value) {
    bool read = false;
    for (int n = 0; n < graph->node_count; n++) {
        const struct ath__node *node = &graph->nodes[n];
        if (node->dead) continue;
        for (int k = 0; k < node->ins; k++) {
            if (node->in[k] != value) continue;
            if (!set_has(set, n)) return false;
            read = true;
        }
    }
    return read;
}

static bool same_kind(const ath_graph *graph, const struct ath__node *a, const struct ath__node *b) {
    return a->rate == b->rate &&
           ath_shape_equal(&graph->values[a->out[0]].desc.shape, &graph->values[b->out[0]].desc.shape);
}

static void collect(const ath_graph *graph, const int *order, int last, struct set *set) {
    set->count = 0;
    set->member[set->count++] = order[last];
    for (int i = last - 1; i >= 0 && set->count < ATH_CHAIN_MAX_STEPS; i--) {
        const struct ath__node *node = &graph->nodes[order[i]];
        if (node->dead || !is_elementwise(node) || !same_kind(graph, node, &graph->nodes[order[last]])) continue;
        if (graph->values[node->out[0]].is_output) continue;
        if (read_only_inside(graph, set, node->out[0])) set->member[set->count++] = order[i];
    }
}

static void describe_step(const struct ath__node *node, ath_chain_step *step) {
    if (node->op == &ath__op_unary) {
        const ath_unary_attrs *attrs = node->attrs;
        *step = (ath_chain_step){.code = ATH_CHAIN_UNARY, .kind = attrs->kind, .p = attrs->a, .q = attrs->b};
    } else if (node->op == &ath__op_binary) {
        *step = (ath_chain_step){.code = ATH_CHAIN_BINARY, .kind = ((const ath_binary_attrs *)node->attrs)->kind};
    } else {
        *step = (ath_chain_step){.code = node->op == &ath__op_act ? ATH_CHAIN_ACT : ATH_CHAIN_ACT_GRAD,
                                 .kind = ((const ath_act_attrs *)node->attrs)->kind};
    }
}

/* Position of the member that makes `value` among the steps (which run opposite to the member list), or -1. */
static int step_of(const ath_graph *graph, const struct set *set, ath_value value) {
    for (int i = 0; i < set->count; i++)
        if (graph->nodes[set->member[i]].out[0] == value) return set->count - 1 - i;
    return -1;
}

/* Lists the inputs of the set; returns their number, or -1 when there are too many. */
static int list_inputs(const ath_graph *graph, const struct set *set, ath_value *input) {
    int inputs = 0;
    for (int i = set->count - 1; i >= 0; i--) {
        const struct ath__node *node = &graph->nodes[set->member[i]];
        for (int k = 0; k < node->ins; k++) {
            bool known = step_of(graph, set, node->in[k]) >= 0;
            for (int j = 0; j < inputs && !known; j++) known = input[j] == node->in[k];
            if (known) continue;
            if (inputs == ATH_CHAIN_MAX_INPUTS) return -1;
            input[inputs++] = node->in[k];
        }
    }
    return inputs;
}

/* The members' results that stay visible: the last one and what is stored; -1 when there are too many. */
static int list_outputs(const ath_graph *graph, const struct set *set, ath_value *output, int64_t *step) {
    int outputs = 0;
    for (int i = set->count - 1; i >= 0; i--) {
        ath_value value = graph->nodes[set->member[i]].out[0];
        if (i != 0 && graph->values[value].stored_in == ATH_NONE) continue;
        if (outputs == ATH_CHAIN_MAX_OUTPUTS) return -1;
        output[outputs] = value;
        step[outputs++] = set->count - 1 - i;
    }
    return outputs;
}

static int64_t operand_number(const ath_graph *graph, const struct set *set, const ath_value *input, int inputs,
                              ath_value value) {
    int step = step_of(graph, set, value);
    if (step >= 0) return inputs + step;
    for (int i = 0; i < inputs; i++)
        if (input[i] == value) return i;
    return 0;
}

/* Replaces the set by one chain. Returns false on a sticky error. */
static bool replace(ath_graph *graph, struct set *set) {
    ath_chain_attrs attrs = {.inputs = 0};
    ath_value       input[ATH_CHAIN_MAX_INPUTS], output[ATH_CHAIN_MAX_OUTPUTS];
    int             inputs = list_inputs(graph, set, input);
    int             outputs = list_outputs(graph, set, output, attrs.output);
    while (set->count >= 2 && (inputs < 0 || outputs < 0)) {
        set->count--; /* the earliest member becomes an operand */
        inputs = list_inputs(graph, set, input);
        outputs = list_outputs(graph, set, output, attrs.output);
    }
    if (set->count < 2) return true;
    attrs.inputs = inputs;
    attrs.outputs = outputs;
    attrs.steps = set->count;
    for (int s = 0; s < set->count; s++) {
        const struct ath__node *node = &graph->nodes[set->member[set->count - 1 - s]];
        describe_step(node, &attrs.step[s]);
        attrs.step[s].a = operand_number(graph, set, input, inputs, node->in[0]);
        attrs.step[s].b = node->ins > 1 ? operand_number(graph, set, input, inputs, node->in[1]) : 0;
    }
    double      key = graph->nodes[set->member[0]].key;
    const char *scope = graph->nodes[set->member[0]].scope;
    int         chain = ath__graph_node(graph, &ath__op_chain, &attrs, input, inputs);
    if (chain < 0) return false;
    graph->nodes[chain].key = key;
    graph->nodes[chain].scope = scope;
    for (int i = 0; i < set->count; i++) graph->nodes[set->member[i]].dead = true;
    for (int o = 0; o < outputs; o++) ath__graph_redirect(graph, output[o], graph->nodes[chain].out[o]);
    return true;
}

ath_status ath__pass_fuse_chain(ath_graph *graph, ath_error *err) {
    int        count = graph->order_count;
    ath_status status = ATH_OK;
    int       *order = ATH_NEW_ARRAY(int, count + 1);
    if (!order) return ath__fail_memory(err, "fusion");
    if (count) memcpy(order, graph->order, (size_t)count * sizeof(int));
    for (int i = count - 1; i >= 0 && status == ATH_OK; i--) {
        const struct ath__node *node = &graph->nodes[order[i]];
        if (node->dead || !is_elementwise(node)) continue;
        struct set set;
        collect(graph, order, i, &set);
        if (set.count >= 2 && !replace(graph, &set)) status = ath_graph_status(graph, err);
    }
    ath__free(order);
    if (status != ATH_OK) return status;
    return ath__graph_order(graph, err);
}
