/* From a graph to a flat list of kernel calls: the pipeline, emission, running.
 *
 *     order, fold, [merge_affine], fuse_norm, fuse_act, [fuse_separable], fuse_chain, [precision], assign, memory, emit
 */
#include "graph/plan.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "graph/pass.h"
#include "graph/plan_buffers.h"

#include <string.h>

struct call {
    int                     node;
    const struct ath__impl *impl; /* NULL: a plain copy of `copy_bytes` from in[0] to out[0] */
    struct ath__problem     problem;
    void                   *state;
    void                  **in, **out;
    void                   *scratch;
    size_t                  copy_bytes;
    double                  seconds;
    uint64_t                runs;
};

/* An address that is filled in when an input is set. */
struct input_slot {
    ath_value leaf;
    void    **address;
    size_t    offset;
};

struct ath__plan {
    ath_graph         *graph;
    struct ath__arena  arena;
    struct call       *calls;
    int                call_count;
    int                first[ATH_PHASES + 1];
    struct input_slot *slots;
    int                slot_count;
    char              *memory;
    size_t             memory_bytes, naive_bytes;
    struct ath__place *places;
    size_t            *root_offset; /* per arena buffer: final offset */
    bool               profile;
    uint64_t           version;   /* of the parameters that the prologue last saw */
    bool              *input_set; /* per value */
};

static ath__phase phase_of(const struct ath__node *node, bool accumulate) {
    if (node->op == &ath__op_batch_sum && accumulate) return ATH_PHASE_BODY; /* adds as part of every micro-batch */
    if (node->rate == ATH_RATE_POST) return ATH_PHASE_EPILOGUE;
    return node->rate == ATH_RATE_BATCH ? ATH_PHASE_BODY : ATH_PHASE_PROLOGUE;
}

static void trace(const struct ath__compile_options *options, const char *pass, const ath_graph *graph) {
    if (options->trace) options->trace(options->trace_context, pass, graph);
}

static ath_status after_pass(const struct ath__compile_options *options, const char *pass, const ath_graph *graph,
                             ath_error *err) {
    trace(options, pass, graph);
#ifndef NDEBUG
    return ath__pass_verify(graph, err);
#else
    (void)err;
    return ATH_OK;
#endif
}

static ath_status run_passes(ath_graph *graph, const struct ath__compile_options *options, ath_error *err) {
    ATH_TRY(ath_graph_status(graph, err));
    ATH_TRY(ath__graph_order(graph, err));
    ATH_TRY(after_pass(options, "build", graph, err));
    ATH_TRY(ath__pass_verify(graph, err));
    struct ath__assign_options assign = {.device = options->device, .only = options->only, .layout = options->layout};
    ATH_TRY(ath__pass_fold(graph, err));
    ATH_TRY(after_pass(options, "fold", graph, err));
    if (!options->no_fuse) {
        if (!options->training) {
            ATH_TRY(ath__pass_merge_affine(graph, err));
            ATH_TRY(after_pass(options, "merge_affine", graph, err));
        }
        ATH_TRY(ath__pass_fuse_norm(graph, err));
        ATH_TRY(after_pass(options, "fuse_norm", graph, err));
        ATH_TRY(ath__pass_fuse_act(graph, err));
        ATH_TRY(after_pass(options, "fuse_act", graph, err));
        if (!options->training && !options->bf16) {
            ATH_TRY(ath__pass_fuse_separable(graph, &assign, err));
            ATH_TRY(after_pass(options, "fuse_separable", graph, err));
        }
        ATH_TRY(ath__pass_fuse_chain(graph, err));
        ATH_TRY(after_pass(options, "fuse_chain", graph, err));
    }
    if (options->bf16) {
        ATH_TRY(ath__pass_precision(graph, err));
        ATH_TRY(after_pass(options, "precision", graph, err));
    }
    ATH_TRY(ath__pass_assign(graph, &assign, err));
    return after_pass(options, "assign", graph, err);
}

/* Fills the operands' descriptions of a call. */
static ath_status describe(struct ath__plan *plan, struct call *call, ath_error *err) {
    const struct ath__node *node = &plan->graph->nodes[call->node];
    struct ath__desc       *in = ATH_ARENA_ARRAY(&plan->arena, struct ath__desc, node->ins + 1);
    struct ath__desc       *out = ATH_ARENA_ARRAY(&plan->arena, struct ath__desc, node->outs + 1);
    call->in = ATH_ARENA_ARRAY(&plan->arena, void *, node->ins + 1);
    call->out = ATH_ARENA_ARRAY(&plan->arena, void *, node->outs + 1);
    if (!in || !out || !call->in || !call->out) return ath__fail_memory(err, "plan");
    for (int i = 0; i < node->ins; i++) {
        if (node->in[i] == ATH_NONE) continue;
        in[i] = plan->graph->values[node->in[i]].desc;
        in[i].present = true;
    }
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE) continue;
        out[o] = plan->graph->values[node->out[o]].desc;
        out[o].present = true;
    }
    call->problem = (struct ath__problem){.op = node->op->name,
                                          .attrs = node->attrs,
                                          .ins = node->ins,
                                          .outs = node->outs,
                                          .in = in,
                                          .out = out,
                                          .ref = node->op->ref};
    return ATH_OK;
}

