/* A prepared ath__preprocess (data/loader.h): resize plan and normalisation tables, shared by loader, eval and predict.
 */
#ifndef ATH_DATA_PREPROCESS_H
#define ATH_DATA_PREPROCESS_H

#include "data/loader.h"
#include "data/resize.h"

struct ath__preprocessor {
    int                channels;
    int                in_height, in_width, height, width;
    bool               resizes;
    struct ath__resize resize;
    float              table[4][256]; /* normalised value of each pixel value, per channel */
    unsigned char      mean_pixel[4]; /* the pixel value nearest to the mean: nearest to 0 once normalised */
};

/* ATH_USAGE for more than 4 channels, sizes that are not possible, a deviation that is not above 0. */
ath_status ath__preprocessor_open(struct ath__preprocessor *preprocessor, const struct ath__preprocess *preprocess,
                                  int channels, int height, int width, ath_error *err);
void       ath__preprocessor_close(struct ath__preprocessor *preprocessor);

/* Bytes of scratch for ath__preprocessor_resize, one block per thread. */
size_t ath__preprocessor_scratch(const struct ath__preprocessor *preprocessor);
/* src (channels, in height, in width) -> dst (channels, height, width), both u8. */
void ath__preprocessor_resize(const struct ath__preprocessor *preprocessor, const unsigned char *src,
                              unsigned char *dst, void *scratch);
/* src u8 -> dst f32, both (channels, height, width). */
void ath__preprocessor_normalise(const struct ath__preprocessor *preprocessor, const unsigned char *src, float *dst);

#endif
