/* The implementation search: walks the rows of an operator, best first; each refuses with a reason or takes the problem. */
#ifndef ATH_DEVICE_CHOOSE_H
#define ATH_DEVICE_CHOOSE_H

#include "base/str.h"
#include "contract/impl.h"

/* What a device offers: its rows in order of preference and how it likes activations to lie. */
struct ath__device {
    const char                    *name; /* "cpu" */
    const struct ath__impl *const *impls; /* best first within each operator; ends with NULL */
    /* Preferred layout of a rank-4 activation for a net whose widest convolution has `channels` channels. */
    struct ath__layout (*prefer)(int64_t widest_channels, int64_t batch, ath_dtype dtype);
    bool bf16; /* computes in bfloat16 natively */
};

const struct ath__device *ath__device_cpu(void);

/* First row that accepts. `wish` holds the preferred layouts on entry and the chosen ones on return. `refusals` (may be
 * NULL) collects "name: reason; " of the rows before. `only` (may be NULL) restricts the search to the row of that name.
 * Returns NULL only if `only` refused. */
const struct ath__impl *ath__impl_choose(const struct ath__device *device, struct ath__layout_wish *wish,
                                         ath__ref_fn ref, const char *only, struct ath__str *refusals);

#endif
