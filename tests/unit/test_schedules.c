/* Every schedule against PyTorch's rates (tests/golden/schedules.json), plateau against ReduceLROnPlateau on scripted
 * metrics, warm-up, expressions, and the remarks about schedules that cannot be meant.
 *
 * Tolerance: both sides compute in float64. PyTorch multiplies its way from step to step, at most 40 times, and takes a
 * cosine or a power in each: a relative error of a few units in the last place per step, relative to the peak where two
 * nearly equal numbers are subtracted. 256 units cover 40 steps of 6.
 */
#include "base/error.h"
#include "optim/expression.h"
#include "optim/schedule.h"
#include "train/rate.h"
#include "train/settings.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE (256 * 0x1p-53)

static json_t *golden;

static int load(void **state) {
    json_error_t fault;
    (void)state;
    golden = json_load_file(ATHANOR_TEST_SOURCE "/golden/schedules.json", 0, &fault);
    if (!golden) fprintf(stderr, "schedules.json: %s\n", fault.text);
    return golden ? 0 : -1;
}

static int unload(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static double item(const json_t *object, const char *key, size_t i) {
    return json_number_value(json_array_get(json_object_get(object, key), i));
}

static int64_t whole(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static void configure(struct ath__rate_plan *rate, const char *name, const json_t *settings) {
    ath_error   err = {0};
    const char *key;
    json_t     *value;
    memset(rate, 0, sizeof *rate);
    rate->peak = json_number_value(json_object_get(golden, "peak"));
    must(ath__schedule_find(name, &rate->schedule, &err), &err);
    must(ath__schedule_defaults(rate->schedule, &rate->settings, &err), &err);
    json_object_foreach((json_t *)(uintptr_t)settings, key, value)
        must(ath__schedule_set(rate->schedule, &rate->settings, key, json_string_value(value), &err), &err);
}

static void test_golden(void **state) {
    (void)state;
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(golden, "cases"), index, row) {
        struct ath__rate_plan rate;
        const char           *name = json_string_value(json_object_get(row, "schedule"));
        const json_t         *momenta = json_object_get(row, "momenta");
        size_t                count = json_array_size(json_object_get(row, "rates"));
        configure(&rate, name, json_object_get(row, "settings"));
        rate.steps_per_epoch = whole(row, "steps_per_epoch");
        rate.steps = rate.steps_per_epoch * whole(row, "epochs");
        assert_true(count >= 10);
        for (size_t i = 0; i < count; i++) {
            int64_t step = (int64_t)i * whole(row, "every");
            double  got = ath__rate_at(&rate, step, 1.0), want = item(row, "rates", i);
            if (!(fabs(got - want) <= TOLERANCE * rate.peak))
                fail_msg("%s at step %lld: %.17g, not %.17g", name, (long long)step, got, want);
            if (momenta && !(fabs(ath__rate_momentum(&rate, step) - item(row, "momenta", i)) <= TOLERANCE))
                fail_msg("%s: momentum at step %lld", name, (long long)step);
        }
    }
}

static void test_all_covered(void **state) {
    (void)state;
    for (int i = 0; ath__schedule_at(i); i++) {
        size_t  index;
        json_t *row;
        bool    found = ath__schedule_at(i)->reads_metric;
        json_array_foreach(json_object_get(golden, "cases"), index, row) found |=
            strcmp(json_string_value(json_object_get(row, "schedule")), ath__schedule_at(i)->name) == 0;
        if (!found) fail_msg("%s has no golden case", ath__schedule_at(i)->name);
    }
}

static void test_plateau(void **state) {
    (void)state;
    size_t  index;
    json_t *row;
    int64_t drops = 0;
    json_array_foreach(json_object_get(golden, "plateau"), index, row) {
        struct ath__rate_plan rate;
        struct ath__plateau   plateau;
        configure(&rate, "plateau", json_object_get(row, "settings"));
        rate.steps = 1000;
        rate.steps_per_epoch = 10;
        ath__plateau_start(&plateau);
        size_t count = json_array_size(json_object_get(row, "values"));
        for (size_t i = 0; i < count; i++) {
            ath__plateau_observe(&plateau, &rate.settings.plateau, rate.peak, item(row, "values", i));
            double got = ath__rate_at(&rate, (int64_t)i, plateau.share), want = item(row, "rates", i);
            if (!(fabs(got - want) <= TOLERANCE * rate.peak))
                fail_msg("plateau %zu behind epoch %zu: %.17g, not %.17g", index, i + 1, got, want);
        }
        assert_true(plateau.drops > 0);
        drops += plateau.drops;
    }
    print_message("%lld drops as PyTorch decides them\n", (long long)drops);
    assert_true(drops > 0);
}

/* A metric that is no number is no improvement, at the start and later. */
static void test_plateau_nan(void **state) {
    (void)state;
    struct ath__plateau_rule rule = {.metric = ATH_PLATEAU_VAL_LOSS, .factor = 0.5, .patience = 1};
    struct ath__plateau      plateau;
    ath__plateau_start(&plateau);
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, NAN), ATH_PLATEAU_WAIT);
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, 1.0), ATH_PLATEAU_BETTER);
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, NAN), ATH_PLATEAU_WAIT);
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, 2.0), ATH_PLATEAU_DROP);
    assert_true(plateau.best == 1.0 && plateau.share == 0.5);
    rule.min_lr = 0.05;
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, 2.0), ATH_PLATEAU_WAIT);
    assert_int_equal(ath__plateau_observe(&plateau, &rule, 0.1, 2.0), ATH_PLATEAU_AT_MINIMUM);
}

