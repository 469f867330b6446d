/* Antialiased resizing of 8-bit planes, bit for bit as Pillow's Image.resize(size, filter, box) does it.
 *
 * Images for training are mostly resized by Pillow elsewhere; a model that is to agree with figures measured there has
 * to see the same pixels. With r = in / out, s = max(r, 1), a the region's edge and f the filter, output i of an axis is
 *
 *     centre = a + (i + 1/2) r,    w_j = f((j + 1/2 - centre) / s),    out_i = sum_j w_j in_j / sum_j w_j
 *
 *     bilinear  1 - |x| for |x| < 1                  box  1 for -1/2 < x <= 1/2
 *     bicubic   Keys' with a = -1/2:  (a+2)|x|^3 - (a+3)|x|^2 + 1 for |x| < 1,  a (|x|^3 - 5|x|^2 + 8|x| - 4) for |x| < 2
 *     nearest   the pixel that the centre lies in
 *
 * over the j within s times the filter's support of the centre: the filter widens when shrinking, which is what makes it
 * antialiased. The weights are rounded to 22 fractional bits, and each of the two passes rounds its result to 8 bits
 * (cpu/simd/pixels.h). A pass that changes nothing is left out.
 *
 * Which pass comes first matters to the last bit. Columns do when the height shrinks by more than twice what the width
 * shrinks by, else rows: so Pillow 13 behaves (found by experiment: 600 random sizes, those on the edge of the rule
 * included); releases that always take rows first differ from it by a grey level here and there for such sizes.
 */
#include "data/resize.h"

#include "base/error.h"
#include "base/mem.h"
#include "cpu/simd/pixels.h"

#include <math.h>
#include <string.h>

enum { MOST_SIDE = 65535, ONE = 1 << ATH_RESAMPLE_BITS };

/* ---- filters ----------------------------------------------------------------------------------------------------- */

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static const struct {
    double (*weight)(double x);
    double support;
} filters[] = {
    [ATH_FILTER_BILINEAR] = {bilinear, 1.0},
    [ATH_FILTER_BICUBIC] = {bicubic, 2.0},
    [ATH_FILTER_BOX] = {box, 0.5},
};

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* The part from..to of `in` pixels becomes `out` pixels, of which `out_count` from `out_first` are wanted. */
struct stretch {
    int   in, out, out_first, out_count;
    float from, to;
};

/* Weights of output i in `raw`; the first input and the number of them. */
static void weigh(const struct stretch *stretch, enum ath__filter filter, int i, double *raw, int *first, int *count) {
    double ratio = (double)(stretch->to - stretch->from) / (double)stretch->out;
    double scale = ratio > 1.0 ? ratio : 1.0, support = filters[filter].support * scale;
    double centre = (double)stretch->from + (i + 0.5) * ratio;
    double step = 1.0 / scale; /* a product with it, not a quotient: the last bit of the weights depends on it */
    double sum = 0.0;
    int    low = (int)(centre - support + 0.5), high = (int)(centre + support + 0.5);
    if (low < 0) low = 0;
    if (high > stretch->in) high = stretch->in;
    for (int j = low; j < high; j++) {
        raw[j - low] = filters[filter].weight((j - centre + 0.5) * step);
        sum += raw[j - low];
    }
    for (int j = 0; j < high - low; j++)
        if (sum != 0.0) raw[j] /= sum;
    *first = low;
    *count = high - low;
}

/* Rounds the weights and leaves out zeros at the ends. */
static void set_weights(struct ath__resize_axis *axis, int i, const double *raw, int first, int count) {
    int32_t *weights = axis->weights + (size_t)i * (size_t)axis->taps;
    int      used = 0, begin = 0;
    for (int j = 0; j < count; j++) {
        int32_t weight = (int32_t)(raw[j] < 0 ? raw[j] * ONE - 0.5 : raw[j] * ONE + 0.5);
        if (used == 0 && weight == 0) {
            begin++;
            continue;
        }
        weights[used++] = weight;
    }
    while (used > 0 && weights[used - 1] == 0) used--;
    axis->first[i] = used > 0 ? first + begin : first;
    axis->count[i] = used;
}

