/* What the case files cannot say about the CPU's kernels: accuracy of the elementary functions over their whole range,
 * batch norm far from zero, the same bits for any number of threads, sums over micro-batches, packs in place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "contract/impl.h"
#include "cpu/simd/kernels.h"
#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

#define IMPL(name) extern const struct ath__impl ath__impl_cpu_##name;
IMPL(batch_norm)
IMPL(batch_norm_grad)
IMPL(reduce)
IMPL(batch_sum)
IMPL(pack)
#undef IMPL

/* ---- elementary functions
   ------------------------------------------------------------------------------------------- */

enum { BLOCK = 1000 };

typedef double (*exact_fn)(double x);

static double exact_sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}
static double exact_gelu(double x) {
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

/* Distance in units in the last place of the exact value's float32 neighbourhood (denormal spacing at the low end). */
static double ulps(float got, double want) {
    if ((double)got == want) return 0.0;
    int exponent;
    frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1.0, exponent - 24 < -149 ? -149 : exponent - 24);
}

static double worst_ulps(ath__step_fn run, exact_fn exact, float low, float high) {
    float  x[BLOCK], y[BLOCK];
    double worst = 0.0;
    for (int block = 0; block < 400; block++) {
        for (int i = 0; i < BLOCK; i++) x[i] = low + (high - low) * ((float)(block * BLOCK + i) / (400.0F * BLOCK));
        run(x, x, y, BLOCK, 0, 0);
        for (int i = 0; i < BLOCK; i++) {
            double error = ulps(y[i], exact((double)x[i]));
            if (!(error <= worst)) worst = error;
        }
    }
    return worst;
}

/* The bounds are those that vec_math.inc.h states; gelu is 0 at large negative x, where only the absolute error counts.
 */
static void elementary_functions_are_accurate(void **state) {
    (void)state;
    const struct ath__kernels *tables[] = {&ath__kernels_generic, ath__kernels()};
    for (int t = 0; t < 2; t++) {
        const struct ath__kernels *k = tables[t];
        assert_true(worst_ulps(k->unary[ATH_UNARY_EXP], exp, -103.0F, 88.7F) <= 2.0);
        assert_true(worst_ulps(k->unary[ATH_UNARY_EXP], exp, -1.0F, 1.0F) <= 2.0);
        assert_true(worst_ulps(k->unary[ATH_UNARY_LOG], log, 1e-30F, 4.0F) <= 2.0);
        assert_true(worst_ulps(k->unary[ATH_UNARY_LOG], log, 0.5F, 2.0F) <= 2.0);
        assert_true(worst_ulps(k->unary[ATH_UNARY_LOG], log, 1e-45F, 1e-37F) <= 2.0);
        assert_true(worst_ulps(k->unary[ATH_UNARY_LOG], log, 1.0F, 3e38F) <= 2.0);
        assert_true(worst_ulps(k->act[ATH_ACT_SIGMOID], exact_sigmoid, -80.0F, 40.0F) <= 3.0);
        assert_true(worst_ulps(k->act[ATH_ACT_TANH], tanh, -10.0F, 10.0F) <= 3.0);
        assert_true(worst_ulps(k->act[ATH_ACT_TANH], tanh, -1e-3F, 1e-3F) <= 3.0);
        assert_true(worst_ulps(k->act[ATH_ACT_GELU], exact_gelu, 0.0F, 8.0F) <= 4.0);
        float x[BLOCK], y[BLOCK];
        for (int i = 0; i < BLOCK; i++) x[i] = -8.0F * (float)i / BLOCK;
        k->act[ATH_ACT_GELU](x, x, y, BLOCK, 0, 0);
        /* x/2 * (1 + erf): 3 units of 1 from erf, so 3 * 2^-24 * |x| / 2 and one rounding of as much. */
        for (int i = 0; i < BLOCK; i++)
            assert_true(fabs((double)y[i] - exact_gelu((double)x[i])) <= 2.0 * 5.96e-8 * (1.0 - (double)x[i]));
    }
}