/* Warm-up in front of a cosine: linear, then the cosine over what is left of the run. */
static void test_warmup(void **state) {
    (void)state;
    struct ath__rate_plan rate;
    ath_error             err = {0};
    configure(&rate, "cosine", NULL);
    must(ath__duration_parse("2ep", &rate.settings.warmup, &err), &err);
    rate.steps_per_epoch = 10;
    rate.steps = 100;
    for (int64_t step = 0; step < 20; step++) {
        assert_true(ath__rate_warming(&rate, step));
        assert_true(fabs(ath__rate_at(&rate, step, 1.0) - 0.1 * (double)(step + 1) / 21.0) < 1e-15);
    }
    assert_true(!ath__rate_warming(&rate, 20));
    assert_true(ath__rate_at(&rate, 20, 1.0) == 0.1);
    assert_true(fabs(ath__rate_at(&rate, 60, 1.0) - 0.05) < 1e-15);
}

static void test_settings(void **state) {
    (void)state;
    struct ath__schedule_settings settings;
    const struct ath__schedule   *schedule;
    struct ath__duration          duration;
    ath_error                     err = {0};
    assert_int_equal(ath__schedule_find("cosin", &schedule, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "did you mean 'cosine'"));
    assert_int_equal(ath__schedule_set(&ath__schedule_cosine, &settings, "every", "30ep", &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "step"));
    assert_int_equal(ath__schedule_set(&ath__schedule_multistep, &settings, "milestones", "", &err), ATH_USAGE);
    assert_int_equal(ath__schedule_set(&ath__schedule_multistep, &settings, "milestones", "[]", &err), ATH_USAGE);
    assert_int_equal(ath__schedule_set(&ath__schedule_multistep, &settings, "milestones", "[30]", &err), ATH_USAGE);
    must(ath__schedule_set(&ath__schedule_multistep, &settings, "milestones", "30ep, 500it", &err), &err);
    assert_int_equal(settings.milestone_count, 2);
    assert_true(settings.milestones[0].epochs && !settings.milestones[1].epochs);
    assert_int_equal(ath__schedule_set(&ath__schedule_plateau, &settings, "metric", "accuracy", &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "val_top1"));
    assert_int_equal(ath__duration_parse("30", &duration, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "30ep"));
    assert_true(!ath__plateau_falls(ATH_PLATEAU_VAL_TOP1) && ath__plateau_falls(ATH_PLATEAU_TRAIN_LOSS));
}

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static double value_of(const char *text) {
    const double           variables[] = {[ATH_EXPRESSION_EPOCH] = 7,
                                          [ATH_EXPRESSION_STEP] = 700,
                                          [ATH_EXPRESSION_STEPS] = 1000,
                                          [ATH_EXPRESSION_EPOCHS] = 10};
    struct ath__expression expression;
    ath_error              err = {0};
    must(ath__expression_parse(text, &expression, &err), &err);
    return ath__expression_value(&expression, variables);
}

static void test_expressions(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double      want;
    } cases[] = {
        {"1", 1},
        {" 0.1 ^ floor( epoch / 3 ) ", 0.1 * 0.1},
        {"2+3*4", 14},
        {"(2+3)*4", 20},
        {"-2^2", -4},
        {"2^-1", 0.5},
        {"2^3^2", 512},
        {"7 % 4", 3},
        {"10-3-2", 5},
        {"step/steps", 0.7},
        {"epoch<5 ? 1 : epoch<8 ? 2 : 3", 2},
        {"epoch >= 7 && step < 700", 0},
        {"epoch >= 7 || step < 700", 1},
        {"!(epoch == 7)", 0},
        {"epoch != 7", 0},
        {"max(min(1, 2), 0.5)", 1},
        {"0.5*(1+cos(pi*epochs/10))", 0},
        {"sqrt(16)+ceil(1.2)+abs(-1)+round(2.5)", 10},
        {"pow(2, 10) + exp(0) + log(1) + sin(0)", 1025},
        {"1e3 + 1E-1 + .5", 1000.6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!(fabs(value_of(cases[i].text) - cases[i].want) <= 1e-12 * fabs(cases[i].want) + 1e-15))
            fail_msg("'%s' is %.17g, not %g", cases[i].text, value_of(cases[i].text), cases[i].want);
    assert_true(!isfinite(value_of("1/0")));
}

