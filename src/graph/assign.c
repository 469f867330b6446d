/* Choosing implementations and layouts, inserting reorders.
 *
 * In execution order, each node is offered to the device's rows with a wish: activations in the graph's preferred
 * layout (for products) or as the first operand arrives (for everything else), the rest plain; if only the reference
 * takes that, with everything plain. What the chosen row wants and the producer does not deliver is reordered, once per
 * value and layout. Reorders of weights have the weights' rate: they run once per optimiser step, or fold away.
 */
#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "graph/pass.h"

#include <string.h>

struct assign {
    ath_graph                        *graph;
    const struct ath__assign_options *options;
    struct ath__layout                preferred;
    int64_t                           batch;
    bool                             *summed; /* per value: read by a batch_sum */
    int                               values;
};

/* Memory order equal to plain row-major: dimensions of size one and blocks that continue their outer dimension do not
 * count. */
static bool effectively_plain(const struct ath__desc *desc) {
    struct ath__physical physical;
    ath__desc_physical(desc, &physical);
    int64_t expected = 1;
    int     dim = desc->shape.rank - 1;
    int64_t covered = 1; /* of dimension `dim` by the inner part seen so far */
    if (ath__desc_padded_count(desc) != ath_shape_count(&desc->shape)) return false;
    (void)expected;
    for (int p = physical.count - 1; p >= 0; p--) {
        if (physical.size[p] == 1) continue;
        while (dim >= 0 && covered == desc->shape.dims[dim]) {
            dim--;
            covered = 1;
        }
        if (dim < 0 || physical.dim[p] != dim || physical.step[p] != covered) return false;
        covered *= physical.size[p];
    }
    return true;
}

bool ath__node_is_view(const ath_graph *graph, const struct ath__node *node, bool accumulate) {
    if (node->op == &ath__op_batch_sum) return !accumulate;
    if (node->op == &ath__op_cast || node->op == &ath__op_reorder) {
        const struct ath__desc *in = &graph->values[node->in[0]].desc, *out = &graph->values[node->out[0]].desc;
        return in->dtype == out->dtype && ath__layout_same_memory(&in->shape, &in->layout, &out->layout);
    }
    if (!(node->op->traits & ATH_OP_VIEW)) return false;
    const struct ath__desc *in = &graph->values[node->in[0]].desc, *out = &graph->values[node->out[0]].desc;
    if (effectively_plain(in)) return effectively_plain(out);
    int block = ath__layout_single_block(&in->layout, in->shape.rank, 0);
    return block > 0 && block == ath__layout_single_block(&out->layout, out->shape.rank, 0) &&
           in->shape.dims[0] == out->shape.dims[0];
}

static bool is_activation(const struct assign *assign, ath_value value) {
    const struct ath__value *record = &assign->graph->values[value];
    return record->rate == ATH_RATE_BATCH && record->desc.shape.rank >= 2 && record->desc.shape.rank <= 4 &&
           record->desc.shape.rank != 3 && record->desc.shape.dims[0] == assign->batch &&
           !(value < assign->values && assign->summed[value]);
}

/* The layout for an activation of this rank under the graph's preference. */
static struct ath__layout preferred_for(const struct assign *assign, int rank) {
    bool batch_blocks = ath__layout_single_block(&assign->preferred, 4, 0) > 0;
    return rank == 4 || batch_blocks ? assign->preferred : ath__layout_plain();
}

static bool is_product(const struct ath__node *node) {
    return node->op->macs != NULL;
}

enum wish_kind { WISH_PREFERRED, WISH_FOLLOW, WISH_PLAIN };

/* Fills the operands' descriptions for one attempt. */
static void fill_wish(const struct assign *assign, const struct ath__node *node, enum wish_kind kind,
                      struct ath__desc *in, struct ath__desc *out) {
    const ath_graph   *graph = assign->graph;
    struct ath__layout plain = ath__layout_plain();
    struct ath__layout lead = plain;
    bool               lead_known = false;
    for (int i = 0; i < node->ins && !lead_known; i++) {
        if (node->in[i] == ATH_NONE || !is_activation(assign, node->in[i])) continue;
        const struct ath__desc *desc = &graph->values[node->in[i]].desc;
        if (kind == WISH_FOLLOW && desc->shape.rank == 4 && ath__layout_is_plain(&desc->layout, 4)) continue;
        lead = desc->layout;
        lead_known = true;
    }
    for (int i = 0; i < node->ins + node->outs; i++) {
        bool              input = i < node->ins;
        ath_value         value = input ? node->in[i] : node->out[i - node->ins];
        struct ath__desc *desc = input ? &in[i] : &out[i - node->ins];
        memset(desc, 0, sizeof *desc);
        if (value == ATH_NONE) continue;
        *desc = graph->values[value].desc;
        desc->present = true;
        desc->layout = plain;
        if (kind == WISH_PLAIN || !is_activation(assign, value)) continue;
        if (kind == WISH_PREFERRED)
            desc->layout = preferred_for(assign, desc->shape.rank);
        else if (ath__layout_single_block(&lead, 4, 0) > 0 || desc->shape.rank == 4)
            desc->layout = lead;
    }
}

