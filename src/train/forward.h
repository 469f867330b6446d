/* The forms in which a network's forward pass is built, all from the one description of the model.
 *
 *     whole           images -> logits                   evaluation
 *     training        images -> logits                   batch statistics, dropout
 *     backbone        images -> features                 the frozen part, in inference mode
 *     head training   features -> logits                 the trained part, where features are kept
 *     head            features -> logits                 the same, evaluation
 */
#ifndef ATH_TRAIN_FORWARD_H
#define ATH_TRAIN_FORWARD_H

#include "train/network.h"

/* images f32 (batch,C,H,W), the input called "images". */
ath_value ath__forward_images(const struct ath__network *network, ath_graph *graph, int64_t batch);

/* Logits; faults are the graph's. `rng` is the dropout key. The input is called "features" where the network keeps
 * them, else "images". */
ath_value ath__forward_training(const struct ath__network *network, ath_graph *graph, int64_t batch, ath_value rng);

/* ath__build_fn over a network; the output is "logits" or "features". */
void ath__forward_whole(void *network, ath_graph *graph, int64_t batch);
void ath__forward_backbone(void *network, ath_graph *graph, int64_t batch);
void ath__forward_head(void *network, ath_graph *graph, int64_t batch);

#endif
