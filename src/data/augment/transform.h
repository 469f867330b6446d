/* A random transform of the list `augment=[...]`: one file each, one row in transform_list.h.
 *
 * A transform works on one image (`apply`), on a pair of finished images of a batch (`mix`), or, before all others,
 * chooses the part of the image as read that is resized to the network's size (`frame`). All that is random is
 * drawn from the generator that it is handed, which is named by (seed, epoch, image, position in the list): what an
 * image becomes depends on nothing else.
 */
#ifndef ATH_DATA_AUGMENT_TRANSFORM_H
#define ATH_DATA_AUGMENT_TRANSFORM_H

#include "base/option.h"
#include "data/augment/sample.h"

/* Two normalised images f32 (channels, height, width); `own` is changed. */
struct ath__mix {
    float       *own;
    const float *other;
    int          channels, height, width;
};

struct ath__transform {
    const char               *name, *summary;
    const struct ath__option *options; /* arguments without a name are taken in this order */
    size_t                    options_size;
    /* Refuses options that images of this size do not allow; NULL = all are. */
    ath_status (*fit)(const void *options, int channels, int height, int width, ath_error *err);
    void (*apply)(const void *options, struct ath__sample *sample);
    /* The part of an image of height x width that becomes the whole; and the shortest side that one can have, as a share
     * of the image's shorter side. */
    void (*frame)(const void *options, struct ath__rng *rng, int height, int width, struct ath__part *box);
    double (*frame_least)(const void *options);
    /* Mixes `other` into `own`; returns the weight of own's label, 0 to 1. NULL where there is another. */
    double (*mix)(const void *options, const struct ath__mix *mix, struct ath__rng *rng);
};

/* Uniform in [low, high). */
double ath__draw_between(struct ath__rng *rng, double low, double high);
/* Uniform over the whole numbers from low to high. */
int ath__draw_whole(struct ath__rng *rng, int low, int high);
/* True with probability p. */
bool ath__draw_chance(struct ath__rng *rng, double p);
/* Beta(alpha, alpha): the share of one of two gamma variates of shape alpha. */
double ath__draw_beta(struct ath__rng *rng, double alpha);

#endif
