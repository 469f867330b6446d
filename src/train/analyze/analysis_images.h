/* The images that an analysis is to look at, as the network takes them. */
#ifndef ATH_TRAIN_ANALYZE_ANALYSIS_IMAGES_H
#define ATH_TRAIN_ANALYZE_ANALYSIS_IMAGES_H

#include "data/preprocess.h"
#include "train/analyze/analyze.h"

struct ath__analysis_image {
    char  *name;
    char   problem[256]; /* why it could not be read; then there are no pixels. "" = it was */
    size_t place;        /* among the images that were read */
};

struct ath__analysis_images {
    int                         channels, height, width;
    struct ath__analysis_image *items;
    int                         count;
    size_t                      good, capacity; /* images read, and room for them */
    unsigned char              *pixels;         /* u8 (good, C, H, W), resized and cut */
    float                      *values;         /* the same normalised */
    struct ath__preprocessor    preprocessor;
    struct ath__fitter          fitter;
    struct ath__picture         picture;
};

/* Reads what the words name: files, and elements of the data set ("val:3", "test:0-9"). A broken image keeps its place
 * with its problem. ATH_USAGE for no image at all, or more than `most`. To be closed also after a failure. */
ath_status ath__analysis_images_open(struct ath__analysis_images *images, const struct ath__analysis *analysis,
                                     int most, ath_error *err);
void       ath__analysis_images_close(struct ath__analysis_images *images);

/* Image `item` of those that were read as (height, width, 3) for a figure. */
void ath__analysis_images_rgb(const struct ath__analysis_images *images, int item, unsigned char *rgb);

#endif
