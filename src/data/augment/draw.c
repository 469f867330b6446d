/* Distributions that transforms draw from. */
#include "data/augment/transform.h"

#include <math.h>

double ath__draw_between(struct ath__rng *rng, double low, double high) {
    return low + (high - low) * (double)ath__rng_uniform(rng);
}

int ath__draw_whole(struct ath__rng *rng, int low, int high) {
    return low + (int)ath__rng_below(rng, (uint32_t)(high - low) + 1);
}

bool ath__draw_chance(struct ath__rng *rng, double p) {
    return (double)ath__rng_uniform(rng) < p;
}

/* The logarithm of a gamma variate of shape alpha: of alpha = 0.01 the variate itself is mostly too small for a double.
 * Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000): with d = a - 1/3 and
 * c = 1 / sqrt(9 d), d (1 + c x)^3 for normal x, accepted when ln u < x^2 / 2 + d - d v + d ln v. A shape below 1 is
 * reached from alpha + 1 by the factor u^(1/alpha). */
static double log_gamma_variate(struct ath__rng *rng, double alpha) {
    double boost = 0.0;
    if (alpha < 1.0) {
        boost = log(((double)ath__rng_u32(rng) + 0.5) * 0x1p-32) / alpha;
        alpha += 1.0;
    }
    double d = alpha - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = ath__rng_normal(rng), v = 1.0 + c * x;
        double u = ((double)ath__rng_u32(rng) + 0.5) * 0x1p-32;
        if (v <= 0.0) continue;
        v = v * v * v;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return boost + log(d * v);
    }
}

double ath__draw_beta(struct ath__rng *rng, double alpha) {
    double a = log_gamma_variate(rng, alpha), b = log_gamma_variate(rng, alpha);
    return 1.0 / (1.0 + exp(b - a));
}
