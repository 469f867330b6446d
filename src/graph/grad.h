/* Gradients as graph: reverse-mode differentiation that appends nodes. */
#ifndef ATH_GRAPH_GRAD_H
#define ATH_GRAPH_GRAD_H

#include "graph/ir.h"

/* Appends the gradients of sum_i <seeds[i], outputs[i]> with respect to wrt[j] and writes them to grads[j] (ATH_NONE
 * where wrt[j] has no influence). Seeds have their output's shape.
 *
 * Contributions of BATCH rate to a value of lower rate (a parameter, a transformed weight) pass through a batch_sum, so
 * that whatever lies behind it, the backward of weight transforms included, runs once per optimiser step. */
ath_status ath__grad_build(ath_graph *graph, const ath_value *outputs, const ath_value *seeds, int output_count,
                           const ath_value *wrt, int wrt_count, ath_value *grads, ath_error *err);

#endif
