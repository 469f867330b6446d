/* The loader: what comes out depends on (seed, epoch) alone, every image once, nothing is allocated on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/loader.h"
#include "support/idx_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 103, SIDE = 11 };

static ath_dataset *dataset;

static struct ath__loader_settings usual(int64_t batch, int threads) {
    return (struct ath__loader_settings){
        .batch = batch,
        .seed = 7,
        .shuffle = true,
        .threads = threads,
        .preprocess = {.mean = {0.25}, .deviation = {0.5}},
    };
}

static struct ath__loader *must_open(const struct ath__loader_settings *settings) {
    struct ath__loader *loader;
    ath_error           err = {0};
    if (ath__loader_open(dataset, settings, &loader, &err) != ATH_OK) fail_msg("%s", err.message);
    return loader;
}

/* Images, labels and indices of an epoch from batch `first` on, one after another; returns how many images. */
struct epoch {
    float   images[COUNT][SIDE * SIDE];
    int32_t labels[COUNT];
    int64_t indices[COUNT];
};

static int64_t take_epoch(struct ath__loader *loader, int64_t number, int64_t first, size_t pixels,
                          struct epoch *epoch) {
    struct ath__batch batch;
    int64_t           taken = 0, expected = first;
    memset(epoch, 0, sizeof *epoch);
    assert_int_equal(ath__loader_start(loader, number, first, NULL), ATH_OK);
    for (;;) {
        assert_int_equal(ath__loader_next(loader, &batch, NULL), ATH_OK);
        if (batch.count == 0) break;
        assert_int_equal(batch.index, expected++);
        assert_true((uintptr_t)batch.images % 64 == 0);
        assert_true(taken + batch.count <= COUNT);
        for (int64_t i = 0; i < batch.count; i++, taken++) {
            memcpy(epoch->images[taken], batch.images + (size_t)i * pixels, pixels * sizeof(float));
            epoch->labels[taken] = batch.labels[i];
            epoch->indices[taken] = batch.indices[i];
        }
    }
    assert_int_equal(expected, ath__loader_batches(loader));
    assert_int_equal(ath__loader_next(loader, &batch, NULL), ATH_OK); /* the end stays the end */
    assert_int_equal(batch.count, 0);
    return taken;
}

static struct epoch one, two;

static void every_image_once(void **state) {
    (void)state;
    struct ath__loader_settings settings = usual(10, 2);
    struct ath__loader         *loader = must_open(&settings);
    bool                        seen[COUNT] = {false};
    int64_t                     in_place = 0;
    assert_int_equal(ath__loader_batches(loader), 11);
    assert_int_equal(take_epoch(loader, 0, 0, IDX_PIXELS, &one), COUNT);
    for (int i = 0; i < COUNT; i++) {
        int64_t       index = one.indices[i];
        unsigned char pixels[IDX_PIXELS];
        int           label;
        assert_in_range(index, 0, COUNT - 1);
        assert_false(seen[index]);
        seen[index] = true;
        in_place += index == i;
        assert_int_equal(ath_dataset_read(dataset, index, pixels, &label, NULL), ATH_OK);
        assert_int_equal(one.labels[i], label);
        for (int k = 0; k < IDX_PIXELS; k++) {
            float expected = (float)((pixels[k] / 255.0 - 0.25) / 0.5);
            assert_memory_equal(&one.images[i][k], &expected, sizeof expected);
        }
    }
    /* A random permutation leaves one in place on average, Poisson: more than 12 has a chance below 1e-10. */
    assert_true(in_place <= 12);
    take_epoch(loader, 1, 0, IDX_PIXELS, &two);
    assert_true(memcmp(one.indices, two.indices, sizeof one.indices) != 0);
    take_epoch(loader, 0, 0, IDX_PIXELS, &two);
    assert_memory_equal(&one, &two, sizeof one);
    ath__loader_close(loader);
}

static void unshuffled_and_dropped(void **state) {
    (void)state;
    struct ath__loader_settings settings = usual(10, 1);
    settings.shuffle = false;
    settings.drop_last = true;
    struct ath__loader *loader = must_open(&settings);
    assert_int_equal(ath__loader_batches(loader), 10);
    assert_int_equal(take_epoch(loader, 3, 0, IDX_PIXELS, &one), 100);
    for (int i = 0; i < 100; i++) assert_int_equal(one.indices[i], i);
    ath__loader_close(loader);
}

/* Threads, queue length and place of resumption change nothing. */
static void same_for_any_threads_and_start(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 5}, queues[] = {0, 1, 9};
    for (int resized = 0; resized < 2; resized++) {
        size_t pixels = resized ? SIDE * SIDE : IDX_PIXELS;
        for (int t = 0; t < 3; t++) {
            struct ath__loader_settings settings = usual(8, threads[t]);
            settings.queue = queues[t];
            if (resized) settings.preprocess.height = settings.preprocess.width = SIDE;
            struct ath__loader *loader = must_open(&settings);
            take_epoch(loader, 4, 0, pixels, t ? &two : &one);
            if (t) assert_memory_equal(&one, &two, sizeof one);
            for (int64_t first = 1; first <= ath__loader_batches(loader); first += 4) {
                int64_t skipped = first * 8 < COUNT ? first * 8 : COUNT, left = COUNT - skipped;
                assert_int_equal(take_epoch(loader, 4, first, pixels, &two), left);
                assert_memory_equal(two.images, one.images + skipped, (size_t)left * sizeof one.images[0]);
                assert_memory_equal(two.indices, one.indices + skipped, (size_t)left * sizeof one.indices[0]);
            }
            ath__loader_close(loader);
        }
    }
}

