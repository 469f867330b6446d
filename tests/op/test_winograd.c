/* The Winograd rows: which convolutions they take; that neither the number of threads nor the order of work that
 * follows from it changes a bit of any result; and that bfloat16 is exact on small whole numbers, where a single wrong
 * term shows. (Other values are compared with the references by test_impl_cases on winograd.case; the larger problems
 * here reach the same results by another order of work.)
 */
#include "base/parallel.h"
#include "cpu/winograd_common.h"
#include "support/impl_trial.h"
#include "tensor/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ath__impl *row_of(const char *op) {
    for (const struct ath__impl *const *row = ath__device_cpu()->impls; *row != NULL; row++)
        if (strcmp((*row)->op, op) == 0 && strcmp((*row)->name, "winograd") == 0) return *row;
    return NULL;
}

static struct trial_wish blocks_wish(bool low) {
    int lanes = ath__winograd_kernels(ATH_F32, 3, 1, false)->lanes;
    return (struct trial_wish){"blocks", ath__layout_channel_blocks(lanes), ath__layout_plain(), low};
}

static bool has_strided(void) {
    return ath__winograd_kernels(ATH_F32, 3, 2, false) != NULL;
}

static bool has_five(void) {
    return ath__winograd_kernels(ATH_F32, 5, 1, false) != NULL;
}

static bool has_low(void) {
    return ath__winograd_kernels(ATH_BF16, 3, 1, false) != NULL;
}

static const char *reason_for(const char *line, struct trial_wish wish) {
    struct impl_case  c;
    struct impl_trial trial;
    char              why[256];
    if (!impl_case_parse(line, &c, why)) fail_msg("%s", why);
    impl_trial_describe(&trial, &c, row_of(c.op->name), &wish);
    const char *reason = impl_trial_choose(&trial);
    impl_case_free(&c);
    return reason;
}

static const char *reason_of(const char *line) {
    return reason_for(line, blocks_wish(false));
}

static void check_refusals(void **state) {
    (void)state;
    struct trial_wish plain = blocks_wish(false), low = blocks_wish(true);
    plain.layout = ath__layout_plain();
    assert_null(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1"));
    assert_null(reason_of("conv2d_dgrad dy=4x64x8x8 w=64x32x3x3 pad=1 src=8"));
    assert_null(reason_of("conv2d_wgrad x=4x32x8x8 dy=4x64x8x8 kernel=3 pad=1"));
    const char *reason = reason_for("conv2d x=4x32x8x8 w=64x32x3x3 pad=1", low);
    if (has_low())
        assert_null(reason);
    else
        assert_string_equal(reason, "bf16 needs AVX-512 with BF16");
    assert_string_equal(reason_for("conv2d x=4x32x8x8 w=64x32x3x3 pad=1", plain),
                        "channels are not in blocks of the vector's length");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=63x32x3x3 pad=1"), "the results' channels are not whole blocks");
    assert_string_equal(reason_of("conv2d x=4x16x8x8 w=32x16x3x3 pad=1"), "few channels");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x1x1"), "neither 3x3 nor 5x5");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x5 pad=1"), "neither 3x3 nor 5x5");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1 stride=3"), "strided");
    reason = reason_of("conv2d x=4x32x8x8 w=64x32x5x5 pad=2");
    if (has_five())
        assert_null(reason);
    else
        assert_string_equal(reason, "5x5 needs AVX-512 and stride 1");
    if (has_low())
        assert_string_equal(reason_for("conv2d x=4x32x8x8 w=64x32x5x5 pad=2", low), "5x5 in bf16 would err too much");
    assert_null(reason_of("conv2d x=4x32x16x16 w=64x32x3x3 pad=1 stride=2"));
    if (has_low())
        assert_string_equal(reason_for("conv2d x=4x32x16x16 w=64x32x3x3 pad=1 stride=2", low),
                            "direct is as fast here: few channels or pixels");
    assert_string_equal(reason_of("conv2d_dgrad dy=4x64x8x8 w=64x32x3x3 pad=0 stride=2 src=17"),
                        "strided, not padded by 1");
    assert_string_equal(reason_of("conv2d x=50x32x10x10 w=64x32x3x3 pad=1 stride=2"),
                        "direct is faster here: tiles partly empty");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=2 dilation=2"), "dilated");
    assert_string_equal(reason_of("conv2d x=4x64x8x8 w=64x32x3x3 pad=1 groups=2"), "grouped");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1,1,3,1"), "padded by a whole filter");
    assert_string_equal(reason_of("conv2d x=3x32x8x8 w=64x32x3x3 pad=1"), "direct is faster here: few pixels");
    assert_string_equal(reason_of("conv2d x=64x32x5x5 w=64x32x3x3 pad=1"), "direct is faster here: tiles mostly empty");
    assert_string_equal(reason_of("conv2d_dgrad dy=99x64x3x3 w=64x32x3x3 pad=1 src=3"),
                        "direct is faster here: tiles mostly empty");
    assert_string_equal(reason_of("conv2d_wgrad x=7x32x4x4 dy=7x64x4x4 kernel=3 pad=1"),
                        "direct is faster here: few tiles");
}

