/* The odometer behind walk.h: the last index runs fastest; on a carry the operand's offset goes back by the extent that
 * it has covered and forward by one step of the next dimension.
 */
#include "op/walk.h"

#include <string.h>

void ath__shape_strides(const ath_shape *shape, int64_t *stride) {
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dims[i];
    }
}

void ath__walk_start(struct ath__walk *walk, const ath_shape *over) {
    memset(walk, 0, sizeof *walk);
    walk->rank = over->rank;
    for (int i = 0; i < over->rank; i++) walk->dims[i] = over->dims[i];
}

int ath__walk_strided(struct ath__walk *walk, const int64_t *stride, int64_t start) {
    int operand = walk->operands++;
    for (int i = 0; i < walk->rank; i++) walk->stride[operand][i] = stride[i];
    walk->offset[operand] = start;
    return operand;
}

int ath__walk_broadcast(struct ath__walk *walk, const ath_shape *operand) {
    int64_t own[ATH_MAX_RANK] = {0}, stride[ATH_MAX_RANK] = {0};
    int     lead = walk->rank - operand->rank;
    ath__shape_strides(operand, own);
    for (int i = 0; i < operand->rank; i++) stride[lead + i] = operand->dims[i] == 1 ? 0 : own[i];
    return ath__walk_strided(walk, stride, 0);
}

bool ath__walk_next(struct ath__walk *walk) {
    for (int i = walk->rank - 1; i >= 0; i--) {
        if (++walk->index[i] < walk->dims[i]) {
            for (int j = 0; j < walk->operands; j++) walk->offset[j] += walk->stride[j][i];
            return true;
        }
        walk->index[i] = 0;
        for (int j = 0; j < walk->operands; j++) walk->offset[j] -= walk->stride[j][i] * (walk->dims[i] - 1);
    }
    return false;
}
