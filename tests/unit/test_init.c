/* Starting values: bounds and spread of each policy, and that nothing but seed, parameter and place decides a draw. */
#include "base/mem.h"
#include "base/parallel.h"
#include "nn/init.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 7 };

static float *filled(enum ath__init_policy policy, ath_init init, ath_shape shape, uint64_t seed, uint32_t index) {
    float    *data = ATH_NEW_ARRAY(float, ath_shape_count(&shape));
    ath_error err = {0};
    assert_non_null(data);
    if (ath__init_fill(policy, &init, &shape, seed, index, data, &err) != ATH_OK) fail_msg("%s", err.message);
    return data;
}

/* n draws of U(-b, b): none outside, the extremes near the bounds, and mean and variance within five standard errors.
 * The mean of n draws has deviation b / sqrt(3 n); their mean square has mean b^2 / 3 and deviation sqrt(4/45) b^2 /
 * sqrt(n). */
static void expect_uniform(const float *data, int64_t n, double b) {
    double sum = 0.0, squares = 0.0, most = 0.0;
    for (int64_t i = 0; i < n; i++) {
        assert_true(fabs((double)data[i]) <= b * (1.0 + 1e-7));
        sum += (double)data[i];
        squares += (double)data[i] * (double)data[i];
        most = fmax(most, fabs((double)data[i]));
    }
    assert_true(fabs(sum / (double)n) < 5.0 * b / sqrt(3.0 * (double)n));
    assert_true(fabs(squares / (double)n - b * b / 3.0) < 5.0 * sqrt(4.0 / 45.0) * b * b / sqrt((double)n));
    assert_true(most > b * (1.0 - 50.0 / (double)n)); /* a miss has probability exp(-50) */
}

static void uniform_policies(void **state) {
    (void)state;
    /* fc1 of LeNet-5: fan_in 400, fan_out 120. conv: 16 filters of 6x5x5: fan_in 150, fan_out 400. */
    ath_init  weight = {.kind = ATH_INIT_WEIGHT}, bias = {.kind = ATH_INIT_BIAS, .fan_in = 400};
    ath_shape fc = ath_shape_of(120, 400), conv = ath_shape_of(16, 6, 5, 5), vector = ath_shape_of(100000);
    struct {
        enum ath__init_policy policy;
        ath_init              init;
        ath_shape             shape;
        double                bound;
    } cases[] = {
        {ATH_INIT_POLICY_XAVIER, weight, fc, sqrt(6.0 / 520.0)},
        {ATH_INIT_POLICY_XAVIER, weight, conv, sqrt(6.0 / 550.0)},
        {ATH_INIT_POLICY_XAVIER, bias, vector, 1.0 / 20.0},
        {ATH_INIT_POLICY_TORCH, weight, fc, 1.0 / 20.0},
        {ATH_INIT_POLICY_TORCH, weight, conv, 1.0 / sqrt(150.0)},
        {ATH_INIT_POLICY_TORCH, bias, vector, 1.0 / 20.0},
        {ATH_INIT_POLICY_KAIMING, {.kind = ATH_INIT_UNIFORM, .value = 0.25}, vector, 0.25},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float *data = filled(cases[i].policy, cases[i].init, cases[i].shape, SEED, (uint32_t)i);
        expect_uniform(data, ath_shape_count(&cases[i].shape), cases[i].bound);
        ath__free(data);
    }
}

/* Kaiming: N(0, 2 / fan_out) for convolutions, N(0, 2 / fan_in) for matrices, zero biases. The mean square of n normals
 * has deviation s^2 sqrt(2 / n). */
static void kaiming(void **state) {
    (void)state;
    struct {
        ath_shape shape;
        double    deviation;
    } cases[] = {{ath_shape_of(64, 32, 3, 3), sqrt(2.0 / (64.0 * 9.0))}, {ath_shape_of(100, 512), sqrt(2.0 / 512.0)}};
    for (size_t i = 0; i < 2; i++) {
        int64_t n = ath_shape_count(&cases[i].shape);
        double  s = cases[i].deviation, sum = 0.0, squares = 0.0;
        float  *data = filled(ATH_INIT_POLICY_KAIMING, (ath_init){.kind = ATH_INIT_WEIGHT}, cases[i].shape, SEED, 1);
        for (int64_t j = 0; j < n; j++) {
            sum += (double)data[j];
            squares += (double)data[j] * (double)data[j];
        }
        assert_true(fabs(sum / (double)n) < 5.0 * s / sqrt((double)n));
        assert_true(fabs(squares / (double)n - s * s) < 5.0 * s * s * sqrt(2.0 / (double)n));
        ath__free(data);
    }
    float *bias =
        filled(ATH_INIT_POLICY_KAIMING, (ath_init){.kind = ATH_INIT_BIAS, .fan_in = 9}, ath_shape_of(8), SEED, 2);
    for (int i = 0; i < 8; i++) assert_true(bias[i] == 0.0f);
    ath__free(bias);
}

