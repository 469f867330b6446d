/* A training graph behind which a part of the network stands still: batch norms that keep their statistics, and the
 * place where the network can be cut so that everything in front of it is a constant of the image.
 */
#ifndef ATH_TRAIN_CUT_H
#define ATH_TRAIN_CUT_H

#include "graph/store.h"

/* Which batch norms of a training graph use their running statistics, which they then leave alone, instead of the
 * batch's. */
enum ath__norms {
    ATH_NORMS_AUTO,   /* those whose scale and shift are both frozen */
    ATH_NORMS_FROZEN, /* all */
    ATH_NORMS_UPDATE, /* none */
};

/* Rewrites those batch norms to their evaluation form. `store` tells what is frozen. On a graph without gradients. */
void ath__cut_norms(ath_graph *graph, enum ath__norms norms, const struct ath__store *store);

/* Takes the dropouts out. */
void ath__cut_dropouts(ath_graph *graph);

/* The one value that a network of which a part is frozen can be cut at: it depends on `images` and on nothing that is
 * trained, drawn or taken from the batch, and the trained part sees the images through it alone. The last such value
 * behind the images, which behind a pooling is the smallest. ATH_USAGE, saying why, where there is none. */
ath_status ath__cut_find(const ath_graph *graph, ath_value images, ath_value logits, const struct ath__store *store,
                         ath_value *cut, ath_error *err);

#endif