/* All outputs of a case, prepared and run with so many threads. */
static unsigned char *results_of(const struct impl_case *c, bool low, int threads, size_t *bytes) {
    struct impl_trial trial;
    struct trial_wish wish = blocks_wish(low);
    char              why[256];
    ath__threads_set(threads);
    impl_trial_describe(&trial, c, row_of(c->op->name), &wish);
    const char *reason = impl_trial_choose(&trial);
    if (reason != NULL) fail_msg("%s: refused: %s", c->line, reason);
    if (!impl_trial_open(&trial, why)) fail_msg("%s: %s", c->line, why);
    assert_int_equal(impl_trial_run(&trial, -1, -1), ATH_OK);
    *bytes = 0;
    for (int i = 0; i < c->outs; i++) *bytes += trial.out_memory[i].bytes;
    unsigned char *copy = malloc(*bytes + 1);
    assert_non_null(copy);
    size_t at = 0;
    for (int i = 0; i < c->outs; at += trial.out_memory[i++].bytes)
        if (trial.out_memory[i].bytes > 0) memcpy(copy + at, trial.out_memory[i].data, trial.out_memory[i].bytes);
    if (!guarded_unharmed(&trial.scratch)) fail_msg("%s: wrote outside its scratch", c->line);
    impl_trial_close(&trial);
    return copy;
}

static void check_threads(void **state) {
    static const int         counts[] = {2, 3, 7, 16};
    static const char *const lines[] = {
        "conv2d x=9x64x16x16 w=64x64x3x3 b=64 pad=1 act=relu",
        "conv2d x=70x256x7x8 w=128x256x3x3 pad=1", /* several chunks by channels, or by tiles */
        "conv2d x=300x272x4x4 w=48x272x3x3 pad=1 act=gelu",
        "conv2d_dgrad dy=70x256x8x8 w=256x96x3x3 pad=1 src=8",
        "conv2d_dgrad dy=20x48x15x15 w=48x32x3x3 pad=1 src=15",
        "conv2d_wgrad x=9x64x16x16 dy=9x64x16x16 kernel=3 pad=1 with_bias=1",
        "conv2d_wgrad x=50x64x16x15 dy=50x96x16x15 kernel=3 pad=1", /* by shares */
        "conv2d_wgrad x=40x256x4x4 dy=40x256x4x4 kernel=3 pad=1",   /* by blocks, or by frequencies */
        "conv2d_wgrad x=100x272x7x7 dy=100x208x7x7 kernel=3 pad=1",
        "conv2d x=9x64x16x16 w=64x64x5x5 pad=2",
        "conv2d_dgrad dy=9x64x16x16 w=64x64x5x5 pad=2 src=16",
        "conv2d_wgrad x=30x64x16x15 dy=30x96x16x15 kernel=5 pad=2",
        "conv2d x=20x256x16x16 w=96x256x3x3 pad=1 stride=2",
        "conv2d_dgrad dy=50x96x8x8 w=96x64x3x3 pad=1 stride=2 src=16",
        "conv2d_wgrad x=50x64x16x16 dy=50x96x8x8 kernel=3 pad=1 stride=2",
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof lines / sizeof lines[0]; i++) {
        const char      *line = lines[i / 2];
        bool             low = i % 2 == 1;
        struct impl_case c;
        char             why[256];
        size_t           bytes, again;
        if (low && !has_low()) continue;
        if (strstr(line, "stride=2") != NULL && !has_strided()) continue;
        if ((strstr(line, "5x5") != NULL || strstr(line, "kernel=5") != NULL) && (low || !has_five())) continue;
        if (!impl_case_parse(line, &c, why)) fail_msg("%s", why);
        unsigned char *one = results_of(&c, low, 1, &bytes);
        for (size_t t = 0; t < sizeof counts / sizeof counts[0]; t++) {
            unsigned char *many = results_of(&c, low, counts[t], &again);
            if (bytes != again || memcmp(one, many, bytes) != 0)
                fail_msg("%s%s: %d threads give other bits than 1", line, low ? " (bf16)" : "", counts[t]);
            free(many);
        }
        free(one);
        impl_case_free(&c);
    }
    ath__threads_set(0);
}

/* ---- whole numbers ---------------------------------------------------------------------------------------------- */

static double *numbers(const ath_shape *shape) {
    double *data = calloc((size_t)ath_shape_count(shape), sizeof(double));
    assert_non_null(data);
    return data;
}