static void constants(void **state) {
    (void)state;
    float *zeros = filled(ATH_INIT_POLICY_TORCH, (ath_init){.kind = ATH_INIT_ZEROS}, ath_shape_of(70000), SEED, 0);
    float *ones = filled(ATH_INIT_POLICY_TORCH, (ath_init){.kind = ATH_INIT_CONSTANT, .value = 1.0},
                         ath_shape_of(70000), SEED, 0);
    for (int i = 0; i < 70000; i++) assert_true(zeros[i] == 0.0f && ones[i] == 1.0f);
    ath__free(zeros);
    ath__free(ones);
}

/* The same bits with one thread and with four; other bits for another seed or another parameter. */
static void only_the_key_decides(void **state) {
    (void)state;
    ath_shape shape = ath_shape_of(300, 1000);
    size_t    bytes = 300u * 1000u * sizeof(float);
    ath_init  init = {.kind = ATH_INIT_WEIGHT};
    int       before = ath__threads();
    ath__threads_set(1);
    float *serial = filled(ATH_INIT_POLICY_XAVIER, init, shape, SEED, 3);
    ath__threads_set(4);
    float *parallel = filled(ATH_INIT_POLICY_XAVIER, init, shape, SEED, 3);
    float *seed = filled(ATH_INIT_POLICY_XAVIER, init, shape, SEED + 1, 3);
    float *index = filled(ATH_INIT_POLICY_XAVIER, init, shape, SEED, 4);
    ath__threads_set(before);
    assert_memory_equal(serial, parallel, bytes);
    int64_t same_seed = 0, same_index = 0;
    for (int i = 0; i < 300000; i++) {
        same_seed += serial[i] == seed[i];
        same_index += serial[i] == index[i];
    }
    assert_true(same_seed < 10 && same_index < 10);
    ath__free(serial);
    ath__free(parallel);
    ath__free(seed);
    ath__free(index);
}

static void names_and_refusals(void **state) {
    (void)state;
    enum ath__init_policy policy;
    ath_error             err = {0};
    ath_shape             shape = ath_shape_of(1);
    float                 value;
    assert_int_equal(ath__init_policy_find("kaiming", &policy, &err), ATH_OK);
    assert_int_equal(policy, ATH_INIT_POLICY_KAIMING);
    assert_int_equal(ath__init_policy_find("xaver", &policy, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "xavier"));
    assert_int_equal(ath__init_fill(policy, &(ath_init){.kind = ATH_INIT_FROM}, &shape, 1, 0, &value, &err),
                     ATH_UNSUPPORTED);
}

/* The first filters pass their channel on, the others start by policy; what comes behind does not shift. */
static void dirac(void **state) {
    (void)state;
    ath_init  start = {.kind = ATH_INIT_DIRAC}, plain = {.kind = ATH_INIT_WEIGHT};
    ath_shape wide = ath_shape_of(5, 3, 3, 3), narrow = ath_shape_of(2, 4, 2, 1), matrix = ath_shape_of(3, 2);
    float    *data = filled(ATH_INIT_POLICY_TORCH, start, wide, SEED, 4);
    float    *other = filled(ATH_INIT_POLICY_TORCH, plain, wide, SEED, 4);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 27; i++) assert_true(data[k * 27 + i] == (i == k * 9 + 4 ? 1.0f : 0.0f));
    assert_memory_equal(data + 3 * 27, other + 3 * 27, 2 * 27 * sizeof(float));
    ath__free(data);
    ath__free(other);
    data = filled(ATH_INIT_POLICY_KAIMING, start, narrow, SEED, 0);
    for (int i = 0; i < 16; i++) assert_true(data[i] == (i == 1 || i == 8 + 3 ? 1.0f : 0.0f));
    ath__free(data);
    data = filled(ATH_INIT_POLICY_KAIMING, start, matrix, SEED, 0);
    assert_true(data[0] == 1.0f && data[1] == 0.0f && data[2] == 0.0f && data[3] == 1.0f && data[4] != 0.0f);
    ath__free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_policies),   cmocka_unit_test(kaiming),
        cmocka_unit_test(constants),          cmocka_unit_test(only_the_key_decides),
        cmocka_unit_test(names_and_refusals), cmocka_unit_test(dirac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
