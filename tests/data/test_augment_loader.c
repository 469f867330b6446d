/* Augmented batches: the same for any number of threads, any queue, any place to begin; labels that are mixed; the cache
 * of resized images below; nothing allocated on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/augment/augment.h"
#include "data/dataset.h"
#include "data/loader.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 53, CHANNELS = 3, SIDE = 12, SMALL = 10, CLASSES = 5 };

static const char        list[] = "[crop(3),flip(mode=alternate),jitter(0.3),rotate(20),cutout(4)]";
static const char        mixing[] = "[crop(3,reflect),flip,erase,mixup(0.5),cutmix(1)]";
static const char *const names[CLASSES] = {"a", "b", "c", "d", "e"};
static ath_dataset      *dataset;

struct epoch {
    float   images[COUNT][CHANNELS * SIDE * SIDE];
    int32_t labels[COUNT], second[COUNT];
    float   weights[COUNT];
    int64_t indices[COUNT], count;
};
static struct epoch one, two;

static struct ath__loader *must_open(const char *augment, int threads, int side) {
    struct ath__loader_settings settings = {
        .batch = 8,
        .seed = 11,
        .shuffle = true,
        .threads = threads,
        .queue = threads % 3,
        .augment = augment,
        .preprocess = {.height = side, .width = side, .mean = {0.4, 0.5, 0.6}, .deviation = {0.2, 0.3, 0.4}},
    };
    struct ath__loader *loader;
    ath_error           err = {0};
    if (ath__loader_open(dataset, &settings, &loader, &err) != ATH_OK) fail_msg("%s", err.message);
    return loader;
}

static void take_epoch(struct ath__loader *loader, int64_t number, int64_t first, int side, struct epoch *epoch) {
    size_t            pixels = (size_t)(CHANNELS * side * side);
    struct ath__batch batch;
    memset(epoch, 0, sizeof *epoch);
    assert_int_equal(ath__loader_start(loader, number, first, NULL), ATH_OK);
    for (;;) {
        assert_int_equal(ath__loader_next(loader, &batch, NULL), ATH_OK);
        if (batch.count == 0) return;
        for (int64_t i = 0; i < batch.count; i++) {
            int64_t at = epoch->count++;
            memcpy(epoch->images[at], batch.images + (size_t)i * pixels, pixels * sizeof(float));
            epoch->labels[at] = batch.labels[i];
            epoch->indices[at] = batch.indices[i];
            epoch->second[at] = batch.second ? batch.second[i] : -1;
            epoch->weights[at] = batch.weights ? batch.weights[i] : -1.0f;
        }
    }
}

static void same_for_any_threads_and_start(void **state) {
    (void)state;
    static const char *const lists[] = {list, mixing};
    static const int         sides[] = {SIDE, SMALL};
    for (int k = 0; k < 4; k++) {
        int                 side = sides[k % 2];
        struct ath__loader *loader = must_open(lists[k / 2], 1, side);
        take_epoch(loader, 4, 0, side, &one);
        assert_int_equal(one.count, COUNT);
        for (int64_t first = 1; first < 7; first += 2) { /* as a resumed run begins */
            take_epoch(loader, 4, first, side, &two);
            assert_int_equal(two.count, COUNT - 8 * first);
            for (int64_t i = 0; i < two.count; i++) {
                assert_memory_equal(two.images[i], one.images[8 * first + i], sizeof two.images[i]);
                assert_int_equal(two.labels[i], one.labels[8 * first + i]);
                assert_int_equal(two.second[i], one.second[8 * first + i]);
                assert_true(two.weights[i] == one.weights[8 * first + i]);
            }
        }
        ath__loader_close(loader);
        for (int threads = 2; threads <= 4; threads++) {
            loader = must_open(lists[k / 2], threads, side);
            take_epoch(loader, 2, 0, side, &two); /* another epoch in between leaves no trace */
            assert_true(memcmp(&one, &two, sizeof one) != 0);
            take_epoch(loader, 4, 0, side, &two);
            assert_memory_equal(&one, &two, sizeof one);
            ath__loader_close(loader);
        }
    }
}

/* Without mixing, an image's form does not depend on the batch it is in; with it, an image and its partner do. */
static void images_do_not_depend_on_their_batch(void **state) {
    (void)state;
    struct ath__loader *loader = must_open(list, 2, SIDE);
    take_epoch(loader, 1, 0, SIDE, &one);
    ath__loader_close(loader);
    struct ath__preprocess   preprocess = {.mean = {0.4, 0.5, 0.6}, .deviation = {0.2, 0.3, 0.4}};
    struct ath__preprocessor preprocessor;
    struct ath__augment     *augment;
    assert_int_equal(ath__preprocessor_open(&preprocessor, &preprocess, CHANNELS, SIDE, SIDE, NULL), ATH_OK);
    assert_int_equal(ath__augment_open(list, &augment, NULL), ATH_OK);
    void *scratch = ath__alloc(ath__sample_scratch(&preprocessor));
    for (int i = 0; i < COUNT; i++) {
        float            expected[CHANNELS * SIDE * SIDE];
        struct ath__draw draw = {11, 1, (uint32_t)one.indices[i]};
        ath__augment_image(augment, &draw, &preprocessor, ath__dataset_pixels(dataset, one.indices[i]), expected,
                           scratch);
        assert_memory_equal(expected, one.images[i], sizeof expected);
    }
    ath__free(scratch);
    ath__augment_close(augment);
}

