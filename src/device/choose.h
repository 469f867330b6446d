/* The implementation search: walks the rows of an operator, best first; each refuses with a reason or takes the
 * problem. */
#ifndef ATH_DEVICE_CHOOSE_H
#define ATH_DEVICE_CHOOSE_H

#include "base/str.h"
#include "contract/device.h"

/* First row that accepts. `wish` holds the preferred layouts on entry and the chosen ones on return. `refusals` (may be
 * NULL) collects "name: reason; " of the rows before. `only` (may be NULL) restricts the search to the row of that
 * name. Returns NULL only if `only` refused. */
const struct ath__impl *ath__impl_choose(const struct ath__device *device, struct ath__layout_wish *wish,
                                         ath__ref_fn ref, const char *only, struct ath__str *refusals);

/* Asks one row: lets it choose layouts, then whether it accepts. NULL = it does and `wish` holds its layouts; else its
 * reason, and `wish` is as it was. The row must be one of the operator's. */
const char *ath__impl_ask(const struct ath__impl *impl, struct ath__layout_wish *wish, ath__ref_fn ref);

/* True if the row serves the operator of that name. */
bool ath__impl_serves(const struct ath__impl *impl, const char *op);

#endif
