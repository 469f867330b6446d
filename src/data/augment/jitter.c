/* jitter(brightness, contrast, saturation, hue): colour jitter.
 *
 * Factors are uniform in max(0, 1 - x) .. 1 + x, the hue's shift in -hue .. hue, and the four changes come in random
 * order, as torchvision's ColorJitter has it. What has strength 0 is left out. Formulas: pixel_ops.c.
 */
#include "data/augment/pixel_ops.h"
#include "data/augment/transform.h"

struct options {
    double brightness, contrast, saturation, hue;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, brightness, "0.2", 0, 10, "strength; 0 = none"),
    ATH_OPT_REAL(struct options, contrast, "0.2", 0, 10, "strength; 0 = none"),
    ATH_OPT_REAL(struct options, saturation, "0.2", 0, 10, "strength; 0 = none"),
    ATH_OPT_REAL(struct options, hue, "0", 0, 0.5, "farthest shift, as a share of the colour circle"),
    ATH_OPT_END,
};

static double draw_factor(struct ath__rng *rng, double strength) {
    return ath__draw_between(rng, strength < 1.0 ? 1.0 - strength : 0.0, 1.0 + strength);
}

static void apply(const void *values, struct ath__sample *sample) {
    static void (*const change[])(const struct ath__pixels *pixels, double amount) = {
        ath__pixels_brightness, ath__pixels_contrast, ath__pixels_saturation, ath__pixels_hue};
    const struct options *options = values;
    struct ath__rng      *rng = &sample->rng;
    double                amounts[4] = {draw_factor(rng, options->brightness), draw_factor(rng, options->contrast),
                                        draw_factor(rng, options->saturation), ath__draw_between(rng, -options->hue, options->hue)};
    const double          strengths[4] = {options->brightness, options->contrast, options->saturation, options->hue};
    uint32_t              order[4] = {0, 1, 2, 3};
    ath__rng_shuffle(rng, order, 4);
    struct ath__pixels pixels = {ath__sample_edit(sample), sample->channels, sample->height, sample->width};
    for (int i = 0; i < 4; i++)
        if (strengths[order[i]] > 0.0) change[order[i]](&pixels, amounts[order[i]]);
}

const struct ath__transform ath__transform_jitter = {
    .name = "jitter",
    .summary = "changes brightness, contrast, saturation and hue, in random order",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
