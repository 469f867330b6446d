/* Memory planning: lifetimes to offsets in one arena. */
#ifndef ATH_GRAPH_PLAN_MEMORY_H
#define ATH_GRAPH_PLAN_MEMORY_H

#include "athanor/status.h"

#include <stddef.h>

/* One buffer of the arena, alive from call `first` to call `last` (inclusive). */
struct ath__lifetime {
    size_t bytes; /* on input  */
    int    first, last;
    size_t offset; /* on output: multiple of 64 */
};

/* Places the buffers so that no two that are alive at the same call overlap: largest first, each at the lowest offset
 * that fits. `total` receives the arena's size. */
ath_status ath__plan_place(struct ath__lifetime *buffers, int count, size_t *total, ath_error *err);

#endif
