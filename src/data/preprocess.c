/* From pixels as read to network input: resize, then normalise by a table of 256 values per channel,
 *
 *     table[c][v] = (v / 255 - mean[c]) / deviation[c]
 *
 * computed in double and rounded once to float. The loader, eval and predict all come through here, so that they see
 * the same floats.
 */
#include "data/preprocess.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MOST_CHANNELS = 4 };

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
    preprocessor->channels = channels;
    preprocessor->in_height = height;
    preprocessor->in_width = width;
    preprocessor->height = preprocess->height > 0 ? preprocess->height : height;
    preprocessor->width = preprocess->width > 0 ? preprocess->width : width;
    preprocessor->resizes = preprocessor->height != height || preprocessor->width != width;
    if (!preprocessor->resizes) return ATH_OK;
    return ath__resize_open(&preprocessor->resize, height, width, preprocessor->height, preprocessor->width, err);
}

void ath__preprocessor_close(struct ath__preprocessor *preprocessor) {
    ath__resize_close(&preprocessor->resize);
}

size_t ath__preprocessor_scratch(const struct ath__preprocessor *preprocessor) {
    return preprocessor->resizes ? ath__resize_scratch(&preprocessor->resize) : 0;
}

void ath__preprocessor_resize(const struct ath__preprocessor *preprocessor, const unsigned char *src,
                              unsigned char *dst, void *scratch) {
    size_t in = (size_t)preprocessor->in_height * (size_t)preprocessor->in_width;
    size_t out = (size_t)preprocessor->height * (size_t)preprocessor->width;
    if (!preprocessor->resizes) {
        memcpy(dst, src, in * (size_t)preprocessor->channels);
        return;
    }
    for (int c = 0; c < preprocessor->channels; c++, src += in, dst += out) {
        ath__resize_apply(&preprocessor->resize, src, dst, scratch);
    }
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
    ATH_TRY(ath__preprocessor_open(&preprocessor, preprocess, channels, height, width, err));
    ath_status status = ATH_OK;
    if (preprocessor.resizes) {
        size_t         bytes = (size_t)channels * (size_t)preprocessor.height * (size_t)preprocessor.width;
        unsigned char *resized = ath__alloc(bytes);
        void          *scratch = ath__alloc(ath__preprocessor_scratch(&preprocessor));
        if (resized && scratch) {
            ath__preprocessor_resize(&preprocessor, pixels, resized, scratch);
            ath__preprocessor_normalise(&preprocessor, resized, dst);
        } else {
            status = ath__fail_memory(err, "resize");
        }
        ath__free(resized);
        ath__free(scratch);
    } else {
        ath__preprocessor_normalise(&preprocessor, pixels, dst);
    }
    ath__preprocessor_close(&preprocessor);
    return status;
}
