/* Photo sets: folders, lists, labels, sizes of every kind, the loader with and without its cache, random parts. */
#include "base/mem.h"
#include "base/rng.h"
#include "data/augment/augment.h"
#include "data/augment/transform.h"
#include "data/dataset.h"
#include "data/photo/photo_labels.h"
#include "data/photo/photo_scan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

extern const struct ath__transform ath__transform_random_resized_crop;

/* ---- sets that are made for the tests ---------------------------------------------------------------------------- */

static void make_folder(const char *path) {
    mkdir(path, 0777);
}

/* A PPM of height x width whose pixels depend on `seed`. */
static void make_photo(const char *path, int height, int width, unsigned seed) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "P6\n%d %d\n255\n", width, height);
    for (int i = 0; i < height * width * 3; i++)
        fputc((int)((unsigned)i * 37u + seed * 101u + (unsigned)(i / width)) & 255, file);
    fclose(file);
}

static void make_text(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_sets(void **state) {
    (void)state;
    static const char *const folders[] = {"set",     "set/train", "set/train/b", "set/train/a",      "set/train/empty",
                                          "set/val", "set/val/a", "set/val/b",   "set/val/only val", "set/train/a/deep",
                                          "one",     "one/x"};
    if (system("rm -rf set one") != 0) return 1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) make_folder(folders[i]);
    for (unsigned i = 0; i < 9; i++) {
        char path[64];
        snprintf(path, sizeof path, "set/train/a/%u.ppm", i);
        make_photo(path, 20 + (int)i, 30, i);
        snprintf(path, sizeof path, "set/train/b/%u.ppm", i);
        make_photo(path, 24, 16 + 3 * (int)i, 20 + i);
    }
    make_photo("set/train/a/deep/z.ppm", 40, 40, 77);
    make_photo("set/train/a/.hidden.ppm", 40, 40, 78);
    make_photo("set/val/a/v.ppm", 33, 21, 50);
    make_photo("set/val/b/v.ppm", 21, 33, 51);
    make_photo("set/val/only val/v.ppm", 25, 25, 52);
    make_photo("one/x/1.ppm", 9, 9, 1);
    make_text("set/labels.txt", "# groups\nFirst: g1\n\xe7\x8c\xab: a\n\nother: g2\nbee\xef\xbc\x9a"
                                "b\n");
    return 0;
}

static ath_dataset *must_open(const char *name, ath_split split, const ath_option_pair *options, int count) {
    ath_dataset *dataset;
    ath_error    err = {0};
    if (ath_dataset_open(name, split, options, count, &dataset, &err) != ATH_OK) fail_msg("%s", err.message);
    return dataset;
}

static void expect_failure(const char *name, const ath_option_pair *options, int count, const char *text) {
    ath_dataset *dataset;
    ath_error    err = {0};
    assert_int_equal(ath_dataset_open(name, ATH_SPLIT_TRAIN, options, count, &dataset, &err), ATH_DATA);
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
}

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void folders(void **state) {
    (void)state;
    ath_dataset *train = must_open("set", ATH_SPLIT_TRAIN, NULL, 0), *val = must_open("set", ATH_SPLIT_VAL, NULL, 0);
    ath_dataset_info info = ath_dataset_describe(train);
    assert_int_equal(info.count, 19);
    assert_int_equal(info.classes, 3); /* the union; the empty folder is none */
    assert_string_equal(info.class_names[0], "a");
    assert_string_equal(info.class_names[2], "only val");
    assert_string_equal(info.class_titles[0], "\xe7\x8c\xab");
    assert_string_equal(info.class_titles[1], "bee");
    assert_int_equal(info.height, 0);
    assert_non_null(strstr(info.remarks, "'only val' has validation photos but no training photos"));
    assert_non_null(strstr(info.remarks, "'empty' is a folder that is empty"));
    int height, width, label;
    assert_int_equal(ath_dataset_size(train, 8, &height, &width, NULL), ATH_OK);
    assert_int_equal(height, 28);
    assert_int_equal(ath_dataset_label(train, 10, &label, NULL), ATH_OK); /* 9 and the deep one are of class a */
    assert_int_equal(label, 1);
    assert_int_equal(ath_dataset_label(val, 2, &label, NULL), ATH_OK);
    assert_int_equal(label, 2);
    assert_int_equal(ath_dataset_describe(val).count, 3);
    ath_dataset_close(train);
    ath_dataset_close(val);
    expect_failure("one", NULL, 0, "only one class, 'x'");
}

