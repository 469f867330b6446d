/* The interpreter: runs a graph node by node on the operators' double-precision reference bodies.
 *
 * It is oracle, gradient checker and debugger in one; it also folds constants and merges re-parameterised weights. All
 * values stay in memory, as plain row-major doubles.
 */
#ifndef ATH_GRAPH_INTERP_H
#define ATH_GRAPH_INTERP_H

#include "graph/ir.h"

struct ath__interp;

/* Borrows the graph, which must not change meanwhile. Constants are loaded; other leaves start at zero. */
ath_status ath__interp_create(ath_graph *graph, struct ath__interp **interp, ath_error *err);
void       ath__interp_destroy(struct ath__interp *interp);

/* The value's elements; NULL when it has not been computed. Leaves may be written through it. */
double *ath__interp_data(struct ath__interp *interp, ath_value value);
/* Sets a leaf from host data of its own dtype. */
void ath__interp_set(struct ath__interp *interp, ath_value leaf, const void *data);

/* Runs every live node in order. `nan_node` (may be NULL) receives the first node whose result holds a NaN or infinity,
 * or -1. */
ath_status ath__interp_run(struct ath__interp *interp, int *nan_node, ath_error *err);

/* Evaluates one value and what it depends on (only nodes not computed yet run). */
ath_status ath__interp_eval(struct ath__interp *interp, ath_value value, ath_error *err);

#endif
