/* Strided copies with conversion: the one engine under reorder, cast, slice, pad, concat, permute and expand.
 *
 * A copy is a set of loops; loop i moves `size` times by src_stride and dst_stride elements. The order of the loops
 * does not matter: the engine sorts, merges and tiles them, and splits them over the threads.
 */
#ifndef ATH_CPU_COPY_H
#define ATH_CPU_COPY_H

#include "tensor/layout.h"

enum { ATH_COPY_MAX = 2 * ATH_MAX_PHYSICAL };

struct ath__copy {
    int       loops;
    ath_dtype src_dtype, dst_dtype;
    int64_t   size[ATH_COPY_MAX], src_stride[ATH_COPY_MAX], dst_stride[ATH_COPY_MAX];
};

void ath__copy_start(struct ath__copy *copy, ath_dtype src_dtype, ath_dtype dst_dtype);
void ath__copy_loop(struct ath__copy *copy, int64_t size, int64_t src_stride, int64_t dst_stride);
/* src and dst point at the first element of each. The memories must not overlap. */
void ath__copy_run(const struct ath__copy *copy, const void *src, void *dst);

/* dst = src: equal shapes, any layouts, any types; dst's padding becomes zero. */
void ath__copy_desc(const struct ath__desc *src_desc, const void *src, const struct ath__desc *dst_desc, void *dst);
/* False where ath__copy_desc cannot split the dimensions of the two layouts into common parts (blocks 8 and 12). */
bool ath__copy_desc_possible(const struct ath__desc *src_desc, const struct ath__desc *dst_desc);

/* The box of `size` elements at src_begin to the place dst_begin; nothing else of dst is written. Where a dimension has
 * blocks, a box begins at a whole block. */
struct ath__box {
    int64_t src_begin[ATH_MAX_RANK], dst_begin[ATH_MAX_RANK], size[ATH_MAX_RANK];
};
void ath__copy_box(const struct ath__box *box, const struct ath__desc *src_desc, const void *src,
                   const struct ath__desc *dst_desc, void *dst);
bool ath__copy_box_possible(const struct ath__box *box, const struct ath__desc *src_desc,
                            const struct ath__desc *dst_desc);

/* Writes zeros to the elements that only pad (none in a layout whose blocks divide the shape). */
void ath__zero_padding(const struct ath__desc *desc, void *data);
/* True if the layout has padding. */
bool ath__desc_is_padded(const struct ath__desc *desc);

/* All `bytes` bytes, over the threads. */
void ath__copy_bytes(void *dst, const void *src, size_t bytes);
void ath__zero_bytes(void *dst, size_t bytes);

/* Row-major strides of the memory of a physical view, in elements. */
void ath__physical_strides(const struct ath__physical *physical, int64_t *stride);

#endif
