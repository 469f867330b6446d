/* The Winograd rows: which convolutions they take, and that neither the number of threads nor the order of work that
 * follows from it changes a bit of any result. (Values are compared with the references by test_impl_cases on
 * winograd.case; the larger problems here reach the same results by another order of work.)
 */
#include "base/parallel.h"
#include "cpu/winograd_common.h"
#include "support/impl_trial.h"

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

static struct trial_wish blocks_wish(void) {
    int lanes = ath__winograd_kernels()->lanes;
    return (struct trial_wish){"blocks", ath__layout_channel_blocks(lanes), ath__layout_plain(), false};
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
    return reason_for(line, blocks_wish());
}

static void check_refusals(void **state) {
    (void)state;
    struct trial_wish plain = blocks_wish(), low = blocks_wish();
    plain.layout = ath__layout_plain();
    low.low = true;
    assert_null(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1"));
    assert_null(reason_of("conv2d_dgrad dy=4x64x8x8 w=64x32x3x3 pad=1 src=8"));
    assert_null(reason_of("conv2d_wgrad x=4x32x8x8 dy=4x64x8x8 kernel=3 pad=1"));
    assert_string_equal(reason_for("conv2d x=4x32x8x8 w=64x32x3x3 pad=1", low), "needs f32");
    assert_string_equal(reason_for("conv2d x=4x32x8x8 w=64x32x3x3 pad=1", plain),
                        "channels are not in whole blocks of the vector's length");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=63x32x3x3 pad=1"),
                        "channels are not in whole blocks of the vector's length");
    assert_string_equal(reason_of("conv2d x=4x16x8x8 w=32x16x3x3 pad=1"), "few channels");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x1x1"), "not 3x3");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x5 pad=1"), "not 3x3");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1 stride=2"), "strided");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=2 dilation=2"), "dilated");
    assert_string_equal(reason_of("conv2d x=4x64x8x8 w=64x32x3x3 pad=1 groups=2"), "grouped");
    assert_string_equal(reason_of("conv2d x=4x32x8x8 w=64x32x3x3 pad=1,1,3,1"), "padded by more than 2");
    assert_string_equal(reason_of("conv2d x=3x32x8x8 w=64x32x3x3 pad=1"), "direct is faster here: few pixels");
    assert_string_equal(reason_of("conv2d x=64x32x5x5 w=64x32x3x3 pad=1"), "direct is faster here: tiles mostly empty");
    assert_string_equal(reason_of("conv2d_dgrad dy=99x64x3x3 w=64x32x3x3 pad=1 src=3"),
                        "direct is faster here: tiles mostly empty");
    assert_string_equal(reason_of("conv2d_wgrad x=7x32x4x4 dy=7x64x4x4 kernel=3 pad=1"),
                        "direct is faster here: few tiles");
}

/* All outputs of a case, prepared and run with so many threads. */
static unsigned char *results_of(const struct impl_case *c, int threads, size_t *bytes) {
    struct impl_trial trial;
    struct trial_wish wish = blocks_wish();
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
        "conv2d_wgrad x=40x256x4x4 dy=40x256x4x4 kernel=3 pad=1", /* by blocks, or by frequencies */
        "conv2d_wgrad x=100x272x7x7 dy=100x208x7x7 kernel=3 pad=1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct impl_case c;
        char             why[256];
        size_t           bytes, again;
        if (!impl_case_parse(lines[i], &c, why)) fail_msg("%s", why);
        unsigned char *one = results_of(&c, 1, &bytes);
        for (size_t t = 0; t < sizeof counts / sizeof counts[0]; t++) {
            unsigned char *many = results_of(&c, counts[t], &again);
            if (bytes != again || memcmp(one, many, bytes) != 0)
                fail_msg("%s: %d threads give other bits than 1", c.line, counts[t]);
            free(many);
        }
        free(one);
        impl_case_free(&c);
    }
    ath__threads_set(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_refusals), cmocka_unit_test(check_threads)};
    if (ath__winograd_kernels() == NULL) {
        print_message("no Winograd kernels for this processor\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
