/* Confidence intervals against numbers computed by hand from a table of Student's t. */
#include "athanor/tune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void near(double got, double wanted) {
    if (!(fabs(got - wanted) <= 2e-6 * fmax(fabs(wanted), 1.0))) fail_msg("%.9g instead of %.9g", got, wanted);
}

/* The two-sided 95% points of t, as any table has them, from an interval of values whose deviation is known: for
 * n values that are 0 but for +1 and -1, the sum of squares is 2. */
static void quantiles(void **state) {
    (void)state;
    static const struct {
        int    n;
        double t;
    } table[] = {{2, 12.706205}, {3, 4.302653},  {4, 3.182446},  {5, 2.776445},   {6, 2.570582},
                 {9, 2.306004},  {11, 2.228139}, {31, 2.042272}, {121, 1.979930}, {1001, 1.962339}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double       values[1001] = {1.0, -1.0};
        int          n = table[i].n;
        double       deviation = sqrt(2.0 / (n - 1));
        ath_interval interval = ath_interval_of(values, n);
        near(interval.mean, 0.0);
        near(interval.deviation, deviation);
        near(interval.high, table[i].t * deviation / sqrt(n));
        near(interval.low, -interval.high);
    }
}

/* 93.1, 93.7, 94.3: mean 93.7, deviation 0.6, half width 4.302653 * 0.6 / sqrt(3) = 1.490483. */
static void three_runs(void **state) {
    (void)state;
    const double values[] = {93.1, 93.7, 94.3};
    ath_interval interval = ath_interval_of(values, 3);
    assert_int_equal(interval.n, 3);
    near(interval.mean, 93.7);
    near(interval.deviation, 0.6);
    near(interval.low, 93.7 - 1.490483);
    near(interval.high, 93.7 + 1.490483);
}

static void too_few(void **state) {
    (void)state;
    const double one = 5.0;
    ath_interval interval = ath_interval_of(&one, 1);
    near(interval.mean, 5.0);
    assert_true(isinf(interval.deviation) && isinf(interval.low) && isinf(interval.high));
    assert_true(isnan(ath_interval_of(&one, 0).mean));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(three_runs),
        cmocka_unit_test(too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
