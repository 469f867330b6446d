/* Confidence intervals of a mean, by Student's t.
 *
 *     mean = sum x / n,  s^2 = sum (x - mean)^2 / (n - 1),  mean +- t(0.975, n - 1) * s / sqrt(n)
 *
 * The distribution function of t with v degrees of freedom is 1 - I(v / (v + t^2); v/2, 1/2) / 2 with the regularised
 * incomplete beta function I, here by its continued fraction (Abramowitz and Stegun 26.5.8), evaluated from the far end;
 * the quantile follows by bisection.
 */
#include "athanor/tune.h"

#include <math.h>

/* I(x; a, b) */
static double incomplete_beta(double x, double a, double b) {
    enum { TERMS = 200 };
    if (x <= 0.0) return 0.0;
    if (x >= 1.0) return 1.0;
    /* The fraction converges fast left of the mean of the distribution. */
    if (x > (a + 1.0) / (a + b + 2.0)) return 1.0 - incomplete_beta(1.0 - x, b, a);
    double fraction = 1.0;
    for (int i = TERMS; i >= 1; i--) {
        double m = (double)(i / 2); /* whole */
        double term = i % 2 == 0 ? m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
                                 : -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        fraction = 1.0 + term / fraction;
    }
    return exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / (a * fraction);
}

static double student_below(double t, double freedom) {
    return 1.0 - 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5);
}

/* t with 97.5% of the distribution below it: 12.706 with one degree of freedom. */
static double student_quantile(double freedom) {
    double low = 1.9, high = 13.0;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (student_below(middle, freedom) < 0.975)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

ath_interval ath_interval_of(const double *values, int64_t count) {
    double sum = 0.0, square = 0.0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    double       mean = count > 0 ? sum / (double)count : NAN;
    ath_interval interval = {count, mean, INFINITY, -INFINITY, INFINITY};
    if (count < 2) return interval;
    for (int64_t i = 0; i < count; i++) square += (values[i] - mean) * (values[i] - mean);
    interval.deviation = sqrt(square / (double)(count - 1));
    double reach = student_quantile((double)(count - 1)) * interval.deviation / sqrt((double)count);
    interval.low = mean - reach;
    interval.high = mean + reach;
    return interval;
}