/* The pixel at a position that is summed up step by step, as Pillow does it. */
static void weigh_nearest(struct ath__resize_axis *axis, const struct stretch *stretch) {
    double step = (double)(stretch->to - stretch->from) / (double)stretch->out;
    double at = (double)stretch->from + step * 0.5;
    for (int i = 0; i < stretch->out_first + stretch->out_count; i++, at += step) {
        int k = i - stretch->out_first;
        if (k < 0) continue;
        axis->first[k] = at < stretch->in ? (int)at : stretch->in - 1;
        axis->count[k] = 1;
        axis->weights[k] = ONE;
    }
}

/* Makes `first` relative to the first input that is looked at. */
static void find_span(struct ath__resize_axis *axis) {
    int high = 0;
    axis->low = axis->first[0];
    for (int i = 0; i < axis->out; i++) {
        if (axis->first[i] < axis->low) axis->low = axis->first[i];
        if (axis->first[i] + axis->count[i] > high) high = axis->first[i] + axis->count[i];
    }
    axis->span = high > axis->low ? high - axis->low : 1;
    axis->copies = true;
    for (int i = 0; i < axis->out; i++) {
        axis->first[i] -= axis->low;
        bool copied =
            axis->first[i] == i && axis->count[i] == 1 && axis->weights[(size_t)i * (size_t)axis->taps] == ONE;
        axis->copies = axis->copies && copied;
    }
}

static ath_status axis_open(struct ath__resize_axis *axis, const struct stretch *stretch, enum ath__filter filter,
                            ath_error *err) {
    bool   nearest = filter == ATH_FILTER_NEAREST;
    double ratio = (double)(stretch->to - stretch->from) / (double)stretch->out;
    double support = nearest ? 0.0 : filters[filter].support * (ratio > 1.0 ? ratio : 1.0);
    int    count = stretch->out_count;
    *axis = (struct ath__resize_axis){.in = stretch->in, .out = count, .taps = (int)ceil(support) * 2 + 1};
    axis->first = ATH_NEW_ARRAY(int32_t, count);
    axis->count = ATH_NEW_ARRAY(int32_t, count);
    axis->weights = ath__alloc_array((size_t)count * (size_t)axis->taps, sizeof(int32_t));
    double *raw = ATH_NEW_ARRAY(double, axis->taps);
    if (!axis->first || !axis->count || !axis->weights || !raw) {
        ath__free(raw);
        return ath__fail_memory(err, "resize");
    }
    if (nearest) weigh_nearest(axis, stretch);
    for (int i = 0; i < count && !nearest; i++) {
        int first, inputs;
        weigh(stretch, filter, stretch->out_first + i, raw, &first, &inputs);
        set_weights(axis, i, raw, first, inputs);
    }
    ath__free(raw);
    find_span(axis);
    return ATH_OK;
}

static void axis_close(struct ath__resize_axis *axis) {
    ath__free(axis->first);
    ath__free(axis->count);
    ath__free(axis->weights);
    *axis = (struct ath__resize_axis){0};
}

/* ---- plan -------------------------------------------------------------------------------------------------------- */

static bool inside(float from, float to, int size) {
    return from >= 0.0f && from < to && to <= (float)size;
}

ath_status ath__resize_plan(struct ath__resize *resize, const struct ath__resize_task *task, ath_error *err) {
    const int          sides[] = {task->in_height, task->in_width, task->out_height, task->out_width};
    struct ath__region all = {.right = (float)task->in_width, .bottom = (float)task->in_height};
    struct ath__part   whole = {.height = task->out_height, .width = task->out_width};
    *resize = (struct ath__resize){0};
    for (int i = 0; i < 4; i++) {
        if (sides[i] < 1 || sides[i] > MOST_SIDE) {
            return ath__fail(err, ATH_USAGE, "resize", "a side of %d pixels is not possible: 1 to %d are", sides[i],
                             MOST_SIDE);
        }
    }
    const struct ath__region *region = task->region ? task->region : &all;
    const struct ath__part   *window = task->window ? task->window : &whole;
    if (!inside(region->left, region->right, task->in_width) || !inside(region->top, region->bottom, task->in_height))
        return ath__fail(err, ATH_USAGE, "resize", "the part that is to be resized does not lie inside the image");
    if (window->top < 0 || window->left < 0 || window->height < 1 || window->width < 1 ||
        window->height > task->out_height - window->top || window->width > task->out_width - window->left)
        return ath__fail(err, ATH_USAGE, "resize", "the part that is wanted does not lie inside the result");
    int shrinks_x = task->in_width - task->out_width, shrinks_y = task->in_height - task->out_height;
    resize->columns_first = shrinks_y > 0 && shrinks_y > 2 * shrinks_x;
    struct stretch x = {task->in_width, task->out_width, window->left, window->width, region->left, region->right};
    struct stretch y = {task->in_height, task->out_height, window->top, window->height, region->top, region->bottom};
    ath_status     status = axis_open(&resize->x, &x, task->filter, err);
    if (status == ATH_OK) status = axis_open(&resize->y, &y, task->filter, err);
    if (status != ATH_OK) ath__resize_close(resize);
    return status;
}

