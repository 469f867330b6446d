/* From values to memory.
 *
 * A leaf lives where the caller says. A view lives in its operand. A result that is stored into a leaf is written there
 * at once where the kernel allows. A result takes over an operand's buffer where the kernel allows it and nobody needs
 * the operand any more. The pieces of a pack live inside the pack, so that packing costs nothing. Everything else gets
 * a buffer of its own, alive from the call that makes it to the last that reads it; what the prologue makes for the
 * body lives through all of the body, which runs many times.
 */
#include "graph/plan_buffers.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "graph/pass.h"

#include <string.h>

struct planner {
    ath_graph                         *graph;
    const struct ath__compile_options *options;
    const int                         *calls;
    int                                call_count;
    int                                body_first, body_last; /* calls of the body */
    int                               *last;                  /* per value: last call that needs its memory */
    struct ath__buffers               *out;
    ath_error                         *err;
};

int ath__buffers_root(const struct ath__buffers *buffers, int buffer, size_t *offset) {
    *offset = 0;
    while (buffers->parent[buffer] >= 0) {
        *offset += buffers->inside[buffer];
        buffer = buffers->parent[buffer];
    }
    return buffer;
}

static int buffer_new(struct planner *planner, size_t bytes, int first, int last) {
    struct ath__buffers *out = planner->out;
    if (out->count == out->capacity) return -1; /* sized for every value and scratch: cannot happen */
    out->buffers[out->count] = (struct ath__lifetime){.bytes = bytes ? bytes : 1, .first = first, .last = last};
    out->parent[out->count] = -1;
    out->inside[out->count] = 0;
    return out->count++;
}

/* Last use of every value, against the order, so that a view's uses count for its operand. */
static void find_last_uses(struct planner *planner) {
    const ath_graph *graph = planner->graph;
    for (int v = 0; v < graph->value_count; v++)
        planner->last[v] = graph->values[v].is_output ? planner->call_count : -1;
    for (int c = planner->call_count - 1; c >= 0; c--) {
        const struct ath__node *node = &graph->nodes[planner->calls[c]];
        bool                    view = ath__node_is_view(graph, node, planner->options->accumulate);
        for (int i = 0; i < node->ins; i++) {
            if (node->in[i] == ATH_NONE) continue;
            int *last = &planner->last[node->in[i]];
            if (c > *last) *last = c;
            if (view && i == 0 && planner->last[node->out[0]] > *last) *last = planner->last[node->out[0]];
        }
    }
    for (int c = 0; c < planner->body_first; c++) {
        const struct ath__node *node = &graph->nodes[planner->calls[c]];
        for (int o = 0; o < node->outs; o++) {
            if (node->out[o] == ATH_NONE) continue;
            int *last = &planner->last[node->out[o]];
            if (*last >= planner->body_first && *last < planner->body_last) *last = planner->body_last;
        }
    }
}

static ath_status place_leaves(struct planner *planner) {
    const ath_graph *graph = planner->graph;
    for (int v = 0; v < graph->value_count; v++) {
        const struct ath__value *value = &graph->values[v];
        struct ath__place       *place = &planner->out->places[v];
        if (value->leaf == ATH_LEAF_NONE) continue;
        if (value->leaf == ATH_LEAF_CONST) {
            *place = (struct ath__place){.kind = ATH_PLACE_FIXED, .fixed = (void *)(uintptr_t)value->constant};
        } else if (value->leaf == ATH_LEAF_INPUT || value->leaf == ATH_LEAF_STEP_INPUT) {
            *place = (struct ath__place){.kind = ATH_PLACE_INPUT, .leaf = v};
        } else {
            void *memory = planner->options->bind ? planner->options->bind(planner->options->context, value) : NULL;
            if (!memory && planner->last[v] >= 0)
                return ath__fail(planner->err, ATH_FAILED, value->name, "no memory is bound to '%s'", value->name);
            *place = (struct ath__place){.kind = ATH_PLACE_FIXED, .fixed = memory};
        }
    }
    return ATH_OK;
}

/* May output o of the node overwrite operand i, as its implementation promises? */
static bool may_share(const struct ath__node *node, int o, int i) {
    return node->impl && i < 8 && (node->impl->in_place >> (o * 8 + i) & 1);
}