static void test_bad_expressions(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",      " ",          "1+",      "(1",       "1)",        "epoc",       "floor 3", "min(1)",  "min(1,2,3)",
        "1 2",   "1 ? 2",      "0x10",    "inf",      "nan",       "1e999",      "1..2",    "a=1",     "system(1)",
        "1<2<3", "epoch.step", "1 ? 2 ;", "\xff\xfe", "floor(1))", "0.1**epoch", "$epoch",  "epoch[0]"};
    struct ath__expression expression;
    ath_error              err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memset(&err, 0, sizeof err);
        if (ath__expression_parse(bad[i], &expression, &err) != ATH_USAGE) fail_msg("'%s' was taken", bad[i]);
        assert_true(err.message[0] && expression.count == 0);
    }
    char deep[4096];
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(ath__expression_parse(deep, &expression, &err), ATH_USAGE);
    memset(deep, '-', sizeof deep - 1);
    assert_int_equal(ath__expression_parse(deep, &expression, &err), ATH_USAGE);
    for (size_t i = 0; i + 2 < sizeof deep; i += 2) memcpy(deep + i, "1+", 2);
    deep[sizeof deep - 2] = '1';
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(ath__expression_parse(deep, &expression, &err), ATH_USAGE); /* too long */
    for (int i = 0; i < 40; i++) memcpy(deep + 2 * i, "2^", 3);
    strcpy(deep + 80, "2");
    assert_int_equal(ath__expression_parse(deep, &expression, &err), ATH_USAGE);
}

/* ---- remarks ----------------------------------------------------------------------------------------------------- */

static char last_code[32];

static void note(const ath_remark *remark, void *context) {
    (void)context;
    snprintf(last_code, sizeof last_code, "%s", remark->code);
    assert_true(remark->warning);
}

static const char *remark_of(const char *name, const char *key, const char *value, const char *warmup) {
    const ath_hooks       hooks = {.remark = note};
    struct ath__rate_plan rate;
    ath_error             err = {0};
    configure(&rate, name, NULL);
    if (key) must(ath__schedule_set(rate.schedule, &rate.settings, key, value, &err), &err);
    must(ath__duration_parse(warmup, &rate.settings.warmup, &err), &err);
    rate.steps_per_epoch = 390;
    rate.steps = 390 * 20;
    last_code[0] = '\0';
    ath__rate_remark_death(&rate, &hooks);
    ath__rate_remark_length(&rate, &hooks);
    return last_code;
}

static void test_remarks(void **state) {
    (void)state;
    assert_string_equal(remark_of("lambda", "expression", "0.1^floor(step/30)", "0"), "LR-DEAD");
    assert_string_equal(remark_of("step", "every", "30it", "0"), "LR-DEAD");
    assert_string_equal(remark_of("lambda", "expression", "0.1^floor(epoch/30)", "0"), "");
    assert_string_equal(remark_of("step", "every", "5ep", "0"), "");
    assert_string_equal(remark_of("one-cycle", NULL, NULL, "0"), "");
    assert_string_equal(remark_of("one-cycle", NULL, NULL, "1ep"), "");
    assert_string_equal(remark_of("cosine", NULL, NULL, "5ep"), "");
    assert_string_equal(remark_of("cosine", "length", "200ep", "0"), "SCHEDULE-LENGTH");
    assert_string_equal(remark_of("cosine", "length", "10ep", "0"), "SCHEDULE-LENGTH");
    assert_string_equal(remark_of("cosine", "length", "20ep", "0"), "");
    assert_string_equal(remark_of("cosine", "length", "15ep", "5ep"), "");
    assert_string_equal(remark_of("multistep", "milestones", "[10ep,30ep]", "0"), "SCHEDULE-LENGTH");
    assert_string_equal(remark_of("multistep", "milestones", "[10ep,15ep]", "0"), "");
    assert_string_equal(remark_of("constant", NULL, NULL, "20ep"), "SCHEDULE-LENGTH");
    assert_string_equal(remark_of("plateau", NULL, NULL, "2ep"), "");
}

/* The key table knows every schedule and every setting of one, and leaves their defaults to them. */
static void test_table(void **state) {
    (void)state;
    const char *summary = ath__setting_find("schedule")->summary;
    for (int i = 0; ath__schedule_at(i); i++) {
        if (!strstr(summary, ath__schedule_at(i)->name)) fail_msg("help does not name %s", ath__schedule_at(i)->name);
        for (const struct ath__schedule_key *key = ath__schedule_at(i)->keys; key->name; key++) {
            char name[64];
            snprintf(name, sizeof name, "schedule.%s", key->name);
            const struct ath__setting *setting = ath__setting_find(name);
            if (!setting || strcmp(setting->fallback, "auto") != 0) fail_msg("no setting %s=auto", name);
            if (key->fallback) assert_int_equal(ath__setting_check(setting, key->fallback, NULL), ATH_OK);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_all_covered),     cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_plateau_nan), cmocka_unit_test(test_warmup),          cmocka_unit_test(test_settings),
        cmocka_unit_test(test_expressions), cmocka_unit_test(test_bad_expressions), cmocka_unit_test(test_remarks),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
