/* The pairs of operations of AutoAugment, for the transform and its test. */
#ifndef ATH_DATA_AUGMENT_AUTOAUGMENT_H
#define ATH_DATA_AUGMENT_AUTOAUGMENT_H

#include "data/augment/policy.h"

struct ath__policy_step {
    enum ath__policy_op op;
    double              p;
    int                 bin; /* of 10; without meaning for operations that have no magnitude */
};

enum { ATH_POLICY_PAIRS = 25 };

extern const struct ath__policy_step ath__policy_cifar10[ATH_POLICY_PAIRS][2];

#endif
