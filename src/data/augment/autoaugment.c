/* autoaugment(policy, interpolation, fill): one of 25 pairs of operations, found by search on CIFAR-10.
 *
 * Each image draws a pair; each of its operations is carried out with its probability, at its magnitude (bin 0 to 9),
 * with a random sign where it has one. Cubuk et al., "AutoAugment: learning augmentation policies from data", arXiv
 * 1805.09501, appendix. Magnitudes: policy.c.
 */
#include "data/augment/autoaugment.h"

#include "data/augment/transform.h"

#define OP(name) ATH_POLICY_##name

const struct ath__policy_step ath__policy_cifar10[ATH_POLICY_PAIRS][2] = {
    {{OP(INVERT), 0.1, 0}, {OP(CONTRAST), 0.2, 6}},          {{OP(ROTATE), 0.7, 2}, {OP(TRANSLATE_X), 0.3, 9}},
    {{OP(SHARPNESS), 0.8, 1}, {OP(SHARPNESS), 0.9, 3}},      {{OP(SHEAR_Y), 0.5, 8}, {OP(TRANSLATE_Y), 0.7, 9}},
    {{OP(AUTOCONTRAST), 0.5, 0}, {OP(EQUALIZE), 0.9, 0}},    {{OP(SHEAR_Y), 0.2, 7}, {OP(POSTERIZE), 0.3, 7}},
    {{OP(COLOR), 0.4, 3}, {OP(BRIGHTNESS), 0.6, 7}},         {{OP(SHARPNESS), 0.3, 9}, {OP(BRIGHTNESS), 0.7, 9}},
    {{OP(EQUALIZE), 0.6, 0}, {OP(EQUALIZE), 0.5, 0}},        {{OP(CONTRAST), 0.6, 7}, {OP(SHARPNESS), 0.6, 5}},
    {{OP(COLOR), 0.7, 7}, {OP(TRANSLATE_X), 0.5, 8}},        {{OP(EQUALIZE), 0.3, 0}, {OP(AUTOCONTRAST), 0.4, 0}},
    {{OP(TRANSLATE_Y), 0.4, 3}, {OP(SHARPNESS), 0.2, 6}},    {{OP(BRIGHTNESS), 0.9, 6}, {OP(COLOR), 0.2, 8}},
    {{OP(SOLARIZE), 0.5, 2}, {OP(INVERT), 0.0, 0}},          {{OP(EQUALIZE), 0.2, 0}, {OP(AUTOCONTRAST), 0.6, 0}},
    {{OP(EQUALIZE), 0.2, 0}, {OP(EQUALIZE), 0.6, 0}},        {{OP(COLOR), 0.9, 9}, {OP(EQUALIZE), 0.6, 0}},
    {{OP(AUTOCONTRAST), 0.8, 0}, {OP(SOLARIZE), 0.2, 8}},    {{OP(BRIGHTNESS), 0.1, 3}, {OP(COLOR), 0.7, 0}},
    {{OP(SOLARIZE), 0.4, 5}, {OP(AUTOCONTRAST), 0.9, 0}},    {{OP(TRANSLATE_Y), 0.9, 9}, {OP(TRANSLATE_Y), 0.7, 9}},
    {{OP(AUTOCONTRAST), 0.9, 0}, {OP(SOLARIZE), 0.8, 3}},    {{OP(EQUALIZE), 0.8, 0}, {OP(INVERT), 0.1, 0}},
    {{OP(TRANSLATE_Y), 0.7, 9}, {OP(AUTOCONTRAST), 0.9, 0}},
};

struct options {
    int64_t policy, interpolation, fill;
};

static const struct ath__option table[] = {
    ATH_OPT_CHOICE(struct options, policy, "cifar10", "cifar10", "the data that the pairs were found on"),
    ATH_OPT_CHOICE(struct options, interpolation, "nearest", ATH_INTERPOLATIONS, "how pixels are fetched"),
    ATH_OPT_INT(struct options, fill, "0", 0, 255, "pixel value of what comes from outside"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options          *options = values;
    struct ath__rng               *rng = &sample->rng;
    const struct ath__policy_step *pair = ath__policy_cifar10[ath__draw_whole(rng, 0, ATH_POLICY_PAIRS - 1)];
    for (int i = 0; i < 2; i++) {
        bool   wanted = ath__draw_chance(rng, pair[i].p), negative = ath__draw_chance(rng, 0.5);
        double magnitude =
            ath__policy_magnitude(&ath__reach_auto, pair[i].op, pair[i].bin, sample->height, sample->width);
        if (negative && ath__policy_signed(pair[i].op)) magnitude = -magnitude;
        if (!wanted) continue;
        ath__policy_apply(pair[i].op, magnitude, (enum ath__interpolation)options->interpolation, (int)options->fill,
                          sample);
    }
}

const struct ath__transform ath__transform_autoaugment = {
    .name = "autoaugment",
    .summary = "one of 25 pairs of operations that were found by search",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
