/* vflip(p): top and bottom change places with probability p. */
#include "data/augment/transform.h"

struct options {
    double p;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, p, "0.5", 0, 1, "probability"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    if (ath__draw_chance(&sample->rng, options->p)) ath__sample_mirror(sample, false, true);
}

const struct ath__transform ath__transform_vflip = {
    .name = "vflip",
    .summary = "top and bottom change places",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