/* Lists the nodes by phase. */
static ath_status list_calls(struct ath__plan *plan, bool accumulate, int **nodes, ath_error *err) {
    const ath_graph *graph = plan->graph;
    *nodes = ATH_NEW_ARRAY(int, graph->order_count + 1);
    if (!*nodes) return ath__fail_memory(err, "plan");
    int count = 0;
    for (int phase = 0; phase < ATH_PHASES; phase++) {
        plan->first[phase] = count;
        for (int i = 0; i < graph->order_count; i++)
            if ((int)phase_of(&graph->nodes[graph->order[i]], accumulate) == phase) (*nodes)[count++] = graph->order[i];
    }
    plan->first[ATH_PHASES] = count;
    return ATH_OK;
}

static void resolve(struct ath__plan *plan, ath_value value, void **address) {
    const struct ath__place *place = &plan->places[value];
    switch (place->kind) {
    case ATH_PLACE_ARENA: *address = plan->memory + plan->root_offset[place->buffer] + place->offset; break;
    case ATH_PLACE_FIXED: *address = (char *)place->fixed + place->offset; break;
    case ATH_PLACE_INPUT:
        plan->slots[plan->slot_count++] =
            (struct input_slot){.leaf = place->leaf, .address = address, .offset = place->offset};
        break;
    case ATH_PLACE_NONE: break;
    }
}

/* Sizes the arena and turns places into addresses. */
static ath_status lay_out(struct ath__plan *plan, struct ath__buffers *buffers, ath_error *err) {
    ath_status            status = ATH_OK;
    int                   roots = 0;
    struct ath__lifetime *root = ATH_NEW_ARRAY(struct ath__lifetime, buffers->count + 1);
    int                  *root_of = ATH_NEW_ARRAY(int, buffers->count + 1);
    plan->root_offset = ATH_ARENA_ARRAY(&plan->arena, size_t, buffers->count + 1);
    if (!root || !root_of || !plan->root_offset) {
        status = ath__fail_memory(err, "plan");
        goto done;
    }
    for (int b = 0; b < buffers->count; b++) {
        if (buffers->parent[b] >= 0) continue;
        root_of[b] = roots;
        root[roots++] = buffers->buffers[b];
        plan->naive_bytes += (buffers->buffers[b].bytes + 63) / 64 * 64;
    }
    ATH_TRY_DONE(ath__plan_place(root, roots, &plan->memory_bytes, err));
    for (int b = 0; b < buffers->count; b++) {
        size_t inside;
        int    outer = ath__buffers_root(buffers, b, &inside);
        plan->root_offset[b] = root[root_of[outer]].offset + inside;
    }
    plan->memory = ath__alloc_pages(plan->memory_bytes + 64);
    if (!plan->memory)
        status =
            ath__fail(err, ATH_MEMORY, "plan", "%.0f MiB for activations cannot be had; a smaller batch needs less",
                      (double)plan->memory_bytes / 1048576.0);
done:
    ath__free(root);
    ath__free(root_of);
    return status;
}

static ath_status prepare_calls(struct ath__plan *plan, const int *nodes, size_t *scratch, ath_error *err) {
    for (int c = 0; c < plan->first[ATH_PHASES]; c++) {
        struct call            *call = &plan->calls[c];
        const struct ath__node *node = &plan->graph->nodes[nodes[c]];
        call->node = nodes[c];
        ATH_TRY(describe(plan, call, err));
        call->impl = node->impl;
        if (!call->impl) continue; /* a view */
        if (call->impl->prepare) ATH_TRY(call->impl->prepare(&call->problem, &call->state, err));
        if (call->impl->scratch) scratch[c] = call->impl->scratch(&call->problem, call->state);
    }
    return ATH_OK;
}