/* The result goes straight into the leaf, or is copied there behind the call. */
static bool place_stored(struct planner *planner, const struct ath__node *node, int call, int o) {
    ath_graph         *graph = planner->graph;
    struct ath__value *value = &graph->values[node->out[o]];
    void              *leaf = planner->out->places[value->stored_in].fixed;
    bool               direct = true;
    for (int i = 0; i < node->ins; i++) {
        if (node->in[i] == ATH_NONE) continue;
        const struct ath__place *operand = &planner->out->places[node->in[i]];
        bool                     same = operand->kind == ATH_PLACE_FIXED && operand->fixed == leaf;
        if (same && (operand->offset != 0 || !may_share(node, o, i))) direct = false;
    }
    if (direct) {
        planner->out->places[node->out[o]] = (struct ath__place){.kind = ATH_PLACE_FIXED, .fixed = leaf};
        return true;
    }
    struct ath__late_copy *copy = &planner->out->copies[planner->out->copy_count++];
    *copy = (struct ath__late_copy){.call = call, .value = node->out[o], .leaf = leaf};
    if (planner->last[node->out[o]] < call) planner->last[node->out[o]] = call;
    return false;
}

static bool place_in_operand(struct planner *planner, const struct ath__node *node, int call, int o) {
    const ath_graph *graph = planner->graph;
    size_t           bytes = ath__desc_bytes(&graph->values[node->out[o]].desc);
    for (int i = 0; i < node->ins && i < 8; i++) {
        if (node->in[i] == ATH_NONE || !may_share(node, o, i)) continue;
        struct ath__place operand = planner->out->places[node->in[i]];
        if (operand.kind != ATH_PLACE_ARENA || operand.offset != 0) continue;
        struct ath__lifetime *buffer = &planner->out->buffers[operand.buffer];
        if (planner->out->parent[operand.buffer] >= 0 || buffer->bytes != bytes || buffer->last != call) continue;
        if (planner->last[node->in[i]] != call) continue;
        bool taken = false; /* by another output of this node */
        for (int k = 0; k < o; k++)
            taken |= node->out[k] != ATH_NONE && planner->out->places[node->out[k]].kind == ATH_PLACE_ARENA &&
                     planner->out->places[node->out[k]].buffer == operand.buffer;
        if (taken) continue;
        if (planner->last[node->out[o]] > buffer->last) buffer->last = planner->last[node->out[o]];
        planner->out->places[node->out[o]] = operand;
        return true;
    }
    return false;
}

/* Moves the pieces that own their buffers into the pack's. */
static void absorb_pieces(struct planner *planner, const struct ath__node *node, int call, int pack) {
    const ath_graph *graph = planner->graph;
    size_t           at = 0;
    for (int i = 0; i < node->ins; i++) {
        const struct ath__value *piece = &graph->values[node->in[i]];
        struct ath__place       *place = &planner->out->places[node->in[i]];
        size_t                   bytes = ath__desc_bytes(&piece->desc);
        if (place->kind == ATH_PLACE_ARENA && place->offset == 0 && piece->desc.dtype == ATH_F32) {
            struct ath__lifetime *buffer = &planner->out->buffers[place->buffer];
            bool own = planner->out->parent[place->buffer] < 0 && place->buffer != pack && buffer->bytes == bytes &&
                       buffer->last == call;
            if (own) {
                planner->out->parent[place->buffer] = pack;
                planner->out->inside[place->buffer] = at;
                if (buffer->first < planner->out->buffers[pack].first)
                    planner->out->buffers[pack].first = buffer->first;
            }
        }
        at += ((size_t)ath_shape_count(&piece->desc.shape) + 15) / 16 * 16 * sizeof(float);
    }
}

static ath_status place_output(struct planner *planner, const struct ath__node *node, int call, int o, int *sums) {
    ath_graph               *graph = planner->graph;
    const struct ath__value *value = &graph->values[node->out[o]];
    struct ath__place       *place = &planner->out->places[node->out[o]];
    size_t                   bytes = ath__desc_bytes(&value->desc);
    if (node->op == &ath__op_batch_sum) {
        void *memory = planner->options->accumulator(planner->options->context, (*sums)++, bytes);
        if (!memory) return ath__fail_memory(planner->err, "gradient accumulators");
        *place = (struct ath__place){.kind = ATH_PLACE_FIXED, .fixed = memory};
        return ATH_OK;
    }
    if (value->stored_in != ATH_NONE && place_stored(planner, node, call, o)) return ATH_OK;
    if (place_in_operand(planner, node, call, o)) return ATH_OK;
    int last = planner->last[node->out[o]] > call ? planner->last[node->out[o]] : call;
    int buffer = buffer_new(planner, bytes, call, last);
    *place = (struct ath__place){.kind = ATH_PLACE_ARENA, .buffer = buffer};
    if (node->op == &ath__op_pack) absorb_pieces(planner, node, call, buffer);
    return ATH_OK;
}

