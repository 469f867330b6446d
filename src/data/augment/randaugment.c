/* randaugment(n, m, interpolation, fill): n operations drawn from 14, one after another, all at magnitude m of 0 .. 30.
 *
 * Cubuk et al., "RandAugment: practical automated data augmentation with a reduced search space", arXiv 1909.13719.
 * Operations are drawn with replacement; signs are random. Magnitudes: policy.c.
 */
#include "data/augment/policy.h"
#include "data/augment/transform.h"

struct options {
    int64_t n, m, interpolation, fill;
};

static const struct ath__option table[] = {
    ATH_OPT_INT(struct options, n, "2", 1, 14, "operations per image"),
    ATH_OPT_INT(struct options, m, "9", 0, 30, "magnitude"),
    ATH_OPT_CHOICE(struct options, interpolation, "nearest", ATH_INTERPOLATIONS, "how pixels are fetched"),
    ATH_OPT_INT(struct options, fill, "0", 0, 255, "pixel value of what comes from outside"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    for (int64_t i = 0; i < options->n; i++) {
        enum ath__policy_op op = (enum ath__policy_op)ath__draw_whole(&sample->rng, 0, ATH_POLICY_INVERT - 1);
        bool                negative = ath__draw_chance(&sample->rng, 0.5) && ath__policy_signed(op);
        double magnitude = ath__policy_magnitude(&ath__reach_rand, op, (int)options->m, sample->height, sample->width);
        ath__policy_apply(op, negative ? -magnitude : magnitude, (enum ath__interpolation)options->interpolation,
                          (int)options->fill, sample);
    }
}

const struct ath__transform ath__transform_randaugment = {
    .name = "randaugment",
    .summary = "n random operations of one magnitude",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
