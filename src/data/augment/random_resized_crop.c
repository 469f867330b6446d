/* random_resized_crop(scale, ratio): a part of the photo, of random size, proportions and place, becomes the whole.
 *
 *     area  = U(scale) H W,    r = exp(U(log ratio)),    w = round(sqrt(area r)),    h = round(sqrt(area / r)),
 *
 * at a place that is uniform over those where it lies inside. What is larger than the photo is drawn anew, up to ten
 * times; then the middle is taken, with the nearest proportions that are allowed. So torchvision's RandomResizedCrop has
 * it; Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, section 6.
 *
 * It works on the photo as it was decoded and takes the place of resize= and crop= in training; those of validation stay.
 */
#include "base/error.h"
#include "data/augment/transform.h"

#include <math.h>

struct options {
    struct ath__range scale, ratio;
};

enum { TRIALS = 10 };

static const struct ath__option table[] = {
    ATH_OPT_RANGE(struct options, scale, "0.08:1", 0.0001, 1, "area of the part, as a share of the photo's"),
    ATH_OPT_RANGE(struct options, ratio, "0.75:1.3333333333333333", 0.01, 100, "its width over its height"),
    ATH_OPT_END,
};

static void take_middle(const struct options *options, int height, int width, struct ath__part *box) {
    double ratio = (double)width / (double)height;
    box->height = height;
    box->width = width;
    if (ratio < options->ratio.low)
        box->height = (int)rint(width / options->ratio.low);
    else if (ratio > options->ratio.high)
        box->width = (int)rint(height * options->ratio.high);
    if (box->height < 1) box->height = 1;
    if (box->width < 1) box->width = 1;
    box->top = (height - box->height) / 2;
    box->left = (width - box->width) / 2;
}

static void frame(const void *values, struct ath__rng *rng, int height, int width, struct ath__part *box) {
    const struct options *options = values;
    double                low = log(options->ratio.low), high = log(options->ratio.high);
    for (int trial = 0; trial < TRIALS; trial++) {
        double area = (double)height * (double)width * ath__draw_between(rng, options->scale.low, options->scale.high);
        double ratio = exp(ath__draw_between(rng, low, high));
        double w = rint(sqrt(area * ratio)), h = rint(sqrt(area / ratio));
        if (w < 1.0 || h < 1.0 || w > width || h > height) continue;
        box->height = (int)h;
        box->width = (int)w;
        box->top = ath__draw_whole(rng, 0, height - box->height);
        box->left = ath__draw_whole(rng, 0, width - box->width);
        return;
    }
    take_middle(options, height, width, box);
}

/* The smallest part has sides sqrt(scale H W r) and sqrt(scale H W / r). */
static double frame_least(const void *values) {
    const struct options *options = values;
    double                slim = options->ratio.low < 1.0 ? options->ratio.low : 1.0;
    double                flat = options->ratio.high > 1.0 ? 1.0 / options->ratio.high : 1.0;
    return sqrt(options->scale.low * (slim < flat ? slim : flat));
}

const struct ath__transform ath__transform_random_resized_crop = {
    .name = "random_resized_crop",
    .summary = "a part of the photo of random size, proportions and place becomes the whole; first in the list",
    .options = table,
    .options_size = sizeof(struct options),
    .frame = frame,
    .frame_least = frame_least,
};
