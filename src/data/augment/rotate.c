/* rotate(degrees, interpolation, fill): turns the image about its middle by an angle uniform in -degrees .. degrees. */
#include "data/augment/transform.h"
#include "data/augment/warp.h"

struct options {
    double  degrees;
    int64_t interpolation, fill;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, degrees, "15", 0, 180, "largest angle, either way"),
    ATH_OPT_CHOICE(struct options, interpolation, "bilinear", ATH_INTERPOLATIONS, "how pixels are fetched"),
    ATH_OPT_INT(struct options, fill, "0", 0, 255, "pixel value of what comes from outside"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    struct ath__warp      warp = {.angle = ath__draw_between(&sample->rng, -options->degrees, options->degrees),
                                  .scale = 1.0};
    ath__sample_warp(sample, &warp, (enum ath__interpolation)options->interpolation, (int)options->fill);
}

const struct ath__transform ath__transform_rotate = {
    .name = "rotate",
    .summary = "turns the image by a random angle",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
