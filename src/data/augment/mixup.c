/* mixup(alpha, p): each image becomes a weighted mean with another of its batch, and so does its label.
 *
 *     x = w x_i + (1 - w) x_j,    t = w t_i + (1 - w) t_j,    w ~ Beta(alpha, alpha)
 *
 * Zhang et al., "mixup: beyond empirical risk minimization", arXiv 1710.09412. The weight is drawn per image.
 */
#include "data/augment/transform.h"

struct options {
    double alpha, p;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, alpha, "0.2", 0.001, 100,
                 "shape of the weights' distribution: 1 = uniform, "
                 "towards 0 = hardly mixed"),
    ATH_OPT_REAL(struct options, p, "1", 0, 1, "probability"),
    ATH_OPT_END,
};

static double mix(const void *values, const struct ath__mix *pair, struct ath__rng *rng) {
    const struct options *options = values;
    if (!ath__draw_chance(rng, options->p)) return 1.0;
    double  weight = ath__draw_beta(rng, options->alpha);
    float   own = (float)weight, rest = (float)(1.0 - weight);
    int64_t count = (int64_t)pair->channels * pair->height * pair->width;
    for (int64_t i = 0; i < count; i++) pair->own[i] = own * pair->own[i] + rest * pair->other[i];
    return weight;
}

const struct ath__transform ath__transform_mixup = {
    .name = "mixup",
    .summary = "mixes images and labels of a batch in pairs",
    .options = table,
    .options_size = sizeof(struct options),
    .mix = mix,
};