static ath_status place_nodes(struct planner *planner, const size_t *scratch_bytes) {
    ath_graph *graph = planner->graph;
    int        sums = 0;
    for (int c = 0; c < planner->call_count; c++) {
        const struct ath__node *node = &graph->nodes[planner->calls[c]];
        planner->out->scratch[c] = -1;
        if (ath__node_is_view(graph, node, planner->options->accumulate)) {
            planner->out->places[node->out[0]] = planner->out->places[node->in[0]];
            struct ath__place *place = &planner->out->places[node->in[0]];
            if (graph->values[node->out[0]].stored_in != ATH_NONE)
                planner->out->copies[planner->out->copy_count++] = (struct ath__late_copy){
                    c, node->out[0], planner->out->places[graph->values[node->out[0]].stored_in].fixed};
            if (place->kind == ATH_PLACE_ARENA) {
                struct ath__lifetime *buffer = &planner->out->buffers[place->buffer];
                if (planner->last[node->out[0]] > buffer->last) buffer->last = planner->last[node->out[0]];
            }
            continue;
        }
        for (int o = 0; o < node->outs; o++)
            if (node->out[o] != ATH_NONE) ATH_TRY(place_output(planner, node, c, o, &sums));
        if (scratch_bytes[c]) planner->out->scratch[c] = buffer_new(planner, scratch_bytes[c], c, c);
    }
    return ATH_OK;
}

void ath__buffers_free(struct ath__buffers *buffers) {
    ath__free(buffers->places);
    ath__free(buffers->buffers);
    ath__free(buffers->parent);
    ath__free(buffers->inside);
    ath__free(buffers->scratch);
    ath__free(buffers->copies);
    memset(buffers, 0, sizeof *buffers);
}

ath_status ath__buffers_plan(ath_graph *graph, const struct ath__compile_options *options, const int *calls,
                             int call_count, const int *calls_of_phase, const size_t *scratch_bytes,
                             struct ath__buffers *buffers, ath_error *err) {
    memset(buffers, 0, sizeof *buffers);
    int            capacity = graph->value_count + call_count + 1;
    struct planner planner = {.graph = graph,
                              .options = options,
                              .calls = calls,
                              .call_count = call_count,
                              .body_first = calls_of_phase[ATH_PHASE_PROLOGUE],
                              .body_last = calls_of_phase[ATH_PHASE_PROLOGUE] + calls_of_phase[ATH_PHASE_BODY],
                              .last = ATH_NEW_ARRAY(int, graph->value_count + 1),
                              .out = buffers,
                              .err = err};
    buffers->places = ATH_NEW_ARRAY(struct ath__place, capacity);
    buffers->buffers = ATH_NEW_ARRAY(struct ath__lifetime, capacity);
    buffers->parent = ATH_NEW_ARRAY(int, capacity);
    buffers->inside = ATH_NEW_ARRAY(size_t, capacity);
    buffers->scratch = ATH_NEW_ARRAY(int, call_count + 1);
    buffers->copies = ATH_NEW_ARRAY(struct ath__late_copy, graph->value_count + 1);
    buffers->capacity = capacity;
    ath_status status = ATH_OK;
    if (!planner.last || !buffers->places || !buffers->buffers || !buffers->parent || !buffers->inside ||
        !buffers->scratch || !buffers->copies)
        status = ath__fail_memory(err, "memory plan");
    if (status == ATH_OK) {
        find_last_uses(&planner);
        status = place_leaves(&planner);
    }
    if (status == ATH_OK) status = place_nodes(&planner, scratch_bytes);
    ath__free(planner.last);
    if (status != ATH_OK) ath__buffers_free(buffers);
    return status;
}
