/* The allocator and the arena: alignment, counters, sizes that cannot be had, failures on demand. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_blocks_are_aligned_and_counted(void **state) {
    (void)state;
    struct ath__mem_stats before = ath__mem_stats();
    unsigned char        *blocks[64];
    uint64_t              bytes = 0;
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = ath__alloc(i * 7);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % ATH_MEM_ALIGN, 0);
        memset(blocks[i], 0xA5, i * 7);
        bytes += i * 7;
    }
    struct ath__mem_stats during = ath__mem_stats();
    assert_int_equal(during.allocations - before.allocations, 64);
    assert_int_equal(during.live_bytes - before.live_bytes, bytes);
    assert_true(during.peak_bytes >= during.live_bytes);
    for (size_t i = 0; i < 64; i++) ath__free(blocks[i]);
    ath__free(NULL);
    assert_int_equal(ath__mem_stats().live_bytes, before.live_bytes);
    assert_int_equal(ath__mem_stats().allocations, during.allocations);
}

static void test_zeroed_arrays_and_overflow(void **state) {
    (void)state;
    unsigned char *block = ath__alloc(1000);
    memset(block, 0xFF, 1000);
    ath__free(block);
    uint32_t *array = ATH_NEW_ARRAY(uint32_t, 250);
    for (int i = 0; i < 250; i++) assert_int_equal(array[i], 0);
    ath__free(array);
    assert_null(ath__alloc_array(SIZE_MAX / 4, 8));
    assert_null(ath__alloc_array(SIZE_MAX, SIZE_MAX));
    assert_null(ath__alloc(SIZE_MAX));
    assert_null(ath__alloc(SIZE_MAX - 63));
    assert_null(ath__alloc_pages(SIZE_MAX));
}

static void test_realloc_keeps_contents(void **state) {
    (void)state;
    char *text = ath__realloc(NULL, 6);
    memcpy(text, "hello", 6);
    text = ath__realloc(text, 100000);
    assert_string_equal(text, "hello");
    text = ath__realloc(text, 3);
    assert_memory_equal(text, "hel", 3);
    ath__mem_fail_at(1);
    assert_null(ath__realloc(text, 50));
    ath__mem_fail_at(0);
    assert_memory_equal(text, "hel", 3); /* still the caller's */
    ath__free(text);
    char *copy = ath__strdup("copied");
    assert_string_equal(copy, "copied");
    ath__free(copy);
}

static void test_pages(void **state) {
    (void)state;
    static const size_t   sizes[] = {0, 1, 65536, (2u << 20) - 1, 2u << 20, (5u << 20) + 3};
    struct ath__mem_stats before = ath__mem_stats();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *pages = ath__alloc_pages(sizes[i]);
        assert_non_null(pages);
        assert_int_equal((uintptr_t)pages % 4096, 0);
        if (sizes[i] >= 2u << 20) assert_int_equal((uintptr_t)pages % (2u << 20), 0);
        for (size_t j = 0; j < sizes[i]; j += 4096) assert_int_equal(pages[j], 0);
        if (sizes[i] > 0) memset(pages, 1, sizes[i]);
        assert_int_equal(ath__mem_stats().live_bytes - before.live_bytes, sizes[i]);
        ath__free_pages(pages, sizes[i]);
    }
    ath__free_pages(NULL, 0);
    assert_int_equal(ath__mem_stats().live_bytes, before.live_bytes);
}

static void test_failures_on_demand(void **state) {
    (void)state;
    void *kept[3];
    ath__mem_fail_at(3);
    kept[0] = ath__alloc(1);
    kept[1] = ath__alloc(1);
    kept[2] = ath__alloc(1);
    assert_non_null(kept[0]);
    assert_non_null(kept[1]);
    assert_null(kept[2]);
    assert_null(ath__alloc_zeroed(1));
    assert_null(ath__strdup("x"));
    assert_null(ath__alloc_pages(1));
    ath__mem_fail_at(0);
    kept[2] = ath__alloc(1);
    assert_non_null(kept[2]);
    for (int i = 0; i < 3; i++) ath__free(kept[i]);
}

static void churn(int64_t task, void *context) {
    (void)context;
    for (size_t i = 0; i < 200; i++) ath__free(ath__alloc(i + (size_t)task));
}

static void test_counters_are_exact_across_threads(void **state) {
    (void)state;
    struct ath__mem_stats before = ath__mem_stats();
    ath__threads_set(4);
    ath__parallel(16, churn, NULL);
    ath__threads_set(0);
    struct ath__mem_stats after = ath__mem_stats();
    assert_int_equal(after.allocations - before.allocations, 16 * 200);
    assert_int_equal(after.live_bytes, before.live_bytes);
}

static void test_arena(void **state) {
    (void)state;
    struct ath__mem_stats before = ath__mem_stats();
    struct ath__arena     arena = {0};
    unsigned char        *last = NULL;
    for (size_t i = 0; i < 5000; i++) {
        unsigned char *object = ath__arena_alloc(&arena, i % 97);
        assert_non_null(object);
        assert_ptr_not_equal(object, last);
        assert_int_equal((uintptr_t)object % 16, 0);
        for (size_t j = 0; j < i % 97; j++) assert_int_equal(object[j], 0);
        memset(object, 0xEE, i % 97);
        last = object;
    }
    assert_non_null(ath__arena_alloc(&arena, 1u << 20)); /* larger than any block so far */
    assert_string_equal(ath__arena_strdup(&arena, "text"), "text");
    assert_true(ath__mem_stats().allocations - before.allocations < 30);
    assert_false(arena.failed);
    ath__arena_free(&arena);
    assert_int_equal(ath__mem_stats().live_bytes, before.live_bytes);
    assert_null(arena.head);
}

static void test_arena_failure_is_sticky(void **state) {
    (void)state;
    struct ath__arena arena = {0};
    assert_non_null(ath__arena_alloc(&arena, 16));
    ath__mem_fail_at(1);
    assert_null(ath__arena_alloc(&arena, 1u << 20));
    ath__mem_fail_at(0);
    assert_true(arena.failed);
    assert_non_null(ath__arena_alloc(&arena, 16));
    assert_true(arena.failed);
    ath__arena_free(&arena);
    assert_null(ath__arena_alloc(&arena, SIZE_MAX));
    assert_null(ATH_ARENA_ARRAY(&arena, char, SIZE_MAX - 8));
    assert_true(arena.failed);
    ath__arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_aligned_and_counted),
        cmocka_unit_test(test_zeroed_arrays_and_overflow),
        cmocka_unit_test(test_realloc_keeps_contents),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_failures_on_demand),
        cmocka_unit_test(test_counters_are_exact_across_threads),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_failure_is_sticky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