static void hold_out_by_class(void **state) {
    (void)state;
    const ath_option_pair options[] = {{"train", "train"}, {"holdout", "0.2"}};
    ath_dataset          *train = must_open("set", ATH_SPLIT_TRAIN, options, 2);
    ath_dataset          *val = must_open("set", ATH_SPLIT_VAL, options, 2);
    assert_int_equal(ath_dataset_describe(train).count, 15); /* 10 - 2 and 9 - 2 */
    assert_int_equal(ath_dataset_describe(val).count, 4);
    ath_duplicates found;
    assert_int_equal(ath_dataset_compare(train, val, &found, NULL), ATH_OK);
    assert_int_equal(found.images, 0);
    ath_dataset_close(train);
    ath_dataset_close(val);
}

static void bad_files(void **state) {
    (void)state;
    make_text("set/train/a/notes.txt", "no image");
    make_text("set/train/a/broken.ppm", "P6\n100 100\n255\nshort");
    const ath_option_pair skip[] = {{"bad_images", "skip"}};
    expect_failure("set", NULL, 0, "notes.txt' is no image");
    ath_dataset     *train = must_open("set", ATH_SPLIT_TRAIN, skip, 1);
    ath_dataset_info info = ath_dataset_describe(train);
    assert_int_equal(info.count, 19);
    assert_int_equal(info.skipped, 2);
    assert_non_null(strstr(info.remarks, "broken.ppm"));
    ath_dataset_close(train);
    remove("set/train/a/notes.txt");
    train = must_open("set", ATH_SPLIT_TRAIN, NULL, 0); /* a broken one is met when it is decoded, by its name */
    struct ath__picture picture = {0};
    ath_error           err = {0};
    ath_status          status = ATH_OK;
    for (int64_t i = 0; i < ath_dataset_describe(train).count && status == ATH_OK; i++)
        status = ath__dataset_view(train, i, 0, &picture, &err);
    assert_int_equal(status, ATH_DATA);
    assert_true(strstr(err.where, "broken.ppm") || strstr(err.message, "broken.ppm"));
    ath__picture_free(&picture);
    ath_dataset_close(train);
    remove("set/train/a/broken.ppm");
}

/* ---- lists and labels -------------------------------------------------------------------------------------------- */

static void lists(void **state) {
    (void)state;
    static const char      text[] = "\xef\xbb\xbf# a list\r\n"
                                    "train/a/0.ppm first\r\n"
                                    "a folder/with blanks.ppm   second\n"
                                    "tab.ppm\tlabel of words\n"
                                    "\"a \xe7\x8c\xab.ppm\" other words\n"
                                    "\n/absolute.ppm first";
    struct ath__arena      texts = {0};
    struct ath__photo_scan scan = {.texts = &texts};
    assert_int_equal(ath__photo_list_parse(&scan, text, sizeof text - 1, "list", "dir", 1, true, NULL), ATH_OK);
    assert_int_equal(scan.count, 5);
    assert_int_equal(scan.name_count, 4);
    assert_string_equal(scan.photos[0].path, "dir/train/a/0.ppm");
    assert_string_equal(scan.photos[1].path, "dir/a folder/with blanks.ppm");
    assert_string_equal(scan.names[2].name, "label of words");
    assert_string_equal(scan.photos[3].path, "dir/a \xe7\x8c\xab.ppm");
    assert_string_equal(scan.names[3].name, "other words");
    assert_string_equal(scan.photos[4].path, "/absolute.ppm");
    ath__photo_scan_free(&scan);
    ath_error err = {0};
    scan.texts = &texts;
    assert_int_equal(ath__photo_list_parse(&scan, "lonely\n", 7, "list", "dir", 1, true, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "line 1"));
    ath__photo_scan_free(&scan);
    ath__arena_free(&texts);
    /* As a data set; whole numbers are classes in the order of numbers. */
    make_text("set/some.txt", "train/a/0.ppm 10\ntrain/a/1.ppm 2\ntrain/b/0.ppm 2\n");
    ath_dataset     *dataset = must_open("set/some.txt", ATH_SPLIT_TRAIN, NULL, 0);
    ath_dataset_info info = ath_dataset_describe(dataset);
    assert_int_equal(info.count, 3);
    assert_string_equal(info.class_names[0], "2");
    assert_string_equal(info.class_names[1], "10");
    ath_dataset_close(dataset);
}

