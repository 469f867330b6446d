/* cutmix(alpha, p): a rectangle of each image comes from another of its batch, and that share of its label.
 *
 *     w ~ Beta(alpha, alpha);  half sides  h = floor(H sqrt(1 - w) / 2),  v = floor(W sqrt(1 - w) / 2);
 *     middle uniform over the pixels, cut at the border;  t = s t_i + (1 - s) t_j,  s = 1 - area / (H W)
 *
 * Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", arXiv
 * 1905.04899. The weight and the place are drawn per image.
 */
#include "data/augment/transform.h"

#include <math.h>
#include <string.h>

struct options {
    double alpha, p;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, alpha, "1", 0.001, 100, "shape of the weights' distribution: 1 = uniform"),
    ATH_OPT_REAL(struct options, p, "1", 0, 1, "probability"),
    ATH_OPT_END,
};

/* The part of [middle - half, middle + half) within [0, size). */
static void clip(int middle, int half, int size, int *begin, int *end) {
    *begin = middle > half ? middle - half : 0;
    *end = middle + half < size ? middle + half : size;
}

static double mix(const void *values, const struct ath__mix *pair, struct ath__rng *rng) {
    const struct options *options = values;
    if (!ath__draw_chance(rng, options->p)) return 1.0;
    double half_share = 0.5 * sqrt(1.0 - ath__draw_beta(rng, options->alpha));
    int    y = ath__draw_whole(rng, 0, pair->height - 1), x = ath__draw_whole(rng, 0, pair->width - 1);
    int    top, bottom, left, right;
    clip(y, (int)(half_share * pair->height), pair->height, &top, &bottom);
    clip(x, (int)(half_share * pair->width), pair->width, &left, &right);
    for (int c = 0; c < pair->channels; c++) {
        for (int row = top; row < bottom; row++) {
            size_t at = ((size_t)c * (size_t)pair->height + (size_t)row) * (size_t)pair->width + (size_t)left;
            memcpy(pair->own + at, pair->other + at, (size_t)(right - left) * sizeof(float));
        }
    }
    double area = (double)(bottom - top) * (double)(right - left);
    return 1.0 - area / ((double)pair->height * (double)pair->width);
}

const struct ath__transform ath__transform_cutmix = {
    .name = "cutmix",
    .summary = "exchanges rectangles between the images of a batch, labels by area",
    .options = table,
    .options_size = sizeof(struct options),
    .mix = mix,
};
