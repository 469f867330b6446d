/* From pixels as read to network input: resize, cut the middle out, then normalise by a table of 256 values per channel,
 *
 *     table[c][v] = (v / 255 - mean[c]) / deviation[c]
 *
 * computed in double and rounded once to float. With the shorter side resized to s, the longer one becomes
 * s longer / shorter, and the middle begins at half of what is left over; enum ath__rounding says how both are rounded.
 * The loader, eval and predict all come through here, so that they see the same floats.
 */
#include "data/preprocess.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MOST_CHANNELS = 4, MOST_SIDE = 16384, MOST_RESIZED = 65535 };

ath_status ath__preprocessor_open(struct ath__preprocessor *preprocessor, const struct ath__preprocess *preprocess,
                                  int channels, int height, int width, ath_error *err) {
    memset(preprocessor, 0, sizeof *preprocessor);
    if (channels < 1 || channels > MOST_CHANNELS) {
        return ath__fail(err, ATH_USAGE, "normalize", "images of %d channels cannot be used: 1 to %d can", channels,
                         MOST_CHANNELS);
    }
    for (int c = 0; c < channels; c++) {
        double mean = preprocess->mean[c], deviation = preprocess->deviation[c];
        if (!isfinite(mean) || !isfinite(deviation) || !(deviation > 0.0)) {
            return ath__fail(
                err, ATH_USAGE, "normalize",
                "channel %d cannot be normalised with mean %g and deviation %g: give a deviation above 0, or "
                "normalize=none",
                c, mean, deviation);
        }
        for (int v = 0; v < 256; v++) preprocessor->table[c][v] = (float)((v / 255.0 - mean) / deviation);
        preprocessor->mean_pixel[c] = (unsigned char)(mean < 0.0 ? 0 : mean > 1.0 ? 255 : lround(255.0 * mean));
    }
    preprocessor->settings = *preprocess;
    preprocessor->channels = channels;
    preprocessor->height = preprocess->height > 0 ? preprocess->height : height;
    preprocessor->width = preprocess->width > 0 ? preprocess->width : width;
    if (preprocessor->height < 1 || preprocessor->width < 1)
        return ath__fail(err, ATH_USAGE, "resize",
                         "photos of any size need one to be brought to: give resize=256 crop=224");
    if (preprocessor->height > MOST_SIDE || preprocessor->width > MOST_SIDE)
        return ath__fail(err, ATH_USAGE, "resize",
                         "a network input of %dx%d is not possible: up to %d pixels a side are", preprocessor->height,
                         preprocessor->width, (int)MOST_SIDE);
    return ATH_OK;
}

size_t ath__preprocessor_bytes(const struct ath__preprocessor *preprocessor) {
    return (size_t)preprocessor->channels * (size_t)preprocessor->height * (size_t)preprocessor->width;
}

/* s longer / shorter, as a whole number. */
static int longer_side(const struct ath__preprocessor *p, int64_t s, int longer, int shorter) {
    int64_t product = s * longer, whole = product / shorter, rest = product % shorter;
    if (p->settings.rounding == ATH_ROUND_TORCHVISION) return (int)whole;
    return (int)(whole + (2 * rest > shorter || (2 * rest == shorter && whole % 2 == 1)));
}

/* The size that an image is resized to before the middle is cut out. */
static void resized_size(const struct ath__preprocessor *p, int height, int width, int *to_height, int *to_width) {
    int shorter = p->settings.fit_height;
    *to_height = height;
    *to_width = width;
    switch (p->settings.fit) {
    case ATH_FIT_STRETCH:
        *to_height = p->height;
        *to_width = p->width;
        break;
    case ATH_FIT_SHORTER:
        *to_height = height <= width ? shorter : longer_side(p, shorter, height, width);
        *to_width = height <= width ? longer_side(p, shorter, width, height) : shorter;
        break;
    case ATH_FIT_EXACT:
        *to_height = p->settings.fit_height;
        *to_width = p->settings.fit_width;
        break;
    case ATH_FIT_CROP: break;
    }
}

bool ath__preprocessor_keeps(const struct ath__preprocessor *p, int height, int width) {
    int to_height, to_width;
    resized_size(p, height, width, &to_height, &to_width);
    return height == to_height && width == to_width && height == p->height && width == p->width;
}

