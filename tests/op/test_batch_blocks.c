/* The batch-block rows: which layers of small nets they take in which layout, and that the number of threads does not
 * change a bit of any result. (Values are compared with the references by test_impl_cases on batch_blocks.case.)
 */
#include "base/parallel.h"
#include "support/impl_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ath__impl *row_of(const char *op) {
    for (const struct ath__impl *const *row = ath__device_cpu()->impls; *row != NULL; row++)
        if (strcmp((*row)->op, op) == 0 && strcmp((*row)->name, "batch_blocks") == 0) return *row;
    return NULL;
}

static struct trial_wish blocks_wish(bool low) {
    return (struct trial_wish){"blocks", ath__layout_batch_blocks(16), ath__layout_plain(), low};
}

/* The reason for which the row refuses the case, or NULL. */
static const char *reason_of(const char *line, struct ath__layout layout, bool low) {
    struct impl_case  c;
    struct impl_trial trial;
    struct trial_wish wish = {"wish", layout, ath__layout_plain(), low};
    char              why[256];
    if (!impl_case_parse(line, &c, why)) fail_msg("%s", why);
    impl_trial_describe(&trial, &c, row_of(c.op->name), &wish);
    const char *reason = impl_trial_choose(&trial);
    impl_case_free(&c);
    return reason;
}

static void check_refusals(void **state) {
    (void)state;
    struct ath__layout blocks = ath__layout_batch_blocks(16), plain = ath__layout_plain();
    const char        *line = "conv2d x=16x4x6x6 w=4x4x3x3 b=4 pad=1";
    assert_null(reason_of(line, blocks, false));
    assert_string_equal(reason_of(line, plain, false), "activations are not in batch blocks");
    assert_string_equal(reason_of(line, ath__layout_batch_blocks(8), false), "activations are not in batch blocks");
    assert_string_equal(reason_of(line, ath__layout_channel_blocks(16), false), "activations are not in batch blocks");
    assert_string_equal(reason_of(line, blocks, true), "needs f32");
    assert_string_equal(reason_of("conv2d x=16x4x6x6 w=4x2x3x3 pad=1 groups=2", blocks, false), "grouped");
    assert_string_equal(reason_of("conv2d x=16x4x6x6 w=4x4x3x3 pad=2 dilation=2", blocks, false), "dilated");
    assert_string_equal(reason_of("conv2d x=16x4x6x6 w=4x4x3x3 b=4 z=16x4x6x6 pad=1", blocks, false), "has a residual");
    assert_string_equal(reason_of("matmul a=16x5x7 w=16x7x4", blocks, false), "batched");
    assert_string_equal(reason_of("matmul a=16x5 w=16x7 trans_a=1 act=relu", blocks, false),
                        "not the form of a weight gradient");
}

/* All outputs of a trial in one piece of memory. */
static unsigned char *results_of(struct impl_trial *trial, int threads, size_t *bytes) {
    ath__threads_set(threads);
    for (int i = 0; i < trial->c->outs; i++)
        if (trial->out[i].present) memset(trial->out_memory[i].data, 0x55, trial->out_memory[i].bytes);
    assert_int_equal(impl_trial_run(trial, -1, -1), ATH_OK);
    *bytes = 0;
    for (int i = 0; i < trial->c->outs; i++) *bytes += trial->out_memory[i].bytes;
    unsigned char *copy = malloc(*bytes + 1);
    assert_non_null(copy);
    size_t at = 0;
    for (int i = 0; i < trial->c->outs; at += trial->out_memory[i++].bytes)
        if (trial->out_memory[i].bytes > 0) memcpy(copy + at, trial->out_memory[i].data, trial->out_memory[i].bytes);
    return copy;
}

static void check_threads(void **state) {
    static const int  counts[] = {2, 3, 7};
    struct impl_case *cases;
    int               count, ran = 0;
    char              why[256];
    (void)state;
    if (!impl_cases_load(ATHANOR_TEST_SOURCE "/op/impl_cases/batch_blocks.case", &cases, &count, why))
        fail_msg("%s", why);
    for (int i = 0; i < count; i++) {
        struct trial_wish       wish = blocks_wish(false);
        struct impl_trial       trial;
        const struct ath__impl *row = row_of(cases[i].op->name);
        assert_non_null(row);
        impl_trial_describe(&trial, &cases[i], row, &wish);
        const char *reason = impl_trial_choose(&trial);
        if (reason != NULL) fail_msg("%s: refused: %s", cases[i].line, reason);
        if (!impl_trial_open(&trial, why)) fail_msg("%s: %s", cases[i].line, why);
        size_t         bytes, again;
        unsigned char *one = results_of(&trial, 1, &bytes);
        for (size_t t = 0; t < sizeof counts / sizeof counts[0]; t++) {
            unsigned char *many = results_of(&trial, counts[t], &again);
            if (bytes != again || memcmp(one, many, bytes) != 0)
                fail_msg("%s: %d threads give other bits than 1", cases[i].line, counts[t]);
            free(many);
        }
        free(one);
        impl_trial_close(&trial);
        ran++;
    }
    ath__threads_set(0);
    impl_cases_free(cases, count);
    assert_true(ran > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(check_refusals), cmocka_unit_test(check_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
