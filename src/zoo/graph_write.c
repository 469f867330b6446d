/* Writing a network that was built as a graph (graph_file.h). */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "graph/op.h"
#include "zoo/graph_file.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

struct writer {
    const struct ath__dag_source *source;
    const ath_graph              *graph; /* the first of the two */
    struct ath__str              *text;
    bool                         *needed; /* per value */
    bool      *behind;  /* per node: behind the last product, where a size may be that of the classes */
    uint32_t  *classes; /* per value: bit d: dimension d of the leaf is the number of classes */
    ath_error *err;
};

static void mark_needed(struct writer *w, ath_value value) {
    if (value == ATH_NONE || w->needed[value]) return;
    w->needed[value] = true;
}

/* ---- the classifier ------------------------------------------------------------------------------------------------------ */

static void mark_leaf(struct writer *w, ath_value value, int d) {
    const struct ath__value *leaf = ath__graph_value(w->graph, value);
    if (leaf && leaf->leaf == ATH_LEAF_PARAM && d < leaf->desc.shape.rank &&
        leaf->desc.shape.dims[d] == w->source->classes)
        w->classes[value] |= 1u << d;
}

/* Walks back from the output to the last product; on the way a bias that was added, and shapes. Where another node is met
 * the number of classes stays as it is. */
static void find_classifier(struct writer *w) {
    ath_value at = w->source->output;
    while (w->graph->values[at].leaf == ATH_LEAF_NONE) {
        int                     index = w->graph->values[at].node;
        const struct ath__node *node = &w->graph->nodes[index];
        const struct ath__op   *op = node->op;
        w->behind[index] = true;
        if (op == &ath__op_conv2d || op == &ath__op_matmul) {
            bool turned = op == &ath__op_conv2d || ((const ath_matmul_attrs *)node->attrs)->trans_b;
            mark_leaf(w, node->in[1], turned ? 0 : 1);
            if (node->ins > 2) mark_leaf(w, node->in[2], 0);
            return;
        }
        if (op == &ath__op_binary) {
            ath_value other = node->in[1];
            at = node->in[0];
            if (w->graph->values[at].leaf != ATH_LEAF_NONE) {
                other = at;
                at = node->in[1];
            }
            const struct ath__value *leaf = &w->graph->values[other];
            if (leaf->leaf != ATH_LEAF_PARAM) return;
            mark_leaf(w, other, leaf->desc.shape.rank - 1);
            continue;
        }
        bool passes = op == &ath__op_reshape || op == &ath__op_unary || op == &ath__op_act || op == &ath__op_reduce ||
                      op == &ath__op_pool2d || op == &ath__op_adaptive_pool || op == &ath__op_dropout ||
                      op == &ath__op_permute;
        if (!passes) return;
        at = node->in[0];
    }
}

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

static void put_name(struct writer *w, const char *name) {
    bool plain = isalpha((unsigned char)*name) != 0;
    for (const char *c = name; *c; c++) plain = plain && (isalnum((unsigned char)*c) || *c == '_' || *c == '.');
    if (plain)
        ath__str_append(w->text, name);
    else
        ath__json_quote(w->text, name);
}

static void put_value(struct writer *w, ath_value value) {
    if (value == ATH_NONE)
        ath__str_append(w->text, "-");
    else if (value == w->source->input)
        ath__str_append(w->text, "x");
    else if (w->graph->values[value].leaf != ATH_LEAF_NONE)
        put_name(w, w->graph->values[value].name);
    else
        ath__str_printf(w->text, "_%d", value);
}

static void put_shape(struct writer *w, ath_value value) {
    const ath_shape *shape = &w->graph->values[value].desc.shape;
    ath__str_append(w->text, "[");
    for (int d = 0; d < shape->rank; d++) {
        ath__str_append(w->text, d ? ", " : "");
        if (w->classes[value] >> d & 1u)
            ath__str_append(w->text, "K");
        else
            ath__str_printf(w->text, "%" PRId64, shape->dims[d]);
    }
    ath__str_append(w->text, "]");
}