/* Overwrites input i with -1, 0 and 1 from its normal numbers, of weights with -4, 0 and 4: G halves twice. */
static double *fill_whole(struct impl_trial *trial, int i) {
    double *values = numbers(&trial->in[i].shape), size = strcmp(trial->c->operand[i].name, "w") == 0 ? 4 : 1;
    impl_case_values(trial->c, i, values);
    for (int64_t j = 0; j < ath_shape_count(&trial->in[i].shape); j++)
        values[j] = values[j] < -0.5 ? -size : values[j] > 0.5 ? size : 0;
    ath__desc_store(&trial->in[i], values, trial->in_memory[i].data);
    return values;
}

/* All factors and sums are whole numbers that their types hold; only a result may be rounded, once. */
static void check_whole(void **state) {
    static const char *const lines[] = {
        "conv2d x=5x48x9x12 w=80x48x3x3 b=80 pad=1,0,2,1",
        "conv2d x=3x32x12x11 w=64x32x3x3 b=- residual=3x64x12x11 pad=1 act=relu",
        "conv2d x=70x256x7x8 w=128x256x3x3 pad=1",
        "conv2d x=6x28x9x12 w=64x28x3x3 b=64 pad=1",
        "conv2d_dgrad dy=5x64x9x12 w=64x28x3x3 pad=1 src=9,12",
        "conv2d_wgrad x=5x28x9x12 dy=5x64x9x12 kernel=3 pad=1",
        "conv2d_dgrad dy=5x64x11x12 w=64x48x3x3 pad=0,1,2,0 src=11,13",
        "conv2d_dgrad dy=33x272x8x8 w=272x96x3x3 pad=1 src=8",
        "conv2d_wgrad x=33x32x16x15 dy=33x48x15x16 kernel=3 pad=1,1,0,2 with_bias=1",
        "conv2d_wgrad x=9x64x7x9 dy=9x48x7x9 kernel=3 pad=1 with_bias=1",
        "conv2d_wgrad x=40x256x4x4 dy=40x208x4x4 kernel=3 pad=1",
        "conv2d x=5x144x19x24 w=80x144x3x3 b=80 pad=1 stride=2",
        "conv2d_dgrad dy=5x64x12x12 w=64x48x3x3 pad=1 stride=2 src=23,24",
        "conv2d_wgrad x=33x28x16x15 dy=33x48x8x8 kernel=3 pad=1 stride=2 with_bias=1",
    };
    (void)state;
    if (!has_low()) skip();
    for (size_t l = 0; l < sizeof lines / sizeof lines[0]; l++) {
        struct impl_case       c;
        struct impl_trial      trial;
        struct trial_wish      wish = blocks_wish(true);
        struct ath__ref_tensor in[CASE_MAX_OPERANDS] = {{{0}, NULL}}, out[ATH_MAX_OUTS] = {{{0}, NULL}};
        char                   why[256];
        if (!impl_case_parse(lines[l], &c, why)) fail_msg("%s", why);
        impl_trial_describe(&trial, &c, row_of(c.op->name), &wish);
        const char *reason = impl_trial_choose(&trial);
        if (reason != NULL) fail_msg("%s: refused: %s", c.line, reason);
        if (!impl_trial_open(&trial, why)) fail_msg("%s: %s", c.line, why);
        for (int i = 0; i < c.ins; i++)
            in[i] = (struct ath__ref_tensor){c.in[i].shape, c.in[i].present ? fill_whole(&trial, i) : NULL};
        for (int i = 0; i < c.outs; i++)
            out[i] = (struct ath__ref_tensor){c.out[i].shape, c.out[i].present ? numbers(&c.out[i].shape) : NULL};
        c.op->ref(&(struct ath__ref){c.attrs, c.ins, c.outs, in, out});
        assert_int_equal(impl_trial_run(&trial, -1, -1), ATH_OK);
        for (int i = 0; i < c.outs; i++) {
            if (!c.out[i].present) continue;
            int64_t count = ath_shape_count(&c.out[i].shape);
            double *got = numbers(&c.out[i].shape);
            ath__desc_load(&trial.out[i], trial.out_memory[i].data, got);
            ath__desc_store(&trial.out[i], out[i].data, trial.out_memory[i].data); /* rounds */
            ath__desc_load(&trial.out[i], trial.out_memory[i].data, out[i].data);
            for (int64_t j = 0; j < count; j++)
                if (got[j] != out[i].data[j])
                    fail_msg("%s: output %d at %lld: %g instead of %g", c.line, i, (long long)j, got[j],
                             out[i].data[j]);
            free(got);
        }
        for (int i = 0; i < c.ins; i++) free(in[i].data);
        for (int i = 0; i < c.outs; i++) free(out[i].data);
        impl_trial_close(&trial);
        impl_case_free(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_refusals), cmocka_unit_test(check_threads),
                                       cmocka_unit_test(check_whole)};
    if (ath__winograd_kernels(ATH_F32, 3, 1, false) == NULL) {
        print_message("no Winograd kernels for this processor\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
