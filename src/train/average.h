/* The running average of a network's weights (EMA): kept beside them, swapped in for evaluation and for saving.
 *
 * The weights' average is part of the training graph (update.c). Running statistics of batch norms are averaged with
 * the same factor, behind every step: those of the live network belong to other weights.
 */
#ifndef ATH_TRAIN_AVERAGE_H
#define ATH_TRAIN_AVERAGE_H

#include "train/network.h"

/* Name of the average of a parameter group in the store. */
void ath__average_group_name(char *name, size_t capacity, int group);
/* 1 - d_t behind t steps: the weight of what is new, d_t = min(ema, (1 + t) / (10 + t)). */
double ath__average_fresh(double ema, uint64_t step);

/* Adds the averages to the store. */
ath_status ath__average_add_states(struct ath__network *network, ath_error *err);
/* The averages become what the network is now. */
void ath__average_start(struct ath__network *network);
/* Takes in the running statistics behind the step that followed `step` steps. */
void ath__average_statistics(struct ath__network *network, uint64_t step);
/* Exchanges the network and its average; a second call brings back the first state. */
void ath__average_swap(struct ath__network *network);

#endif