static void labels_are_of_the_pair(void **state) {
    (void)state;
    struct ath__loader *loader = must_open(mixing, 3, SIDE);
    int                 mixed = 0;
    take_epoch(loader, 0, 0, SIDE, &one);
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t first = i / 8 * 8, end = first + 8 < COUNT ? first + 8 : COUNT, partner = i + 1 < end ? i + 1 : first;
        int     own, other;
        assert_int_equal(ath_dataset_read(dataset, one.indices[i], NULL, &own, NULL), ATH_OK);
        assert_int_equal(ath_dataset_read(dataset, one.indices[partner], NULL, &other, NULL), ATH_OK);
        assert_true((one.labels[i] == own && one.second[i] == other) ||
                    (one.labels[i] == other && one.second[i] == own));
        assert_true(one.weights[i] >= 0.5f && one.weights[i] <= 1.0f);
        mixed += one.weights[i] < 1.0f;
    }
    assert_true(mixed > COUNT / 2);
    ath__loader_close(loader);
    loader = must_open(list, 1, SIDE);
    take_epoch(loader, 0, 0, SIDE, &one);
    assert_int_equal(one.second[0], -1); /* no second labels where nothing mixes */
    ath__loader_close(loader);
}

static void nothing_is_allocated(void **state) {
    (void)state;
    struct ath__loader *loader = must_open(mixing, 2, SMALL);
    uint64_t            before = ath__mem_stats().allocations;
    for (int epoch = 0; epoch < 3; epoch++) take_epoch(loader, epoch, 0, SMALL, &one);
    assert_int_equal(ath__mem_stats().allocations, before);
    ath__loader_close(loader);
}

static void wrong_lists_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"[crop(12)]", "[flop]"};
    for (int i = 0; i < 2; i++) {
        struct ath__loader_settings settings = {.batch = 8, .augment = bad[i], .preprocess = {.deviation = {1, 1, 1}}};
        struct ath__loader         *loader;
        ath_error                   err = {0};
        assert_int_equal(ath__loader_open(dataset, &settings, &loader, &err), ATH_USAGE);
        assert_null(loader);
        assert_string_equal(err.where, "augment");
    }
}

static void out_of_memory(void **state) {
    (void)state;
    struct ath__loader_settings settings = {
        .batch = 8, .threads = 2, .augment = mixing, .preprocess = {.deviation = {1, 1, 1}}};
    uint64_t n = 1;
    for (;; n++) {
        struct ath__loader *loader;
        uint64_t            live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_status status = ath__loader_open(dataset, &settings, &loader, NULL);
        ath__mem_fail_at(0);
        ath__loader_close(loader);
        assert_int_equal(ath__mem_stats().live_bytes, live);
        if (status == ATH_OK) break;
        assert_int_equal(status, ATH_MEMORY);
    }
    assert_true(n > 30);
}

static int set_up(void **state) {
    (void)state;
    struct ath__image_store store = {.count = COUNT,
                                     .channels = CHANNELS,
                                     .height = SIDE,
                                     .width = SIDE,
                                     .classes = CLASSES,
                                     .class_names = names,
                                     .pixels = ath__alloc((size_t)COUNT * CHANNELS * SIDE * SIDE),
                                     .labels = ATH_NEW_ARRAY(int32_t, COUNT)};
    struct ath__rng         rng;
    if (!store.pixels || !store.labels) return 1;
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < COUNT * CHANNELS * SIDE * SIDE; i++) store.pixels[i] = (unsigned char)ath__rng_below(&rng, 256);
    for (int i = 0; i < COUNT; i++) store.labels[i] = i % CLASSES;
    return ath__dataset_wrap("made", ATH_SPLIT_TRAIN, &store, &dataset, NULL) != ATH_OK;
}

static int tear_down(void **state) {
    (void)state;
    ath_dataset_close(dataset);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_for_any_threads_and_start), cmocka_unit_test(images_do_not_depend_on_their_batch),
        cmocka_unit_test(labels_are_of_the_pair),         cmocka_unit_test(nothing_is_allocated),
        cmocka_unit_test(wrong_lists_are_refused),        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
