/* erase(p, scale, ratio): random erasing (Zhong et al., arXiv 1708.04896, algorithm 1), with the mean as its filling.
 *
 * With probability p a rectangle is covered whose area is uniform in `scale` (share of the image) and whose aspect,
 * height over width, is log-uniform in `ratio`; one that does not fit is drawn again, ten times at most.
 */
#include "data/augment/transform.h"

#include <math.h>

enum { TRIES = 10 };

struct options {
    double            p;
    struct ath__range scale, ratio;
};

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, p, "0.5", 0, 1, "probability"),
    ATH_OPT_RANGE(struct options, scale, "0.02:0.33", 0.0001, 1, "area as a share of the image"),
    ATH_OPT_RANGE(struct options, ratio, "0.3:3.3", 0.01, 100, "height over width"),
    ATH_OPT_END,
};

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    struct ath__rng      *rng = &sample->rng;
    double                area = (double)sample->height * (double)sample->width;
    if (!ath__draw_chance(rng, options->p)) return;
    for (int i = 0; i < TRIES; i++) {
        double share = ath__draw_between(rng, options->scale.low, options->scale.high);
        double aspect = exp(ath__draw_between(rng, log(options->ratio.low), log(options->ratio.high)));
        double height = nearbyint(sqrt(area * share * aspect)), width = nearbyint(sqrt(area * share / aspect));
        if (height < 1.0 || width < 1.0 || height >= sample->height || width >= sample->width) continue;
        int top = ath__draw_whole(rng, 0, sample->height - (int)height);
        int left = ath__draw_whole(rng, 0, sample->width - (int)width);
        ath__sample_cover(sample, top, left, (int)height, (int)width);
        return;
    }
}

const struct ath__transform ath__transform_erase = {
    .name = "erase",
    .summary = "covers a random rectangle with the mean (random erasing)",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