/* The value in `layout`: itself, an existing reorder's result, or a new one's. */
static ath_value reordered(struct assign *assign, ath_value value, const struct ath__layout *layout, double key) {
    ath_graph *graph = assign->graph;
    int        rank = graph->values[value].desc.shape.rank;
    if (ath__layout_equal(&graph->values[value].desc.layout, layout, rank)) return value;
    for (int n = 0; n < graph->node_count; n++) {
        const struct ath__node *node = &graph->nodes[n];
        if (!node->dead && node->op == &ath__op_reorder && node->in[0] == value &&
            ath__layout_equal(&graph->values[node->out[0]].desc.layout, layout, rank))
            return node->out[0];
    }
    ath_cast_attrs attrs = {.dtype = graph->values[value].desc.dtype};
    int            node = ath__graph_node(graph, &ath__op_reorder, &attrs, &value, 1);
    if (node < 0) return ATH_NONE;
    graph->nodes[node].key = key - 0.125;
    graph->values[graph->nodes[node].out[0]].desc.layout = *layout;
    return graph->nodes[node].out[0];
}

static const struct ath__impl *choose(struct assign *assign, int index, enum wish_kind kind, struct ath__desc *in,
                                      struct ath__desc *out, struct ath__str *refusals) {
    const struct ath__node *node = &assign->graph->nodes[index];
    fill_wish(assign, node, kind, in, out);
    struct ath__layout_wish wish = {
        .op = node->op->name, .attrs = node->attrs, .ins = node->ins, .outs = node->outs, .in = in, .out = out};
    const struct ath__impl *impl = NULL;
    if (assign->options->only)
        impl = ath__impl_choose(assign->options->device, &wish, node->op->ref, assign->options->only, refusals);
    if (!impl) {
        fill_wish(assign, node, kind, in, out);
        impl = ath__impl_choose(assign->options->device, &wish, node->op->ref, NULL, refusals);
    }
    return impl;
}

static bool is_reference(const struct ath__impl *impl) {
    return strcmp(impl->name, "ref") == 0;
}

/* A view whose memory order survives needs no implementation. */
static bool try_view(struct assign *assign, struct ath__node *node) {
    ath_graph *graph = assign->graph;
    if (!(node->op->traits & ATH_OP_VIEW) || node->op == &ath__op_batch_sum) return false;
    struct ath__value *in = &graph->values[node->in[0]], *out = &graph->values[node->out[0]];
    out->desc.layout = ath__layout_plain();
    if (ath__layout_single_block(&in->desc.layout, in->desc.shape.rank, 0) > 0) {
        if (in->desc.shape.dims[0] == out->desc.shape.dims[0]) out->desc.layout = in->desc.layout;
        for (int d = 0; d < ATH_MAX_RANK; d++) out->desc.layout.order[d] = (int8_t)d;
    }
    return in->desc.dtype == out->desc.dtype && ath__node_is_view(graph, node, false);
}

static ath_status assign_node(struct assign *assign, int index, ath_error *err) {
    ath_graph        *graph = assign->graph;
    struct ath__node *node = &graph->nodes[index];
    if (try_view(assign, node)) return ATH_OK;
    ath_status        status = ATH_OK;
    struct ath__desc *in = ATH_NEW_ARRAY(struct ath__desc, node->ins + 1), out[ATH_MAX_OUTS];
    struct ath__str   refusals = {0};
    if (!in) return ath__fail_memory(err, "implementation choice");
    bool                    plain_only = node->op == &ath__op_batch_sum || node->op == &ath__op_reshape;
    enum wish_kind          kind = plain_only ? WISH_PLAIN : is_product(node) ? WISH_PREFERRED : WISH_FOLLOW;
    const struct ath__impl *impl = choose(assign, index, kind, in, out, &refusals);
    if (impl && is_reference(impl) && kind != WISH_PLAIN) {
        struct ath__str         again = {0};
        const struct ath__impl *other = choose(assign, index, WISH_PLAIN, in, out, &again);
        ath__str_free(&again);
        if (other) impl = other;
    }
    if (!impl) {
        status = ath__fail(err, ATH_UNSUPPORTED, node->scope, "no implementation of %s: %s", node->op->name,
                           ath__str_text(&refusals));
        goto done;
    }
    node->impl = impl;
    node->refusals = ath__arena_strdup(&graph->arena, ath__str_text(&refusals));
    for (int o = 0; o < node->outs; o++)
        if (node->out[o] != ATH_NONE) graph->values[node->out[o]].desc.layout = out[o].layout;
    int ins = node->ins;
    for (int i = 0; i < ins; i++) {
        if (graph->nodes[index].in[i] == ATH_NONE) continue;
        ath_value value = reordered(assign, graph->nodes[index].in[i], &in[i].layout, graph->nodes[index].key);
        ATH_TRY_DONE(ath_graph_status(graph, err));
        graph->nodes[index].in[i] = value;
    }
done:
    ath__str_free(&refusals);
    ath__free(in);
    return status;
}

