/* Antialiased bilinear resizing of 8-bit planes, bit for bit as Pillow's Image.resize(size, BILINEAR) does it.
 *
 * Images for training are mostly resized by Pillow elsewhere; a model that is to agree with figures measured there has
 * to see the same pixels. With r = in / out, s = max(r, 1), output i of an axis is
 *
 *     centre = (i + 1/2) r,    w_j = max(0, 1 - |(j + 1/2 - centre) / s|),    out_i = sum_j w_j in_j / sum_j w_j
 *
 * over the j within s of the centre: the triangle widens when shrinking, which is what makes it antialiased. The
 * weights are rounded to 22 fractional bits (8 bits hold the pixel, 2 are spare in 32), and each of the two passes
 * rounds its result to 8 bits. A pass that changes no size is left out.
 *
 * Which pass comes first matters to the last bit. Columns do when the height shrinks by more than twice what the width
 * shrinks by, else rows: so Pillow 13 behaves (found by experiment: 600 random sizes, those on the edge of the rule
 * included); releases that always take rows first differ from it by a grey level here and there for such sizes.
 */
#include "data/resize.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { WEIGHT_BITS = 32 - 8 - 2, MOST_SIDE = 65535, STRIP = 32 };

static ath_status axis_open(struct ath__resize_axis *axis, int in, int out, ath_error *err) {
    double  ratio = (double)in / (double)out;
    double  support = ratio > 1.0 ? ratio : 1.0;
    double *raw = NULL;
    *axis = (struct ath__resize_axis){.in = in, .out = out, .taps = (int)ceil(support) * 2 + 1};
    axis->first = ATH_NEW_ARRAY(int32_t, out);
    axis->count = ATH_NEW_ARRAY(int32_t, out);
    axis->weights = ath__alloc_array((size_t)out * (size_t)axis->taps, sizeof(int32_t));
    raw = ATH_NEW_ARRAY(double, axis->taps);
    if (!axis->first || !axis->count || !axis->weights || !raw) {
        ath__free(raw);
        return ath__fail_memory(err, "resize");
    }
    for (int i = 0; i < out; i++) {
        double centre = (i + 0.5) * ratio;
        double step = 1.0 / support; /* a product with it, not a quotient: the last bit of the weights depends on it */
        double sum = 0.0;
        int    first = (int)(centre - support + 0.5);
        int    end = (int)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (end > in) end = in;
        for (int j = first; j < end; j++) {
            double distance = fabs((j - centre + 0.5) * step);
            raw[j - first] = distance < 1.0 ? 1.0 - distance : 0.0;
            sum += raw[j - first];
        }
        axis->first[i] = first;
        axis->count[i] = end - first;
        int32_t *weights = axis->weights + (size_t)i * (size_t)axis->taps;
        for (int j = 0; j < end - first; j++) {
            if (sum != 0.0) raw[j] /= sum;
            weights[j] = (int32_t)(0.5 + raw[j] * (1 << WEIGHT_BITS));
        }
    }
    ath__free(raw);
    return ATH_OK;
}

static void axis_close(struct ath__resize_axis *axis) {
    ath__free(axis->first);
    ath__free(axis->count);
    ath__free(axis->weights);
    *axis = (struct ath__resize_axis){0};
}

ath_status ath__resize_open(struct ath__resize *resize, int in_height, int in_width, int out_height, int out_width,
                            ath_error *err) {
    const int sides[] = {in_height, in_width, out_height, out_width};
    *resize = (struct ath__resize){0};
    for (int i = 0; i < 4; i++) {
        if (sides[i] < 1 || sides[i] > MOST_SIDE) {
            return ath__fail(err, ATH_USAGE, "resize", "a side of %d pixels is not possible: 1 to %d are", sides[i],
                             MOST_SIDE);
        }
    }
    ath_status status = axis_open(&resize->x, in_width, out_width, err);
    if (status == ATH_OK) status = axis_open(&resize->y, in_height, out_height, err);
    if (status != ATH_OK) ath__resize_close(resize);
    return status;
}

void ath__resize_close(struct ath__resize *resize) {
    axis_close(&resize->x);
    axis_close(&resize->y);
}

static bool columns_first(const struct ath__resize *resize) {
    int shrinks_x = resize->x.in - resize->x.out, shrinks_y = resize->y.in - resize->y.out;
    return shrinks_y > 0 && shrinks_y > 2 * shrinks_x;
}

/* The image between the passes. */
size_t ath__resize_scratch(const struct ath__resize *resize) {
    bool first = columns_first(resize);
    return (size_t)(first ? resize->y.out : resize->y.in) * (size_t)(first ? resize->x.in : resize->x.out);
}

static unsigned char round_pixel(int32_t sum) {
    int32_t value = sum >> WEIGHT_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void pass_rows(const struct ath__resize_axis *axis, int rows, const unsigned char *src, unsigned char *dst) {
    for (int y = 0; y < rows; y++) {
        const unsigned char *in = src + (size_t)y * (size_t)axis->in;
        unsigned char       *out = dst + (size_t)y * (size_t)axis->out;
        const int32_t       *weights = axis->weights;
        for (int x = 0; x < axis->out; x++, weights += axis->taps) {
            const unsigned char *from = in + axis->first[x];
            int32_t              sum = 1 << (WEIGHT_BITS - 1);
            for (int j = 0; j < axis->count[x]; j++) sum += from[j] * weights[j];
            out[x] = round_pixel(sum);
        }
    }
}

/* One row of the output, from x on: `count` columns. Called with a constant count, so that compilers unroll it. */
static inline void sum_columns(const unsigned char *src, int width, const int32_t *weights, int taps, int count,
                               unsigned char *dst) {
    int32_t sums[STRIP];
    for (int x = 0; x < count; x++) sums[x] = 1 << (WEIGHT_BITS - 1);
    for (int j = 0; j < taps; j++, src += width) {
        int32_t weight = weights[j];
        for (int x = 0; x < count; x++) sums[x] += src[x] * weight;
    }
    for (int x = 0; x < count; x++) dst[x] = round_pixel(sums[x]);
}

static void pass_columns(const struct ath__resize_axis *axis, int width, const unsigned char *src, unsigned char *dst) {
    const int32_t *weights = axis->weights;
    for (int y = 0; y < axis->out; y++, weights += axis->taps, dst += width) {
        const unsigned char *from = src + (size_t)axis->first[y] * (size_t)width;
        int                  x = 0;
        for (; x + STRIP <= width; x += STRIP) sum_columns(from + x, width, weights, axis->count[y], STRIP, dst + x);
        if (x < width) sum_columns(from + x, width, weights, axis->count[y], width - x, dst + x);
    }
}

void ath__resize_apply(const struct ath__resize *resize, const unsigned char *src, unsigned char *dst, void *scratch) {
    const struct ath__resize_axis *x = &resize->x, *y = &resize->y;
    unsigned char                 *middle = scratch;
    if (x->in == x->out && y->in == y->out) {
        memcpy(dst, src, (size_t)x->in * (size_t)y->in);
    } else if (y->in == y->out) {
        pass_rows(x, y->in, src, dst);
    } else if (x->in == x->out) {
        pass_columns(y, x->out, src, dst);
    } else if (columns_first(resize)) {
        pass_columns(y, x->in, src, middle);
        pass_rows(x, y->out, middle, dst);
    } else {
        pass_rows(x, y->in, src, middle);
        pass_columns(y, x->out, middle, dst);
    }
}
