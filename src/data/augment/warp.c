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

struct target {
    const unsigned char *src;
    unsigned char       *dst;
    int                  channels, height, width, fill;
};

/* To the nearest whole number, of two the even one: what does not fit behind the point of such a sum is rounded away.
 * For numbers below 2^51. */
static double to_nearest(double x) {
    return (x + 0x1.8p52) - 0x1.8p52;
}

static double pixel_at(const struct target *t, size_t channel, int y, int x) {
    bool inside = y >= 0 && y < t->height && x >= 0 && x < t->width;
    if (!inside) return t->fill;
    return t->src[(channel * (size_t)t->height + (size_t)y) * (size_t)t->width + (size_t)x];
}

static void fetch_nearest(const struct target *t, size_t at, double x, double y) {
    size_t plane = (size_t)t->height * (size_t)t->width;
    int    column = (int)to_nearest(x), row = (int)to_nearest(y);
    for (size_t c = 0; c < (size_t)t->channels; c++)
        t->dst[c * plane + at] = (unsigned char)pixel_at(t, c, row, column);
}

static unsigned char between(const double corners[4], double right, double low) {
    double upper = (1.0 - right) * corners[0] + right * corners[1];
    double lower = (1.0 - right) * corners[2] + right * corners[3];
    return (unsigned char)to_nearest((1.0 - low) * upper + low * lower);
}

static void fetch_bilinear(const struct target *t, size_t at, double x, double y) {
    size_t plane = (size_t)t->height * (size_t)t->width, width = (size_t)t->width;
    int    column = (int)(x + 4.0) - 4, row = (int)(y + 4.0) - 4; /* floor; near_image keeps them above -4 */
    double right = x - column, low = y - row;
    bool   inside = row >= 0 && row + 1 < t->height && column >= 0 && column + 1 < t->width;
    for (size_t c = 0; c < (size_t)t->channels; c++) {
        if (inside) {
            const unsigned char *p = t->src + c * plane + (size_t)row * width + (size_t)column;
            const double         corners[4] = {p[0], p[1], p[width], p[width + 1]};
            t->dst[c * plane + at] = between(corners, right, low);
        } else {
            const double corners[4] = {pixel_at(t, c, row, column), pixel_at(t, c, row, column + 1),
                                       pixel_at(t, c, row + 1, column), pixel_at(t, c, row + 1, column + 1)};
            t->dst[c * plane + at] = between(corners, right, low);
        }
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