ath_status ath__resize_open(struct ath__resize *resize, int in_height, int in_width, int out_height, int out_width,
                            ath_error *err) {
    struct ath__resize_task task = {
        .in_height = in_height, .in_width = in_width, .out_height = out_height, .out_width = out_width};
    return ath__resize_plan(resize, &task, err);
}

void ath__resize_close(struct ath__resize *resize) {
    axis_close(&resize->x);
    axis_close(&resize->y);
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

/* The image between the passes, and what the horizontal pass needs. */
static size_t middle_bytes(const struct ath__resize *resize) {
    return resize->columns_first ? (size_t)resize->y.out * (size_t)resize->x.span
                                 : (size_t)resize->y.span * (size_t)resize->x.out;
}

size_t ath__resize_scratch(const struct ath__resize *resize) {
    return middle_bytes(resize) + ath__resample_scratch(resize->x.span, resize->x.out);
}

/* Rows of the axis' inputs, from its first one. */
static void pass_rows(const struct ath__resize_axis *axis, const unsigned char *src, size_t stride, int rows,
                      unsigned char *dst, unsigned char *scratch) {
    struct ath__resample_axis sums = {axis->out, axis->taps, axis->first, axis->count, axis->weights};
    size_t                    width = (size_t)axis->out;
    if (axis->copies)
        for (int y = 0; y < rows; y++) memcpy(dst + (size_t)y * width, src + (size_t)y * stride, width);
    else
        ath__pixel_kernels()->row_sums(&sums, src, (ptrdiff_t)stride, rows, axis->span, dst, axis->out, scratch);
}

static void pass_columns(const struct ath__resize_axis *axis, const unsigned char *src, size_t stride, int width,
                         unsigned char *dst) {
    const struct ath__pixel_kernels *kernels = ath__pixel_kernels();
    const int32_t                   *weights = axis->weights;
    for (int y = 0; y < axis->out; y++, weights += axis->taps, dst += width) {
        const unsigned char *from = src + (size_t)axis->first[y] * stride;
        if (axis->count[y] == 1 && *weights == ONE)
            memcpy(dst, from, (size_t)width);
        else
            kernels->column_sums(from, (ptrdiff_t)stride, weights, axis->count[y], width, dst);
    }
}

void ath__resize_rows(const struct ath__resize *resize, const unsigned char *src, size_t stride, unsigned char *dst,
                      void *scratch) {
    const struct ath__resize_axis *x = &resize->x, *y = &resize->y;
    unsigned char                 *middle = scratch, *turning = middle + middle_bytes(resize);
    src += (size_t)y->low * stride + (size_t)x->low;
    if (y->copies) {
        pass_rows(x, src, stride, y->out, dst, turning);
    } else if (x->copies) {
        pass_columns(y, src, stride, x->out, dst);
    } else if (resize->columns_first) {
        pass_columns(y, src, stride, x->span, middle);
        pass_rows(x, middle, (size_t)x->span, y->out, dst, turning);
    } else {
        pass_rows(x, src, stride, y->span, middle, turning);
        pass_columns(y, middle, (size_t)x->out, x->out, dst);
    }
}

void ath__resize_apply(const struct ath__resize *resize, const unsigned char *src, unsigned char *dst, void *scratch) {
    ath__resize_rows(resize, src, (size_t)resize->x.in, dst, scratch);
}
