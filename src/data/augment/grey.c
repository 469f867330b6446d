/* grey(p): with probability p the colours become their grey value, in all three channels. Formula: pixel_ops.c. */
#include "data/augment/pixel_ops.h"
#include "data/augment/transform.h"

struct options {
    double p;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, p, "0.1", 0, 1, "probability"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    if (!ath__draw_chance(&sample->rng, options->p)) return;
    struct ath__pixels pixels = {ath__sample_edit(sample), sample->channels, sample->height, sample->width};
    ath__pixels_grey(&pixels);
}

const struct ath__transform ath__transform_grey = {
    .name = "grey",
    .summary = "takes the colours away",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
