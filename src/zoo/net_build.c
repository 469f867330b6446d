/* Building the net of a model file, and the table of its layer kinds.
 *
 * A layer is built in the scope of its name; `repeat` and `concat` number their copies and branches 0, 1, ... below it.
 * The first error gets the line of the innermost layer that it happened in.
 */
#include "base/error.h"
#include "graph/ir.h"
#include "zoo/graph_file.h"
#include "zoo/net_layer.h"

#include <stdio.h>

static ath_value build_list(struct ath__net_build *build, const struct ath__net_list *list, ath_value x) {
    ath_graph *graph = build->nn->graph;
    for (int i = 0; i < list->count && x != ATH_NONE; i++) {
        const struct ath__net_layer *layer = &list->layers[i];
        x = layer->kind->build(build, layer, x);
        if (x != ATH_NONE || build->located) continue;
        build->located = true;
        snprintf(graph->error.where, sizeof graph->error.where, "%.200s:%d", build->net->file, layer->line);
    }
    return x;
}

/* A list in a scope of its own. */
static ath_value build_scoped(struct ath__net_build *build, const char *scope, const struct ath__net_list *list,
                              ath_value x) {
    ath_scope_push(build->nn->graph, scope);
    x = build_list(build, list, x);
    ath_scope_pop(build->nn->graph);
    return x;
}

static int64_t outputs(const struct ath__net_build *build, const struct ath__net_layer *layer) {
    return layer->out ? layer->out : build->classes;
}

static ath_value build_conv(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    struct ath__conv conv = {.out = outputs(build, layer), .groups = layer->groups, .bias = layer->bias != 0};
    for (int i = 0; i < 2; i++) {
        conv.kernel[i] = layer->kernel[i];
        conv.stride[i] = layer->stride[i];
        conv.pad[i] = layer->padding[i];
        conv.dilation[i] = layer->dilation[i];
    }
    return ath__nn_conv2d(build->nn, x, layer->name, &conv);
}

static ath_value build_linear(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return ath__nn_linear(build->nn, x, layer->name, outputs(build, layer), layer->bias != 0);
}

static ath_value build_batch_norm(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return ath__nn_batch_norm(build->nn, x, layer->name);
}

static ath_value build_pool(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x,
                            ath_pool kind) {
    struct ath__pool pool = {.kind = kind, .exclude_pad = layer->exclude_padding != 0};
    for (int i = 0; i < 2; i++) {
        pool.kernel[i] = layer->kernel[i];
        pool.stride[i] = layer->stride[i];
        pool.pad[i] = layer->padding[i];
    }
    return ath__nn_pool(build->nn, x, layer->name, &pool);
}

static ath_value build_max_pool(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return build_pool(build, layer, x, ATH_POOL_MAX);
}

static ath_value build_avg_pool(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return build_pool(build, layer, x, ATH_POOL_AVG);
}

static ath_value build_global_avg_pool(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return ath__nn_global_avg_pool(build->nn, x, layer->name);
}

static ath_value build_flatten(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    (void)layer;
    return ath_flatten(build->nn->graph, x);
}

static ath_value build_dropout(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return ath__nn_dropout(build->nn, x, layer->p);
}

static ath_value build_act(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    return ath__nn_act(build->nn, x, layer->kind->act);
}

/* "(64,16,16)" of a value, without the batch. */
static void shape_text(const struct ath__net_build *build, ath_value x, char *text, size_t capacity) {
    ath_shape shape = ath_value_shape(build->nn->graph, x);
    size_t    used = (size_t)snprintf(text, capacity, "(");
    for (int i = 1; i < shape.rank && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%lld", i > 1 ? "," : "", (long long)shape.dims[i]);
    if (used < capacity) snprintf(text + used, capacity - used, ")");
}

static ath_value build_residual(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    ath_graph *graph = build->nn->graph;
    ath_scope_push(graph, layer->name);
    ath_value y = build_list(build, &layer->body, x);
    if (layer->has_shortcut) x = build_scoped(build, "shortcut", &layer->shortcut, x);
    if (x != ATH_NONE && y != ATH_NONE) {
        ath_shape body = ath_value_shape(graph, y), around = ath_value_shape(graph, x);
        if (ath_shape_equal(&body, &around)) {
            y = ath__nn_act(build->nn, ath_add(graph, y, x), (ath_act)layer->activation);
        } else {
            char body_text[96], around_text[96];
            shape_text(build, y, body_text, sizeof body_text);
            shape_text(build, x, around_text, sizeof around_text);
            y = ath_graph_fail(graph, ATH_USAGE,
                               "residual '%s': its body gives %s but its shortcut %s, which cannot be added; let "
                               "`shortcut:` bring x to the body's size, e.g. by a convolution with kernel 1",
                               layer->name, body_text, around_text);
        }
    }
    ath_scope_pop(graph);
    return x == ATH_NONE ? ATH_NONE : y;
}

static ath_value build_repeat(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    ath_scope_push(build->nn->graph, layer->name);
    for (int64_t i = 0; i < layer->times && x != ATH_NONE; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)i);
        x = build_scoped(build, number, &layer->body, x);
    }
    ath_scope_pop(build->nn->graph);
    return x;
}

static ath_value build_concat(struct ath__net_build *build, const struct ath__net_layer *layer, ath_value x) {
    ath_value parts[16];
    ath_value y = ATH_NONE;
    int       made = 0;
    ath_scope_push(build->nn->graph, layer->name);
    for (; made < layer->branch_count; made++) {
        char number[24];
        snprintf(number, sizeof number, "%d", made);
        parts[made] = build_scoped(build, number, &layer->branches[made], x);
        if (parts[made] == ATH_NONE) break;
    }
    if (made == layer->branch_count) y = ath_concat(build->nn->graph, parts, made, 1);
    ath_scope_pop(build->nn->graph);
    return y;
}

const struct ath__net_kind ath__net_kinds[] = {
    {"conv", "conv", "out! kernel! stride padding dilation groups bias name", ATH_ACT_NONE, build_conv},
    {"linear", "fc", "out! bias name", ATH_ACT_NONE, build_linear},
    {"batch_norm", "bn", "name", ATH_ACT_NONE, build_batch_norm},
    {"max_pool", "pool", "kernel! stride padding name", ATH_ACT_NONE, build_max_pool},
    {"avg_pool", "pool", "kernel! stride padding exclude_padding name", ATH_ACT_NONE, build_avg_pool},
    {"global_avg_pool", "pool", "name", ATH_ACT_NONE, build_global_avg_pool},
    {"flatten", NULL, "", ATH_ACT_NONE, build_flatten},
    {"dropout", NULL, "p!", ATH_ACT_NONE, build_dropout},
    {"residual", "block", "body! shortcut activation name", ATH_ACT_NONE, build_residual},
    {"repeat", "stage", "times! body! name", ATH_ACT_NONE, build_repeat},
    {"concat", "concat", "branches! name", ATH_ACT_NONE, build_concat},
#define ACT_KIND(id, text, from_output) {text, NULL, "", ATH_ACT_##id, build_act},
    ATH_ACT_MAP(ACT_KIND)
#undef ACT_KIND
        {0},
};

ath_value ath__net_build(const struct ath__net *net, struct ath__nn *nn, ath_value x, int classes) {
    struct ath__net_build build = {.net = net, .nn = nn, .classes = classes};
    if (net->dag) return ath__dag_build(net->dag, nn, x, classes);
    return build_list(&build, &net->layers, x);
}
