/* Plans by batch size, and the accumulators that they share. */
#include "graph/program.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"

#include <string.h>

struct cached {
    int64_t           batch;
    bool              accumulate;
    struct ath__plan *plan;
};

struct accumulator {
    void  *memory;
    size_t bytes;
};

struct ath__program {
    struct ath__program_settings settings;
    struct cached               *plans;
    int                          plan_count;
    struct accumulator          *accumulators;
    int                          accumulator_count;
};

static void *bind(void *context, const struct ath__value *leaf) {
    struct ath__program *program = context;
    return ath__store_bind(program->settings.store, leaf);
}

static void *accumulator(void *context, int ordinal, size_t bytes) {
    struct ath__program *program = context;
    while (program->accumulator_count <= ordinal) {
        struct accumulator *wider =
            ath__realloc(program->accumulators, ((size_t)program->accumulator_count + 1) * sizeof *wider);
        if (!wider) return NULL;
        program->accumulators = wider;
        wider[program->accumulator_count++] = (struct accumulator){NULL, 0};
    }
    struct accumulator *slot = &program->accumulators[ordinal];
    if (!slot->memory) {
        slot->memory = ath__alloc_pages(bytes);
        slot->bytes = bytes;
    }
    return slot->bytes == bytes ? slot->memory : NULL;
}

ath_status ath__program_create(const struct ath__program_settings *settings, struct ath__program **program,
                               ath_error *err) {
    struct ath__program *made = ATH_NEW(struct ath__program);
    if (!made) return ath__fail_memory(err, "program");
    made->settings = *settings;
    made->settings.options.bind = bind;
    made->settings.options.accumulator = accumulator;
    made->settings.options.context = made;
    *program = made;
    return ATH_OK;
}

void ath__program_destroy(struct ath__program *program) {
    if (!program) return;
    for (int i = 0; i < program->plan_count; i++) ath__plan_destroy(program->plans[i].plan);
    for (int i = 0; i < program->accumulator_count; i++)
        if (program->accumulators[i].memory)
            ath__free_pages(program->accumulators[i].memory, program->accumulators[i].bytes);
    ath__free(program->plans);
    ath__free(program->accumulators);
    ath__free(program);
}

ath_status ath__program_plan(struct ath__program *program, int64_t batch, bool accumulate, struct ath__plan **plan,
                             ath_error *err) {
    for (int i = 0; i < program->plan_count; i++) {
        if (program->plans[i].batch != batch || program->plans[i].accumulate != accumulate) continue;
        *plan = program->plans[i].plan;
        return ATH_OK;
    }
    struct cached *wider = ath__realloc(program->plans, ((size_t)program->plan_count + 1) * sizeof *wider);
    if (!wider) return ath__fail_memory(err, "program");
    program->plans = wider;
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "program");
    program->settings.build(program->settings.build_context, graph, batch);
    struct ath__compile_options options = program->settings.options;
    options.accumulate = accumulate;
    ATH_TRY(ath__plan_compile(graph, &options, plan, err));
    program->plans[program->plan_count++] = (struct cached){batch, accumulate, *plan};
    return ATH_OK;
}

void ath__program_trace(struct ath__program *program,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context) {
    program->settings.options.trace = trace;
    program->settings.options.trace_context = context;
}

const struct ath__node *ath__program_on_reference(const struct ath__program *program) {
    for (int i = 0; i < program->plan_count; i++) {
        struct ath__plan_call call;
        for (int c = 0; ath__plan_call(program->plans[i].plan, c, &call); c++)
            if (call.node->op->macs && call.node->impl && strcmp(call.node->impl->name, "ref") == 0) return call.node;
    }
    return NULL;
}

size_t ath__program_peak(const struct ath__program *program) {
    size_t peak = 0;
    for (int i = 0; i < program->plan_count; i++) {
        size_t arena = ath__plan_memory(program->plans[i].plan).arena;
        if (arena > peak) peak = arena;
    }
    return peak;
}
