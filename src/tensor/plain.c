/* Tensors to and from plain row-major doubles.
 *
 * The memory is walked in its own order with an odometer over the physical dimensions, which keeps the logical index of
 * the current element by adding and taking back the step of each physical dimension.
 */
#include "tensor/plain.h"

#include "tensor/dtype.h"

#include <string.h>

struct walk {
    const ath_shape     *shape;
    struct ath__physical physical;
    int64_t              at[ATH_MAX_PHYSICAL]; /* position in each physical dimension */
    int64_t              logical[ATH_MAX_RANK];
    int64_t              stride[ATH_MAX_RANK]; /* of the plain tensor */
};

static void walk_start(struct walk *walk, const struct ath__desc *desc) {
    memset(walk, 0, sizeof *walk);
    walk->shape = &desc->shape;
    ath__desc_physical(desc, &walk->physical);
    int64_t stride = 1;
    for (int i = desc->shape.rank - 1; i >= 0; i--) {
        walk->stride[i] = stride;
        stride *= desc->shape.dims[i];
    }
}

/* Row-major index of the current element, -1 in the padding. */
static int64_t walk_plain(const struct walk *walk) {
    int64_t index = 0;
    for (int i = 0; i < walk->shape->rank; i++) {
        if (walk->logical[i] >= walk->shape->dims[i]) return -1;
        index += walk->logical[i] * walk->stride[i];
    }
    return index;
}

static void walk_next(struct walk *walk) {
    for (int i = walk->physical.count - 1; i >= 0; i--) {
        int dim = walk->physical.dim[i];
        walk->logical[dim] += walk->physical.step[i];
        if (++walk->at[i] < walk->physical.size[i]) return;
        walk->logical[dim] -= walk->physical.size[i] * walk->physical.step[i];
        walk->at[i] = 0;
    }
}

void ath__desc_load(const struct ath__desc *desc, const void *data, double *plain) {
    int64_t count = ath__desc_padded_count(desc);
    if (ath__layout_is_plain(&desc->layout, desc->shape.rank)) {
        ath__convert(plain, ATH_F64, data, desc->dtype, (size_t)count);
        return;
    }
    struct walk walk;
    walk_start(&walk, desc);
    for (int64_t i = 0; i < count; i++, walk_next(&walk)) {
        int64_t index = walk_plain(&walk);
        if (index >= 0) plain[index] = ath__dtype_load(data, desc->dtype, (size_t)i);
    }
}

void ath__desc_store(const struct ath__desc *desc, const double *plain, void *data) {
    int64_t count = ath__desc_padded_count(desc);
    if (ath__layout_is_plain(&desc->layout, desc->shape.rank)) {
        ath__convert(data, desc->dtype, plain, ATH_F64, (size_t)count);
        return;
    }
    struct walk walk;
    walk_start(&walk, desc);
    for (int64_t i = 0; i < count; i++, walk_next(&walk)) {
        int64_t index = walk_plain(&walk);
        ath__dtype_store(data, desc->dtype, (size_t)i, index >= 0 ? plain[index] : 0.0);
    }
}

void ath__desc_visit_padding(const struct ath__desc *desc, void (*visit)(int64_t offset, void *context),
                             void                   *context) {
    int64_t     count = ath__desc_padded_count(desc);
    struct walk walk;
    walk_start(&walk, desc);
    for (int64_t i = 0; i < count; i++, walk_next(&walk))
        if (walk_plain(&walk) < 0) visit(i, context);
}
