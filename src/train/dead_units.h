/* Dead units: channels and outputs whose rectifier yields zero for every image. */
#ifndef ATH_TRAIN_DEAD_UNITS_H
#define ATH_TRAIN_DEAD_UNITS_H

#include "train/network.h"

struct ath__dead_units {
    int64_t units, dead; /* over all rectifiers of the network */
    char    layer[64]; /* the first layer with at least four of five units dead, else the one with the largest share */
    int64_t layer_units, layer_dead;
};

/* A unit (channel of a convolution, output of a linear layer) is dead when its activation is zero for every one of at
 * most 64 of the samples: no gradient passes through it, so no step can revive it. The unfused evaluation graph is run
 * once with all activations kept. A network without rectifiers has units 0. */
ath_status ath__dead_units_count(struct ath__network *network, const struct ath__samples *samples,
                                 struct ath__dead_units *dead, ath_error *err);

#endif