/* Drops views from the list, inserts the late copies, resolves all addresses. */
static ath_status finish_calls(struct ath__plan *plan, const struct ath__buffers *buffers, bool accumulate,
                               ath_error *err) {
    int          prepared = plan->first[ATH_PHASES], count = 0, copy = 0;
    struct call *old = plan->calls;
    struct call *calls = ATH_ARENA_ARRAY(&plan->arena, struct call, prepared + buffers->copy_count + 1);
    int          slots = 0;
    for (int c = 0; c < prepared; c++) slots += plan->graph->nodes[old[c].node].ins;
    plan->slots = ATH_ARENA_ARRAY(&plan->arena, struct input_slot, slots + buffers->copy_count + 1);
    if (!calls || !plan->slots) return ath__fail_memory(err, "plan");
    int phase = 0, first[ATH_PHASES + 1] = {0};
    for (int c = 0; c < prepared; c++) {
        while (phase < ATH_PHASES && c >= plan->first[phase]) first[phase++] = count;
        const struct ath__node *node = &plan->graph->nodes[old[c].node];
        if (!ath__node_is_view(plan->graph, node, accumulate)) {
            struct call *call = &calls[count++];
            *call = old[c];
            for (int i = 0; i < node->ins; i++)
                if (node->in[i] != ATH_NONE) resolve(plan, node->in[i], &call->in[i]);
            for (int o = 0; o < node->outs; o++)
                if (node->out[o] != ATH_NONE) resolve(plan, node->out[o], &call->out[o]);
            if (buffers->scratch[c] >= 0) call->scratch = plan->memory + plan->root_offset[buffers->scratch[c]];
        }
        for (; copy < buffers->copy_count && buffers->copies[copy].call == c; copy++) {
            struct call *call = &calls[count++];
            *call = (struct call){.node = old[c].node,
                                  .in = ATH_ARENA_ARRAY(&plan->arena, void *, 1),
                                  .out = ATH_ARENA_ARRAY(&plan->arena, void *, 1)};
            if (!call->in || !call->out) return ath__fail_memory(err, "plan");
            call->copy_bytes = ath__desc_bytes(&plan->graph->values[buffers->copies[copy].value].desc);
            resolve(plan, buffers->copies[copy].value, &call->in[0]);
            call->out[0] = buffers->copies[copy].leaf;
        }
    }
    while (phase <= ATH_PHASES) first[phase++] = count;
    memcpy(plan->first, first, sizeof first);
    plan->calls = calls;
    plan->call_count = count;
    return ATH_OK;
}

static ath_status emit(struct ath__plan *plan, const struct ath__compile_options *options, ath_error *err) {
    ath_status          status = ATH_OK;
    int                *nodes = NULL;
    size_t             *scratch = NULL;
    struct ath__buffers buffers = {0};
    ATH_TRY_DONE(list_calls(plan, options->accumulate, &nodes, err));
    int count = plan->first[ATH_PHASES];
    plan->calls = ATH_ARENA_ARRAY(&plan->arena, struct call, count + 1);
    plan->call_count = count;
    plan->input_set = ATH_ARENA_ARRAY(&plan->arena, bool, plan->graph->value_count + 1);
    scratch = ATH_NEW_ARRAY(size_t, count + 1);
    if (!plan->calls || !scratch || !plan->input_set) {
        plan->call_count = 0;
        status = ath__fail_memory(err, "plan");
        goto done;
    }
    ATH_TRY_DONE(prepare_calls(plan, nodes, scratch, err));
    int of_phase[ATH_PHASES];
    for (int p = 0; p < ATH_PHASES; p++) of_phase[p] = plan->first[p + 1] - plan->first[p];
    ATH_TRY_DONE(ath__buffers_plan(plan->graph, options, nodes, count, of_phase, scratch, &buffers, err));
    plan->places = buffers.places;
    buffers.places = NULL;
    ATH_TRY_DONE(lay_out(plan, &buffers, err));
    status = finish_calls(plan, &buffers, options->accumulate, err);
done:
    ath__free(nodes);
    ath__free(scratch);
    ath__buffers_free(&buffers);
    return status;
}

void ath__plan_destroy(struct ath__plan *plan) {
    if (!plan) return;
    for (int c = 0; c < plan->call_count; c++)
        if (plan->calls[c].state && plan->calls[c].impl->release) plan->calls[c].impl->release(plan->calls[c].state);
    if (plan->memory) ath__free_pages(plan->memory, plan->memory_bytes + 64);
    ath__free(plan->places);
    ath__arena_free(&plan->arena);
    ath_graph_destroy(plan->graph);
    ath__free(plan);
}

ath_status ath__plan_compile(ath_graph *graph, const struct ath__compile_options *options, struct ath__plan **plan,
                             ath_error *err) {
    *plan = NULL;
    struct ath__plan *made = ATH_NEW(struct ath__plan);
    if (!made) {
        ath_graph_destroy(graph);
        return ath__fail_memory(err, "plan");
    }
    made->graph = graph;
    ath_status status = graph ? run_passes(graph, options, err) : ath__fail_memory(err, "plan");
    if (status == ATH_OK) status = emit(made, options, err);
    if (status != ATH_OK) {
        ath__plan_destroy(made);
        return status;
    }
    *plan = made;
    return ATH_OK;
}

