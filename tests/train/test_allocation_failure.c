/* Running out of memory anywhere: every allocation of a small training run and of an evaluation is made to fail, the
 * n-th and all behind it, for n spread over the whole run. Each time the call says ATH_MEMORY, gives back all that it
 * held, and a run afterwards still works.
 *
 * What the process keeps for its whole life (tables, thread pools) is there after a first, undisturbed run.
 */
#include "athanor/athanor.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Trials per test: enough to meet every call site that allocates in a loop, few enough for a minute under the
 * sanitizers. ATHANOR_ALLOCATION_TRIALS=0 tries every n. */
enum { TRIALS = 300 };

static const char net_text[] = "name: tiny\n"
                               "input: [1, 28, 28]\n"
                               "classes: 10\n"
                               "layers:\n"
                               "  - conv: {out: 4, kernel: 3, stride: 2, padding: 1, bias: false}\n"
                               "  - batch_norm\n"
                               "  - relu\n"
                               "  - max_pool: {kernel: 2}\n"
                               "  - flatten\n"
                               "  - dropout: {p: 0.25}\n"
                               "  - linear: {out: classes}\n";

static ath_config *make_config(const char *const *pairs) {
    ath_config *config = NULL;
    ath_error   err = {0};
    assert_int_equal(ath_config_create(&config, &err), ATH_OK);
    for (; pairs[0]; pairs += 2)
        if (ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err) != ATH_OK)
            fail_msg("%s", err.message);
    return config;
}

static ath_status train(const ath_config *config, ath_error *err) {
    ath_train_result result;
    return ath_train(config, NULL, &result, err);
}

static ath_status evaluate(const ath_config *config, ath_error *err) {
    ath_eval_result result = {0};
    ath_status      status = ath_eval(config, NULL, &result, err);
    ath_eval_result_free(&result);
    return status;
}

static uint64_t trials_wanted(uint64_t allocations) {
    const char *text = getenv("ATHANOR_ALLOCATION_TRIALS");
    uint64_t    trials = text ? strtoull(text, NULL, 10) : TRIALS;
    return trials == 0 || trials > allocations ? allocations : trials;
}

/* Runs `work` once for the count, then with failures spread evenly over that count. */
static void fail_everywhere(const char *what, const ath_config *config,
                            ath_status (*work)(const ath_config *config, ath_error *err)) {
    ath_error err = {0};
    if (work(config, &err) != ATH_OK) fail_msg("%s: %s", what, err.message);
    struct ath__mem_stats before = ath__mem_stats();
    if (work(config, &err) != ATH_OK) fail_msg("%s: %s", what, err.message);
    struct ath__mem_stats after = ath__mem_stats();
    assert_int_equal(after.live_bytes, before.live_bytes);
    uint64_t total = after.allocations - before.allocations, trials = trials_wanted(total);
    assert_true(total > 100);
    for (uint64_t i = 0; i < trials; i++) {
        uint64_t n = 1 + i * total / trials;
        memset(&err, 0, sizeof err);
        ath__mem_fail_at(n);
        ath_status status = work(config, &err);
        ath__mem_fail_at(0);
        uint64_t live = ath__mem_stats().live_bytes;
        if (status != ATH_MEMORY)
            fail_msg("%s, allocation %d of %d: status '%s' (%s)", what, (int)n, (int)total, ath_status_text(status),
                     err.message);
        if (!err.message[0]) fail_msg("%s, allocation %d of %d: no message", what, (int)n, (int)total);
        if (live != before.live_bytes)
            fail_msg("%s, allocation %d of %d: %lld bytes leaked", what, (int)n, (int)total,
                     (long long)(live - before.live_bytes));
    }
    if (work(config, &err) != ATH_OK) fail_msg("%s, after the failures: %s", what, err.message);
    print_message("%s: %d of %d allocations failed on purpose\n", what, (int)trials, (int)total);
}

static void test_train(void **state) {
    (void)state;
    const char *const pairs[] = {"model",       "allocation-net.yaml",
                                 "data",        "digits",
                                 "data.n",      "60",
                                 "batch",       "30",
                                 "epochs",      "1",
                                 "threads",     "1",
                                 "momentum",    "0.9",
                                 "schedule",    "cosine",
                                 "init",        "kaiming",
                                 "out",         "allocation-run",
                                 "overwrite",   "true",
                                 "reparam",     "wn",
                                 "micro_batch", "16",
                                 NULL};
    ath_config       *config = make_config(pairs);
    fail_everywhere("training", config, train);
    ath_config_destroy(config);
}

/* Needs the run of the test before. */
static void test_resume(void **state) {
    (void)state;
    const char *const pairs[] = {"resume", "allocation-run", NULL};
    ath_config       *config = make_config(pairs);
    fail_everywhere("resuming", config, train);
    ath_config_destroy(config);
}

static void test_eval(void **state) {
    (void)state;
    const char *const pairs[] = {"run", "allocation-run", NULL};
    ath_config       *config = make_config(pairs);
    fail_everywhere("evaluation", config, evaluate);
    ath_config_destroy(config);
}

int main(void) {
    FILE *file = fopen("allocation-net.yaml", "w");
    if (!file || fputs(net_text, file) < 0 || fclose(file) != 0) {
        perror("allocation-net.yaml");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_eval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
