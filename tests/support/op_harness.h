/* Runs small graphs in double precision through the interpreter: what the operator tests are written with.
 *
 * A run owns a graph and, once `op_run_start` was called, an interpreter. Failures end the cmocka test.
 */
#ifndef ATH_TESTS_OP_HARNESS_H
#define ATH_TESTS_OP_HARNESS_H

#include "athanor/graph.h"
#include "graph/interp.h"

struct op_run {
    ath_graph          *graph;
    struct ath__interp *interp;
    int                 leaves;
};

void op_run_begin(struct op_run *run);
void op_run_end(struct op_run *run);

/* An input leaf (rate BATCH) with a name of its own. */
ath_value op_run_leaf(struct op_run *run, ath_dtype dtype, ath_shape shape);
/* Keeps the value, whatever passes think of it. */
void op_run_keep(struct op_run *run, ath_value value);
/* Gradients of <seed, y> with respect to wrt[i], ATH_NONE where there is none; the test fails if they cannot be built.
 */
void op_run_gradients(struct op_run *run, ath_value y, ath_value seed, const ath_value *wrt, int count,
                      ath_value *grads);
/* The graph is complete: makes the interpreter. */
void op_run_start(struct op_run *run);
/* Writes a leaf's elements. */
void op_run_set(struct op_run *run, ath_value leaf, const double *data);
/* Runs every node. */
void op_run_all(struct op_run *run);
/* Elements of a value after a run. */
const double *op_run_data(struct op_run *run, ath_value value);
int64_t       op_run_count(const struct op_run *run, ath_value value);

/* Fails the test unless all elements agree: |actual - expected| <= tolerance * max(1, |expected|); two not-a-numbers
 * agree. Returns the largest difference relative to that scale. */
double op_compare(const char *what, const double *actual, const double *expected, int64_t count, double tolerance);

#endif
