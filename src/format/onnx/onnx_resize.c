/* Resampling.
 *
 *     Resize, Upsample
 *
 * Whatever its mode, a resize mixes the places of one dimension linearly, one dimension after the other: y = M x with a
 * matrix made here. Where the matrices of the last two dimensions are those of Athanor's own resize (nearest: floor(i *
 * in / out); bilinear: half-pixel centres), its operator is used; else the products themselves.
 */
#include "format/onnx/onnx_import.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MOST_TAPS = 4096, MOST_SIDE = 1 << 16 };

struct resize {
    int         rank;
    int64_t     in[ATH_ONNX_MAX_RANK], out[ATH_ONNX_MAX_RANK];
    double      scale[ATH_ONNX_MAX_RANK], roi[2 * ATH_ONNX_MAX_RANK];
    const char *mode, *coordinates, *nearest;
    bool        antialias, exclude_outside;
    double      cubic, extrapolation;
};

/* ---- one dimension ---------------------------------------------------------------------------------------------------- */

/* Where output place i reads in the input. */
static double source(const struct resize *r, int d, int64_t i) {
    double in = (double)r->in[d], width = r->scale[d] * in, x = (double)i;
    if (strcmp(r->coordinates, "align_corners") == 0) return width == 1.0 ? 0.0 : x * (in - 1.0) / (width - 1.0);
    if (strcmp(r->coordinates, "asymmetric") == 0) return x / r->scale[d];
    if (strcmp(r->coordinates, "tf_crop_and_resize") == 0) {
        double begin = r->roi[d], end = r->roi[d + r->rank];
        double at = width == 1.0 ? (end - begin) * (in - 1.0) / 2.0 : x * (end - begin) * (in - 1.0) / (width - 1.0);
        return at + begin * (in - 1.0);
    }
    if (strcmp(r->coordinates, "pytorch_half_pixel") == 0 && width == 1.0) return -0.5;
    if (strcmp(r->coordinates, "tf_half_pixel_for_nn") == 0) return (x + 0.5) / r->scale[d];
    double half = (x + 0.5) / r->scale[d] - 0.5;
    if (strcmp(r->coordinates, "half_pixel_symmetric") == 0) return in / 2.0 * (1.0 - (double)r->out[d] / width) + half;
    return half;
}

