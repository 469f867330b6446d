/* A tensor N,C,H,W as a list of planes: H x W positions of `inner` neighbouring elements, plane after plane.
 *
 *     plain           N*C planes, inner 1            channel blocks   N * blocks planes, inner = the block
 *     channels last   N planes, inner C              image blocks     blocks * C planes, inner = the block
 */
#ifndef ATH_CPU_PLANES_H
#define ATH_CPU_PLANES_H

#include "tensor/layout.h"

#include <stdbool.h>

struct ath__planes {
    int64_t planes, height, width, inner;
};

/* False for other layouts and ranks. */
bool ath__planes_make(struct ath__planes *planes, const struct ath__desc *desc);

#endif