static void limits_and_not_a_numbers_pass(void **state) {
    (void)state;
    const struct ath__kernels *tables[] = {&ath__kernels_generic, ath__kernels()};
    const float                big = INFINITY;
    float                      x[20], y[20];
    for (int t = 0; t < 2; t++) {
        const struct ath__kernels *k = tables[t];
        const struct {
            ath__step_fn run;
            float        low, high, zero; /* at minus and plus infinity and at 0 */
        } rows[] = {{k->unary[ATH_UNARY_EXP], 0, big, 1},      {k->unary[ATH_UNARY_LOG], NAN, big, -big},
                    {k->act[ATH_ACT_SIGMOID], 0, 1, 0.5F},     {k->act[ATH_ACT_TANH], -1, 1, 0},
                    {k->act[ATH_ACT_RELU], 0, big, 0},         {k->act[ATH_ACT_RELU6], 0, 6, 0},
                    {k->act[ATH_ACT_HARD_SIGMOID], 0, 1, 0.5F}};
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            const float in[4] = {-INFINITY, INFINITY, 0.0F, NAN};
            const float out[4] = {rows[r].low, rows[r].high, rows[r].zero, NAN};
            for (int i = 0; i < 20; i++) x[i] = in[i % 4]; /* whole vectors and a rest */
            rows[r].run(x, x, y, 19, 0, 0);
            for (int i = 0; i < 19; i++) {
                if (isnan(out[i % 4])) {
                    assert_true(isnan(y[i]));
                } else {
                    assert_true(y[i] == out[i % 4]);
                }
            }
        }
        for (int kind = 0; kind < ATH_KERNELS_ACTS; kind++) {
            for (int i = 0; i < 20; i++) x[i] = NAN;
            k->act[kind](x, x, y, 19, 0, 0);
            for (int i = 0; i < 19; i++) assert_true(isnan(y[i]));
        }
    }
}

static void conversions_round_to_even(void **state) {
    (void)state;
    const struct ath__kernels *tables[] = {&ath__kernels_generic, ath__kernels()};
    struct ath__rng            rng;
    for (int t = 0; t < 2; t++) {
        ath__rng_start(&rng, 7, ATH_RNG_TEST, 0, 0);
        for (int round = 0; round < 1000; round++) {
            float    x[37];
            uint16_t y[37];
            for (int i = 0; i < 37; i++)
                x[i] = ath__f32_from_bits(ath__rng_u32(&rng) & (i % 3 == 0 ? 0xFFFF8000u : ~0u));
            tables[t]->to_bf16(x, y, 37);
            for (int i = 0; i < 37; i++) assert_int_equal(y[i], ath__bf16_from_f32(x[i]));
        }
    }
}

static void philox_is_the_generator(void **state) {
    (void)state;
    const struct ath__kernels *tables[] = {&ath__kernels_generic, ath__kernels()};
    const uint32_t             key[2] = {0xDEADBEEFu, 42}, counter[4] = {0xFFFFFFF0u, 9, 8, 7};
    for (int t = 0; t < 2; t++) {
        uint32_t words[4 * 37], want[4];
        tables[t]->philox(key, counter, words, 37);
        for (uint32_t i = 0; i < 37; i++) {
            ath__philox(key, (uint32_t[4]){counter[0] + i, 9, 8, 7}, want);
            assert_memory_equal(words + 4 * i, want, sizeof want);
        }
    }
}

/* ---- whole implementations
 * --------------------------------------------------------------------------------------------- */

enum { MOST = 8 };

struct run {
    const struct ath__impl *impl;
    struct ath__problem     problem;
    struct ath__desc        in[MOST], out[MOST];
    float                  *in_data[MOST], *out_data[MOST];
};

static void run_operand(struct ath__desc *desc, float **data, ath_shape shape, struct ath__layout layout, uint32_t seed,
                        float mean) {
    struct ath__rng rng;
    *desc = ath__desc_plain(ATH_F32, &shape);
    desc->layout = layout;
    *data = ath__alloc_zeroed(ath__desc_bytes(desc));
    assert_non_null(*data);
    ath__rng_start(&rng, seed, ATH_RNG_TEST, 1, 1);
    int64_t count = ath_shape_count(&shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t index[ATH_MAX_RANK] = {0}, rest = i;
        for (int d = shape.rank - 1; d >= 0; d--) {
            index[d] = rest % shape.dims[d];
            rest /= shape.dims[d];
        }
        (*data)[ath__desc_offset(desc, index)] = mean + (float)ath__rng_normal(&rng);
    }
}

static void run_once(struct run *run, const char *op, const void *attrs, int ins, int outs, int micro_batch) {
    void     *state = NULL, *scratch = NULL;
    ath_error err;
    run->problem = (struct ath__problem){op, attrs, ins, outs, run->in, run->out, NULL};
    assert_null(run->impl->refuse(&run->problem));
    if (run->impl->prepare) assert_int_equal(run->impl->prepare(&run->problem, &state, &err), ATH_OK);
    if (run->impl->scratch) scratch = ath__alloc(run->impl->scratch(&run->problem, state));
    struct ath__exec exec = {&run->problem, (void *const *)run->in_data, (void *const *)run->out_data, scratch,
                             micro_batch};
    assert_int_equal(run->impl->run(&exec, state), ATH_OK);
    if (run->impl->release) run->impl->release(state);
    ath__free(scratch);
}

