/* flip(p, mode): left and right change places.
 *
 *     random     with probability p, anew in every epoch
 *     alternate  a fair coin per image decides epoch 0; then every image is flipped in every second epoch:
 *                flipped  iff  coin(seed, image) + epoch is odd
 *
 * Alternating shows both sides of every image in any two epochs, which random flips do for half of the images only
 * (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, section 3.6).
 */
#include "data/augment/transform.h"

struct options {
    double  p;
    int64_t mode;
};

enum { RANDOM, ALTERNATE };

static const struct ath__option table[] = {
    ATH_OPT_REAL(struct options, p, "0.5", 0, 1, "probability, with mode=random"),
    ATH_OPT_CHOICE(struct options, mode, "random", "random|alternate", "anew in each epoch, or every second epoch"),
    ATH_OPT_END,
};

/* The coin that this image would toss in epoch 0. */
static bool first_epoch_coin(const struct ath__sample *sample) {
    struct ath__rng rng = sample->rng;
    rng.counter[1] = 0; /* where ath__rng_start puts the epoch */
    return ath__rng_u32(&rng) >> 31;
}

static void apply(const void *values, struct ath__sample *sample) {
    const struct options *options = values;
    bool                  flips = options->mode == ALTERNATE ? first_epoch_coin(sample) ^ (sample->draw.epoch & 1)
                                                             : ath__draw_chance(&sample->rng, options->p);
    if (flips) ath__sample_mirror(sample, true, false);
}

const struct ath__transform ath__transform_flip = {
    .name = "flip",
    .summary = "left and right change places",
    .options = table,
    .options_size = sizeof(struct options),
    .apply = apply,
};