ath_status ath__plan_input(struct ath__plan *plan, const char *name, const void *data, ath_error *err) {
    ath_value leaf = ath__graph_find(plan->graph, name);
    ath__leaf kind = leaf == ATH_NONE ? ATH_LEAF_NONE : plan->graph->values[leaf].leaf;
    if (kind != ATH_LEAF_INPUT && kind != ATH_LEAF_STEP_INPUT)
        return ath__fail(err, ATH_USAGE, name, "the graph has no input '%s'", name);
    plan->input_set[leaf] = true;
    for (int s = 0; s < plan->slot_count; s++)
        if (plan->slots[s].leaf == leaf) *plan->slots[s].address = (char *)(uintptr_t)data + plan->slots[s].offset;
    return ATH_OK;
}

const void *ath__plan_output(const struct ath__plan *plan, const char *name, struct ath__desc *desc) {
    ath_value value = ath__graph_find(plan->graph, name);
    if (value == ATH_NONE || !plan->graph->values[value].is_output) return NULL;
    if (desc) *desc = plan->graph->values[value].desc;
    const struct ath__place *place = &plan->places[value];
    if (place->kind == ATH_PLACE_ARENA) return plan->memory + plan->root_offset[place->buffer] + place->offset;
    return place->kind == ATH_PLACE_FIXED ? (const char *)place->fixed + place->offset : NULL;
}

static ath_status run_call(struct call *call, int micro_batch) {
    if (!call->impl) {
        memcpy(call->out[0], call->in[0], call->copy_bytes);
        return ATH_OK;
    }
    struct ath__exec exec = {.problem = &call->problem,
                             .in = call->in,
                             .out = call->out,
                             .scratch = call->scratch,
                             .micro_batch = micro_batch};
    return call->impl->run(&exec, call->state);
}

ath_status ath__plan_run(struct ath__plan *plan, ath__phase phase, int micro_batch, ath_error *err) {
    for (int s = 0; s < plan->slot_count && phase != ATH_PHASE_PROLOGUE; s++)
        if (!plan->input_set[plan->slots[s].leaf])
            return ath__fail(err, ATH_USAGE, plan->graph->values[plan->slots[s].leaf].name, "this input was never set");
    for (int c = plan->first[phase]; c < plan->first[phase + 1]; c++) {
        struct call *call = &plan->calls[c];
        double       start = plan->profile ? ath__seconds() : 0.0;
        ath_status   status = run_call(call, micro_batch);
        if (status != ATH_OK)
            return ath__fail(err, status, plan->graph->nodes[call->node].scope, "%s/%s failed", call->problem.op,
                             call->impl ? call->impl->name : "copy");
        if (plan->profile) {
            call->seconds += ath__seconds() - start;
            call->runs++;
        }
    }
    return ATH_OK;
}

ath_status ath__plan_refresh(struct ath__plan *plan, uint64_t version, ath_error *err) {
    if (plan->version == version) return ATH_OK;
    plan->version = version;
    return ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, err);
}

struct ath__plan_memory ath__plan_memory(const struct ath__plan *plan) {
    struct ath__plan_memory memory = {.arena = plan->memory_bytes, .naive = plan->naive_bytes};
    for (int p = 0; p < ATH_PHASES; p++) memory.calls[p] = plan->first[p + 1] - plan->first[p];
    for (int c = 0; c < plan->call_count; c++)
        memory.reorders += plan->graph->nodes[plan->calls[c].node].op == &ath__op_reorder;
    return memory;
}

void ath__plan_profile(struct ath__plan *plan, bool on) {
    plan->profile = on;
    for (int c = 0; on && c < plan->call_count; c++) {
        plan->calls[c].seconds = 0.0;
        plan->calls[c].runs = 0;
    }
}

bool ath__plan_call(const struct ath__plan *plan, int i, struct ath__plan_call *call) {
    if (i < 0 || i >= plan->call_count) return false;
    int phase = 0;
    while (i >= plan->first[phase + 1]) phase++;
    *call = (struct ath__plan_call){.node = &plan->graph->nodes[plan->calls[i].node],
                                    .phase = (ath__phase)phase,
                                    .seconds = plan->calls[i].seconds,
                                    .runs = plan->calls[i].runs};
    return true;
}

const ath_graph *ath__plan_graph(const struct ath__plan *plan) {
    return plan->graph;
}
