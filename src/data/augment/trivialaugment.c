/* trivialaugment(interpolation, fill): one operation drawn from 14, at a magnitude drawn from 31, wide ranges.
 *
 * Mueller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data augmentation", arXiv 2103.10158. Signs are
 * random. Magnitudes: policy.c.
 */
#include "data/augment/policy.h"
#include "data/augment/transform.h"

struct options {
    int64_t interpolation, fill;
};

static const struct ath__option table[] = {
    ATH_OPT_CHOICE(struct options, interpolation, "nearest", ATH_INTERPOLATIONS, "how pixels are fetched"),
    ATH_OPT_INT(struct options, fill, "0", 0, 255, "pixel value of what comes from outside"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    struct ath__rng      *rng = &sample->rng;
    enum ath__policy_op   op = (enum ath__policy_op)ath__draw_whole(rng, 0, ATH_POLICY_INVERT - 1);
    int                   bin = ath__draw_whole(rng, 0, ath__reach_trivial.bins - 1);
    bool                  negative = ath__draw_chance(rng, 0.5) && ath__policy_signed(op);
    double magnitude = ath__policy_magnitude(&ath__reach_trivial, op, bin, sample->height, sample->width);
    ath__policy_apply(op, negative ? -magnitude : magnitude, (enum ath__interpolation)options->interpolation,
                      (int)options->fill, sample);
}

const struct ath__transform ath__transform_trivialaugment = {
    .name = "trivialaugment",
    .summary = "one random operation of random magnitude",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