static void labels(void **state) {
    (void)state;
    static const char        text[] = "Recyclable: 00\nbottle: 00_00\nhat: 00_01\n\nWet: 03\npeel: 03_00\nloose: 7\n";
    static const char        turned[] = "00_00: bottle\n00: Recyclable\n";
    static const char        yaml[] = "00_00: {name: bottle, group: Recyclable}\n\"03_00\": peel\n";
    static const char *const names[] = {"00_00", "00_01", "03_00"};
    struct ath__arena        arena = {0};
    struct ath__label_list   list;
    ath_error                err = {0};
    assert_int_equal(ath__labels_parse(&arena, "t", text, sizeof text - 1, names, 3, &list, NULL), ATH_OK);
    assert_int_equal(list.count, 6);
    assert_string_equal(list.items[2].title, "hat");
    assert_string_equal(list.items[2].group, "Recyclable");
    assert_string_equal(list.items[4].group, "Wet");
    assert_null(list.items[5].group);
    assert_int_equal(ath__labels_parse(&arena, "t", turned, sizeof turned - 1, names, 3, &list, NULL), ATH_OK);
    assert_string_equal(list.items[0].title, "bottle");
    assert_string_equal(list.items[0].group, "Recyclable");
    assert_int_equal(ath__labels_parse_yaml(&arena, "t", yaml, sizeof yaml - 1, &list, NULL), ATH_OK);
    assert_string_equal(list.items[0].group, "Recyclable");
    assert_string_equal(list.items[1].title, "peel");
    assert_int_equal(ath__labels_parse(&arena, "t", "no colon", 8, names, 3, &list, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "line 1"));
    assert_int_equal(ath__labels_parse(&arena, "t", "a: 1\nb: 1", 9, names, 3, &list, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "twice"));
    ath__arena_free(&arena);
}

static void relabel(void **state) {
    (void)state;
    static const char *const names[] = {"only val", "more", "b", "a"};
    static const char *const fewer[] = {"a", "b"};
    ath_dataset             *val = must_open("set", ATH_SPLIT_VAL, NULL, 0);
    int                      label;
    assert_int_equal(ath__dataset_relabel(val, names, 4, NULL), ATH_OK);
    assert_int_equal(ath_dataset_label(val, 0, &label, NULL), ATH_OK);
    assert_int_equal(label, 3);
    assert_int_equal(ath_dataset_describe(val).classes, 4);
    assert_string_equal(ath_dataset_describe(val).class_titles[2], "bee");
    ath_error err = {0};
    assert_int_equal(ath__dataset_relabel(val, fewer, 2, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "'only val'"));
    ath_dataset_close(val);
}

/* ---- the loader -------------------------------------------------------------------------------------------------- */

enum { SIDE = 16, PIXELS = 3 * SIDE * SIDE, PHOTOS = 19, EPOCHS = 3 };
static float epochs[6][EPOCHS][PHOTOS][PIXELS];

static void take(const ath_dataset *dataset, const struct ath__loader_settings *settings, float (*to)[PHOTOS][PIXELS]) {
    struct ath__loader *loader;
    ath_error           err = {0};
    if (ath__loader_open(dataset, settings, &loader, &err) != ATH_OK) fail_msg("%s", err.message);
    for (int e = 0; e < EPOCHS; e++) {
        struct ath__batch batch;
        assert_int_equal(ath__loader_start(loader, e, 0, NULL), ATH_OK);
        do {
            if (ath__loader_next(loader, &batch, &err) != ATH_OK) fail_msg("%s", err.message);
            for (int64_t i = 0; i < batch.count; i++)
                memcpy(to[e][batch.indices[i]], batch.images + i * PIXELS, sizeof to[e][0]);
        } while (batch.count > 0);
    }
    ath__loader_close(loader);
}

/* Threads and cache change no bit, of fixed images and of random parts alike. */
static void same_for_any_cache(void **state) {
    (void)state;
    static const size_t      caches[] = {1, 4000, 0};
    static const char *const lists[] = {NULL, "[random_resized_crop(scale=0.2:1),flip,jitter(0.2,0.2,0.2)]"};
    ath_dataset             *dataset = must_open("set", ATH_SPLIT_TRAIN, NULL, 0);
    for (int l = 0; l < 2; l++) {
        for (int k = 0; k < 6; k++) {
            struct ath__loader_settings settings = {.batch = 4,
                                                    .seed = 7,
                                                    .shuffle = true,
                                                    .threads = 1 + k / 3 * 3,
                                                    .cache_bytes = caches[k % 3],
                                                    .augment = lists[l],
                                                    .preprocess = {.height = SIDE,
                                                                   .width = SIDE,
                                                                   .fit = ATH_FIT_SHORTER,
                                                                   .fit_height = SIDE + 2,
                                                                   .mean = {0.4, 0.5, 0.6},
                                                                   .deviation = {0.2, 0.3, 0.4, 1}}};
            take(dataset, &settings, epochs[k]);
            if (k > 0) assert_memory_equal(epochs[k], epochs[0], sizeof epochs[0]);
        }
        bool changes = memcmp(epochs[0][0], epochs[0][1], sizeof epochs[0][0]) != 0;
        assert_int_equal(changes, l == 1);
    }
    ath_dataset_close(dataset);
}

/* ---- random parts ------------------------------------------------------------------------------------------------ */