/* Outputs and stored values leave the graph in plain order. */
static ath_status reorder_outputs(struct assign *assign, ath_error *err) {
    ath_graph *graph = assign->graph;
    int        count = graph->value_count;
    for (int v = 0; v < count; v++) {
        struct ath__value *value = &graph->values[v];
        if (value->node < 0 || graph->nodes[value->node].dead || (!value->is_output && value->stored_in == ATH_NONE))
            continue;
        if (effectively_plain(&value->desc)) continue;
        struct ath__layout plain = ath__layout_plain();
        ath_value          out = reordered(assign, v, &plain, graph->nodes[value->node].key + 0.5);
        ATH_TRY(ath_graph_status(graph, err));
        value = &graph->values[v];
        graph->values[out].is_output = value->is_output;
        graph->values[out].stored_in = value->stored_in;
        graph->values[out].name = value->name;
        value->is_output = false;
        value->stored_in = ATH_NONE;
        value->name = NULL;
    }
    return ATH_OK;
}

/* Implementations for the reorders, whose layouts are fixed; those that move nothing are views and need none. */
static ath_status assign_reorders(struct assign *assign, ath_error *err) {
    ath_graph *graph = assign->graph;
    for (int n = 0; n < graph->node_count; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->dead || node->impl || node->op != &ath__op_reorder || ath__node_is_view(graph, node, false)) continue;
        struct ath__desc        in = graph->values[node->in[0]].desc, out = graph->values[node->out[0]].desc;
        struct ath__layout_wish wish = {
            .op = node->op->name, .attrs = node->attrs, .ins = 1, .outs = 1, .in = &in, .out = &out};
        node->impl = ath__impl_choose(assign->options->device, &wish, node->op->ref, NULL, NULL);
        if (!node->impl) return ath__fail(err, ATH_UNSUPPORTED, node->scope, "no implementation of reorder");
    }
    return ATH_OK;
}

/* What the device should know to prefer a layout: the widest convolution, the batch, the type of the activations. */
static void survey(struct assign *assign) {
    ath_graph *graph = assign->graph;
    int64_t    widest = 0;
    ath_dtype  dtype = ATH_F32;
    for (int v = 0; v < graph->value_count; v++)
        if (graph->values[v].leaf == ATH_LEAF_INPUT && graph->values[v].desc.shape.rank == 4)
            assign->batch = graph->values[v].desc.shape.dims[0];
    for (int i = 0; i < graph->order_count; i++) {
        const struct ath__node *node = &graph->nodes[graph->order[i]];
        if (node->op == &ath__op_batch_sum && node->in[0] < assign->values) assign->summed[node->in[0]] = true;
        if (node->op != &ath__op_conv2d) continue;
        const struct ath__desc *y = &graph->values[node->out[0]].desc;
        if (y->shape.dims[1] > widest) widest = y->shape.dims[1];
        dtype = y->dtype;
    }
    const char *layout = assign->options->layout;
    if (!layout || strcmp(layout, "auto") == 0)
        assign->preferred = assign->options->device->prefer(widest, assign->batch, dtype);
    else if (strcmp(layout, "channels_last") == 0)
        assign->preferred = ath__layout_channels_last(4);
    else if (strcmp(layout, "channel_blocks") == 0)
        assign->preferred = ath__layout_channel_blocks(8);
    else if (strcmp(layout, "batch_blocks") == 0)
        assign->preferred = ath__layout_batch_blocks(16);
    else
        assign->preferred = ath__layout_plain();
}

ath_status ath__pass_assign(ath_graph *graph, const struct ath__assign_options *options, ath_error *err) {
    ATH_TRY(ath__graph_order(graph, err));
    struct assign assign = {.graph = graph, .options = options, .values = graph->value_count};
    ath_status    status = ATH_OK;
    int           count = graph->order_count;
    int          *order = ATH_NEW_ARRAY(int, count + 1);
    assign.summed = ATH_NEW_ARRAY(bool, graph->value_count + 1);
    if (!assign.summed || !order) {
        status = ath__fail_memory(err, "implementation choice");
        goto done;
    }
    for (int i = 0; i < count; i++) order[i] = graph->order[i];
    survey(&assign);
    for (int i = 0; i < count; i++) ATH_TRY_DONE(assign_node(&assign, order[i], err));
    ATH_TRY_DONE(reorder_outputs(&assign, err));
    ATH_TRY_DONE(assign_reorders(&assign, err));
    status = ath__graph_order(graph, err);
done:
    ath__free(assign.summed);
    ath__free(order);
    return status;
}
