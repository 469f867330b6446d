/* Making the inference graph that writers start from: build, parameters to constants, fold, merge, name.
 *
 *     build (batch 1, evaluation) -> leaves become constants -> fold -> merge_affine -> fold -> check -> name
 *
 * Where batch norms are kept they are noted before the first fold, and nothing is merged.
 *
 * Folding computes in double precision, so a merged weight differs from the one that Athanor's own kernels use by at
 * most a rounding of float32.
 */
#include "format/export_norms.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/pass.h"

#include <stdio.h>
#include <string.h>

/* ---- the graph -------------------------------------------------------------------------------------------------- */

/* Parameters and states of the graph become constants over the store's memory. */
static ath_status bind_leaves(ath_graph *graph, const struct ath__store *store, ath_error *err) {
    for (int v = 0; v < graph->value_count; v++) {
        struct ath__value *value = &graph->values[v];
        if (value->leaf != ATH_LEAF_PARAM && value->leaf != ATH_LEAF_STATE) continue;
        const struct ath__entry *entry = ath__store_find(store, value->name);
        if (!entry || !ath_shape_equal(&entry->shape, &value->desc.shape))
            return ath__fail(err, ATH_FAILED, value->name, "the model has no values for this parameter");
        value->leaf = ATH_LEAF_CONST;
        value->rate = ATH_RATE_CONST;
        value->constant = entry->data;
    }
    return ATH_OK;
}

static ath_status build(const struct ath__export_source *source, struct ath__export *net, ath_error *err) {
    ath_graph *graph = net->graph;
    net->input = ath_input(graph, "image", ATH_F32, ath_shape_of(1, net->channels, net->height, net->width));
    ath_value logits = ath_model_build(source->model, graph, net->input, false, ATH_NONE);
    if (source->softmax) logits = ath_softmax(graph, logits, false);
    ath_output(graph, logits, source->softmax ? "probabilities" : "logits");
    ATH_TRY(ath_graph_status(graph, err));
    ATH_TRY(bind_leaves(graph, source->store, err));
    ATH_TRY(ath__graph_order(graph, err));
    if (source->keep_norms) ATH_TRY(ath__export_norms_find(net, err));
    ATH_TRY(ath__pass_fold(graph, err));
    if (!source->keep_norms) {
        ATH_TRY(ath__pass_merge_affine(graph, err));
        ATH_TRY(ath__pass_fold(graph, err));
    }
    ATH_TRY(ath__pass_verify(graph, err));
    for (int v = 0; v < graph->value_count; v++)
        if (graph->values[v].is_output) net->output = v;
    return ATH_OK;
}

/* ---- what writers may rely on ----------------------------------------------------------------------------------- */

static bool is_constant(const ath_graph *graph, ath_value value) {
    return value == ATH_NONE || graph->values[value].leaf == ATH_LEAF_CONST;
}

static bool is_known(const struct ath__op *op) {
    static const struct ath__op *const known[] = {
        &ath__op_conv2d, &ath__op_matmul,  &ath__op_act,     &ath__op_unary,         &ath__op_binary, &ath__op_pool2d,
        &ath__op_reduce, &ath__op_expand,  &ath__op_reshape, &ath__op_slice,         &ath__op_pad,    &ath__op_permute,
        &ath__op_concat, &ath__op_softmax, &ath__op_resize,  &ath__op_adaptive_pool,
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == op) return true;
    return false;
}

static ath_status check_node(const ath_graph *graph, const struct ath__node *node, ath_error *err) {
    bool product = node->op == &ath__op_conv2d || node->op == &ath__op_matmul;
    if (!is_known(node->op))
        return ath__fail(err, ATH_UNSUPPORTED, node->scope, "the operator %s has no place in an exported network",
                         node->op->name);
    for (int i = 1; product && i < node->ins; i++)
        if (!is_constant(graph, node->in[i]))
            return ath__fail(err, ATH_UNSUPPORTED, node->scope,
                             "a %s whose weights depend on the image has no place in an exported network",
                             node->op->name);
    return ATH_OK;
}