static void put_init(struct writer *w, const ath_init *init) {
    if (init->kind == ATH_INIT_CONSTANT) ath__str_printf(w->text, ", init: constant, value: %.9g", init->value);
    if (init->kind == ATH_INIT_WEIGHT) ath__str_append(w->text, ", init: weight");
    if (init->kind == ATH_INIT_BIAS)
        ath__str_printf(w->text, ", init: bias, fan_in: %" PRId64, init->fan_in > 0 ? init->fan_in : 1);
}

static void put_leaves(struct writer *w, const char *title, ath__leaf kind) {
    bool first = true;
    for (int v = 0; v < w->graph->value_count; v++) {
        const struct ath__value *value = &w->graph->values[v];
        if (!w->needed[v] || value->leaf != kind) continue;
        if (first) ath__str_printf(w->text, "%s:\n", title);
        first = false;
        ath__str_append(w->text, "  ");
        put_name(w, value->name);
        ath__str_append(w->text, ": {shape: ");
        put_shape(w, v);
        if (kind == ATH_LEAF_CONST) {
            int64_t count = ath_shape_count(&value->desc.shape);
            ath__str_append(w->text, ", values: [");
            for (int64_t i = 0; i < count; i++)
                ath__str_printf(w->text, "%s%.9g", i ? ", " : "", (double)((const float *)value->constant)[i]);
            ath__str_append(w->text, "]");
        } else {
            put_init(w, &value->init);
        }
        ath__str_append(w->text, "}\n");
    }
}

static ath_status put_number(struct writer *w, const struct ath__node *node, int index, const struct ath__attr *attr,
                             int i) {
    const struct ath__dag_source *s = w->source;
    size_t                        offset = attr->offset + (size_t)i * 8;
    int64_t                       a, b;
    double                        real;
    memcpy(&a, (const char *)node->attrs + offset, 8);
    memcpy(&b, (const char *)s->graph[1]->nodes[index].attrs + offset, 8);
    memcpy(&real, (const char *)node->attrs + offset, 8);
    if (attr->type == ATH_ATTR_REAL) {
        ath__str_printf(w->text, "%.17g", real);
        return ATH_OK;
    }
    if (attr->type == ATH_ATTR_CHOICE) {
        const char *choice = attr->choices;
        for (int64_t k = a; k > 0 && choice; k--) choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL;
        ath__str_append_bytes(w->text, choice ? choice : "none", choice ? strcspn(choice, "|") : 4);
        return ATH_OK;
    }
    if (a == b && w->behind[index] && node->op == &ath__op_reshape && a == s->classes && i > 0) {
        ath__str_append(w->text, "K");
    } else if (a == b) {
        ath__str_printf(w->text, "%" PRId64, a);
    } else if (a % s->batch[0] == 0 && b % s->batch[1] == 0 && a / s->batch[0] == b / s->batch[1] && a > 0) {
        if (a != s->batch[0]) ath__str_printf(w->text, "%" PRId64, a / s->batch[0]);
        ath__str_append(w->text, "N");
    } else {
        return ath__fail(w->err, ATH_UNSUPPORTED, s->name,
                         "%s in '%s' depends on the batch in a way that is no multiple of it", node->op->name,
                         node->scope);
    }
    return ATH_OK;
}

static ath_status put_attrs(struct writer *w, const struct ath__node *node, int index) {
    for (const struct ath__attr *attr = node->op->attrs; attr && attr->name; attr++) {
        static const char zeros[64] = {0};
        const char       *at = (const char *)node->attrs + attr->offset;
        int               count = attr->count;
        while (count > 0 && memcmp(at + (size_t)(count - 1) * 8, zeros, 8) == 0) count--;
        if (count == 0 || (node->op == &ath__op_dropout && strcmp(attr->name, "id") == 0)) continue;
        ath__str_printf(w->text, ", %s: %s", attr->name, attr->count > 1 ? "[" : "");
        for (int i = 0; i < count; i++) {
            ath__str_append(w->text, i ? ", " : "");
            ATH_TRY(put_number(w, node, index, attr, i));
        }
        if (attr->count > 1) ath__str_append(w->text, "]");
    }
    return ATH_OK;
}