/* The cache, whole, partial or as good as none, changes nothing; eval's path gives the same floats. */
static void cache_is_invisible(void **state) {
    (void)state;
    static const size_t caches[] = {0, 40 * SIDE * SIDE, 1};
    for (int c = 0; c < 3; c++) {
        struct ath__loader_settings settings = usual(8, 3);
        settings.cache_bytes = caches[c];
        settings.preprocess.height = settings.preprocess.width = SIDE;
        struct ath__loader *loader = must_open(&settings);
        for (int epoch = 0; epoch < 3; epoch++) {
            assert_int_equal(take_epoch(loader, epoch, 0, SIDE * SIDE, &one), COUNT);
            for (int i = 0; i < COUNT; i++) {
                unsigned char pixels[IDX_PIXELS];
                float         expected[SIDE * SIDE];
                assert_int_equal(ath_dataset_read(dataset, one.indices[i], pixels, NULL, NULL), ATH_OK);
                assert_int_equal(
                    ath__preprocess_apply(&settings.preprocess, pixels, 1, IDX_HEIGHT, IDX_WIDTH, expected, NULL),
                    ATH_OK);
                assert_memory_equal(one.images[i], expected, sizeof expected);
            }
        }
        ath__loader_close(loader);
    }
}

static void nothing_is_allocated(void **state) {
    (void)state;
    struct ath__loader_settings settings = usual(8, 2);
    settings.preprocess.height = settings.preprocess.width = SIDE;
    struct ath__loader *loader = must_open(&settings);
    uint64_t            before = ath__mem_stats().allocations;
    for (int epoch = 0; epoch < 3; epoch++) take_epoch(loader, epoch, 0, SIDE * SIDE, &one);
    assert_int_equal(ath__mem_stats().allocations, before);
    ath__loader_close(loader);
}

/* Starting anew in the middle of an epoch abandons what was under way, at whatever moment. */
static void restarts(void **state) {
    (void)state;
    struct ath__loader_settings settings = usual(4, 3);
    struct ath__loader         *loader = must_open(&settings);
    struct ath__batch           batch;
    take_epoch(loader, 5, 0, IDX_PIXELS, &one);
    for (int round = 0; round < 200; round++) {
        assert_int_equal(ath__loader_start(loader, round, round % 26, NULL), ATH_OK);
        for (int i = 0; i < round % 7; i++) assert_int_equal(ath__loader_next(loader, &batch, NULL), ATH_OK);
    }
    take_epoch(loader, 5, 0, IDX_PIXELS, &two);
    assert_memory_equal(&one, &two, sizeof one);
    assert_true(ath__loader_wait_seconds(loader) >= 0.0);
    ath__loader_close(loader);
    for (int round = 0; round < 50; round++) { /* closing with batches in the making */
        loader = must_open(&settings);
        if (round % 2) assert_int_equal(ath__loader_start(loader, 0, 0, NULL), ATH_OK);
        ath__loader_close(loader);
    }
}

static void expect_refusal(struct ath__loader_settings settings, const char *text) {
    struct ath__loader *loader;
    ath_error           err = {0};
    assert_int_equal(ath__loader_open(dataset, &settings, &loader, &err), ATH_USAGE);
    assert_null(loader);
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
}

static void wrong_settings(void **state) {
    (void)state;
    expect_refusal(usual(0, 1), "batch=0");
    expect_refusal(usual(8, 1000), "1000 loader threads");
    struct ath__loader_settings settings = usual(104, 1);
    settings.drop_last = true;
    expect_refusal(settings, "batch=104 is larger than the set, which has 103");
    settings = usual(8, 1);
    settings.preprocess.deviation[0] = 0;
    expect_refusal(settings, "deviation 0");
    settings.preprocess.deviation[0] = NAN;
    expect_refusal(settings, "normalize");
    settings = usual(8, 1);
    settings.preprocess.height = 100000;
    expect_refusal(settings, "100000");

    settings = usual(1000, 1); /* an evaluation batch may be larger than the set */
    struct ath__loader *loader = must_open(&settings);
    struct ath__batch   batch;
    assert_int_equal(ath__loader_next(loader, &batch, NULL), ATH_USAGE); /* not started */
    assert_int_equal(ath__loader_start(loader, 0, 2, NULL), ATH_USAGE);
    assert_int_equal(take_epoch(loader, 0, 0, IDX_PIXELS, &one), COUNT);
    ath__loader_close(loader);
}

static void out_of_memory(void **state) {
    (void)state;
    struct ath__loader_settings settings = usual(8, 2);
    settings.preprocess.height = settings.preprocess.width = SIDE;
    uint64_t n = 1;
    for (;; n++) {
        struct ath__loader *loader;
        ath_error           err = {0};
        uint64_t            live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_status status = ath__loader_open(dataset, &settings, &loader, &err);
        ath__mem_fail_at(0);
        if (status == ATH_OK) {
            ath__loader_close(loader);
            break;
        }
        assert_int_equal(status, ATH_MEMORY);
        assert_int_equal(err.code, ATH_MEMORY);
        assert_int_equal(ath__mem_stats().live_bytes, live);
    }
    assert_true(n > 20);
}

static char folder[1024];

static int set_up(void **state) {
    (void)state;
    scratch_make(folder);
    write_small_set(folder, COUNT);
    return ath_dataset_open(folder, ATH_SPLIT_TRAIN, NULL, 0, &dataset, NULL) != ATH_OK;
}

static int tear_down(void **state) {
    (void)state;
    ath_dataset_close(dataset);
    scratch_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_once),   cmocka_unit_test(unshuffled_and_dropped),
        cmocka_unit_test(cache_is_invisible), cmocka_unit_test(same_for_any_threads_and_start),
        cmocka_unit_test(restarts),           cmocka_unit_test(nothing_is_allocated),
        cmocka_unit_test(wrong_settings),     cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
