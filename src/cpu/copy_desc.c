/* Copies between layouts (see copy.h).
 *
 * Both layouts cut each logical dimension into digits: index = ... + j2 * s2 + j1 * s1 + j0, with steps that divide
 * each other. The union of both sets of steps gives digits in which both memories move by constant strides. A dimension
 * that the largest step does not divide is cut into boxes that are exact (first the whole multiples of the largest
 * step, then of the next in what remains ...), and every combination of boxes is one strided copy.
 */
#include "cpu/copy.h"

#include <string.h>

enum { MAX_DIGITS = 2 * ATH_LAYOUT_MAX_BLOCKS + 1 };

/* One dimension: digits from step 1 upwards. */
struct digits {
    int     count;
    int64_t step[MAX_DIGITS], src[MAX_DIGITS], dst[MAX_DIGITS];
};

void ath__physical_strides(const struct ath__physical *physical, int64_t *stride) {
    int64_t at = 1;
    for (int i = physical->count - 1; i >= 0; i--) {
        stride[i] = at;
        at *= physical->size[i];
    }
}

/* The stride in memory of a logical step: that of the physical dimension with the largest step that is not larger. */
static int64_t stride_of_step(const struct ath__physical *physical, const int64_t *stride, int dim, int64_t step) {
    int64_t best = 0, result = 0;
    for (int i = 0; i < physical->count; i++)
        if (physical->dim[i] == dim && physical->step[i] <= step && physical->step[i] > best) {
            best = physical->step[i];
            result = stride[i] * (step / best);
        }
    return result;
}

static void add_steps(struct digits *digits, const struct ath__physical *physical, int dim) {
    for (int i = 0; i < physical->count; i++) {
        if (physical->dim[i] != dim) continue;
        bool known = false;
        for (int j = 0; j < digits->count; j++) known |= digits->step[j] == physical->step[i];
        if (!known) digits->step[digits->count++] = physical->step[i];
    }
}

static bool make_digits(struct digits *digits, const struct ath__physical *src, const struct ath__physical *dst,
                        int dim) {
    int64_t src_stride[ATH_MAX_PHYSICAL], dst_stride[ATH_MAX_PHYSICAL];
    ath__physical_strides(src, src_stride);
    ath__physical_strides(dst, dst_stride);
    digits->count = 0;
    add_steps(digits, src, dim);
    add_steps(digits, dst, dim);
    for (int i = 1; i < digits->count; i++)
        for (int j = i; j > 0 && digits->step[j - 1] > digits->step[j]; j--) {
            int64_t step = digits->step[j];
            digits->step[j] = digits->step[j - 1];
            digits->step[j - 1] = step;
        }
    for (int i = 0; i < digits->count; i++) {
        if (i > 0 && digits->step[i] % digits->step[i - 1] != 0) return false;
        digits->src[i] = stride_of_step(src, src_stride, dim, digits->step[i]);
        digits->dst[i] = stride_of_step(dst, dst_stride, dim, digits->step[i]);
    }
    return true;
}

struct boxes {
    int            rank;
    const int64_t *size;
    struct digits  digits[ATH_MAX_RANK];
    size_t         src_bytes, dst_bytes;
};

/* Dimension `dim` onwards: each of its boxes, combined with all boxes of the dimensions after it. */
static void run_boxes(const struct boxes *boxes, int dim, const struct ath__copy *copy, const char *src, char *dst) {
    if (dim >= boxes->rank || dim >= ATH_MAX_RANK) {
        ath__copy_run(copy, src, dst);
        return;
    }
    const struct digits *digits = &boxes->digits[dim];
    int64_t              rest = boxes->size[dim], src_at = 0, dst_at = 0;
    for (int top = digits->count - 1; top >= 0 && rest > 0; top--) {
        int64_t whole = rest / digits->step[top];
        rest %= digits->step[top];
        if (whole == 0) continue;
        struct ath__copy inner = *copy;
        ath__copy_loop(&inner, whole, digits->src[top], digits->dst[top]);
        for (int i = top - 1; i >= 0; i--)
            ath__copy_loop(&inner, digits->step[i + 1] / digits->step[i], digits->src[i], digits->dst[i]);
        run_boxes(boxes, dim + 1, &inner, src + src_at * (int64_t)boxes->src_bytes,
                  dst + dst_at * (int64_t)boxes->dst_bytes);
        src_at += whole * digits->src[top];
        dst_at += whole * digits->dst[top];
    }
}

