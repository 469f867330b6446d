/* Broadcast operands in tiles (see expand_tile.h).
 *
 * The output's physical dimensions become loops with the operand's strides, merged where neighbours are one loop. A
 * read makes one innermost row and, where the operand stands still along the next loop, repeats it by doubling.
 */
#include "cpu/expand_tile.h"

#include "tensor/dtype.h"

#include <string.h>

void ath__expansion_make(struct ath__expansion *expansion, const struct ath__desc *in, const struct ath__desc *out) {
    struct ath__physical physical;
    int64_t              in_stride[ATH_MAX_RANK] = {0}, at = 1, padded[ATH_MAX_RANK];
    int                  shift = out->shape.rank - in->shape.rank, loops = 0;
    ath__desc_physical(out, &physical);
    for (int i = in->shape.rank - 1; i >= 0; i--) {
        if (in->shape.dims[i] != 1) in_stride[i + shift] = at;
        at *= in->shape.dims[i];
    }
    for (int i = 0; i < ATH_MAX_RANK; i++) padded[i] = 1;
    for (int i = 0; i < physical.count; i++) padded[physical.dim[i]] *= physical.size[i];
    memset(expansion, 0, sizeof *expansion);
    expansion->dtype = in->dtype;
    for (int i = 0; i < physical.count; i++) {
        int     dim = physical.dim[i];
        int64_t stride = in_stride[dim] * physical.step[i], size = physical.size[i];
        bool    bounded = in_stride[dim] != 0 && padded[dim] != out->shape.dims[dim];
        if (size == 1 && !bounded) continue;
        bool merge =
            loops > 0 && !bounded && expansion->bound[loops - 1] < 0 && expansion->stride[loops - 1] == stride * size;
        if (!merge) {
            expansion->size[loops] = 1;
            loops++;
        }
        expansion->size[loops - 1] *= size;
        expansion->stride[loops - 1] = stride;
        expansion->bound[loops - 1] = bounded ? dim : -1;
        expansion->step[loops - 1] = physical.step[i];
        expansion->limit[dim] = out->shape.dims[dim];
    }
    if (loops == 0) {
        expansion->size[0] = 1;
        expansion->bound[0] = -1;
        loops = 1;
    }
    expansion->loops = loops;
}

/* `n` elements of the innermost loop from index i on, of which the first `valid` exist. */
static void read_row(const struct ath__expansion *expansion, const void *data, int64_t at, int64_t valid, int64_t n,
                     float *row) {
    int64_t stride = expansion->stride[expansion->loops - 1];
    if (valid > n) valid = n;
    if (valid < 0) valid = 0;
    if (expansion->dtype == ATH_F32) {
        const float *x = (const float *)data + at;
        if (stride == 0 && valid > 0) {
            float value = *x;
            for (int64_t i = 0; i < valid; i++) row[i] = value;
        } else if (stride == 1) {
            memcpy(row, x, (size_t)valid * sizeof *row);
        } else {
            for (int64_t i = 0; i < valid; i++) row[i] = x[i * stride];
        }
    } else {
        const uint16_t *x = (const uint16_t *)data + at;
        for (int64_t i = 0; i < valid; i++) row[i] = ath__bf16_to_f32(x[i * stride]);
    }
    if (valid < n) memset(row + valid, 0, (size_t)(n - valid) * sizeof *row);
}

void ath__expansion_read(const struct ath__expansion *expansion, const void *data, int64_t at, int64_t n, float *tile) {
    int last = expansion->loops - 1;
    while (n > 0) {
        int64_t index[ATH_MAX_PHYSICAL] = {0}, position[ATH_MAX_RANK] = {0}, rest = at, offset = 0;
        bool    exists = true;
        for (int i = last; i >= 0; i--) {
            index[i] = rest % expansion->size[i];
            rest /= expansion->size[i];
            offset += index[i] * expansion->stride[i];
            if (expansion->bound[i] >= 0) position[expansion->bound[i]] += index[i] * expansion->step[i];
        }
        for (int i = 0; i <= last; i++)
            if (expansion->bound[i] >= 0)
                exists &= position[expansion->bound[i]] < expansion->limit[expansion->bound[i]];
        int64_t row = expansion->size[last] - index[last], valid = row, run;
        if (row > n) row = n;
        if (expansion->bound[last] >= 0) {
            int     dim = expansion->bound[last];
            int64_t left = expansion->limit[dim] - position[dim];
            valid = (left + expansion->step[last] - 1) / expansion->step[last];
        }
        read_row(expansion, data, exists ? offset : 0, exists ? valid : 0, row, tile);
        run = row;
        if (index[last] == 0 && row == expansion->size[last] && last > 0 && expansion->stride[last - 1] == 0 &&
            expansion->bound[last - 1] < 0) {
            run = (expansion->size[last - 1] - index[last - 1]) * row;
            if (run > n) run = n;
            for (int64_t made = row; made < run;) {
                int64_t more = run - made < made ? run - made : made;
                memcpy(tile + made, tile, (size_t)more * sizeof *tile);
                made += more;
            }
        }
        tile += run;
        at += run;
        n -= run;
    }
}
