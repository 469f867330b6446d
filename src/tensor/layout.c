/* Layouts: constructors, comparison, sizes and offsets.
 *
 * The memory of a tensor is a row-major array over physical dimensions: the outer dimensions in their order, then the
 * inner blocks. A logical index i of a dimension that carries blocks b1, b2 (outermost first) splits as
 *
 *     i = outer * (b1 * b2) + j1 * b2 + j2,    0 <= j1 < b1, 0 <= j2 < b2
 *
 * so every physical dimension moves by a fixed step in its logical one. All other functions follow from this list.
 */
#include "tensor/layout.h"

#include <stdio.h>
#include <string.h>

struct ath__layout ath__layout_plain(void) {
    struct ath__layout layout;
    memset(&layout, 0, sizeof layout);
    for (int i = 0; i < ATH_MAX_RANK; i++) layout.order[i] = (int8_t)i;
    return layout;
}

struct ath__layout ath__layout_channels_last(int rank) {
    struct ath__layout layout = ath__layout_plain();
    if (rank < 3) return layout;
    for (int i = 1; i + 1 < rank; i++) layout.order[i] = (int8_t)(i + 1);
    layout.order[rank - 1] = 1;
    return layout;
}

static struct ath__layout blocked_on(int dim, int block) {
    struct ath__layout layout = ath__layout_plain();
    layout.blocks = 1;
    layout.block_dim[0] = (int8_t)dim;
    layout.block_size[0] = (int8_t)block;
    return layout;
}

struct ath__layout ath__layout_channel_blocks(int block) {
    return blocked_on(1, block);
}
struct ath__layout ath__layout_batch_blocks(int block) {
    return blocked_on(0, block);
}

bool ath__layout_equal(const struct ath__layout *a, const struct ath__layout *b, int rank) {
    if (a->blocks != b->blocks) return false;
    for (int i = 0; i < rank; i++)
        if (a->order[i] != b->order[i]) return false;
    for (int i = 0; i < a->blocks; i++)
        if (a->block_dim[i] != b->block_dim[i] || a->block_size[i] != b->block_size[i]) return false;
    return true;
}

static bool is_natural_order(const struct ath__layout *layout, int rank) {
    for (int i = 0; i < rank; i++)
        if (layout->order[i] != i) return false;
    return true;
}

bool ath__layout_is_plain(const struct ath__layout *layout, int rank) {
    return layout->blocks == 0 && is_natural_order(layout, rank);
}

int ath__layout_single_block(const struct ath__layout *layout, int rank, int dim) {
    if (layout->blocks != 1 || layout->block_dim[0] != dim || !is_natural_order(layout, rank)) return 0;
    return layout->block_size[0];
}

struct ath__desc ath__desc_plain(ath_dtype dtype, const ath_shape *shape) {
    struct ath__desc desc;
    memset(&desc, 0, sizeof desc);
    desc.dtype = dtype;
    desc.shape = *shape;
    desc.layout = ath__layout_plain();
    desc.present = true;
    return desc;
}

void ath__desc_physical(const struct ath__desc *desc, struct ath__physical *physical) {
    const struct ath__layout *layout = &desc->layout;
    int64_t                   step[ATH_MAX_RANK]; /* of the physical dimension just outside those already placed */
    for (int i = 0; i < ATH_MAX_RANK; i++) step[i] = 1;

    int rank = desc->shape.rank;
    physical->count = rank + layout->blocks;
    for (int i = layout->blocks - 1; i >= 0; i--) {
        int dim = layout->block_dim[i], at = rank + i;
        physical->size[at] = layout->block_size[i];
        physical->dim[at] = dim;
        physical->step[at] = step[dim];
        step[dim] *= layout->block_size[i];
    }
    for (int i = rank - 1; i >= 0; i--) {
        int     dim = layout->order[i];
        int64_t size = desc->shape.dims[dim];
        physical->size[i] = size / step[dim] + (size % step[dim] != 0);
        physical->dim[i] = dim;
        physical->step[i] = step[dim];
    }
}

int64_t ath__desc_padded_count(const struct ath__desc *desc) {
    struct ath__physical physical;
    ath__desc_physical(desc, &physical);
    int64_t count = 1;
    bool    overflow = false;
    for (int i = 0; i < physical.count; i++) {
        if (physical.size[i] == 0) return 0;
        if (__builtin_mul_overflow(count, physical.size[i], &count)) overflow = true;
    }
    return overflow ? INT64_MAX : count;
}

size_t ath__desc_bytes(const struct ath__desc *desc) {
    int64_t count = ath__desc_padded_count(desc);
    size_t  bytes;
    if (count == INT64_MAX || __builtin_mul_overflow((size_t)count, ath_dtype_size(desc->dtype), &bytes))
        return SIZE_MAX;
    return bytes;
}

/* Drops physical dimensions of size 1, which do not move anything. */
static void compact(struct ath__physical *physical) {
    int kept = 0;
    for (int i = 0; i < physical->count; i++) {
        if (physical->size[i] == 1) continue;
        physical->size[kept] = physical->size[i];
        physical->dim[kept] = physical->dim[i];
        physical->step[kept] = physical->step[i];
        kept++;
    }
    physical->count = kept;
}

bool ath__layout_same_memory(const ath_shape *shape, const struct ath__layout *a, const struct ath__layout *b) {
    struct ath__desc     desc_a = {.shape = *shape, .layout = *a}, desc_b = {.shape = *shape, .layout = *b};
    struct ath__physical one, two;
    ath__desc_physical(&desc_a, &one);
    ath__desc_physical(&desc_b, &two);
    compact(&one);
    compact(&two);
    if (one.count != two.count) return false;
    for (int i = 0; i < one.count; i++)
        if (one.size[i] != two.size[i] || one.dim[i] != two.dim[i] || one.step[i] != two.step[i]) return false;
    return true;
}

int64_t ath__desc_offset(const struct ath__desc *desc, const int64_t *index) {
    struct ath__physical physical;
    ath__desc_physical(desc, &physical);
    int64_t offset = 0;
    for (int i = 0; i < physical.count; i++) {
        int64_t at = index[physical.dim[i]] / physical.step[i];
        /* An inner block counts modulo its own size; an outer dimension never wraps. */
        if (i >= desc->shape.rank) at %= physical.size[i];
        offset = offset * physical.size[i] + at;
    }
    return offset;
}

void ath__layout_text(const struct ath__layout *layout, int rank, char *text, size_t capacity) {
    const char *names = rank == 4 ? "nchw" : "abcdef";
    char        full[ATH_MAX_RANK + ATH_LAYOUT_MAX_BLOCKS * 5 + 1];
    size_t      used = 0;
    for (int i = 0; i < rank; i++) {
        int  dim = layout->order[i];
        bool blocked = false;
        for (int b = 0; b < layout->blocks; b++) blocked |= layout->block_dim[b] == dim;
        full[used++] = (char)(blocked ? names[dim] - 'a' + 'A' : names[dim]);
    }
    full[used] = '\0';
    for (int b = 0; b < layout->blocks; b++) {
        int wrote =
            snprintf(full + used, sizeof full - used, "%d%c", layout->block_size[b], names[layout->block_dim[b]]);
        if (wrote > 0) used += (size_t)wrote;
    }
    if (capacity > 0) snprintf(text, capacity, "%s", full);
}
