/* affine(degrees, translate, scale, shear, interpolation, fill): a random rotation, shift, scaling and shear in one.
 *
 * Angle and shear are uniform in -degrees .. degrees and -shear .. shear, the shifts are whole pixels, uniform in
 * -translate .. translate times width and height, and the scale is uniform in its range, as torchvision's RandomAffine
 * has it. The map: warp.c.
 */
#include "data/augment/transform.h"
#include "data/augment/warp.h"

#include <math.h>

struct options {
    double            degrees, translate, shear;
    struct ath__range scale;
    int64_t           interpolation, fill;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, degrees, "10", 0, 180, "largest angle, either way"),
    ATH_OPT_REAL(struct options, translate, "0.1", 0, 1, "largest shift, as a share of width and height"),
    ATH_OPT_RANGE(struct options, scale, "0.9:1.1", 0.05, 20, "enlargement"),
    ATH_OPT_REAL(struct options, shear, "5", 0, 80, "largest shear parallel to the rows, in degrees"),
    ATH_OPT_CHOICE(struct options, interpolation, "bilinear", ATH_INTERPOLATIONS, "how pixels are fetched"),
    ATH_OPT_INT(struct options, fill, "0", 0, 255, "pixel value of what comes from outside"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    struct ath__rng      *rng = &sample->rng;
    double                far_x = options->translate * sample->width, far_y = options->translate * sample->height;
    struct ath__warp      warp = {0};
    warp.angle = ath__draw_between(rng, -options->degrees, options->degrees);
    warp.move_x = nearbyint(ath__draw_between(rng, -far_x, far_x));
    warp.move_y = nearbyint(ath__draw_between(rng, -far_y, far_y));
    warp.scale = ath__draw_between(rng, options->scale.low, options->scale.high);
    warp.shear_x = ath__draw_between(rng, -options->shear, options->shear);
    ath__sample_warp(sample, &warp, (enum ath__interpolation)options->interpolation, (int)options->fill);
}

const struct ath__transform ath__transform_affine = {
    .name = "affine",
    .summary = "turns, shifts, scales and shears the image, all by random amounts",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