static void run_free(struct run *run) {
    for (int i = 0; i < MOST; i++) {
        ath__free(run->in_data[i]);
        ath__free(run->out_data[i]);
    }
}

static void make_batch_norm(struct run *run, struct ath__layout layout, float mean) {
    ath_shape shape = ath_shape_of(21, 19, 11, 13), channels = ath_shape_of(19);
    memset(run, 0, sizeof *run);
    run->impl = &ath__impl_cpu_batch_norm;
    run_operand(&run->in[0], &run->in_data[0], shape, layout, 1, mean);
    for (int i = 1; i < 5; i++)
        run_operand(&run->in[i], &run->in_data[i], channels, ath__layout_plain(), (uint32_t)i + 1, 3.0F);
    run_operand(&run->out[0], &run->out_data[0], shape, layout, 1, 0.0F);
    for (int i = 1; i < 5; i++) run_operand(&run->out[i], &run->out_data[i], channels, ath__layout_plain(), 1, 0.0F);
}

/* Mean 10,000, deviation 1: inputs are spaced 2^-10 there, which the double reference sees as well, so only arithmetic
 * differs. Each float32 x - mean is exact but for the rounding of a panel's mean, which is taken back; the squares of
 * 128 rows sum with relative error below 64 * 2^-24 = 4e-6. A single pass over sums of squares in float32 would be
 * wrong in the first digit, by 1e8 * 2^-24. The mean itself is rounded to float32: 2^-24 relative. */
static void statistics_hold_far_from_zero(void **state) {
    (void)state;
    const struct ath__layout   layouts[] = {ath__layout_plain(), ath__layout_channels_last(4),
                                            ath__layout_channel_blocks(8), ath__layout_batch_blocks(16)};
    const ath_batch_norm_attrs attrs = {.eps = 1e-5, .momentum = 0.1};
    for (int l = 0; l < 4; l++) {
        struct run run;
        make_batch_norm(&run, layouts[l], 10000.0F);
        run_once(&run, "batch_norm", &attrs, 5, 5, 0);
        for (int64_t c = 0; c < 19; c++) {
            double sum = 0, squares = 0, n = 21 * 11 * 13;
            for (int pass = 0; pass < 2; pass++)
                for (int64_t i = 0; i < 21; i++)
                    for (int64_t p = 0; p < 11 * 13; p++) {
                        int64_t index[ATH_MAX_RANK] = {i, c, p / 13, p % 13};
                        double  x = (double)run.in_data[0][ath__desc_offset(&run.in[0], index)];
                        if (pass == 0) sum += x;
                        if (pass == 1) squares += (x - sum / n) * (x - sum / n);
                    }
            double invstd = 1.0 / sqrt(squares / n + 1e-5);
            assert_true(fabs((double)run.out_data[1][c] / (sum / n) - 1.0) < 1.2e-7);
            assert_true(fabs((double)run.out_data[2][c] / invstd - 1.0) < 4e-6);
        }
        run_free(&run);
    }
}

