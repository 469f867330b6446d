/* A program: one description, compiled on demand into a plan for each batch size, over one parameter store.
 *
 * The last batch of an epoch is often short; its plan is compiled when it first comes and kept.
 */
#ifndef ATH_GRAPH_PROGRAM_H
#define ATH_GRAPH_PROGRAM_H

#include "graph/plan.h"
#include "graph/store.h"

struct ath__program;

/* Builds the graph for a batch of `batch` samples; faults are the graph's sticky error. */
typedef void (*ath__build_fn)(void *context, ath_graph *graph, int64_t batch);

struct ath__program_settings {
    ath__build_fn               build;
    void                       *build_context;
    struct ath__store          *store;   /* borrowed */
    struct ath__compile_options options; /* bind, accumulator, accumulate and context are the program's to set */
};

ath_status ath__program_create(const struct ath__program_settings *settings, struct ath__program **program,
                               ath_error *err);
void       ath__program_destroy(struct ath__program *program);

/* The plan for a batch size; `accumulate`: as one of several micro-batches. Compiles at the first call. */
ath_status ath__program_plan(struct ath__program *program, int64_t batch, bool accumulate, struct ath__plan **plan,
                             ath_error *err);
/* Shows the graph to `trace` after every pass of the plans compiled from now on. */
void ath__program_trace(struct ath__program *program,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context);
/* The first product (convolution, matrix product) of the plans compiled so far that only the reference computes, in
 * double precision and some hundred times slower than a kernel; NULL if none does. Its `refusals` say why. */
const struct ath__node *ath__program_on_reference(const struct ath__program *program);
/* The largest planned arena among the plans compiled so far. */
size_t ath__program_peak(const struct ath__program *program);

#endif