int ath__preprocessor_least(const struct ath__preprocessor *p) {
    int needed = p->height > p->width ? p->height : p->width;
    switch (p->settings.fit) {
    case ATH_FIT_STRETCH: break;
    case ATH_FIT_SHORTER: needed = p->settings.fit_height; break;
    case ATH_FIT_EXACT:
        needed = p->settings.fit_height > p->settings.fit_width ? p->settings.fit_height : p->settings.fit_width;
        break;
    case ATH_FIT_CROP: return 0;
    }
    return 2 * needed;
}

/* Half of what is left over. */
static int middle(const struct ath__preprocessor *p, int size, int cut) {
    int over = size - cut, half = over / 2;
    return p->settings.rounding == ATH_ROUND_TORCHVISION && over % 2 == 1 ? half + half % 2 : half;
}

/* The part of an image of that size that becomes the network input. */
static struct ath__part middle_part(const struct ath__preprocessor *p, int height, int width) {
    return (struct ath__part){middle(p, height, p->height), middle(p, width, p->width), p->height, p->width};
}

ath_status ath__preprocessor_fit(const struct ath__preprocessor *p, const struct ath__picture *picture,
                                 struct ath__fitter *fitter, unsigned char *dst, ath_error *err) {
    struct ath__part whole = {0, 0, picture->height, picture->width}, window;
    int              height, width;
    resized_size(p, picture->height, picture->width, &height, &width);
    if (height > MOST_RESIZED || width > MOST_RESIZED)
        return ath__fail(err, ATH_DATA, NULL, "an image of %dx%d pixels is too long and thin to be resized",
                         picture->height, picture->width);
    if (height < p->height || width < p->width)
        return ath__fail(err, ATH_DATA, NULL,
                         "an image of %dx%d pixels is too small for crop=%dx%d: have it resized first (resize=)",
                         picture->height, picture->width, p->height, p->width);
    window = middle_part(p, height, width);
    return ath__fitter_fit(fitter, picture, &whole, height, width, p->settings.filter, &window, dst, err);
}

ath_status ath__preprocessor_plan(const struct ath__preprocessor *p, int height, int width, struct ath__fitter *fitter,
                                  ath_error *err) {
    int to_height, to_width;
    resized_size(p, height, width, &to_height, &to_width);
    if (height == to_height && width == to_width) return ATH_OK;
    if (to_height < p->height || to_width < p->width) return ATH_OK; /* fitting says what is wrong */
    struct ath__part window = middle_part(p, to_height, to_width);
    return ath__fitter_plan(fitter, height, width, to_height, to_width, p->settings.filter, &window, err);
}

ath_status ath__preprocessor_cut(const struct ath__preprocessor *p, const struct ath__picture *picture,
                                 const struct ath__part *box, struct ath__fitter *fitter, unsigned char *dst,
                                 ath_error *err) {
    struct ath__part window = {0, 0, p->height, p->width};
    return ath__fitter_fit(fitter, picture, box, p->height, p->width, p->settings.filter, &window, dst, err);
}

void ath__preprocessor_normalise(const struct ath__preprocessor *preprocessor, const unsigned char *src, float *dst) {
    size_t plane = (size_t)preprocessor->height * (size_t)preprocessor->width;
    for (int c = 0; c < preprocessor->channels; c++, src += plane, dst += plane) {
        const float *table = preprocessor->table[c];
        for (size_t i = 0; i < plane; i++) dst[i] = table[src[i]];
    }
}

ath_status ath__preprocess_apply(const struct ath__preprocess *preprocess, const unsigned char *pixels, int channels,
                                 int height, int width, float *dst, ath_error *err) {
    struct ath__preprocessor preprocessor;
    struct ath__fitter       fitter = {.planned = false};
    struct ath__picture      picture = {.channels = channels, .height = height, .width = width, .pixels = pixels};
    ATH_TRY(ath__preprocessor_open(&preprocessor, preprocess, channels, height, width, err));
    if (ath__preprocessor_keeps(&preprocessor, height, width)) {
        ath__preprocessor_normalise(&preprocessor, pixels, dst);
        return ATH_OK;
    }
    unsigned char *fitted = ath__alloc(ath__preprocessor_bytes(&preprocessor));
    ath_status     status = fitted ? ATH_OK : ath__fail_memory(err, "resize");
    if (status == ATH_OK) status = ath__preprocessor_fit(&preprocessor, &picture, &fitter, fitted, err);
    if (status == ATH_OK) ath__preprocessor_normalise(&preprocessor, fitted, dst);
    ath__free(fitted);
    ath__fitter_close(&fitter);
    return status;
}