/* Copies of all results for one number of threads. */
static void assert_same_for_any_threads(struct run *run, const char *op, const void *attrs, int ins, int outs) {
    float *first[MOST] = {NULL};
    for (int threads = 1; threads <= 5; threads += 2) {
        ath__threads_set(threads);
        run_once(run, op, attrs, ins, outs, 0);
        for (int o = 0; o < outs; o++) {
            size_t bytes = ath__desc_bytes(&run->out[o]);
            if (threads == 1) {
                first[o] = ath__alloc(bytes);
                memcpy(first[o], run->out_data[o], bytes);
            } else {
                assert_memory_equal(first[o], run->out_data[o], bytes);
            }
        }
    }
    ath__threads_set(0);
    for (int o = 0; o < outs; o++) ath__free(first[o]);
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    const ath_batch_norm_attrs      norm = {.eps = 1e-5, .momentum = 0.1, .act = ATH_ACT_RELU};
    const ath_batch_norm_grad_attrs norm_grad = {.eps = 1e-5, .momentum = 0.1, .act = ATH_ACT_NONE};
    const struct ath__layout        layouts[] = {ath__layout_plain(), ath__layout_channels_last(4),
                                                 ath__layout_channel_blocks(8)};
    for (int l = 0; l < 3; l++) {
        struct run run, grad = {.impl = &ath__impl_cpu_batch_norm_grad};
        make_batch_norm(&run, layouts[l], 1.0F);
        assert_same_for_any_threads(&run, "batch_norm", &norm, 5, 5);
        run_free(&run);
        ath_shape shape = ath_shape_of(21, 19, 11, 13), channels = ath_shape_of(19);
        for (int i = 0; i < 5; i++)
            run_operand(&grad.in[i], &grad.in_data[i], i < 2 ? shape : channels,
                        i < 2 ? layouts[l] : ath__layout_plain(), (uint32_t)i, 1.0F);
        for (int o = 0; o < 3; o++)
            run_operand(&grad.out[o], &grad.out_data[o], o < 1 ? shape : channels,
                        o < 1 ? layouts[l] : ath__layout_plain(), 1, 0.0F);
        assert_same_for_any_threads(&grad, "batch_norm_grad", &norm_grad, 5, 3);
        run_free(&grad);
    }
    const struct {
        ath_shape in, out;
        int64_t   axes;
    } reductions[] = {{ath_shape_of(200003), {.rank = 0}, 1},
                      {ath_shape_of(3001, 70), ath_shape_of(70), 1},
                      {ath_shape_of(3, 70001), ath_shape_of(3), 2}};
    for (int r = 0; r < 3; r++) {
        const ath_reduce_attrs attrs = {.kind = ATH_REDUCE_SUM, .axes = reductions[r].axes};
        struct run             run = {.impl = &ath__impl_cpu_reduce};
        run_operand(&run.in[0], &run.in_data[0], reductions[r].in, ath__layout_plain(), 1, 0.0F);
        run_operand(&run.out[0], &run.out_data[0], reductions[r].out, ath__layout_plain(), 1, 0.0F);
        assert_same_for_any_threads(&run, "reduce", &attrs, 1, 1);
        run_free(&run);
    }
}

static void batch_sums_add_up(void **state) {
    (void)state;
    struct run run = {.impl = &ath__impl_cpu_batch_sum};
    enum { N = 20011 };
    run_operand(&run.in[0], &run.in_data[0], ath_shape_of(N), ath__layout_plain(), 1, 0.0F);
    run_operand(&run.out[0], &run.out_data[0], ath_shape_of(N), ath__layout_plain(), 2, 0.0F);
    for (int batch = 0; batch < 4; batch++) run_once(&run, "batch_sum", NULL, 1, 1, batch);
    /* 2x and 4x are exact, 3x is rounded once and 4x = 3x + x once more: 2 roundings of at most 2^-24 * 4|x| */
    for (int i = 0; i < N; i++)
        assert_true(fabsf(run.out_data[0][i] - 4.0F * run.in_data[0][i]) <= 4.8e-7F * fabsf(run.in_data[0][i]));
    /* In place and alone: nothing changes. */
    float *own = run.out_data[0], last = run.in_data[0][N - 1];
    run.out_data[0] = run.in_data[0];
    run_once(&run, "batch_sum", NULL, 1, 1, 0);
    assert_true(run.in_data[0][N - 1] == last);
    run.out_data[0] = own;
    run_free(&run);
}

static void packs_leave_pieces_in_place(void **state) {
    (void)state;
    struct run run = {.impl = &ath__impl_cpu_pack};
    run_operand(&run.out[0], &run.out_data[0], ath_shape_of(16 + 32), ath__layout_plain(), 1, 5.0F);
    run_operand(&run.in[0], &run.in_data[0], ath_shape_of(3), ath__layout_plain(), 2, 0.0F);
    run_operand(&run.in[1], &run.in_data[1], ath_shape_of(17), ath__layout_plain(), 3, 0.0F);
    float *own = run.in_data[1];
    memcpy(run.out_data[0] + 16, own, 17 * sizeof(float));
    run.in_data[1] = run.out_data[0] + 16;
    run_once(&run, "pack", NULL, 2, 1, 0);
    for (int i = 0; i < 48; i++) {
        float want = i < 3 ? run.in_data[0][i] : i >= 16 && i < 33 ? own[i - 16] : 0.0F;
        assert_true(run.out_data[0][i] == want);
    }
    run.in_data[1] = own;
    run_free(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementary_functions_are_accurate),
        cmocka_unit_test(limits_and_not_a_numbers_pass),
        cmocka_unit_test(conversions_round_to_even),
        cmocka_unit_test(philox_is_the_generator),
        cmocka_unit_test(statistics_hold_far_from_zero),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(batch_sums_add_up),
        cmocka_unit_test(packs_leave_pieces_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
