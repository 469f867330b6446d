/* Lookahead: slow weights that follow the fast ones every few steps, and from which these go on (Zhang et al., NeurIPS
 * 2019). The weights' part is in the training graph (update.c); here are when and how far, and the running statistics.
 *
 *     every k steps   slow = slow + a (fast - slow),  fast = slow
 *
 *     a   lookahead.alpha; with lookahead.power = p > 0 it goes to lookahead.end by the run's end,
 *             a(t) = alpha + (end - alpha) (t / T)^p        behind step t of T
 *         from 1 down to 0.226 (= 1 - 0.95^5) by p = 3 is the form of the CIFAR-10 speed runs (Jordan 2024): weights move
 *         freely at first and are averaged over some twenty steps at the end. The last step then ends on the slow weights
 *         even where it is none of every k.
 *
 * With lookahead.statistics the running statistics of batch norms are averaged in the same steps by the same share.
 */
#ifndef ATH_TRAIN_LOOKAHEAD_H
#define ATH_TRAIN_LOOKAHEAD_H

#include "train/network.h"

/* What the step does: `share` is a, 0 where slow weights stand still; `sync`: fast weights become the slow ones. */
struct ath__lookahead_step {
    double share;
    bool   sync;
};
struct ath__lookahead_step ath__lookahead_at(const struct ath__network *network, uint64_t step);

/* Slow statistics: their states, their start, and what a step does to them. Nothing without lookahead.statistics. */
ath_status ath__lookahead_add_statistics(struct ath__network *network, ath_error *err);
void       ath__lookahead_start_statistics(struct ath__network *network);
void       ath__lookahead_statistics(struct ath__network *network, uint64_t step);

#endif
