/* The graph as a container: creation, leaves, nodes, scopes, names, sticky errors.
 *
 * Values and nodes live in two growing arrays; everything that they point to lives in the graph's arena and goes with
 * it.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ath_graph *ath_graph_create(void) {
    return ATH_NEW(ath_graph);
}

void ath_graph_destroy(ath_graph *graph) {
    if (!graph) return;
    ath__arena_free(&graph->arena);
    ath__free(graph->values);
    ath__free(graph->nodes);
    ath__free(graph->order);
    ath__free(graph);
}

ath_status ath_graph_status(const ath_graph *graph, ath_error *err) {
    if (!graph) return ath__fail_memory(err, "graph");
    if (graph->status != ATH_OK && err) *err = graph->error;
    return graph->status;
}

ath_value ath_graph_fail(ath_graph *graph, ath_status code, const char *format, ...) {
    if (!graph || graph->status != ATH_OK) return ATH_NONE;
    char    text[sizeof graph->error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    graph->status = ath__fail(&graph->error, code, graph->scope_depth ? graph->scope : NULL, "%s", text);
    return ATH_NONE;
}

static void out_of_memory(ath_graph *graph) {
    if (graph->status == ATH_OK) graph->status = ath__fail_memory(&graph->error, "graph");
}

void ath_scope_push(ath_graph *graph, const char *name) {
    if (!graph || graph->status != ATH_OK) return;
    size_t length = strlen(graph->scope);
    int    depth = graph->scope_depth;
    if (depth == (int)(sizeof graph->scope_length / sizeof graph->scope_length[0]) ||
        length + strlen(name) + 2 > sizeof graph->scope) {
        ath_graph_fail(graph, ATH_USAGE, "scope '%s%s' is nested too deeply or too long", graph->scope, name);
        return;
    }
    graph->scope_length[depth] = (int)length;
    graph->scope_depth = depth + 1;
    snprintf(graph->scope + length, sizeof graph->scope - length, "%s.", name);
}

void ath_scope_pop(ath_graph *graph) {
    if (!graph || graph->scope_depth == 0) return;
    graph->scope_depth--;
    graph->scope[graph->scope_length[graph->scope_depth]] = '\0';
}

struct ath__value *ath__graph_value(const ath_graph *graph, ath_value value) {
    return value >= 0 && value < graph->value_count ? &graph->values[value] : NULL;
}

/* Room for one more entry of `size` bytes in a growing array. */
static void *grow(ath_graph *graph, void *array, int count, int *capacity, size_t size) {
    if (count < *capacity) return array;
    int   wider = *capacity ? *capacity * 2 : 64;
    void *moved = ath__realloc(array, (size_t)wider * size);
    if (!moved) {
        out_of_memory(graph);
        return NULL;
    }
    *capacity = wider;
    return moved;
}

ath_value ath__graph_value_new(ath_graph *graph, const struct ath__desc *desc) {
    if (!graph || graph->status != ATH_OK) return ATH_NONE;
    struct ath__value *values =
        grow(graph, graph->values, graph->value_count, &graph->value_capacity, sizeof *graph->values);
    if (!values) return ATH_NONE;
    graph->values = values;
    struct ath__value *value = &values[graph->value_count];
    memset(value, 0, sizeof *value);
    value->desc = *desc;
    value->node = -1;
    value->stored_in = ATH_NONE;
    value->init.from = ATH_NONE;
    return graph->value_count++;
}

ath_value ath__graph_find(const ath_graph *graph, const char *name) {
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].name && strcmp(graph->values[i].name, name) == 0) return i;
    return ATH_NONE;
}

/* "scope.name" in the arena, or NULL with the sticky error set. */
static const char *scoped_name(ath_graph *graph, const char *name) {
    char text[512];
    snprintf(text, sizeof text, "%s%s", graph->scope, name);
    if (ath__graph_find(graph, text) != ATH_NONE) {
        ath_graph_fail(graph, ATH_USAGE, "the name '%s' is used twice", text);
        return NULL;
    }
    const char *copy = ath__arena_strdup(&graph->arena, text);
    if (!copy) out_of_memory(graph);
    return copy;
}