static double cubic_weight(double a, double t) {
    t = fabs(t);
    if (t <= 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
    if (t < 2.0) return ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a;
    return 0.0;
}

/* Which of the two neighbours the nearest is; ratio in (0, 1] is the distance from the left one. "simple" is what opset 10
 * meant: the left one, but the right one where the image becomes smaller. */
static double nearest_right(const char *how, double ratio, double scale) {
    if (ratio == 1.0) return 1.0;
    if (strcmp(how, "simple") == 0) return scale < 1.0;
    if (strcmp(how, "round_prefer_floor") == 0) return ratio > 0.5;
    if (strcmp(how, "round_prefer_ceil") == 0) return ratio >= 0.5;
    return strcmp(how, "ceil") == 0;
}

/* Adds the weights of one output place to its row of the matrix. The left neighbour is the largest place below `at`, so
 * that the distance to it lies in (0, 1]. Places outside repeat the border. */
static void fill_row(const struct resize *r, int d, double at, double *row) {
    double  shrink = r->antialias && r->scale[d] < 1.0 ? r->scale[d] : 1.0, reach, sum = 0.0, weight[MOST_TAPS];
    int64_t left = (int64_t)ceil(at) - 1, first;
    double  ratio = at - (double)left;
    reach = (strcmp(r->mode, "cubic") == 0 ? 2.0 : 1.0) / shrink;
    first = strcmp(r->mode, "nearest") == 0 ? 0 : (int64_t)floor(-reach) + 1;
    int count = (int)(2 - 2 * first);
    if (count > MOST_TAPS) count = MOST_TAPS;
    for (int k = 0; k < count; k++) {
        double  offset = ((double)(first + k) - ratio) * shrink;
        int64_t place = left + first + k;
        if (strcmp(r->mode, "nearest") == 0)
            weight[k] = k == 1 ? nearest_right(r->nearest, ratio, r->scale[d])
                               : 1.0 - nearest_right(r->nearest, ratio, r->scale[d]);
        else if (strcmp(r->mode, "cubic") == 0)
            weight[k] = cubic_weight(r->cubic, offset);
        else
            weight[k] = fabs(offset) < 1.0 ? 1.0 - fabs(offset) : 0.0;
        if (r->exclude_outside && (place < 0 || place >= r->in[d])) weight[k] = 0.0;
        sum += weight[k];
    }
    for (int k = 0; k < count; k++) {
        int64_t place = left + first + k;
        place = place < 0 ? 0 : place >= r->in[d] ? r->in[d] - 1 : place;
        row[place] += sum != 0.0 && (r->antialias || r->exclude_outside) ? weight[k] / sum : weight[k];
    }
}

/* The matrix (out, in) of dimension d, to be freed; inside[i] tells which output places read inside the image. */
static double *matrix_of(const struct resize *r, int d, bool *inside) {
    double *m = ATH_NEW_ARRAY(double, r->out[d] * r->in[d]);
    for (int64_t i = 0; m && i < r->out[d]; i++) {
        double at = source(r, d, i);
        bool   crop = strcmp(r->coordinates, "tf_crop_and_resize") == 0;
        inside[i] = !crop || (at >= 0.0 && at <= (double)r->in[d] - 1.0);
        if (inside[i] && isfinite(at) && fabs(at) < 1e9) fill_row(r, d, at, m + i * r->in[d]);
    }
    return m;
}

/* ---- Athanor's own ----------------------------------------------------------------------------------------------------- */

static bool is_own(const double *m, int64_t in, int64_t out, ath_resize_mode mode) {
    for (int64_t i = 0; i < out; i++) {
        double  at = mode == ATH_RESIZE_BILINEAR ? ((double)i + 0.5) * (double)in / (double)out - 0.5 : 0.0;
        int64_t low = mode == ATH_RESIZE_BILINEAR ? (int64_t)floor(at > 0.0 ? at : 0.0) : i * in / out;
        int64_t high = low + 1 < in ? low + 1 : in - 1;
        double  f = mode == ATH_RESIZE_BILINEAR && at > 0.0 ? at - floor(at) : 0.0;
        for (int64_t j = 0; j < in; j++) {
            double own = (j == low ? 1.0 - f : 0.0) + (j == high ? f : 0.0);
            if (fabs(m[i * in + j] - own) > 1e-6) return false;
        }
    }
    return true;
}

static bool only_images(const struct resize *r) {
    return r->rank == 4 && r->in[0] == r->out[0] && r->in[1] == r->out[1];
}

/* ---- the operators ------------------------------------------------------------------------------------------------------ */

static void run(struct ath__onnx_node *n, const struct resize *r) {
    double                 *m[ATH_ONNX_MAX_RANK] = {NULL};
    bool                   *inside[ATH_ONNX_MAX_RANK] = {NULL}, all_inside = true, failed = false;
    struct ath__onnx_value *y = n->in[0];
    ath_shape               shape;
    if (!ath__onnx_shape(n, y, &shape)) return;
    for (int d = 0; d < r->rank && !failed; d++) {
        if (r->in[d] < 1 || r->out[d] < 1 || r->in[d] > MOST_SIDE || r->out[d] > MOST_SIDE ||
            r->in[d] * r->out[d] > 1 << 24) {
            ath__onnx_refuse(n, "from %lld places to %lld", (long long)r->in[d], (long long)r->out[d]);
            return;
        }
        if (r->in[d] == r->out[d] && r->scale[d] == 1.0 && strcmp(r->coordinates, "tf_crop_and_resize") != 0) continue;
        inside[d] = ATH_ARENA_ARRAY(&n->im->arena, bool, r->out[d]);
        m[d] = inside[d] ? matrix_of(r, d, inside[d]) : NULL;
        failed = !m[d];
        for (int64_t i = 0; m[d] && i < r->out[d]; i++) all_inside = all_inside && inside[d][i];
    }
    if (failed) ath__onnx_fail(n, ATH_MEMORY, "out of memory");
    bool two = only_images(r) && m[2] && m[3];
    for (int mode = 0; two && !failed && y == n->in[0] && mode < 2; mode++)
        if (is_own(m[2], r->in[2], r->out[2], (ath_resize_mode)mode) &&
            is_own(m[3], r->in[3], r->out[3], (ath_resize_mode)mode))
            y = ath__onnx_computed(
                n, ath_resize(n->graph, ath__onnx_x(n, 0), (ath_resize_mode)mode, r->out[2], r->out[3]), y->type);
    if (y == n->in[0])
        for (int d = 0; d < r->rank && y && !failed; d++)
            if (m[d]) y = ath__onnx_mix(n, y, d, m[d], r->out[d], r->in[d]);
    /* Outside the crop y is 0 after all products, and gets its value once. */
    if (y && !all_inside && r->extrapolation != 0.0 && !failed) {
        shape = ath_shape_make(r->rank, r->out);
        int64_t count = ath_shape_count(&shape), at[ATH_ONNX_MAX_RANK] = {0};
        double *fill = count < 1 << 24 ? ATH_NEW_ARRAY(double, count) : NULL;
        for (int64_t i = 0; fill && i < count; i++) {
            for (int d = 0; d < r->rank; d++)
                if (inside[d] && !inside[d][at[d]]) fill[i] = r->extrapolation;
            for (int d = r->rank - 1; d >= 0 && ++at[d] == r->out[d]; d--) at[d] = 0;
        }
        if (fill)
            y = ath__onnx_computed(n, ath_add(n->graph, ath__onnx_graph(n, y), ath__onnx_constant(n, fill, &shape)),
                                   y->type);
        if (!fill) ath__onnx_refuse(n, "an extrapolation value for so large an image");
        ath__free(fill);
    }
    for (int d = 0; d < r->rank; d++) ath__free(m[d]);
    ath__onnx_set_value(n, 0, y);
}

/* Numbers of a float input; -1 where it is missing or empty. */
static int numbers(struct ath__onnx_node *n, int i, const char *what, double *list, int capacity) {
    if (!ath__onnx_has(n, i) || (n->in[i]->host && n->in[i]->host->count == 0)) return -1;
    const struct ath__onnx_tensor *t = n->in[i]->host;
    if (!t || t->count > capacity) {
        ath__onnx_refuse(n, t ? "too many %s" : "its %s must be constant", what);
        return -1;
    }
    for (int64_t k = 0; k < t->count; k++) list[k] = ath__onnx_get(t, k);
    return (int)t->count;
}

static bool read_head(struct ath__onnx_node *n, struct resize *r) {
    *r = (struct resize){.cubic = ath__onnx_attr_real(n, "cubic_coeff_a", -0.75),
                         .extrapolation = ath__onnx_attr_real(n, "extrapolation_value", 0.0),
                         .antialias = ath__onnx_attr_int(n, "antialias", 0) != 0,
                         .exclude_outside = ath__onnx_attr_int(n, "exclude_outside", 0) != 0};
    bool old = n->opset < 11;
    r->mode = ath__onnx_attr_text(n, "mode", "nearest");
    r->coordinates = ath__onnx_attr_text(n, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    r->nearest = ath__onnx_attr_text(n, "nearest_mode", old ? "simple" : "round_prefer_floor");
    if (!ath__onnx_has(n, 0) || !r->mode || !r->coordinates || !r->nearest) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return false;
    }
    if (strcmp(r->mode, "bilinear") == 0) r->mode = "linear"; /* opset 1 */
    if (strcmp(r->mode, "nearest") != 0 && strcmp(r->mode, "linear") != 0 && strcmp(r->mode, "cubic") != 0) {
        ath__onnx_refuse(n, "mode %.40s", r->mode);
        return false;
    }
    r->rank = ath__onnx_dims(n->im, n->in[0], r->in);
    for (int d = 0; d < r->rank; d++) {
        r->out[d] = r->in[d];
        r->scale[d] = 1.0;
        r->roi[d + r->rank] = 1.0;
    }
    return true;
}

/* Sizes for the dimensions `axes`; a policy lets one scale serve all of them. */
static void apply_sizes(struct ath__onnx_node *n, struct resize *r, const double *sizes, int count, const int *axes) {
    const char *policy = ath__onnx_attr_text(n, "keep_aspect_ratio_policy", "stretch");
    double      one = 0.0;
    bool        keep = policy && strcmp(policy, "stretch") != 0;
    for (int k = 0; k < count; k++) {
        double scale = sizes[k] / (double)r->in[axes[k]];
        if (k == 0 || (policy && strcmp(policy, "not_smaller") == 0 ? scale > one : scale < one)) one = scale;
    }
    for (int k = 0; k < count; k++) {
        int    d = axes[k];
        double size = keep ? floor(one * (double)r->in[d] + 0.5) : sizes[k];
        if (!(size >= 1.0 && size <= MOST_SIDE)) {
            ath__onnx_refuse(n, "a size of %g", size);
            return;
        }
        r->out[d] = (int64_t)size;
        r->scale[d] = keep ? one : size / (double)r->in[d];
    }
}

static void apply_scales(struct ath__onnx_node *n, struct resize *r, const double *scales, int count, const int *axes) {
    for (int k = 0; k < count; k++) {
        double size = floor((double)r->in[axes[k]] * scales[k]);
        if (!(scales[k] > 0.0 && size >= 1.0 && size <= MOST_SIDE)) {
            ath__onnx_refuse(n, "a scale of %g", scales[k]);
            return;
        }
        r->out[axes[k]] = (int64_t)size;
        r->scale[axes[k]] = scales[k];
    }
}

void ath__onnx_resize(struct ath__onnx_node *n) {
    struct resize r;
    double        list[2 * ATH_ONNX_MAX_RANK];
    int64_t       named[ATH_ONNX_MAX_RANK];
    int           axes[ATH_ONNX_MAX_RANK], first = n->opset < 11 ? 1 : 2;
    if (!read_head(n, &r)) return;
    int count = ath__onnx_attr_ints(n, "axes", named, ATH_ONNX_MAX_RANK), all = count < 0 ? r.rank : count;
    for (int k = 0; k < all; k++) {
        axes[k] = k;
        if (count >= 0 && !ath__onnx_axis(n, named[k], r.rank, &axes[k])) return;
    }
    int given = strcmp(r.coordinates, "tf_crop_and_resize") == 0
                    ? numbers(n, 1, "numbers of the region", list, 2 * ATH_ONNX_MAX_RANK)
                    : -1;
    for (int k = 0; given == 2 * all && k < all; k++) {
        r.roi[axes[k]] = list[k];
        r.roi[axes[k] + r.rank] = list[all + k];
    }
    int scales = numbers(n, first, "scales", list, ATH_ONNX_MAX_RANK);
    if (scales == all) {
        apply_scales(n, &r, list, all, axes);
    } else {
        int sizes = first == 2 ? numbers(n, 3, "sizes", list, ATH_ONNX_MAX_RANK) : -1;
        if (sizes != all) {
            ath__onnx_fail(n, ATH_DATA, "it needs one scale or size for each of %d dimensions", all);
            return;
        }
        apply_sizes(n, &r, list, all, axes);
    }
    if (!ath__onnx_failed(n)) run(n, &r);
}

/* Opset 1: height_scale and width_scale; 7: the attribute `scales`; 9: an input. */
void ath__onnx_upsample(struct ath__onnx_node *n) {
    struct resize r;
    double        list[ATH_ONNX_MAX_RANK];
    int           axes[ATH_ONNX_MAX_RANK], count = -1;
    if (!read_head(n, &r)) return;
    r.coordinates = "asymmetric";
    r.nearest = "floor";
    for (int d = 0; d < r.rank; d++) {
        axes[d] = d;
        list[d] = 1.0;
    }
    const Athanor__Onnx__Attribute *scales = ath__onnx_attr(n, "scales");
    if (n->opset >= 9) {
        count = numbers(n, 1, "scales", list, ATH_ONNX_MAX_RANK);
    } else if (scales && scales->n_floats <= ATH_ONNX_MAX_RANK) {
        for (count = 0; count < (int)scales->n_floats; count++) list[count] = (double)scales->floats[count];
    } else if (r.rank == 4) {
        list[2] = ath__onnx_attr_real(n, "height_scale", 1.0);
        list[3] = ath__onnx_attr_real(n, "width_scale", 1.0);
        count = 4;
    }
    if (count != r.rank) {
        ath__onnx_fail(n, ATH_DATA, "it needs one scale for each of %d dimensions", r.rank);
        return;
    }
    apply_scales(n, &r, list, count, axes);
    if (!ath__onnx_failed(n)) run(n, &r);
}
