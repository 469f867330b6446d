/* A plan: a graph compiled for one batch shape into a flat list of kernel calls with fixed addresses.
 *
 *     prologue   values of STEP rate: weight transforms, packed weights         once per optimiser step
 *     body       values of BATCH rate: forward, backward                        once per micro-batch
 *     epilogue   values of POST rate: backward of transforms, optimiser step    once per optimiser step
 *
 * Compiling allocates; running does not.
 */
#ifndef ATH_GRAPH_PLAN_H
#define ATH_GRAPH_PLAN_H

#include "device/choose.h"
#include "graph/ir.h"

struct ath__plan;

/* Where leaves live. Returns the address of a PARAM, STATE or FLAT leaf, or NULL if there is no such tensor. */
typedef void *(*ath__bind_fn)(void *context, const struct ath__value *leaf);
/* The accumulator of batch_sum number `ordinal`: the same memory for every plan of a program. */
typedef void *(*ath__accumulator_fn)(void *context, int ordinal, size_t bytes);

struct ath__compile_options {
    const struct ath__device *device;
    bool                      training;   /* false: inference rewrites are allowed */
    bool                      accumulate; /* several micro-batches per step: batch_sums keep accumulators */
    bool                      bf16;
    bool                      no_fuse; /* leave fusion out (debugging, tests) */
    const char               *only;    /* see ath__assign_options */
    const char               *layout;
    ath__bind_fn              bind;
    ath__accumulator_fn       accumulator; /* needed if accumulate */
    void                     *context;
    void (*trace)(void *context, const char *pass, const ath_graph *graph); /* after every pass; may be NULL */
    void *trace_context;
};

/* Runs the pipeline on the graph and emits the plan. The plan takes the graph: it lives as long as the plan, and is
 * destroyed even when compiling fails. */
ath_status ath__plan_compile(ath_graph *graph, const struct ath__compile_options *options, struct ath__plan **plan,
                             ath_error *err);
void       ath__plan_destroy(struct ath__plan *plan);

/* Sets the memory of an input or step input (by full name): plain, borrowed until the next run is over. */
ath_status ath__plan_input(struct ath__plan *plan, const char *name, const void *data, ath_error *err);
/* The memory of an output, plain; valid until the plan runs again. NULL if there is no such output. */
const void *ath__plan_output(const struct ath__plan *plan, const char *name, struct ath__desc *desc);

typedef enum ath__phase { ATH_PHASE_PROLOGUE, ATH_PHASE_BODY, ATH_PHASE_EPILOGUE, ATH_PHASES } ath__phase;
ath_status ath__plan_run(struct ath__plan *plan, ath__phase phase, int micro_batch, ath_error *err);
/* Runs the prologue unless it already ran for this version of the parameters (counted by the caller, from 1). */
ath_status ath__plan_refresh(struct ath__plan *plan, uint64_t version, ath_error *err);

struct ath__plan_memory {
    size_t arena; /* planned peak: activations, gradients, packed weights, scratch */
    size_t naive; /* what the same buffers would take without sharing */
    int    calls[ATH_PHASES];
    int    reorders;
};
struct ath__plan_memory ath__plan_memory(const struct ath__plan *plan);

/* Time per call: off by default. Call i of the plan, or false past the end. */
void ath__plan_profile(struct ath__plan *plan, bool on);
struct ath__plan_call {
    const struct ath__node *node;
    ath__phase              phase;
    double                  seconds; /* total since profiling was turned on */
    uint64_t                runs;
};
bool             ath__plan_call(const struct ath__plan *plan, int i, struct ath__plan_call *call);
const ath_graph *ath__plan_graph(const struct ath__plan *plan);

#endif
