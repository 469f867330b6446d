/* A walk over an index space in row-major order that keeps the offsets of several strided operands up to date. The
 * references of element-wise, shape and reduction operators are loops over it.
 */
#ifndef ATH_OP_WALK_H
#define ATH_OP_WALK_H

#include "athanor/ops.h"
#include "athanor/tensor.h"

#include <stdbool.h>

enum { ATH_WALK_MAX = ATH_CHAIN_MAX_INPUTS + ATH_CHAIN_MAX_OUTPUTS };

struct ath__walk {
    int     rank, operands;
    int64_t dims[ATH_MAX_RANK], index[ATH_MAX_RANK];
    int64_t stride[ATH_WALK_MAX][ATH_MAX_RANK];
    int64_t offset[ATH_WALK_MAX];
};

/* Begins at index 0. An empty space (a dimension of 0) has no first element: the caller does not walk it. */
void ath__walk_start(struct ath__walk *walk, const ath_shape *over);
/* Adds an operand that broadcasts to the space (dimensions aligned at the right). Returns its number. */
int ath__walk_broadcast(struct ath__walk *walk, const ath_shape *operand);
/* Adds an operand with given strides and start, in elements. */
int ath__walk_strided(struct ath__walk *walk, const int64_t *stride, int64_t start);
/* Goes to the next element; false after the last. */
bool ath__walk_next(struct ath__walk *walk);

/* Row-major strides of a shape, in elements. */
void ath__shape_strides(const ath_shape *shape, int64_t *stride);

#endif
