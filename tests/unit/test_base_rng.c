/* Random numbers: published answers of Philox 4x32-10, independence of streams, and the shape of the distributions.
 *
 * The statistical checks draw fixed streams, so they either always pass or always fail. Their limits are five standard
 * deviations of the statistic: sd of a mean of N draws is sigma / sqrt(N).
 */
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        ath__philox(cases[i].key, cases[i].counter, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

static void test_a_stream_is_its_blocks_in_order(void **state) {
    (void)state;
    struct ath__rng rng;
    ath__rng_start(&rng, 0x0123456789abcdefu, ATH_RNG_TEST, 7, 8);
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t key[2] = {0x89abcdef, 0x01234567}, counter[4] = {block, 7, 8, ATH_RNG_TEST};
        uint32_t       out[4];
        ath__philox(key, counter, out);
        for (int i = 0; i < 4; i++) assert_int_equal(ath__rng_u32(&rng), out[i]);
    }
}

static void test_streams_differ(void **state) {
    (void)state;
    struct ath__rng rngs[5];
    ath__rng_start(&rngs[0], 1, ATH_RNG_TEST, 0, 0);
    ath__rng_start(&rngs[1], 2, ATH_RNG_TEST, 0, 0);
    ath__rng_start(&rngs[2], 1, ATH_RNG_INIT, 0, 0);
    ath__rng_start(&rngs[3], 1, ATH_RNG_TEST, 1, 0);
    ath__rng_start(&rngs[4], 1, ATH_RNG_TEST, 0, 1);
    uint32_t first[5];
    for (int i = 0; i < 5; i++) first[i] = ath__rng_u32(&rngs[i]);
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++) assert_int_not_equal(first[i], first[j]);
    }
}

static void test_below_is_even(void **state) {
    (void)state;
    enum { DRAWS = 70000, BOUND = 7 };
    struct ath__rng rng;
    int             counts[BOUND] = {0};
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t draw = ath__rng_below(&rng, BOUND);
        assert_in_range(draw, 0, BOUND - 1);
        counts[draw]++;
    }
    double mean = (double)DRAWS / BOUND, deviation = sqrt(mean * (1.0 - 1.0 / BOUND));
    for (int i = 0; i < BOUND; i++) assert_true(fabs(counts[i] - mean) < 5.0 * deviation);
    assert_int_equal(ath__rng_below(&rng, 1), 0);
    assert_int_equal(ath__rng_below(&rng, 0), 0);
    /* Without the second draw a bound of 3 * 2^30 would give its lower third twice as often as the rest. */
    int low = 0;
    for (int i = 0; i < 30000; i++) low += ath__rng_below(&rng, 3u << 30) < 1u << 30;
    assert_true(fabs(low - 10000.0) < 5.0 * sqrt(30000.0 * 2.0 / 9.0));
}

static void test_uniform_and_normal(void **state) {
    (void)state;
    enum { DRAWS = 200000 };
    struct ath__rng rng;
    double          sum = 0.0, sum_squares = 0.0, sum4 = 0.0, uniform_sum = 0.0;
    ath__rng_start(&rng, 4, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        float u = ath__rng_uniform(&rng);
        assert_true(u >= 0.0f && u < 1.0f);
        uniform_sum += (double)u;
        double x = ath__rng_normal(&rng);
        assert_true(isfinite(x));
        sum += x;
        sum_squares += x * x;
        sum4 += x * x * x * x;
    }
    assert_true(fabs(uniform_sum / DRAWS - 0.5) < 5.0 * sqrt(1.0 / 12.0 / DRAWS));
    assert_true(fabs(sum / DRAWS) < 5.0 / sqrt(DRAWS));
    assert_true(fabs(sum_squares / DRAWS - 1.0) < 5.0 * sqrt(2.0 / DRAWS)); /* var x^2 = 2 */
    assert_true(fabs(sum4 / DRAWS - 3.0) < 5.0 * sqrt(96.0 / DRAWS));       /* var x^4 = 105 - 9 */
}

static void test_shuffle(void **state) {
    (void)state;
    enum { COUNT = 1000 };
    uint32_t        items[COUNT], again[COUNT], seen[COUNT] = {0};
    struct ath__rng rng;
    for (uint32_t i = 0; i < COUNT; i++) items[i] = again[i] = i;
    ath__rng_start(&rng, 5, ATH_RNG_SHUFFLE, 3, 0);
    ath__rng_shuffle(&rng, items, COUNT);
    int in_place = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        seen[items[i]]++;
        in_place += items[i] == i;
    }
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
    assert_true(in_place < 10); /* one is expected; ten have a probability of 1e-7 */
    ath__rng_start(&rng, 5, ATH_RNG_SHUFFLE, 3, 0);
    ath__rng_shuffle(&rng, again, COUNT);
    assert_memory_equal(items, again, sizeof items);
    ath__rng_shuffle(&rng, items, 1);
    ath__rng_shuffle(&rng, items, 0);
    assert_memory_equal(items, again, sizeof items);

    /* All six orders of three items turn up equally often: 5 sd of a count with p = 1/6. */
    int orders[27] = {0};
    for (int i = 0; i < 6000; i++) {
        uint32_t three[3] = {0, 1, 2};
        ath__rng_shuffle(&rng, three, 3);
        orders[three[0] * 9 + three[1] * 3 + three[2]]++;
    }
    int kinds = 0;
    for (int i = 0; i < 27; i++) {
        if (orders[i] == 0) continue;
        kinds++;
        assert_true(fabs(orders[i] - 1000.0) < 5.0 * sqrt(6000.0 * 5.0 / 36.0));
    }
    assert_int_equal(kinds, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers), cmocka_unit_test(test_a_stream_is_its_blocks_in_order),
        cmocka_unit_test(test_streams_differ),       cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_uniform_and_normal),   cmocka_unit_test(test_shuffle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
