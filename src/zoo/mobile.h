/* What the mobile networks have in common: options that say where their weights come from, channel counts that are
 * multiples of 8, and the step from feature map to classifier.
 */
#ifndef ATH_ZOO_MOBILE_H
#define ATH_ZOO_MOBILE_H

#include "zoo/zoo.h"

/* Option rows for a struct S with int64_t fields of these names. */
#define ATH_MOBILE_OPTIONS(S)                                                                                          \
    ATH_OPT_CHOICE(S, padding, "symmetric", "symmetric|same",                                                          \
                   "of convolutions; same: TensorFlow's, the odd pixel behind the image, for weights trained there"),  \
        ATH_OPT_CHOICE(S, bn, "live", "live|folded",                                                                   \
                       "folded: convolutions with biases instead of batch norms, for weights that come so"),           \
        ATH_OPT_CHOICE(S, pool, "mean", "mean|max|flatten", "how the feature map becomes the classifier's input")

/* Sets a context up by these options (indices of the choices). */
void ath__mobile_start(struct ath__nn *nn, int64_t padding, int64_t bn);

/* The channel count nearest to `channels` that is a multiple of 8, at least 8 and not below nine tenths of it. */
int64_t ath__mobile_channels(double channels);

/* x (N,C,H,W) -> (N,C) or, flattened, (N,C*H*W). */
ath_value ath__mobile_pool(struct ath__nn *nn, ath_value x, int64_t pool);

#endif