static ath_status check(const struct ath__export *net, ath_error *err) {
    for (int i = 0; i < net->graph->order_count; i++) ATH_TRY(check_node(net->graph, ath__export_node(net, i), err));
    if (is_constant(net->graph, net->output))
        return ath__fail(err, ATH_UNSUPPORTED, net->model, "the network's output does not depend on its input");
    return ATH_OK;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void mark_used(const struct ath__export *net, bool *used) {
    const ath_graph *graph = net->graph;
    for (int i = 0; i < net->norm_count; i++) {
        const struct ath__export_norm *norm = &net->norms[i];
        used[norm->gamma] = used[norm->beta] = used[norm->mean] = used[norm->variance] = true;
    }
    for (int i = 0; i < graph->order_count; i++) {
        const struct ath__node *node = &graph->nodes[graph->order[i]];
        for (int k = 0; k < node->ins; k++)
            if (node->in[k] != ATH_NONE) used[node->in[k]] = true;
        for (int k = 0; k < node->outs; k++)
            if (node->out[k] != ATH_NONE) used[node->out[k]] = true;
    }
}

/* `text`, or text.2, text.3 ... if it is taken. */
static ath_status give_name(ath_graph *graph, ath_value value, const char *text, ath_error *err) {
    char name[320];
    snprintf(name, sizeof name, "%s", text);
    for (int i = 2; ath__graph_find(graph, name) != ATH_NONE; i++) snprintf(name, sizeof name, "%.300s.%d", text, i);
    graph->values[value].name = ath__arena_strdup(&graph->arena, name);
    return graph->values[value].name ? ATH_OK : ath__fail_memory(err, "export");
}

static const char *node_word(const struct ath__node *node) {
    static const char *const acts[] = {
#define WORD(name, text, from_output) text,
        ATH_ACT_MAP(WORD)
#undef WORD
    };
    static const char *const binaries[] = {
#define WORD(name, text) text,
        ATH_BINARY_MAP(WORD)
#undef WORD
    };
    if (node->op == &ath__op_act) return acts[((const ath_act_attrs *)node->attrs)->kind];
    if (node->op == &ath__op_binary) return binaries[((const ath_binary_attrs *)node->attrs)->kind];
    return node->op->name;
}

/* A product's result is called as its layer, any other "layer1.0.relu". Scopes end with a dot. */
static ath_status name_node(ath_graph *graph, const struct ath__node *node, ath_error *err) {
    bool product = node->op == &ath__op_conv2d || node->op == &ath__op_matmul;
    char text[320];
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE || graph->values[node->out[o]].name) continue;
        if (product && node->scope[0])
            snprintf(text, sizeof text, "%.*s", (int)strlen(node->scope) - 1, node->scope);
        else
            snprintf(text, sizeof text, "%.256s%s", node->scope, node_word(node));
        ATH_TRY(give_name(graph, node->out[o], text, err));
    }
    return ATH_OK;
}

/* Weights that folding made are called as their layer's parameters are. */
static ath_status name_weights(ath_graph *graph, const struct ath__node *node, ath_error *err) {
    static const char *const words[] = {NULL, "weight", "bias"};
    if (node->op != &ath__op_conv2d && node->op != &ath__op_matmul) return ATH_OK;
    for (int i = 1; i < node->ins && i < 3; i++) {
        ath_value   value = node->in[i];
        const char *name = value == ATH_NONE ? NULL : graph->values[value].name;
        char        text[320];
        if (!name || strncmp(name, "folded.", 7) != 0) continue;
        snprintf(text, sizeof text, "%.256s%s", node->scope, words[i]);
        graph->values[value].name = NULL;
        ATH_TRY(give_name(graph, value, text, err));
    }
    return ATH_OK;
}

/* Values that are left over from before the passes give their names free. */
static ath_status name_values(const struct ath__export *net, ath_error *err) {
    ath_graph *graph = net->graph;
    bool      *used = ATH_NEW_ARRAY(bool, graph->value_count + 1);
    if (!used) return ath__fail_memory(err, "export");
    mark_used(net, used);
    for (int v = 0; v < graph->value_count; v++)
        if (!used[v]) graph->values[v].name = NULL;
    ath_status status = ATH_OK;
    for (int i = 0; status == ATH_OK && i < graph->order_count; i++)
        status = name_weights(graph, &graph->nodes[graph->order[i]], err);
    for (int i = 0; status == ATH_OK && i < graph->order_count; i++)
        status = name_node(graph, &graph->nodes[graph->order[i]], err);
    ath__free(used);
    return status;
}

/* ---- the export ------------------------------------------------------------------------------------------------- */

ath_status ath__export_create(const struct ath__export_source *source, struct ath__export *net, ath_error *err) {
    *net = (struct ath__export){
        .graph = ath_graph_create(),
        .input = ATH_NONE,
        .output = ATH_NONE,
        .classes = ath_model_classes(source->model),
        .softmax = source->softmax,
        .name = source->name,
        .model = ath_model_name(source->model),
        .images = source->images,
        .class_names = source->class_names,
        .class_titles = source->class_titles,
        .class_groups = source->class_groups,
    };
    if (!net->graph) return ath__fail_memory(err, "export");
    ath_model_input(source->model, &net->channels, &net->height, &net->width);
    ath_status status = build(source, net, err);
    if (status == ATH_OK) status = check(net, err);
    if (status == ATH_OK) status = name_values(net, err);
    if (status != ATH_OK) ath__export_free(net);
    return status;
}

void ath__export_free(struct ath__export *net) {
    ath_graph_destroy(net->graph);
    memset(net, 0, sizeof *net);
}

const void *ath__export_constant(const struct ath__export *net, ath_value value) {
    if (value == ATH_NONE || net->graph->values[value].leaf != ATH_LEAF_CONST) return NULL;
    return net->graph->values[value].constant;
}

const struct ath__node *ath__export_node(const struct ath__export *net, int i) {
    return &net->graph->nodes[net->graph->order[i]];
}

const struct ath__value *ath__export_value(const struct ath__export *net, ath_value value) {
    return &net->graph->values[value];
}
