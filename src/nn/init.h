/* Starting values of parameters and states. */
#ifndef ATH_NN_INIT_H
#define ATH_NN_INIT_H

#include "athanor/graph.h"

/* X(NAME, the value of `init=`, what it does) */
#define ATH_INIT_POLICY_MAP(X)                                                                                         \
    X(XAVIER, "xavier", "weights uniform +-sqrt(6 / (fan_in + fan_out)), biases as torch")                             \
    X(KAIMING, "kaiming", "weights normal for ReLU nets (He), biases zero")                                            \
    X(TORCH, "torch", "PyTorch's layer default: weights and biases uniform +-1 / sqrt(fan_in)")

enum ath__init_policy {
#define ATH_INIT_POLICY_ENUM_(name, text, summary) ATH_INIT_POLICY_##name,
    ATH_INIT_POLICY_MAP(ATH_INIT_POLICY_ENUM_)
#undef ATH_INIT_POLICY_ENUM_
};

/* The policy of that name. ATH_USAGE with what is allowed for any other text. */
ath_status ath__init_policy_find(const char *name, enum ath__init_policy *policy, ath_error *err);

/* Fills `dst` (ath_shape_count(shape) floats, row-major) with the starting value of parameter number `index` of its
 * graph. Draws depend on seed, index and place alone, not on threads. ATH_INIT_FROM is the value of a node, which only
 * a run of the graph can give: ATH_UNSUPPORTED. */
ath_status ath__init_fill(enum ath__init_policy policy, const ath_init *init, const ath_shape *shape, uint64_t seed,
                          uint32_t index, float *dst, ath_error *err);

#endif
