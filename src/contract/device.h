/* What a device offers to the search: its implementations and how it likes activations to lie. */
#ifndef ATH_CONTRACT_DEVICE_H
#define ATH_CONTRACT_DEVICE_H

#include "contract/impl.h"

struct ath__device {
    const char                    *name;  /* "cpu" */
    const struct ath__impl *const *impls; /* best first within each operator; ends with NULL. A row whose `op` is "*"
                                             serves every operator */
    /* Preferred layout of a rank-4 activation for a net whose widest convolution has `channels` channels. */
    struct ath__layout (*prefer)(int64_t widest_channels, int64_t batch, ath_dtype dtype);
    bool bf16; /* computes in bfloat16 natively */
};

const struct ath__device *ath__device_cpu(void);

#endif
