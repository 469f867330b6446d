/* A graph as text, one line a node, and as a Graphviz drawing.
 *
 *     layer1.0.conv1   step   %12 conv_w:f32(64,64,3,3){OIhw8i8o} = reorder(%3)
 *     layer1.0.conv1   batch  %13 f32(128,64,32,32){nChw8c} = conv2d/onednn(%9, %12) stride=1,1 pad=1,1,1,1
 */
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"

#include <string.h>

static const char *rate_name(ath__rate rate) {
    static const char *const names[] = {"const", "step", "batch", "post"};
    return names[rate];
}

static void dump_desc(struct ath__str *str, const struct ath__desc *desc) {
    ath__str_printf(str, "%s(", ath_dtype_name(desc->dtype));
    for (int i = 0; i < desc->shape.rank; i++)
        ath__str_printf(str, "%s%lld", i ? "," : "", (long long)desc->shape.dims[i]);
    ath__str_append(str, ")");
    if (!ath__layout_is_plain(&desc->layout, desc->shape.rank)) {
        char text[48];
        ath__layout_text(&desc->layout, desc->shape.rank, text, sizeof text);
        ath__str_printf(str, "{%s}", text);
    }
}

static void dump_value(struct ath__str *str, const ath_graph *graph, ath_value value) {
    if (value == ATH_NONE) {
        ath__str_append(str, "-");
        return;
    }
    const struct ath__value *record = &graph->values[value];
    if (record->name)
        ath__str_append(str, record->name);
    else
        ath__str_printf(str, "%%%d", value);
}

/* Entry `index` of "a|b|c". */
static void dump_choice(struct ath__str *str, const char *choices, int64_t index) {
    for (; index > 0 && choices; index--) {
        choices = strchr(choices, '|');
        if (choices) choices++;
    }
    if (choices) ath__str_append_bytes(str, choices, strcspn(choices, "|"));
}

static void dump_attrs(struct ath__str *str, const struct ath__node *node) {
    for (const struct ath__attr *attr = node->op->attrs; attr && attr->name; attr++) {
        const char *at = (const char *)node->attrs + attr->offset;
        ath__str_printf(str, " %s=", attr->name);
        for (int i = 0; i < attr->count; i++) {
            if (i) ath__str_append(str, ",");
            int64_t whole;
            double  real;
            memcpy(&whole, at + (size_t)i * 8, 8);
            memcpy(&real, at + (size_t)i * 8, 8);
            if (attr->type == ATH_ATTR_REAL)
                ath__str_printf(str, "%g", real);
            else if (attr->type == ATH_ATTR_CHOICE)
                dump_choice(str, attr->choices, whole);
            else
                ath__str_printf(str, "%lld", (long long)whole);
        }
    }
}

static void dump_node(struct ath__str *str, const ath_graph *graph, const struct ath__node *node) {
    ath__str_printf(str, "%-24s %-5s ", node->scope, rate_name(node->rate));
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE) continue;
        if (o) ath__str_append(str, ", ");
        dump_value(str, graph, node->out[o]);
        ath__str_append(str, " ");
        dump_desc(str, &graph->values[node->out[o]].desc);
        ath_value leaf = graph->values[node->out[o]].stored_in;
        if (leaf != ATH_NONE) ath__str_printf(str, " => %s", graph->values[leaf].name);
    }
    ath__str_printf(str, " = %s", node->op->name);
    if (node->impl) ath__str_printf(str, "/%s", node->impl->name);
    ath__str_append(str, "(");
    for (int i = 0; i < node->ins; i++) {
        if (i) ath__str_append(str, ", ");
        dump_value(str, graph, node->in[i]);
    }
    ath__str_append(str, ")");
    dump_attrs(str, node);
    ath__str_append(str, "\n");
}

static void dump_leaves(struct ath__str *str, const ath_graph *graph) {
    static const char *const kinds[] = {"", "input", "step_input", "param", "state", "const", "flat"};
    for (int v = 0; v < graph->value_count; v++) {
        const struct ath__value *value = &graph->values[v];
        if (value->leaf == ATH_LEAF_NONE || ath__graph_uses(graph, v) == 0) continue;
        ath__str_printf(str, "%-10s %s ", kinds[value->leaf], value->name);
        dump_desc(str, &value->desc);
        ath__str_append(str, "\n");
    }
}

static void dump_dot(struct ath__str *str, const ath_graph *graph) {
    static const char *const colours[] = {"gray80", "khaki", "lightblue", "palegreen"};
    ath__str_append(str, "digraph athanor {\n  node [shape=box, style=filled, fontname=\"sans\"];\n");
    for (int i = 0; i < graph->order_count; i++) {
        int                     n = graph->order[i];
        const struct ath__node *node = &graph->nodes[n];
        ath__str_printf(str, "  n%d [label=\"%s%s%s\\n%s\", fillcolor=%s];\n", n, node->op->name, node->impl ? "/" : "",
                        node->impl ? node->impl->name : "", node->scope, colours[node->rate]);
        for (int k = 0; k < node->ins; k++) {
            if (node->in[k] == ATH_NONE) continue;
            const struct ath__value *in = &graph->values[node->in[k]];
            if (in->node >= 0) {
                ath__str_printf(str, "  n%d -> n%d [label=\"", in->node, n);
                dump_desc(str, &in->desc);
                ath__str_append(str, "\"];\n");
            } else {
                ath__str_printf(str, "  v%d [label=\"%s\", shape=ellipse, fillcolor=white];\n  v%d -> n%d;\n",
                                node->in[k], in->name, node->in[k], n);
            }
        }
    }
    ath__str_append(str, "}\n");
}

char *ath_graph_dump(const ath_graph *graph, ath_graph_format format) {
    struct ath__str str = {0};
    if (format == ATH_GRAPH_DOT) {
        dump_dot(&str, graph);
    } else {
        dump_leaves(&str, graph);
        if (graph->order_count == 0) {
            for (int n = 0; n < graph->node_count; n++)
                if (!graph->nodes[n].dead) dump_node(&str, graph, &graph->nodes[n]);
        } else {
            for (int i = 0; i < graph->order_count; i++) dump_node(&str, graph, &graph->nodes[graph->order[i]]);
        }
    }
    if (str.failed) {
        ath__str_free(&str);
        return NULL;
    }
    return str.data ? str.data : ath__strdup("");
}
