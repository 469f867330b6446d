/* A prepared ath__preprocess (data/loader.h): sizes and normalisation tables, shared by loader, eval and predict.
 */
#ifndef ATH_DATA_PREPROCESS_H
#define ATH_DATA_PREPROCESS_H

#include "data/fitter.h"
#include "data/loader.h"

struct ath__preprocessor {
    struct ath__preprocess settings;
    int                    channels, height, width; /* of the network input */
    float                  table[4][256];           /* normalised value of each pixel value, per channel */
    unsigned char          mean_pixel[4]; /* the pixel value nearest to the mean: nearest to 0 once normalised */
};

/* For images of height x width, or of any size (0). ATH_USAGE for more than 4 channels, sizes that are not possible, a
 * deviation that is not above 0. Nothing is to be closed. */
ath_status ath__preprocessor_open(struct ath__preprocessor *preprocessor, const struct ath__preprocess *preprocess,
                                  int channels, int height, int width, ath_error *err);

/* Bytes of an image of the network's size. */
size_t ath__preprocessor_bytes(const struct ath__preprocessor *preprocessor);
/* Whether an image of that size is the network's input as it is. */
bool ath__preprocessor_keeps(const struct ath__preprocessor *preprocessor, int height, int width);
/* The shorter side from which on files may be decoded at a reduced size: twice what is needed, so that the resize that
 * follows still decides how the image looks. */
int ath__preprocessor_least(const struct ath__preprocessor *preprocessor);

/* picture -> dst (channels, height, width), u8: resized and cut. ATH_DATA for an image that is smaller than what is to
 * be cut out. */
ath_status ath__preprocessor_fit(const struct ath__preprocessor *preprocessor, const struct ath__picture *picture,
                                 struct ath__fitter *fitter, unsigned char *dst, ath_error *err);
/* Has the fitter take its memory for pictures of that size beforehand. */
ath_status ath__preprocessor_plan(const struct ath__preprocessor *preprocessor, int height, int width,
                                  struct ath__fitter *fitter, ath_error *err);
/* The part of the picture in `box` becomes the whole image. */
ath_status ath__preprocessor_cut(const struct ath__preprocessor *preprocessor, const struct ath__picture *picture,
                                 const struct ath__part *box, struct ath__fitter *fitter, unsigned char *dst,
                                 ath_error *err);

/* src u8 -> dst f32, both (channels, height, width). */
void ath__preprocessor_normalise(const struct ath__preprocessor *preprocessor, const unsigned char *src, float *dst);

#endif