static ath_value leaf_new(ath_graph *graph, ath__leaf kind, const char *name, ath_dtype dtype, ath_shape shape) {
    if (!graph || graph->status != ATH_OK) return ATH_NONE;
    const char *full = scoped_name(graph, name);
    if (!full) return ATH_NONE;
    if (shape.rank < 0 || shape.rank > ATH_MAX_RANK)
        return ath_graph_fail(graph, ATH_USAGE, "'%s' has rank %d; 0 to %d is possible", full, shape.rank,
                              (int)ATH_MAX_RANK);
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dims[i] <= 0 || shape.dims[i] > INT32_MAX || __builtin_mul_overflow(count, shape.dims[i], &count))
            return ath_graph_fail(graph, ATH_USAGE, "'%s' has an impossible size %lld in dimension %d", full,
                                  (long long)shape.dims[i], i);
    }
    struct ath__desc desc = ath__desc_plain(dtype, &shape);
    ath_value        value = ath__graph_value_new(graph, &desc);
    if (value == ATH_NONE) return ATH_NONE;
    static const ath__rate rates[] = {
        [ATH_LEAF_INPUT] = ATH_RATE_BATCH, [ATH_LEAF_STEP_INPUT] = ATH_RATE_STEP, [ATH_LEAF_PARAM] = ATH_RATE_STEP,
        [ATH_LEAF_STATE] = ATH_RATE_STEP,  [ATH_LEAF_CONST] = ATH_RATE_CONST,     [ATH_LEAF_FLAT] = ATH_RATE_STEP,
    };
    graph->values[value].leaf = kind;
    graph->values[value].name = full;
    graph->values[value].rate = rates[kind];
    return value;
}

ath_value ath_input(ath_graph *graph, const char *name, ath_dtype dtype, ath_shape shape) {
    return leaf_new(graph, ATH_LEAF_INPUT, name, dtype, shape);
}

ath_value ath_step_input(ath_graph *graph, const char *name, ath_dtype dtype, ath_shape shape) {
    return leaf_new(graph, ATH_LEAF_STEP_INPUT, name, dtype, shape);
}

ath_value ath_param(ath_graph *graph, const char *name, ath_shape shape, ath_init init) {
    ath_value value = leaf_new(graph, ATH_LEAF_PARAM, name, ATH_F32, shape);
    if (value != ATH_NONE) graph->values[value].init = init;
    return value;
}

void ath_param_freeze(ath_graph *graph, ath_value param) {
    if (param != ATH_NONE) graph->values[param].frozen = true;
}

ath_value ath_state(ath_graph *graph, const char *name, ath_shape shape, ath_init init) {
    ath_value value = leaf_new(graph, ATH_LEAF_STATE, name, ATH_F32, shape);
    if (value != ATH_NONE) graph->values[value].init = init;
    return value;
}

ath_value ath_constant(ath_graph *graph, const char *name, const ath_tensor *tensor) {
    ath_value value = leaf_new(graph, ATH_LEAF_CONST, name, tensor->dtype, tensor->shape);
    if (value == ATH_NONE) return ATH_NONE;
    size_t bytes = (size_t)ath_shape_count(&tensor->shape) * ath_dtype_size(tensor->dtype);
    void  *copy = ath__arena_alloc(&graph->arena, bytes + 64);
    if (!copy) {
        out_of_memory(graph);
        return ATH_NONE;
    }
    copy = (void *)(((uintptr_t)copy + 63) & ~(uintptr_t)63);
    memcpy(copy, tensor->data, bytes);
    graph->values[value].constant = copy;
    return value;
}

