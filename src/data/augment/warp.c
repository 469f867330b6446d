/* Affine maps: output pixels are fetched from where the inverse map puts them.
 *
 * With the origin in the middle of the image, the centre c, the move t, r = rotation, (a, b) = shears, s = scale:
 *
 *     out = M (in - c) + c + t,      M = s R(r) Shear
 *     M = s [ cos(r - b) / cos(b)   -cos(r - b) tan(a) / cos(b) - sin(r) ]
 *           [ sin(r - b) / cos(b)   -sin(r - b) tan(a) / cos(b) + cos(r) ]
 *
 * whose determinant is s^2. Nearest takes the pixel whose centre is nearest (of two equally near ones the even index),
 * bilinear the weighted mean of four, rounded to nearest. These are torchvision.transforms.functional.affine's
 * semantics on tensors, computed in double.
 */
#include "data/augment/warp.h"

#include <math.h>

/* x_in = m[0] x + m[1] y + m[2], y_in = m[3] x + m[4] y + m[5], in pixel indices. */
static void invert_map(const struct ath__sample *sample, const struct ath__warp *warp, double m[6]) {
    const double degree = 3.14159265358979323846 / 180.0;
    double       r = warp->angle * degree, sx = warp->shear_x * degree, sy = warp->shear_y * degree;
    double       a = cos(r - sy) / cos(sy), b = -cos(r - sy) * tan(sx) / cos(sy) - sin(r);
    double       c = sin(r - sy) / cos(sy), d = -sin(r - sy) * tan(sx) / cos(sy) + cos(r);
    double       middle_x = 0.5 * (sample->width - 1), middle_y = 0.5 * (sample->height - 1);
    double       from_x = middle_x + warp->centre_x + warp->move_x, from_y = middle_y + warp->centre_y + warp->move_y;
    m[0] = d / warp->scale;
    m[1] = -b / warp->scale;
    m[3] = -c / warp->scale;
    m[4] = a / warp->scale;
    m[2] = middle_x + warp->centre_x - m[0] * from_x - m[1] * from_y;
    m[5] = middle_y + warp->centre_y - m[3] * from_x - m[4] * from_y;
}

static double pixel_at(const unsigned char *plane, int height, int width, int y, int x, int fill) {
    bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? plane[(size_t)y * (size_t)width + (size_t)x] : fill;
}

struct target {
    const unsigned char *src;
    unsigned char       *dst;
    int                  channels, height, width, fill;
};

static void fetch_nearest(const struct target *t, size_t at, double x, double y) {
    size_t plane = (size_t)t->height * (size_t)t->width;
    int    column = (int)nearbyint(x), row = (int)nearbyint(y);
    for (int c = 0; c < t->channels; c++)
        t->dst[(size_t)c * plane + at] =
            (unsigned char)pixel_at(t->src + (size_t)c * plane, t->height, t->width, row, column, t->fill);
}

static void fetch_bilinear(const struct target *t, size_t at, double x, double y) {
    size_t plane = (size_t)t->height * (size_t)t->width;
    double left = floor(x), top = floor(y), right_share = x - left, low_share = y - top;
    int    column = (int)left, row = (int)top;
    for (int c = 0; c < t->channels; c++) {
        const unsigned char *src = t->src + (size_t)c * plane;
        double               upper = (1.0 - right_share) * pixel_at(src, t->height, t->width, row, column, t->fill) +
                       right_share * pixel_at(src, t->height, t->width, row, column + 1, t->fill);
        double lower = (1.0 - right_share) * pixel_at(src, t->height, t->width, row + 1, column, t->fill) +
                       right_share * pixel_at(src, t->height, t->width, row + 1, column + 1, t->fill);
        t->dst[(size_t)c * plane + at] = (unsigned char)nearbyint((1.0 - low_share) * upper + low_share * lower);
    }
}

/* Indices this far outside are as good as any further ones, and fit an int. */
static double near_image(double index, int size) {
    return index < -2.0 ? -2.0 : index > size + 1.0 ? size + 1.0 : index;
}

void ath__sample_warp(struct ath__sample *sample, const struct ath__warp *warp, enum ath__interpolation interpolation,
                      int fill) {
    double        m[6];
    struct target t = {.channels = sample->channels, .height = sample->height, .width = sample->width, .fill = fill};
    t.src = ath__sample_read(sample, &t.dst);
    invert_map(sample, warp, m);
    size_t at = 0;
    for (int y = 0; y < t.height; y++) {
        for (int x = 0; x < t.width; x++, at++) {
            double from_x = near_image(m[0] * x + m[1] * y + m[2], t.width);
            double from_y = near_image(m[3] * x + m[4] * y + m[5], t.height);
            if (interpolation == ATH_NEAREST)
                fetch_nearest(&t, at, from_x, from_y);
            else
                fetch_bilinear(&t, at, from_x, from_y);
        }
    }
    ath__sample_take(sample, t.dst);
}
