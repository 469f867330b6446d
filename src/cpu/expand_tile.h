/* A broadcast operand, written out as a kernel needs it: consecutive elements of the output's memory. */
#ifndef ATH_CPU_EXPAND_TILE_H
#define ATH_CPU_EXPAND_TILE_H

#include "tensor/layout.h"

struct ath__expansion {
    ath_dtype dtype;
    int       loops; /* of the output's memory, slowest first; at least one */
    int64_t   size[ATH_MAX_PHYSICAL];
    int64_t   stride[ATH_MAX_PHYSICAL]; /* of the operand; 0 along which it repeats */
    int       bound[ATH_MAX_PHYSICAL];  /* logical dimension that is padded and along which the operand moves, or -1 */
    int64_t   step[ATH_MAX_PHYSICAL];
    int64_t   limit[ATH_MAX_RANK];
};

/* `in` is plain and broadcasts to `out` (dimensions aligned at the right), which has any layout. */
void ath__expansion_make(struct ath__expansion *expansion, const struct ath__desc *in, const struct ath__desc *out);
/* Elements at .. at+n-1 of the output's memory as float32; padding reads as 0. */
void ath__expansion_read(const struct ath__expansion *expansion, const void *data, int64_t at, int64_t n, float *tile);

#endif
