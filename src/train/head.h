/* The head of a network: its last layer with weights, the one that knows the classes. The rest is the backbone.
 *
 * This is the one definition of it: loading weights for other classes, freeze=backbone and groups that match `head` or
 * `backbone` all ask here.
 */
#ifndef ATH_TRAIN_HEAD_H
#define ATH_TRAIN_HEAD_H

#include "graph/ir.h"

/* The parameters that make the last convolution or product in front of `logits`, and what is applied behind it, into
 * `is_head`, one flag per value of the graph. A graph as built, without gradients; other flags are left alone. */
ath_status ath__head_mark(const ath_graph *graph, ath_value logits, bool *is_head, ath_error *err);

#endif