static ath_status put_node(struct writer *w, int index) {
    const struct ath__node *node = &w->graph->nodes[index];
    int                     ins = node->op == &ath__op_dropout ? 1 : node->ins;
    size_t                  scope = strlen(node->scope);
    while (ins > 0 && node->in[ins - 1] == ATH_NONE) ins--;
    ath__str_printf(w->text, "  - {name: _%d, op: %s, in: [", node->out[0], node->op->name);
    for (int i = 0; i < ins; i++) {
        ath__str_append(w->text, i ? ", " : "");
        put_value(w, node->in[i]);
    }
    ath__str_append(w->text, "]");
    if (scope > 1) {
        char layer[260];
        ath__str_copy(layer, sizeof layer, node->scope);
        if (scope < sizeof layer) layer[scope - 1] = '\0';
        ath__str_append(w->text, ", layer: ");
        put_name(w, layer);
    }
    ATH_TRY(put_attrs(w, node, index));
    ath__str_append(w->text, "}\n");
    return ATH_OK;
}

/* ---- both graphs ----------------------------------------------------------------------------------------------------------- */

static ath_status check_pair(struct writer *w) {
    const ath_graph *a = w->source->graph[0], *b = w->source->graph[1];
    bool             same = a->node_count == b->node_count && a->value_count == b->value_count;
    for (int i = 0; same && i < a->node_count; i++) same = a->nodes[i].op == b->nodes[i].op;
    for (int v = 0; same && v < a->value_count; v++)
        if (a->values[v].leaf == ATH_LEAF_CONST)
            same = b->values[v].leaf == ATH_LEAF_CONST &&
                   ath_shape_equal(&a->values[v].desc.shape, &b->values[v].desc.shape) &&
                   memcmp(a->values[v].constant, b->values[v].constant,
                          (size_t)ath_shape_count(&a->values[v].desc.shape) * sizeof(float)) == 0;
    return same ? ATH_OK
                : ath__fail(
                      w->err, ATH_UNSUPPORTED, w->source->name,
                      "the network computes something else for another batch; export it with an open batch dimension");
}

ath_status ath__dag_write(const struct ath__dag_source *source, struct ath__str *text, ath_error *err) {
    const ath_graph *graph = source->graph[0];
    struct writer    w = {.source = source, .graph = graph, .text = text, .err = err};
    ATH_TRY(check_pair(&w));
    w.needed = ATH_NEW_ARRAY(bool, graph->value_count + 1);
    w.behind = ATH_NEW_ARRAY(bool, graph->node_count + 1);
    w.classes = ATH_NEW_ARRAY(uint32_t, graph->value_count + 1);
    ath_status status = w.needed && w.behind && w.classes ? ATH_OK : ath__fail_memory(err, source->name);
    if (status != ATH_OK) goto done;
    mark_needed(&w, source->output);
    for (int i = graph->node_count - 1; i >= 0; i--) {
        const struct ath__node *node = &graph->nodes[i];
        if (w.needed[node->out[0]])
            for (int k = 0; k < node->ins; k++) mark_needed(&w, node->in[k]);
    }
    find_classifier(&w);
    ath__str_append(text, "name: ");
    put_name(&w, source->name);
    ath__str_printf(text, "\ninput: [%" PRId64 ", %" PRId64 ", %" PRId64 "]\nclasses: %" PRId64 "\n", source->channels,
                    source->height, source->width, source->classes);
    put_leaves(&w, "parameters", ATH_LEAF_PARAM);
    put_leaves(&w, "states", ATH_LEAF_STATE);
    put_leaves(&w, "constants", ATH_LEAF_CONST);
    ath__str_append(text, "nodes:\n");
    for (int i = 0; i < graph->node_count && status == ATH_OK; i++)
        if (w.needed[graph->nodes[i].out[0]]) status = put_node(&w, i);
    ath__str_append(text, "output: ");
    put_value(&w, source->output);
    ath__str_append(text, "\n");
    if (status == ATH_OK && text->failed) status = ath__fail_memory(err, source->name);
done:
    ath__free(w.needed);
    ath__free(w.behind);
    ath__free(w.classes);
    return status;
}
