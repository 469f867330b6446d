/* Terms that optimisers share. */
#ifndef ATH_OPTIM_OPTIM_TERMS_H
#define ATH_OPTIM_OPTIM_TERMS_H

#include "optim/optimizer.h"

/* grad + weight_decay * params: weight decay as part of the gradient (L2). */
ath_value ath__optim_coupled(ath_graph *graph, const struct ath__optim_settings *settings,
                             const struct ath__optim_step *step);

/* a * old + b * new, with scalars or constants. */
ath_value ath__optim_mix(ath_graph *graph, ath_value old, ath_value a, ath_value new_value, ath_value b);
ath_value ath__optim_mix_by(ath_graph *graph, ath_value old, double a, ath_value new_value, double b);

/* a - b */
ath_value ath__optim_minus(ath_graph *graph, ath_value a, ath_value b);

/* sqrt(second) * root + eps: the divisor of Adam and its kin; `root` may be ATH_NONE. */
ath_value ath__optim_divisor(ath_graph *graph, ath_value second, ath_value root, double eps);

/* One parameter of a flat array. */
ath_value ath__optim_piece_of(ath_graph *graph, ath_value flat, const struct ath__optim_piece *piece);
/* The Euclidean norm of a value as (1, ..., 1) of its rank. */
ath_value ath__optim_norm(ath_graph *graph, ath_value value);

#endif
