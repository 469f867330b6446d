/* The list `augment=[crop(4),flip,cutout(8)]`: read once, applied to every training image.
 *
 *     text    = [ item , item ... ]      the brackets may be left out; "", [] and none are the empty list
 *     item    = name | name(argument, argument ...)
 *     argument = value | key=value        values without a key are taken in the order of the transform's options
 */
#ifndef ATH_DATA_AUGMENT_AUGMENT_H
#define ATH_DATA_AUGMENT_AUGMENT_H

#include "data/augment/sample.h"

struct ath__augment;

/* Reads a list. ATH_USAGE for what is no list, an unknown name or argument (with a suggestion). *augment is NULL for an
 * empty list. `text` may be NULL. */
ath_status ath__augment_open(const char *text, struct ath__augment **augment, ath_error *err);
void       ath__augment_close(struct ath__augment *augment);

/* ATH_USAGE for arguments that images of this size do not allow. */
ath_status ath__augment_fit(const struct ath__augment *augment, int channels, int height, int width, ath_error *err);

/* Does the list mix images and labels (mixup, cutmix)? `augment` may be NULL. */
bool ath__augment_mixes(const struct ath__augment *augment);

/* Does the list choose parts of images as they are read (random_resized_crop)? `augment` may be NULL. */
bool ath__augment_frames(const struct ath__augment *augment);
/* The shorter side from which on files may be decoded at a reduced size (ath__preprocessor_least). */
int ath__augment_least(const struct ath__augment *augment, const struct ath__preprocessor *preprocessor);
/* An image as read -> u8 of the network's size: the part that is drawn, or without such a transform what
 * ath__preprocessor_fit gives. */
ath_status ath__augment_fit_picture(const struct ath__augment *augment, const struct ath__draw *draw,
                                    const struct ath__preprocessor *preprocessor, const struct ath__picture *picture,
                                    struct ath__fitter *fitter, unsigned char *dst, ath_error *err);

/* u8 (channels, height, width) -> f32 network input. `scratch`: ath__sample_scratch bytes; each thread has its own. */
void ath__augment_image(const struct ath__augment *augment, const struct ath__draw *draw,
                        const struct ath__preprocessor *preprocessor, const unsigned char *pixels, float *dst,
                        void *scratch);

/* A batch of finished images whose transforms that mix are to be applied. */
struct ath__mix_batch {
    float         *images;  /* (count, channels, height, width) */
    int32_t       *labels;  /* in: the own labels; out: those with the larger weight */
    int32_t       *second;  /* out: the other labels */
    float         *weights; /* out: of `labels`, 0.5 to 1; `second` has the rest */
    const int64_t *indices; /* in the data set */
    int64_t        count;
    int            channels, height, width;
};

/* Mixes each image with the one behind it in the batch, the last with the first. `spare` holds one image. */
void ath__augment_mix(const struct ath__augment *augment, uint64_t seed, uint32_t epoch,
                      const struct ath__mix_batch *batch, float *spare);

#endif
