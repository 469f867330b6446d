/* Brightness and colour of 8-bit images.
 *
 * The semantics, roundings included, are those of torchvision.transforms.functional on uint8 tensors: arithmetic in
 * float32 in the order written here, results cut to 0..255 and rounded towards 0. With the blend
 *
 *     blend(a, b, f) = f a + (1 - f) b
 *     L = 0.2989 R + 0.587 G + 0.114 B   (rounded towards 0 to 8 bits)
 *
 *     brightness  blend(x, 0, f)              contrast   blend(x, mean of L, f)
 *     saturation  blend(x, L, f)              sharpness  blend(x, blur(x), f), blur = (sum of the 3x3 + 4 x) / 13,
 *                                                        rounded to nearest, borders as they are
 *     hue         H + shift modulo 1 in HSV   grey       x = L
 *     posterize   the upper bits              solarize   255 - x where x >= threshold          invert  255 - x
 *     autocontrast  (x - min) 255 / (max - min) per channel
 *     equalize    per channel, by the cumulative histogram: (sum_{v < x} h(v) + step/2) / step,
 *                 step = (pixels less those of the largest value) / 255, all in whole numbers
 */
#include "data/augment/pixel_ops.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static size_t plane_of(const struct ath__pixels *pixels) {
    return (size_t)pixels->height * (size_t)pixels->width;
}

static unsigned char to_byte(float value) {
    return (unsigned char)(value < 0.0f ? 0.0f : value > 255.0f ? 255.0f : value);
}

static unsigned char blend(unsigned char a, float b, float factor, float rest) {
    return to_byte(factor * (float)a + rest * b);
}

static void map(unsigned char *data, size_t count, const unsigned char table[256]) {
    for (size_t i = 0; i < count; i++) data[i] = table[data[i]];
}

static unsigned char luma(unsigned char red, unsigned char green, unsigned char blue) {
    return (unsigned char)(0.2989f * (float)red + 0.587f * (float)green + 0.114f * (float)blue);
}

/* ---- blends ------------------------------------------------------------------------------------------------------ */

static void blend_all(const struct ath__pixels *pixels, float other, double factor) {
    unsigned char table[256];
    float         f = (float)factor, rest = (float)(1.0 - factor);
    for (int v = 0; v < 256; v++) table[v] = blend((unsigned char)v, other, f, rest);
    map(pixels->data, plane_of(pixels) * (size_t)pixels->channels, table);
}

void ath__pixels_brightness(const struct ath__pixels *pixels, double factor) {
    blend_all(pixels, 0.0f, factor);
}

void ath__pixels_contrast(const struct ath__pixels *pixels, double factor) {
    size_t               plane = plane_of(pixels), count = plane;
    const unsigned char *p = pixels->data;
    uint64_t             sum = 0;
    if (pixels->channels == 3) {
        for (size_t i = 0; i < plane; i++) sum += luma(p[i], p[i + plane], p[i + 2 * plane]);
    } else {
        count = plane * (size_t)pixels->channels;
        for (size_t i = 0; i < count; i++) sum += p[i];
    }
    blend_all(pixels, (float)sum / (float)count, factor);
}

void ath__pixels_saturation(const struct ath__pixels *pixels, double factor) {
    size_t         plane = plane_of(pixels);
    unsigned char *p = pixels->data;
    float          f = (float)factor, rest = (float)(1.0 - factor);
    if (pixels->channels != 3) return;
    for (size_t i = 0; i < plane; i++) {
        float grey = (float)luma(p[i], p[i + plane], p[i + 2 * plane]);
        for (size_t c = 0; c < 3; c++) p[i + c * plane] = blend(p[i + c * plane], grey, f, rest);
    }
}

void ath__pixels_grey(const struct ath__pixels *pixels) {
    size_t         plane = plane_of(pixels);
    unsigned char *p = pixels->data;
    if (pixels->channels != 3) return;
    for (size_t i = 0; i < plane; i++) p[i] = luma(p[i], p[i + plane], p[i + 2 * plane]);
    memcpy(p + plane, p, plane);
    memcpy(p + 2 * plane, p, plane);
}

/* (sum of the nine + 4 times the middle) / 13 to the nearest; the sum is whole, so no two are equally near. */
static void blur(const unsigned char *src, int height, int width, unsigned char *dst) {
    memcpy(dst, src, (size_t)height * (size_t)width);
    for (int y = 1; y + 1 < height; y++) {
        const unsigned char *above = src + (size_t)(y - 1) * (size_t)width, *row = above + width, *below = row + width;
        unsigned char       *out = dst + (size_t)y * (size_t)width;
        for (int x = 1; x + 1 < width; x++) {
            int sum = above[x - 1] + above[x] + above[x + 1] + row[x - 1] + 5 * row[x] + row[x + 1] + below[x - 1] +
                      below[x] + below[x + 1];
            out[x] = (unsigned char)((2 * sum + 13) / 26);
        }
    }
}

