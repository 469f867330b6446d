/* What a sweep tries: lists, ranges, grids, draws, and what is refused. */
#include "train/tune/sweep_plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ath_config *config;

static int set_up(void **state) {
    (void)state;
    return ath_config_create(&config, NULL) == ATH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    ath_config_destroy(config);
    return 0;
}

static ath_status try_set(const char *key, const char *value, ath_error *err) {
    return ath_config_set(config, key, value, ATH_ORIGIN_COMMAND_LINE, err);
}

static void set(const char *key, const char *value) {
    ath_error err = {0};
    if (try_set(key, value, &err) != ATH_OK) fail_msg("%s", err.message);
}

static void make(struct ath__sweep_plan *plan) {
    ath_error err = {0};
    if (ath__sweep_plan_make(config, plan, &err) != ATH_OK) fail_msg("%s", err.message);
}

static void grid_of_lists(void **state) {
    (void)state;
    static const char *const wanted[][2] = {{"0.01", "64"}, {"0.01", "128"}, {"0.1", "64"},
                                            {"0.1", "128"}, {"1", "64"},     {"1", "128"}};
    struct ath__sweep_plan   plan;
    set("sweep.lr", "0.01, 0.1,1");
    set("sweep.batch", "64,128");
    make(&plan);
    assert_int_equal(plan.trials, 6);
    for (int t = 0; t < 6; t++)
        for (int a = 0; a < 2; a++) assert_string_equal(ath__sweep_value(&plan, t, a), wanted[t][a]);
    ath__sweep_plan_free(&plan);
}

static void ranges_in_a_grid(void **state) {
    (void)state;
    static const char *const rates[] = {"0.001", "0.01", "0.1", "1"}, *const batches[] = {"16", "24", "32"};
    struct ath__sweep_plan plan;
    set("sweep.lr", "0.001..1:log:4");
    set("sweep.batch", "16..32:3");
    make(&plan);
    assert_int_equal(plan.trials, 12);
    for (int t = 0; t < 12; t++) {
        assert_string_equal(ath__sweep_value(&plan, t, 0), rates[t / 3]);
        assert_string_equal(ath__sweep_value(&plan, t, 1), batches[t % 3]);
    }
    ath__sweep_plan_free(&plan);
}

static void brackets_hold_together(void **state) {
    (void)state;
    struct ath__sweep_axis axis;
    ath_error              err = {0};
    assert_int_equal(ath__sweep_axis_read(&axis, "model.layers", "[1,2],[3,[4,5]],none", &err), ATH_OK);
    assert_int_equal(axis.count, 3);
    assert_string_equal(axis.values[1], "[3,[4,5]]");
    ath__sweep_axis_free(&axis);
    assert_int_equal(ath__sweep_axis_read(&axis, "lr", "1..5", &err), ATH_OK);
    assert_true(axis.range && axis.low == 1.0 && axis.high == 5.0 && !axis.log);
    ath__sweep_axis_free(&axis);
}

/* Draws stay in the range, fill it evenly in the logarithm, do not repeat, and do not depend on how many are wanted. */
static void draws(void **state) {
    (void)state;
    struct ath__sweep_plan plan, longer;
    int                    low = 0;
    set("sweep.lr", "0.001..1:log");
    set("sweep.epochs", "1..9");
    set("method", "random");
    set("trials", "60");
    make(&plan);
    set("trials", "80");
    make(&longer);
    assert_int_equal(plan.trials, 60);
    assert_int_equal(longer.trials, 80);
    for (int t = 0; t < 60; t++) {
        double rate = strtod(ath__sweep_value(&plan, t, 0), NULL), epochs = strtod(ath__sweep_value(&plan, t, 1), NULL);
        assert_true(rate >= 0.000999 && rate <= 1.001);
        assert_true(epochs >= 1.0 && epochs <= 9.0 && epochs == floor(epochs));
        low += rate < 0.0316;
        for (int a = 0; a < 2; a++) assert_string_equal(ath__sweep_value(&plan, t, a), ath__sweep_value(&longer, t, a));
    }
    assert_true(low > 15 && low < 45); /* 30 expected, deviation 3.9 */
    ath__sweep_plan_free(&plan);
    ath__sweep_plan_free(&longer);
}

/* Lists with fewer combinations than wanted are taken whole. */
static void all_that_there_are(void **state) {
    (void)state;
    struct ath__sweep_plan plan;
    set("sweep.momentum", "0,0.9");
    set("sweep.seed", "1,2");
    set("method", "random");
    make(&plan);
    assert_int_equal(plan.trials, 4);
    ath__sweep_plan_free(&plan);
}

static void expect(ath_status status, const ath_error *err, const char *part) {
    assert_int_equal(status, ATH_USAGE);
    if (!strstr(err->message, part)) fail_msg("'%s' does not say '%s'", err->message, part);
}

static void refused(const char *key, const char *value, const char *part) {
    struct ath__sweep_plan plan;
    ath_error              err = {0};
    set_up(NULL);
    set(key, value);
    expect(ath__sweep_plan_make(config, &plan, &err), &err, part);
    ath__sweep_plan_free(&plan);
    tear_down(NULL);
}

static void mistakes(void **state) {
    (void)state;
    struct ath__sweep_plan plan;
    ath_error              err = {0};
    expect(ath__sweep_plan_make(config, &plan, &err), &err, "nothing to vary");
    ath__sweep_plan_free(&plan);
    expect(try_set("sweep.leraning_rate", "1", &err), &err, "'lr'");
    expect(try_set("sweep.bacth", "1", &err), &err, "'batch'");
    expect(try_set("sweep.sweep.lr", "1", &err), &err, "unknown key");
    tear_down(NULL);
    refused("sweep.lr", "0.1,abc", "lr must be");
    refused("sweep.lr", "0.1,,0.2", "empty value");
    refused("sweep.lr", "1..0.1", "no range");
    refused("sweep.lr", "0..1:log", "no range");
    refused("sweep.lr", "0.1..1:cube", "no range");
    refused("sweep.lr", "0.1..1:1", "no range");
    refused("sweep.batch", "0..64", "batch must be");
    refused("sweep.out", "a,b", "cannot vary");
    set_up(NULL);
    set("sweep.lr", "0.1..1:200");
    set("sweep.momentum", "0..0.9:200");
    expect(ath__sweep_plan_make(config, &plan, &err), &err, "method=random");
    ath__sweep_plan_free(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(grid_of_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_in_a_grid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(brackets_hold_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(draws, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_that_there_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