/* Height, width, top and left of torchvision's RandomResizedCrop on a photo of 375 x 500 (height x width) with scale 0.08
 * to 1 and ratio 3/4 to 4/3, from 400,000 draws (tools/golden/photo_crop.py). Ours are 40,000: a mean of values with
 * deviation d is then known to d / 200, theirs to a third of that, and a difference of more than four such errors
 * together (factor sqrt(1 + 1/10) < 1.2) is none of chance. A deviation is known better than a mean. */
static const double torchvision_means[] = {270.2090, 281.8384, 52.4000, 109.1707};
static const double torchvision_deviations[] = {70.2437, 86.2582, 50.7880, 80.6363};

static void random_parts(void **state) {
    (void)state;
    enum { DRAWS = 40000, HEIGHT = 375, WIDTH = 500 };
    const struct ath__transform *t = &ath__transform_random_resized_crop;
    struct ath__range            options[2];
    double                       sums[4] = {0}, squares[4] = {0};
    ath__option_defaults(t->options, options);
    for (int i = 0; i < DRAWS; i++) {
        struct ath__rng  rng;
        struct ath__part part;
        ath__rng_start(&rng, 5, ATH_RNG_TEST, (uint32_t)i, 0);
        t->frame(options, &rng, HEIGHT, WIDTH, &part);
        assert_true(part.top >= 0 && part.left >= 0 && part.height >= 1 && part.width >= 1);
        assert_true(part.top + part.height <= HEIGHT && part.left + part.width <= WIDTH);
        const double values[4] = {part.height, part.width, part.top, part.left};
        for (int k = 0; k < 4; k++) {
            sums[k] += values[k];
            squares[k] += values[k] * values[k];
        }
    }
    for (int k = 0; k < 4; k++) {
        double mean = sums[k] / DRAWS, deviation = sqrt(squares[k] / DRAWS - mean * mean);
        double bound = 4.0 * deviation / sqrt(DRAWS) * 1.2;
        if (fabs(mean - torchvision_means[k]) > bound)
            fail_msg("mean %d is %.3f, torchvision's %.3f; bound %.3f", k, mean, torchvision_means[k], bound);
        if (fabs(deviation - torchvision_deviations[k]) > bound)
            fail_msg("deviation %d is %.3f, torchvision's %.3f; bound %.3f", k, deviation, torchvision_deviations[k],
                     bound);
    }
    struct ath__rng  rng;
    struct ath__part part;
    ath__rng_start(&rng, 5, ATH_RNG_TEST, 0, 1);
    options[0] = (struct ath__range){1.0, 1.0}; /* never fits: the middle of the nearest proportions */
    t->frame(options, &rng, 100, 1000, &part);
    assert_int_equal(part.height, 100);
    assert_int_equal(part.width, 133);
    assert_int_equal(part.left, 433);
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

static void check(void **state) {
    (void)state;
    make_photo("set/val/b/copy.ppm", 20, 30, 0); /* train/a/0.ppm, under another class */
    make_text("set/val/b/broken.ppm", "P6\n5 5\n255\n");
    ath_data_check check;
    ath_error      err = {0};
    if (ath_dataset_check("set", NULL, 0, &check, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(check.part_count, 2);
    assert_int_equal(check.fault_count, 1);
    assert_non_null(strstr(check.faults[0].image.path, "broken.ppm"));
    assert_int_equal(check.copy_groups, 1);
    assert_int_equal(check.groups_across, 1);
    assert_int_equal(check.groups_in_conflict, 1);
    assert_int_equal(check.parts[0].class_counts[0], 10);
    assert_int_equal(check.parts[0].most_height, 40);
    ath_dataset_check_free(&check);
    remove("set/val/b/copy.ppm");
    remove("set/val/b/broken.ppm");
}

/* Every allocation of opening may fail: the message says memory, and nothing is left. */
static void out_of_memory(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        ath_dataset *dataset;
        ath_error    err = {0};
        uint64_t     live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_status status = ath_dataset_open("set", ATH_SPLIT_TRAIN, NULL, 0, &dataset, &err);
        ath__mem_fail_at(0);
        if (status == ATH_OK) {
            ath_dataset_close(dataset);
            assert_int_equal(ath__mem_stats().live_bytes, live);
            break;
        }
        if (status != ATH_MEMORY) fail_msg("allocation %d: status %d, %s", (int)n, (int)status, err.message);
        assert_int_equal(ath__mem_stats().live_bytes, live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),
        cmocka_unit_test(hold_out_by_class),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(lists),
        cmocka_unit_test(labels),
        cmocka_unit_test(relabel),
        cmocka_unit_test(same_for_any_cache),
        cmocka_unit_test(random_parts),
        cmocka_unit_test(check),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_sets, NULL);
}
