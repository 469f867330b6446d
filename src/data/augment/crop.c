/* crop(pad, mode): a window of the image's own size at a random place of the padded image.
 *
 *     out(y, x) = in(y + dy, x + dx),    dy, dx uniform over -pad .. pad
 *
 * Outside the image lie black pixels (zero) or the image reflected at its border pixels (reflect), so this is a random
 * translation too. The usual augmentation of CIFAR images (He et al., arXiv 1512.03385, section 4.2).
 */
#include "base/error.h"
#include "data/augment/transform.h"

struct options {
    int64_t pad, mode;
};

enum { ZERO, REFLECT };

static const struct ath__option table[] = {
    ATH_OPT_INT(struct options, pad, "4", 1, 1024, "pixels added at each side, the farthest that the window moves"),
    ATH_OPT_CHOICE(struct options, mode, "zero", "zero|reflect", "what is added: black, or the image reflected"),
    ATH_OPT_END,
};

static ath_status fit(const void *values, int channels, int height, int width, ath_error *err) {
    const struct options *options = values;
    (void)channels;
    if (options->pad < height && options->pad < width) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "augment", "crop(%d) is too much for images of %dx%d: pad by less than a side",
                     (int)options->pad, height, width);
}

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    int                   pad = (int)options->pad;
    int                   shift_y = ath__draw_whole(&sample->rng, -pad, pad);
    int                   shift_x = ath__draw_whole(&sample->rng, -pad, pad);
    ath__sample_shift(sample, shift_y, shift_x, options->mode == REFLECT);
}

const struct ath__transform ath__transform_crop = {
    .name = "crop",
    .summary = "pads and crops back at a random place: a random translation",
    .options = table,
    .options_size = sizeof(struct options),
    .fit = fit,
    .apply = apply,
};