bool ath__copy_desc_possible(const struct ath__desc *src_desc, const struct ath__desc *dst_desc) {
    struct ath__physical src, dst;
    struct digits        digits;
    ath__desc_physical(src_desc, &src);
    ath__desc_physical(dst_desc, &dst);
    for (int i = 0; i < src_desc->shape.rank; i++)
        if (!make_digits(&digits, &src, &dst, i)) return false;
    return true;
}

void ath__copy_desc(const struct ath__desc *src_desc, const void *src, const struct ath__desc *dst_desc, void *dst) {
    if (ath__layout_equal(&src_desc->layout, &dst_desc->layout, src_desc->shape.rank)) {
        /* Any order will do, and the padding comes along. */
        struct ath__copy flat;
        ath__copy_start(&flat, src_desc->dtype, dst_desc->dtype);
        ath__copy_loop(&flat, ath__desc_padded_count(src_desc), 1, 1);
        ath__copy_run(&flat, src, dst);
        return;
    }
    struct ath__box box = {{0}, {0}, {0}};
    for (int i = 0; i < src_desc->shape.rank; i++) box.size[i] = src_desc->shape.dims[i];
    ath__zero_padding(dst_desc, dst);
    ath__copy_box(&box, src_desc, src, dst_desc, dst);
}

void ath__copy_box(const struct ath__box *box, const struct ath__desc *src_desc, const void *src,
                   const struct ath__desc *dst_desc, void *dst) {
    struct ath__physical from, to;
    struct boxes         boxes = {.rank = src_desc->shape.rank,
                                  .size = box->size,
                                  .src_bytes = ath_dtype_size(src_desc->dtype),
                                  .dst_bytes = ath_dtype_size(dst_desc->dtype)};
    ath__desc_physical(src_desc, &from);
    ath__desc_physical(dst_desc, &to);
    for (int i = 0; i < boxes.rank; i++) make_digits(&boxes.digits[i], &from, &to, i);
    int64_t          src_at = ath__desc_offset(src_desc, box->src_begin);
    int64_t          dst_at = ath__desc_offset(dst_desc, box->dst_begin);
    struct ath__copy copy;
    ath__copy_start(&copy, src_desc->dtype, dst_desc->dtype);
    run_boxes(&boxes, 0, &copy, (const char *)src + src_at * (int64_t)boxes.src_bytes,
              (char *)dst + dst_at * (int64_t)boxes.dst_bytes);
}

/* Elements of one whole block of a dimension: 1 where it has none. */
static int64_t whole_block(const struct ath__layout *layout, int dim) {
    int64_t block = 1;
    for (int i = 0; i < layout->blocks; i++)
        if (layout->block_dim[i] == dim) block *= layout->block_size[i];
    return block;
}

bool ath__copy_box_possible(const struct ath__box *box, const struct ath__desc *src_desc,
                            const struct ath__desc *dst_desc) {
    for (int i = 0; i < src_desc->shape.rank; i++)
        if (box->src_begin[i] % whole_block(&src_desc->layout, i) != 0 ||
            box->dst_begin[i] % whole_block(&dst_desc->layout, i) != 0)
            return false;
    return ath__copy_desc_possible(src_desc, dst_desc);
}

bool ath__desc_is_padded(const struct ath__desc *desc) {
    return ath__desc_padded_count(desc) != ath_shape_count(&desc->shape);
}

/* Zeros the part of one dimension that lies beyond its size, for all positions of the others. */
static void zero_dim(const struct ath__desc *desc, int dim, char *data) {
    struct ath__physical physical;
    int64_t              stride[ATH_MAX_PHYSICAL];
    ath__desc_physical(desc, &physical);
    ath__physical_strides(&physical, stride);
    size_t  bytes = ath_dtype_size(desc->dtype);
    int64_t padded = 1;
    for (int i = 0; i < physical.count; i++)
        if (physical.dim[i] == dim) padded *= physical.size[i];
    static const uint64_t nothing = 0;
    for (int64_t index = desc->shape.dims[dim]; index < padded; index++) {
        struct ath__copy copy;
        int64_t          at = 0;
        ath__copy_start(&copy, desc->dtype, desc->dtype);
        for (int i = 0; i < physical.count; i++) {
            if (physical.dim[i] != dim) {
                ath__copy_loop(&copy, physical.size[i], 0, stride[i]);
            } else {
                at += index / physical.step[i] % physical.size[i] * stride[i];
            }
        }
        ath__copy_run(&copy, &nothing, data + at * (int64_t)bytes);
    }
}

void ath__zero_padding(const struct ath__desc *desc, void *data) {
    if (!ath__desc_is_padded(desc)) return;
    for (int dim = 0; dim < desc->shape.rank; dim++) zero_dim(desc, dim, data);
}
