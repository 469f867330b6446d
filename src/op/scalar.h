/* The element-wise functions on one number, in double precision: the one definition that act, act_grad, unary, binary,
 * chain and the fused activations of the other references share. Not-a-numbers pass through every function.
 */
#ifndef ATH_OP_SCALAR_H
#define ATH_OP_SCALAR_H

#include <stdint.h>

/* kind: ath_act. gelu is x * Phi(x) with the normal distribution Phi (the erf form); hard_sigmoid is relu6(x + 3) / 6;
 * hard_swish is x * relu6(x + 3) / 6. */
double ath__scalar_act(int64_t kind, double x);
/* The derivative. `ref` is the output y for kinds whose derivative comes from y, else the input x (ATH_ACT_MAP). At a
 * kink: 0 for relu, relu6 and hard_sigmoid; the outer side's for hard_swish. */
double ath__scalar_act_slope(int64_t kind, double ref);
/* kind: ath_unary; a, b are read by SCALE. */
double ath__scalar_unary(int64_t kind, double x, double a, double b);
/* kind: ath_binary. */
double ath__scalar_binary(int64_t kind, double a, double b);

#endif
