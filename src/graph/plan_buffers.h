/* Which memory each value gets: shared, borrowed or its own. */
#ifndef ATH_GRAPH_PLAN_BUFFERS_H
#define ATH_GRAPH_PLAN_BUFFERS_H

#include "graph/plan.h"
#include "graph/plan_memory.h"

/* Where a value lives. */
struct ath__place {
    enum { ATH_PLACE_NONE, ATH_PLACE_ARENA, ATH_PLACE_FIXED, ATH_PLACE_INPUT } kind;
    int       buffer; /* ARENA */
    void     *fixed;  /* FIXED: a leaf of the store, a constant, an accumulator */
    ath_value leaf;   /* INPUT: set before every run */
    size_t    offset; /* bytes from the start of that */
};

/* A result that its kernel could not write straight into the leaf that it replaces. */
struct ath__late_copy {
    int       call; /* behind this call */
    ath_value value;
    void     *leaf;
};

struct ath__buffers {
    struct ath__place     *places;  /* per value */
    struct ath__lifetime  *buffers; /* arena buffers; scratch of call i is buffer scratch[i] or -1 */
    int                   *parent;  /* a buffer inside another one (pieces of a pack), or -1 */
    size_t                *inside;  /* where in its parent */
    int                    count, capacity;
    int                   *scratch; /* per call */
    struct ath__late_copy *copies;
    int                    copy_count;
};

/* `calls` lists node indices in execution order with `calls_of_phase` in each phase; `scratch_bytes` per call. */
ath_status ath__buffers_plan(ath_graph *graph, const struct ath__compile_options *options, const int *calls,
                             int call_count, const int *calls_of_phase, const size_t *scratch_bytes,
                             struct ath__buffers *buffers, ath_error *err);
void       ath__buffers_free(struct ath__buffers *buffers);
/* The outermost buffer that holds `buffer`, and where in it. */
int ath__buffers_root(const struct ath__buffers *buffers, int buffer, size_t *offset);

#endif