ath_value ath__graph_scalar(ath_graph *graph, double value) {
    if (!graph || graph->status != ATH_OK) return ATH_NONE;
    char  name[48];
    float data = (float)value;
    snprintf(name, sizeof name, "scalar.%d", graph->value_count);
    ath_tensor tensor = {.dtype = ATH_F32, .shape = {.rank = 0}, .data = &data};
    return ath_constant(graph, name, &tensor);
}

ath_value ath__graph_flat(ath_graph *graph, int group, int64_t count) {
    char name[32];
    snprintf(name, sizeof name, "group.%d", group);
    ath_value value = leaf_new(graph, ATH_LEAF_FLAT, name, ATH_F32, ath_shape_of(count));
    if (value != ATH_NONE) graph->values[value].group = group;
    return value;
}

void ath_value_name(ath_graph *graph, ath_value value, const char *name) {
    if (!graph || graph->status != ATH_OK || value == ATH_NONE) return;
    const char *full = scoped_name(graph, name);
    if (full) graph->values[value].name = full;
}

void ath_output(ath_graph *graph, ath_value value, const char *name) {
    if (!graph || graph->status != ATH_OK) return;
    if (value == ATH_NONE) {
        ath_graph_fail(graph, ATH_USAGE, "output '%s' is no value", name);
        return;
    }
    if (!graph->values[value].name) ath_value_name(graph, value, name);
    graph->values[value].is_output = true;
}

ath_shape ath_value_shape(const ath_graph *graph, ath_value value) {
    const struct ath__value *record = graph ? ath__graph_value(graph, value) : NULL;
    return record ? record->desc.shape : (ath_shape){.rank = 0};
}

ath_dtype ath_value_dtype(const ath_graph *graph, ath_value value) {
    const struct ath__value *record = graph ? ath__graph_value(graph, value) : NULL;
    return record ? record->desc.dtype : ATH_F32;
}

ath__rate ath__graph_node_rate(const ath_graph *graph, const struct ath__node *node) {
    if (node->op == &ath__op_batch_sum) return ATH_RATE_POST;
    ath__rate rate = ATH_RATE_CONST;
    for (int i = 0; i < node->ins; i++) {
        const struct ath__value *in = ath__graph_value(graph, node->in[i]);
        if (in && in->rate > rate) rate = in->rate;
    }
    return rate;
}

/* Copies the operands' descriptions for the operator's inference. */
static struct ath__desc *operand_descs(ath_graph *graph, const ath_value *in, int ins) {
    struct ath__desc *descs = ATH_ARENA_ARRAY(&graph->arena, struct ath__desc, ins > 0 ? ins : 1);
    if (!descs) {
        out_of_memory(graph);
        return NULL;
    }
    for (int i = 0; i < ins; i++) {
        const struct ath__value *value = ath__graph_value(graph, in[i]);
        if (value) descs[i] = value->desc;
        descs[i].present = value != NULL;
    }
    return descs;
}

/* Makes the outputs of node `index` as inference described them. */
static bool outputs_new(ath_graph *graph, int index, const struct ath__infer *infer) {
    ath_value *out = ATH_ARENA_ARRAY(&graph->arena, ath_value, infer->outs > 0 ? infer->outs : 1);
    if (!out) {
        out_of_memory(graph);
        return false;
    }
    ath__rate rate = ath__graph_node_rate(graph, &graph->nodes[index]);
    for (int i = 0; i < infer->outs; i++) {
        out[i] = ATH_NONE;
        if (!infer->out[i].present) continue;
        out[i] = ath__graph_value_new(graph, &infer->out[i]);
        if (out[i] == ATH_NONE) return false;
        graph->values[out[i]].node = index;
        graph->values[out[i]].out = i;
        graph->values[out[i]].rate = rate;
    }
    graph->nodes[index].out = out;
    graph->nodes[index].outs = infer->outs;
    graph->nodes[index].rate = rate;
    return true;
}

