/* cutout(size, place): a square of the image is covered with the mean (DeVries and Taylor, arXiv 1708.04552).
 *
 *     any     the square's middle is uniform over the pixels; what stands out of the image is lost: rows
 *             cy - size/2 .. cy - size/2 + size - 1
 *     inside  the square's corner is uniform over the places where all of it lies within the image
 */
#include "base/error.h"
#include "data/augment/transform.h"

struct options {
    int64_t size, place;
};

enum { ANY, INSIDE };

static const struct ath__option table[] = {
    ATH_OPT_INT(struct options, size, "8", 1, 4096, "side of the square in pixels"),
    ATH_OPT_CHOICE(struct options, place, "any", "any|inside", "its middle anywhere, or all of it within the image"),
    ATH_OPT_END,
};

static ath_status fit(const void *values, int channels, int height, int width, ath_error *err) {
    const struct options *options = values;
    int                   side = height < width ? height : width;
    (void)channels;
    if (options->place == ANY || options->size <= side) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "augment", "cutout(%d, place=inside) does not fit into images of %dx%d",
                     (int)options->size, height, width);
}

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    int                   size = (int)options->size, top, left;
    if (options->place == INSIDE) {
        top = ath__draw_whole(&sample->rng, 0, sample->height - size);
        left = ath__draw_whole(&sample->rng, 0, sample->width - size);
    } else {
        top = ath__draw_whole(&sample->rng, 0, sample->height - 1) - size / 2;
        left = ath__draw_whole(&sample->rng, 0, sample->width - 1) - size / 2;
    }
    ath__sample_cover(sample, top, left, size, size);
}

const struct ath__transform ath__transform_cutout = {
    .name = "cutout",
    .summary = "covers a square at a random place with the mean",
    .options = table,
    .options_size = sizeof(struct options),
    .fit = fit,
    .apply = apply,
};
