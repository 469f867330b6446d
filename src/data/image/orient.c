/* Applying EXIF's orientation. With the stored pixel (y, x) of an image of h rows and w columns, it moves to
 *
 *     2  (y, w-1-x)      3  (h-1-y, w-1-x)    4  (h-1-y, x)
 *     5  (x, y)          6  (x, h-1-y)        7  (w-1-x, h-1-y)    8  (w-1-x, y)
 *
 * 5 to 8 are a transposition, which is done in tiles that stay in the first cache, with rows or columns reversed.
 */
#include "data/image/image_kind.h"

#include "base/error.h"
#include "base/mem.h"

enum { TILE = 32 };

static void reverse(unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        unsigned char kept = bytes[i];
        bytes[i] = bytes[count - 1 - i];
        bytes[count - 1 - i] = kept;
    }
}

/* dst (w, h) from src (h, w): dst row x is column x of src, from the last row up where `upwards`. */
static void transpose(const unsigned char *src, size_t h, size_t w, unsigned char *dst, bool upwards, bool leftwards) {
    for (size_t y0 = 0; y0 < h; y0 += TILE) {
        size_t y1 = y0 + TILE < h ? y0 + TILE : h;
        for (size_t x0 = 0; x0 < w; x0 += TILE) {
            size_t x1 = x0 + TILE < w ? x0 + TILE : w;
            for (size_t x = x0; x < x1; x++) {
                unsigned char *to = dst + (leftwards ? w - 1 - x : x) * h;
                for (size_t y = y0; y < y1; y++) to[upwards ? h - 1 - y : y] = src[y * w + x];
            }
        }
    }
}

static ath_status turn(struct ath__image *image, int orientation, ath_error *err) {
    size_t         h = (size_t)image->height, w = (size_t)image->width, channels = (size_t)image->channels;
    unsigned char *turned = ath__alloc(channels * h * w);
    if (!turned) return ath__fail_memory(err, "orientation");
    for (size_t c = 0; c < channels; c++)
        transpose(image->pixels + c * h * w, h, w, turned + c * h * w, orientation == 6 || orientation == 7,
                  orientation == 7 || orientation == 8);
    ath__free(image->pixels);
    *image = (struct ath__image){.channels = image->channels, .height = (int)w, .width = (int)h, .pixels = turned};
    return ATH_OK;
}

static void flip_rows(unsigned char *plane, size_t h, size_t w) {
    for (size_t y = 0; y < h / 2; y++) {
        unsigned char *a = plane + y * w, *b = plane + (h - 1 - y) * w;
        for (size_t x = 0; x < w; x++) {
            unsigned char kept = a[x];
            a[x] = b[x];
            b[x] = kept;
        }
    }
}

ath_status ath__image_orient(struct ath__image *image, int orientation, ath_error *err) {
    if (orientation >= 5 && orientation <= 8) return turn(image, orientation, err);
    size_t h = (size_t)image->height, w = (size_t)image->width;
    for (int c = 0; c < image->channels; c++) {
        unsigned char *plane = image->pixels + (size_t)c * h * w;
        if (orientation == 2)
            for (size_t y = 0; y < h; y++) reverse(plane + y * w, w);
        else if (orientation == 3)
            reverse(plane, h * w);
        else if (orientation == 4)
            flip_rows(plane, h, w);
    }
    return ATH_OK;
}