int ath__graph_node(ath_graph *graph, const struct ath__op *op, const void *attrs, const ath_value *in, int ins) {
    if (!graph || graph->status != ATH_OK) return -1;
    if (ins < op->min_ins || (op->max_ins >= 0 && ins > op->max_ins)) {
        ath_graph_fail(graph, ATH_USAGE, "%s takes %d to %d operands, not %d", op->name, op->min_ins, op->max_ins, ins);
        return -1;
    }
    for (int i = 0; i < op->min_ins; i++) {
        if (!ath__graph_value(graph, in[i])) {
            ath_graph_fail(graph, ATH_USAGE, "%s: operand %d is missing", op->name, i);
            return -1;
        }
    }
    struct ath__infer infer = {.ins = ins, .in = operand_descs(graph, in, ins)};
    infer.attrs = ath__arena_alloc(&graph->arena, op->attrs_size ? op->attrs_size : 1);
    ath_value        *operands = ATH_ARENA_ARRAY(&graph->arena, ath_value, ins > 0 ? ins : 1);
    const char       *scope = ath__arena_strdup(&graph->arena, graph->scope);
    struct ath__node *nodes = grow(graph, graph->nodes, graph->node_count, &graph->node_capacity, sizeof *graph->nodes);
    if (nodes) graph->nodes = nodes;
    if (!infer.in || !infer.attrs || !operands || !scope || !nodes) {
        out_of_memory(graph);
        return -1;
    }
    if (attrs) memcpy(infer.attrs, attrs, op->attrs_size);
    if (ins > 0) memcpy(operands, in, (size_t)ins * sizeof *in);
    if (op->infer(&infer) != ATH_OK) {
        ath_graph_fail(graph, ATH_USAGE, "%s: %s", op->name, infer.why);
        return -1;
    }
    int index = graph->node_count;
    nodes[index] =
        (struct ath__node){.op = op, .attrs = infer.attrs, .ins = ins, .in = operands, .scope = scope, .key = index};
    if (!outputs_new(graph, index, &infer)) return -1;
    graph->node_count++;
    return index;
}

ath_value ath__graph_apply(ath_graph *graph, const struct ath__op *op, const void *attrs, const ath_value *in,
                           int ins) {
    int node = ath__graph_node(graph, op, attrs, in, ins);
    return node < 0 ? ATH_NONE : graph->nodes[node].out[0];
}

void ath__graph_redirect(ath_graph *graph, ath_value from, ath_value to) {
    int producer = graph->values[to].node;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead || n == producer) continue;
        for (int i = 0; i < graph->nodes[n].ins; i++)
            if (graph->nodes[n].in[i] == from) graph->nodes[n].in[i] = to;
    }
    struct ath__value *old = &graph->values[from], *new = &graph->values[to];
    if (old->is_output) {
        new->is_output = true;
        old->is_output = false;
    }
    if (old->stored_in != ATH_NONE) {
        new->stored_in = old->stored_in;
        old->stored_in = ATH_NONE;
    }
    if (old->name && !new->name && old->leaf == ATH_LEAF_NONE) {
        new->name = old->name;
        old->name = NULL;
    }
}

int ath__graph_uses(const ath_graph *graph, ath_value value) {
    int uses = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead) continue;
        for (int i = 0; i < graph->nodes[n].ins; i++) uses += graph->nodes[n].in[i] == value;
    }
    return uses;
}

void ath__graph_store(ath_graph *graph, ath_value value, ath_value leaf) {
    if (!graph || graph->status != ATH_OK) return;
    const struct ath__value *from = ath__graph_value(graph, value), *to = ath__graph_value(graph, leaf);
    if (!from || !to || !ath_shape_equal(&from->desc.shape, &to->desc.shape) || from->desc.dtype != to->desc.dtype) {
        ath_graph_fail(graph, ATH_USAGE, "a result cannot be stored in '%s': another shape or type",
                       to && to->name ? to->name : "?");
        return;
    }
    graph->values[value].stored_in = leaf;
}

void ath_text_free(char *text) {
    ath__free(text);
}