void ath__pixels_sharpness(const struct ath__pixels *pixels, double factor, unsigned char *blurred) {
    size_t plane = plane_of(pixels);
    float  f = (float)factor, rest = (float)(1.0 - factor);
    if (pixels->height <= 2 || pixels->width <= 2) return;
    for (int c = 0; c < pixels->channels; c++) {
        unsigned char *p = pixels->data + (size_t)c * plane;
        blur(p, pixels->height, pixels->width, blurred);
        for (size_t i = 0; i < plane; i++) p[i] = blend(p[i], (float)blurred[i], f, rest);
    }
}

/* ---- hue --------------------------------------------------------------------------------------------------------- */

struct hsv {
    float hue, saturation, value; /* all 0 to 1 */
};

static struct hsv to_hsv(float r, float g, float b) {
    float      most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);
    float      range = most - least, divisor = range == 0.0f ? 1.0f : range;
    float      rc = (most - r) / divisor, gc = (most - g) / divisor, bc = (most - b) / divisor;
    float      sixths = most == r ? bc - gc : most == g ? 2.0f + rc - bc : 4.0f + gc - rc;
    struct hsv hsv = {fmodf(sixths / 6.0f + 1.0f, 1.0f), range == 0.0f ? 0.0f : range / most, most};
    return hsv;
}

static float cut(float value) {
    return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
}

/* 0 to 1 in 256 steps of the same width. */
static unsigned char unit_to_byte(float value) {
    return (unsigned char)(value * 255.999f);
}

static void from_hsv(const struct hsv *hsv, unsigned char *r, unsigned char *g, unsigned char *b) {
    float         h = hsv->hue * 6.0f, s = hsv->saturation, v = hsv->value;
    float         sector = floorf(h), f = h - sector;
    unsigned char full = unit_to_byte(v), low = unit_to_byte(cut(v * (1.0f - s)));
    unsigned char falls = unit_to_byte(cut(v * (1.0f - s * f))), rises = unit_to_byte(cut(v * (1.0f - s * (1.0f - f))));
    const unsigned char  colors[6][3] = {{full, rises, low}, {falls, full, low}, {low, full, rises},
                                         {low, falls, full}, {rises, low, full}, {full, low, falls}};
    const unsigned char *color = colors[(int)sector % 6];
    *r = color[0];
    *g = color[1];
    *b = color[2];
}

void ath__pixels_hue(const struct ath__pixels *pixels, double shift) {
    size_t         plane = plane_of(pixels);
    unsigned char *p = pixels->data;
    if (pixels->channels != 3) return;
    for (size_t i = 0; i < plane; i++) {
        unsigned char *r = p + i, *g = r + plane, *b = g + plane;
        struct hsv     hsv = to_hsv((float)*r / 255.0f, (float)*g / 255.0f, (float)*b / 255.0f);
        float          hue = fmodf(hsv.hue + (float)shift, 1.0f);
        hsv.hue = hue < 0.0f ? hue + 1.0f : hue;
        from_hsv(&hsv, r, g, b);
    }
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

void ath__pixels_posterize(const struct ath__pixels *pixels, int bits) {
    size_t   count = plane_of(pixels) * (size_t)pixels->channels;
    unsigned mask = 0xFFu << (8 - bits);
    for (size_t i = 0; i < count; i++) pixels->data[i] = (unsigned char)(pixels->data[i] & mask);
}

void ath__pixels_solarize(const struct ath__pixels *pixels, double threshold) {
    unsigned char table[256];
    for (int v = 0; v < 256; v++) table[v] = (unsigned char)(v >= threshold ? 255 - v : v);
    map(pixels->data, plane_of(pixels) * (size_t)pixels->channels, table);
}

void ath__pixels_invert(const struct ath__pixels *pixels) {
    ath__pixels_solarize(pixels, 0.0);
}

void ath__pixels_autocontrast(const struct ath__pixels *pixels) {
    size_t plane = plane_of(pixels);
    for (int c = 0; c < pixels->channels; c++) {
        unsigned char *p = pixels->data + (size_t)c * plane, table[256], least = 255, most = 0;
        for (size_t i = 0; i < plane; i++) {
            if (p[i] < least) least = p[i];
            if (p[i] > most) most = p[i];
        }
        if (least == most) continue;
        float scale = 255.0f / (float)(most - least);
        for (int v = 0; v < 256; v++) table[v] = to_byte((float)(v - least) * scale);
        map(p, plane, table);
    }
}

void ath__pixels_equalize(const struct ath__pixels *pixels) {
    size_t plane = plane_of(pixels);
    for (int c = 0; c < pixels->channels; c++) {
        unsigned char *p = pixels->data + (size_t)c * plane, table[256];
        size_t         counts[256] = {0}, below = 0;
        int            most = 255;
        for (size_t i = 0; i < plane; i++) counts[p[i]]++;
        while (most > 0 && counts[most] == 0) most--;
        size_t step = (plane - counts[most]) / 255;
        if (step == 0) continue;
        for (int v = 0; v < 256; below += counts[v++]) {
            size_t level = (below + step / 2) / step;
            table[v] = (unsigned char)(level > 255 ? 255 : level);
        }
        map(p, plane, table);
    }
}
