/* The update of a training step: from gradients to new parameters.
 *
 *     pack per group -> clip -> optimiser -> Lookahead -> parameters -> running average (EMA)
 *
 * All of it is graph; what changes from step to step comes in as scalar step inputs, set by ath__update_set.
 */
#ifndef ATH_TRAIN_UPDATE_H
#define ATH_TRAIN_UPDATE_H

#include "train/network.h"

/* Gradients of group g are grads[first[g]] .. grads[first[g + 1] - 1], in the store's order. Appends the update of all
 * groups. */
void ath__update_build(struct ath__network *network, ath_graph *graph, const ath_value *grads, const int *first);

/* The training plan's output that holds a group's packed gradient before clipping, written into `name`, which is
 * returned. */
const char *ath__update_gradient_name(char name[32], int group);

/* The first half of a step of SAM: moves the parameters up the gradient. Those in front of it are set aside before, and
 * the second half, ath__update_build, updates them. */
void ath__update_build_ascent(struct ath__network *network, ath_graph *graph, const ath_value *grads, const int *first);
void ath__update_set_aside(struct ath__network *network);
void ath__update_put_back(struct ath__network *network);

/* Adds what the update keeps from step to step to the store: optimiser states, slow weights, running averages. */
ath_status ath__update_add_states(struct ath__network *network, ath_error *err);

/* Slow weights become what the parameters are now. */
void ath__update_start(struct ath__network *network);

/* Sets all scalars of one plan for the step that follows `step` steps, at the run's rate `lr`. */
ath_status ath__update_set(struct ath__network *network, struct ath__plan *plan, double lr, uint64_t step,
                           ath_error *err);

#endif
