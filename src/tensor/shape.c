/* Shapes: count = dims[0] * dims[1] * ..., with every overflow noticed.
 *
 * Role: sizes come from files and from users; a count that does not fit is reported as -1, so that nothing is ever
 * allocated or indexed by a product that wrapped around.
 */
#include "tensor/shape.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

ath_shape ath_shape_make(int rank, const int64_t *dims) {
    ath_shape shape = {0};
    if (rank < 0 || rank > ATH_MAX_RANK) {
        shape.rank = -1; /* counts as -1 elements, which every user of a shape refuses */
        return shape;
    }
    shape.rank = rank;
    if (rank > 0) memcpy(shape.dims, dims, (size_t)rank * sizeof dims[0]);
    return shape;
}

int64_t ath_shape_count(const ath_shape *shape) {
    int64_t count = 1;
    bool    empty = false, overflow = false;
    if (shape->rank < 0 || shape->rank > ATH_MAX_RANK) return -1;
    for (int i = 0; i < shape->rank; i++) {
        int64_t dim = shape->dims[i];
        if (dim < 0) return -1;
        if (dim == 0) {
            empty = true;
        } else if (count > INT64_MAX / dim) {
            overflow = true;
        } else {
            count *= dim;
        }
    }
    if (empty) return 0;
    return overflow ? -1 : count;
}

int ath_shape_equal(const ath_shape *a, const ath_shape *b) {
    if (a->rank != b->rank) return 0;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) return 0;
    }
    return 1;
}

bool ath__shape_bytes(const ath_shape *shape, ath_dtype dtype, size_t *bytes) {
    int64_t count = ath_shape_count(shape);
    size_t  size = ath_dtype_size(dtype);
    if (count < 0 || size == 0 || (uint64_t)count > (uint64_t)PTRDIFF_MAX / size) return false;
    *bytes = (size_t)count * size;
    return true;
}

const char *ath__shape_print(const ath_shape *shape, char *text, size_t capacity) {
    if (capacity == 0) return "";
    snprintf(text, capacity, "%s", shape->rank == 0 ? "scalar" : "");
    size_t used = shape->rank == 0 ? capacity : 0;
    for (int i = 0; i < shape->rank && i < ATH_MAX_RANK && used < capacity; i++) {
        int wrote = snprintf(text + used, capacity - used, "%s%" PRId64, i == 0 ? "" : "x", shape->dims[i]);
        if (wrote < 0) break;
        used += (size_t)wrote;
    }
    return text;
}
