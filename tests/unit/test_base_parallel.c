/* Parallel loops, what is known of the processor, and time. */
#include "base/clock.h"
#include "base/cpuinfo.h"
#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TASKS = 1000 };

struct visits {
    _Atomic int count[TASKS];
    _Atomic int bad_thread;
};

static void visit(int64_t task, int thread, void *context) {
    struct visits *visits = context;
    atomic_fetch_add(&visits->count[task], 1);
    if (thread < 0 || thread >= ath__threads()) atomic_fetch_add(&visits->bad_thread, 1);
}

static void test_every_task_runs_once(void **state) {
    (void)state;
    static const int thread_counts[] = {1, 2, 3, 8};
    for (int64_t tasks = 0; tasks <= TASKS; tasks = tasks * 3 + 1) {
        for (size_t i = 0; i < sizeof thread_counts / sizeof thread_counts[0]; i++) {
            static struct visits visits;
            memset(&visits, 0, sizeof visits);
            ath__threads_set(thread_counts[i]);
            assert_int_equal(ath__threads(), thread_counts[i]);
            ath__parallel_indexed(tasks, visit, &visits);
            for (int64_t t = 0; t < TASKS; t++) assert_int_equal(visits.count[t], t < tasks);
            assert_int_equal(visits.bad_thread, 0);
        }
    }
    ath__threads_set(0);
    assert_int_equal(ath__threads() > 0, 1);
}

static void add(int64_t task, void *context) {
    atomic_fetch_add((_Atomic int64_t *)context, task);
}

static void nested(int64_t task, void *context) {
    (void)task;
    ath__parallel(10, add, context);
}

static void test_a_loop_inside_a_loop(void **state) {
    (void)state;
    _Atomic int64_t sum = 0;
    ath__threads_set(2);
    ath__parallel(20, nested, &sum);
    ath__threads_set(0);
    assert_int_equal(sum, 20 * 45);
}

/* The same partial sums, added in the same order, for any number of threads. */
struct sum {
    float        partial[64];
    const float *data;
};

static void sum_part(int64_t task, void *context) {
    struct sum *sum = context;
    float       part = 0.0f;
    for (int i = 0; i < 100; i++) part += sum->data[task * 100 + i];
    sum->partial[task] = part;
}

static void test_sums_do_not_depend_on_threads(void **state) {
    (void)state;
    static float data[6400];
    for (int i = 0; i < 6400; i++) data[i] = 1.0f / (float)(i + 1);
    float first = 0.0f;
    for (int threads = 1; threads <= 7; threads++) {
        struct sum sum = {.data = data};
        ath__threads_set(threads);
        ath__parallel(64, sum_part, &sum);
        float total = 0.0f;
        for (int i = 0; i < 64; i++) total += sum.partial[i];
        if (threads == 1) first = total;
        assert_memory_equal(&total, &first, sizeof total);
    }
    ath__threads_set(0);
}

static void test_processor(void **state) {
    (void)state;
    const struct ath__cpuinfo *info = ath__cpuinfo();
    assert_true(info->processors >= 1);
    assert_true(info->tier <= info->hardware);
    assert_true(info->memory_bytes > 1u << 20);
    assert_true(strlen(info->name) > 0);
    assert_ptr_equal(info, ath__cpuinfo());
    const char *mask = getenv("ATHANOR_CPU");
    if (!mask) assert_int_equal(info->tier, info->hardware);
    if (mask && strcmp(mask, "generic") == 0) assert_int_equal(info->tier, ATH_CPU_GENERIC);
    assert_string_equal(ath__cpu_tier_name(ATH_CPU_AVX512BF16), "avx512bf16");
    assert_string_equal(ath__cpu_tier_name((ath_cpu_tier)9), "unknown");
#if defined(__x86_64__) && defined(__GNUC__)
    /* The compiler's own reading of CPUID agrees. */
    __builtin_cpu_init();
    assert_int_equal(info->hardware >= ATH_CPU_AVX2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    assert_int_equal(info->hardware >= ATH_CPU_AVX512,
                     __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
#endif
}

static void test_time(void **state) {
    (void)state;
    double before = ath__seconds();
    assert_true(ath__seconds() >= before);
    char text[32];
    ath__timestamp(text, sizeof text);
    assert_int_equal(strlen(text), 20);
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[19], 'Z');
    ath__timestamp(text, 5); /* does not fit */
    assert_string_equal(text, "");
    assert_true(ath__peak_rss() > 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_runs_once),
        cmocka_unit_test(test_a_loop_inside_a_loop),
        cmocka_unit_test(test_sums_do_not_depend_on_threads),
        cmocka_unit_test(test_processor),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
