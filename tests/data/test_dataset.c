/* Data sets: names, options, places, hold-out, figures, and the generated digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "athanor/data.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "support/idx_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRAIN = 100 };

static ath_error err;

static ath_dataset *open_with(const char *name, ath_split split, const char *key, const char *value) {
    ath_option_pair option = {key, value};
    ath_dataset    *dataset;
    memset(&err, 0, sizeof err);
    if (ath_dataset_open(name, split, &option, key ? 1 : 0, &dataset, &err) != ATH_OK) {
        assert_null(dataset);
        return NULL;
    }
    return dataset;
}

static ath_dataset *must_open(const char *name, ath_split split, const char *key, const char *value) {
    ath_dataset *dataset = open_with(name, split, key, value);
    if (!dataset) fail_msg("%s", err.message);
    return dataset;
}

static void expect_error(const char *name, const char *key, const char *value, ath_status code, const char *text) {
    uint64_t live = ath__mem_stats().live_bytes;
    assert_null(open_with(name, ATH_SPLIT_TRAIN, key, value));
    assert_int_equal(err.code, code);
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

static void catalogue(void **state) {
    (void)state;
    ath_dataset_entry entry;
    int               digits = 0, mnist = 0, fashion = 0, cifar = 0, count = 0;
    for (; ath_dataset_catalogue(count, &entry); count++) {
        assert_true(entry.summary[0] != '\0');
        digits += strcmp(entry.name, "digits") == 0 && !entry.downloadable;
        mnist += strcmp(entry.name, "mnist") == 0 && entry.downloadable;
        fashion += strcmp(entry.name, "fashion-mnist") == 0 && entry.downloadable;
        cifar += (strcmp(entry.name, "cifar10") == 0 || strcmp(entry.name, "cifar100") == 0) && entry.downloadable;
    }
    assert_true(digits == 1 && mnist == 1 && fashion == 1 && cifar == 2);
    assert_false(ath_dataset_catalogue(-1, &entry));
    expect_error("mnits", NULL, NULL, ATH_USAGE, "did you mean 'mnist'");
    expect_error("zebra-crossings", NULL, NULL, ATH_USAGE, "digits, mnist, fashion-mnist");
    expect_error("./no/such/folder", NULL, NULL, ATH_DATA, "no file or folder './no/such/folder'");
    expect_error("digits", "holdot", "5", ATH_USAGE, "holdout");
    expect_error("digits", "n", "many", ATH_USAGE, "many");
    assert_int_equal(ath_dataset_download("mnits", NULL, NULL, &err), ATH_USAGE);
    assert_int_equal(ath_dataset_download("digits", NULL, NULL, &err), ATH_OK);
}

static void folders(void **state) {
    (void)state;
    char path[1024];
    setenv("ATHANOR_DATA", "/some/where", 1);
    assert_int_equal(ath_dataset_folder("mnist", path, sizeof path, &err), ATH_OK);
    assert_string_equal(path, "/some/where/mnist");
    expect_error("mnist", NULL, NULL, ATH_DATA, "athanor data get mnist");
    assert_non_null(strstr(err.message, "/some/where/mnist"));
    assert_non_null(strstr(err.message, "ATHANOR_DATA is set"));
    unsetenv("ATHANOR_DATA");
    setenv("XDG_CACHE_HOME", "/cache", 1);
    assert_int_equal(ath_dataset_folder("fashion-mnist", path, sizeof path, &err), ATH_OK);
    assert_string_equal(path, "/cache/athanor/fashion-mnist");
    setenv("XDG_CACHE_HOME", "relative", 1); /* not valid, by the specification to be ignored */
    setenv("HOME", "/home/me", 1);
    assert_int_equal(ath_dataset_folder("mnist", path, sizeof path, &err), ATH_OK);
    assert_string_equal(path, "/home/me/.cache/athanor/mnist");
    expect_error("mnist", NULL, NULL, ATH_DATA, "ATHANOR_DATA is not set");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(ath_dataset_folder("mnist", path, sizeof path, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "ATHANOR_DATA"));
}

/* A named set with a file missing, an empty one, a folder that has none. */
static void incomplete(void **state) {
    const char *folder = *state;
    char        set[1100], name[1200];
    snprintf(set, sizeof set, "%s/mnist", folder);
    snprintf(name, sizeof name, "mkdir '%s'", set);
    assert_int_equal(system(name), 0);
    setenv("ATHANOR_DATA", folder, 1);
    write_small_set(set, TRAIN);
    ath_dataset_close(must_open("mnist", ATH_SPLIT_TRAIN, NULL, NULL));
    snprintf(name, sizeof name, "%s/train-labels-idx1-ubyte", set);
    assert_int_equal(remove(name), 0);
    expect_error("mnist", NULL, NULL, ATH_DATA, "not complete");
    assert_non_null(strstr(err.message, "train-labels-idx1-ubyte.gz"));
    assert_non_null(strstr(err.message, "athanor data get mnist"));
    expect_error(set, NULL, NULL, ATH_DATA, "train-labels-idx1-ubyte.gz");
    write_file(set, "train-labels-idx1-ubyte", "", 0);
    expect_error("mnist", NULL, NULL, ATH_DATA, "empty");
    assert_non_null(strstr(err.where, "train-labels-idx1-ubyte"));
    unsetenv("ATHANOR_DATA");
}

/* The number of a small set's training image, told by its first pixel: 31 i mod 256 is different for all i < 256. */
static int image_number(const ath_dataset *dataset, int64_t index) {
    unsigned char pixels[IDX_PIXELS];
    int           label;
    assert_int_equal(ath_dataset_read(dataset, index, pixels, &label, &err), ATH_OK);
    for (int i = 0; i < 256; i++) {
        if (pixels[0] != (unsigned char)(31 * i)) continue;
        assert_int_equal(label, i % 10);
        assert_int_equal(pixels[IDX_PIXELS - 1], (unsigned char)(31 * i + 7 * (IDX_PIXELS - 1)));
        return i;
    }
    return -1;
}

static void whole_number_holdout(void **state) {
    const char      *folder = *state;
    ath_dataset     *train = must_open(folder, ATH_SPLIT_TRAIN, "holdout", "15");
    ath_dataset     *val = must_open(folder, ATH_SPLIT_VAL, "holdout", "15");
    ath_dataset     *test = must_open(folder, ATH_SPLIT_TEST, "holdout", "15");
    ath_dataset_info info = ath_dataset_describe(train);
    assert_int_equal(info.count, TRAIN - 15);
    assert_int_equal(info.held_out, 15);
    assert_int_equal(info.channels, 1);
    assert_int_equal(info.height, IDX_HEIGHT);
    assert_int_equal(info.width, IDX_WIDTH);
    assert_int_equal(info.classes, 10);
    assert_string_equal(info.class_names[7], "7");
    assert_int_equal(ath_dataset_describe(val).count, 15);
    assert_int_equal(ath_dataset_describe(test).count, 10);
    for (int i = 0; i < TRAIN; i++) {
        assert_int_equal(i < TRAIN - 15 ? image_number(train, i) : image_number(val, i - (TRAIN - 15)), i);
    }
    assert_int_equal(ath_dataset_read(train, TRAIN - 15, NULL, NULL, &err), ATH_USAGE);
    assert_int_equal(ath_dataset_read(train, -1, NULL, NULL, &err), ATH_USAGE);
    ath_dataset_close(train);
    ath_dataset_close(val);
    ath_dataset_close(test);
    val = must_open(folder, ATH_SPLIT_VAL, NULL, NULL); /* nothing held out: the test images */
    assert_int_equal(ath_dataset_describe(val).count, 10);
    ath_dataset_close(val);
}

static void fraction_holdout(void **state) {
    const char *folder = *state;
    int         side[2][TRAIN] = {{0}};
    for (int seed = 0; seed < 2; seed++) {
        ath_option_pair options[] = {{"holdout", "0.2"}, {"holdout_seed", seed ? "2" : "1"}};
        for (int repeat = 0; repeat < 2; repeat++) {
            ath_dataset *train, *val;
            int          classes[10] = {0}, found[TRAIN] = {0};
            assert_int_equal(ath_dataset_open(folder, ATH_SPLIT_TRAIN, options, 2, &train, &err), ATH_OK);
            assert_int_equal(ath_dataset_open(folder, ATH_SPLIT_VAL, options, 2, &val, &err), ATH_OK);
            assert_int_equal(ath_dataset_describe(train).count, 80);
            assert_int_equal(ath_dataset_describe(val).count, 20);
            for (int i = 0; i < 80; i++) found[image_number(train, i)] += 1;
            for (int i = 0; i < 20; i++) {
                int number = image_number(val, i);
                found[number] += 10;
                classes[number % 10]++;
            }
            for (int i = 0; i < 10; i++) assert_int_equal(classes[i], 2);
            for (int i = 0; i < TRAIN; i++) {
                assert_true(found[i] == 1 || found[i] == 10);
                if (repeat) assert_int_equal(side[seed][i], found[i]);
                side[seed][i] = found[i];
            }
            ath_dataset_close(train);
            ath_dataset_close(val);
        }
    }
    assert_true(memcmp(side[0], side[1], sizeof side[0]) != 0);
}

static void impossible_holdouts(void **state) {
    const char *folder = *state;
    expect_error(folder, "holdout", "1.5", ATH_USAGE, "neither a whole number");
    expect_error(folder, "holdout", "100", ATH_USAGE, "nothing to train on");
    expect_error(folder, "holdout", "0.001", ATH_USAGE, "one side empty");
    expect_error(folder, "holdout", "0.99", ATH_USAGE, "one side empty");
    expect_error(folder, "holdout", "-1", ATH_USAGE, "holdout");
    ath_dataset_close(must_open(folder, ATH_SPLIT_TRAIN, "holdout", "99"));
}

static void figures(void **state) {
    const char       *folder = *state;
    ath_dataset      *dataset = must_open(folder, ATH_SPLIT_TRAIN, NULL, NULL);
    ath_dataset_stats stats;
    assert_int_equal(ath_dataset_measure(dataset, &stats, &err), ATH_OK);
    double sum = 0, squares = 0, n = (double)TRAIN * IDX_PIXELS;
    for (int i = 0; i < TRAIN; i++) {
        for (int k = 0; k < IDX_PIXELS; k++) {
            double value = (unsigned char)(31 * i + 7 * k) / 255.0;
            sum += value;
            squares += value * value;
        }
    }
    /* 3000 additions of values near 1 in double: their errors stay below 3000 * 2^-53 relative, 1e-12. */
    assert_true(fabs(stats.mean[0] - sum / n) < 1e-12);
    assert_true(fabs(stats.deviation[0] - sqrt(squares / n - sum / n * (sum / n))) < 1e-11);
    assert_int_equal(stats.duplicates, 0);
    for (int c = 0; c < 10; c++) assert_int_equal(stats.class_counts[c], TRAIN / 10);
    ath_dataset_stats_free(&stats);
    ath_dataset_close(dataset);
}

/* A folder with `count` training and `count` test images that are black but for one pixel, its value given for each. */
static void write_dots(const char *folder, int count, const int *train, const int *test, const unsigned char *labels) {
    unsigned char  file[8 * IDX_PIXELS + 64], pixels[8 * IDX_PIXELS];
    const uint32_t dims[] = {(uint32_t)count, IDX_HEIGHT, IDX_WIDTH};
    size_t         bytes = (size_t)count * IDX_PIXELS;
    for (int part = 0; part < 2; part++) {
        char name[64];
        memset(pixels, 0, sizeof pixels);
        for (int i = 0; i < count; i++) pixels[i * IDX_PIXELS + 29] = (unsigned char)(part ? test : train)[i];
        snprintf(name, sizeof name, "%s-images-idx3-ubyte", part ? "t10k" : "train");
        write_file(folder, name, file, idx_bytes(file, 3, dims, pixels, bytes));
        snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part ? "t10k" : "train");
        write_file(folder, name, file, idx_bytes(file, 1, dims, labels, (size_t)count));
    }
}

static void expect_duplicates(const ath_dataset *first, const ath_dataset *second, int images, int conflicts,
                              int first_at, int second_at) {
    ath_duplicates found;
    assert_int_equal(ath_dataset_compare(first, second, &found, &err), ATH_OK);
    assert_int_equal(found.images, images);
    assert_int_equal(found.conflicts, conflicts);
    assert_int_equal(found.first, first_at);
    assert_int_equal(found.second, second_at);
}

static void duplicates(void **state) {
    (void)state;
    static const int           train[8] = {0, 1, 2, 3, 4, 0, 1, 2}, test[8] = {9, 2, 9, 8, 0, 0, 7, 6};
    static const unsigned char labels[8] = {0, 1, 2, 3, 4, 0, 6, 7};
    char                       folder[1024];
    scratch_make(folder);
    write_dots(folder, 8, train, test, labels);
    ath_dataset      *dataset = must_open(folder, ATH_SPLIT_TRAIN, NULL, NULL);
    ath_dataset      *other = must_open(folder, ATH_SPLIT_TEST, NULL, NULL);
    ath_dataset      *digits = must_open("digits", ATH_SPLIT_TEST, "n", "60");
    ath_dataset_stats stats;
    assert_int_equal(ath_dataset_measure(dataset, &stats, &err), ATH_OK);
    assert_int_equal(stats.duplicates, 3); /* 5, 6, 7 repeat 0, 1, 2; the last two under another label */
    assert_int_equal(stats.conflicts, 2);
    assert_int_equal(stats.class_counts[9], 0);
    ath_dataset_stats_free(&stats);
    expect_duplicates(dataset, dataset, 3, 2, 0, 5);
    expect_duplicates(other, other, 2, 2, 0, 2);
    /* In the test images 1 is train[2], 4 and 5 are train[0]; their labels are 1, 4 and 0 against 2, 0 and 0. */
    expect_duplicates(dataset, other, 3, 2, 2, 1);
    /* The other way round: 0 and 5 are test[4], 2 and 7 test[1]. */
    expect_duplicates(other, dataset, 4, 4, 4, 0);
    expect_duplicates(dataset, digits, 0, 0, -1, -1);
    ath_dataset_close(dataset);
    ath_dataset_close(other);
    ath_dataset_close(digits);
    scratch_remove(folder);
}

/* Whatever the number of threads: as a comparison of every pair finds them, among images that are mostly repeated. */
static void duplicates_by_every_pair(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static unsigned char pixels[COUNT * IDX_PIXELS], labels[COUNT], file[COUNT * IDX_PIXELS + 64];
    const uint32_t       dims[] = {COUNT, IDX_HEIGHT, IDX_WIDTH};
    char                 folder[1024];
    uint32_t             word = 1;
    int                  images = 0, conflicts = 0;
    scratch_make(folder);
    for (int i = 0; i < COUNT; i++) {
        word = word * 1664525u + 1013904223u;
        pixels[i * IDX_PIXELS] = (unsigned char)(word >> 24 & 31); /* 32 x 32 contents, the first far more frequent */
        pixels[i * IDX_PIXELS + 29] = i % 3 ? 0 : (unsigned char)(word >> 16 & 31);
        labels[i] = (unsigned char)((word >> 8) % 10);
    }
    for (int i = 0; i < COUNT; i++) {
        for (int k = 0; k < i; k++) {
            if (memcmp(pixels + i * IDX_PIXELS, pixels + k * IDX_PIXELS, IDX_PIXELS) != 0) continue;
            images++;
            conflicts += labels[i] != labels[k];
            break;
        }
    }
    write_file(folder, "train-images-idx3-ubyte", file, idx_bytes(file, 3, dims, pixels, sizeof pixels));
    write_file(folder, "train-labels-idx1-ubyte", file, idx_bytes(file, 1, dims, labels, sizeof labels));
    ath_dataset *dataset = must_open(folder, ATH_SPLIT_TRAIN, NULL, NULL);
    for (int threads = 1; threads <= 3; threads++) {
        ath_duplicates found;
        ath__threads_set(threads);
        assert_int_equal(ath_dataset_compare(dataset, dataset, &found, &err), ATH_OK);
        assert_int_equal(found.images, images);
        assert_int_equal(found.conflicts, conflicts);
    }
    ath__threads_set(0);
    assert_true(images > COUNT / 2 && images < COUNT);
    ath_dataset_close(dataset);
    scratch_remove(folder);
}

/* ---- the generated set ------------------------------------------------------------------------------------------- */

static uint64_t hash_set(const ath_dataset *dataset) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < ath_dataset_describe(dataset).count; i++) {
        unsigned char pixels[785];
        int           label;
        assert_int_equal(ath_dataset_read(dataset, i, pixels, &label, &err), ATH_OK);
        pixels[784] = (unsigned char)label;
        for (size_t k = 0; k < sizeof pixels; k++) hash = (hash ^ pixels[k]) * 0x100000001B3u;
    }
    return hash;
}

static uint64_t hash_digits(ath_split split, const char *n, const char *seed, int threads) {
    ath_option_pair options[] = {{"n", n}, {"seed", seed}};
    ath_dataset    *dataset;
    ath__threads_set(threads);
    assert_int_equal(ath_dataset_open("digits", split, options, 2, &dataset, &err), ATH_OK);
    uint64_t hash = hash_set(dataset);
    ath_dataset_close(dataset);
    ath__threads_set(0);
    return hash;
}

static void digits_depend_on_the_seed_alone(void **state) {
    (void)state;
    uint64_t hash = hash_digits(ATH_SPLIT_TRAIN, "600", "1", 1);
    assert_true(hash == hash_digits(ATH_SPLIT_TRAIN, "600", "1", 3));
    assert_true(hash != hash_digits(ATH_SPLIT_TRAIN, "600", "2", 1));
    assert_true(hash_digits(ATH_SPLIT_VAL, "600", "1", 2) == hash_digits(ATH_SPLIT_TEST, "600", "1", 1));
}

static void digits_are_balanced_and_distinct(void **state) {
    (void)state;
    ath_dataset      *dataset = must_open("digits", ATH_SPLIT_TRAIN, NULL, NULL);
    ath_dataset      *val = must_open("digits", ATH_SPLIT_VAL, NULL, NULL);
    ath_dataset_stats stats;
    assert_int_equal(ath_dataset_describe(dataset).count, 12000);
    assert_int_equal(ath_dataset_describe(val).count, 2000);
    assert_int_equal(ath_dataset_measure(dataset, &stats, &err), ATH_OK);
    assert_int_equal(stats.duplicates, 0);
    /* Binomial (12000, 1/10): mean 1200, deviation 33; five deviations. */
    for (int c = 0; c < 10; c++) assert_true(llabs(stats.class_counts[c] - 1200) < 165);
    ath_dataset_stats_free(&stats);
    ath_dataset_close(dataset);
    ath_dataset_close(val);
}

enum { PIXELS = 784, CLASSES = 10, INPUTS = PIXELS + 1 };

static void read_input(const ath_dataset *dataset, int64_t index, float *x, int *label) {
    unsigned char pixels[PIXELS];
    assert_int_equal(ath_dataset_read(dataset, index, pixels, label, &err), ATH_OK);
    for (int k = 0; k < PIXELS; k++) x[k] = ((float)pixels[k] / 255.0f - 0.15f) / 0.27f;
    x[PIXELS] = 1.0f;
}

static int score(float w[CLASSES][INPUTS], const float *x, float *logits) {
    int best = 0;
    for (int c = 0; c < CLASSES; c++) {
        float sum = 0;
        for (int k = 0; k < INPUTS; k++) sum += w[c][k] * x[k];
        logits[c] = sum;
        if (sum > logits[best]) best = c;
    }
    return best;
}

/* Softmax regression by plain stochastic descent, the rate falling linearly to 0 over five passes. */
static double linear_accuracy(const ath_dataset *train, const ath_dataset *val) {
    static float w[CLASSES][INPUTS], x[INPUTS];
    float        logits[CLASSES];
    int64_t      count = ath_dataset_describe(train).count, tested = ath_dataset_describe(val).count, right = 0;
    int          label;
    for (int64_t step = 0; step < 5 * count; step++) {
        float rate = 2e-4f * (1.0f - (float)step / (float)(5 * count)), sum = 0;
        read_input(train, step % count, x, &label);
        float most = logits[score(w, x, logits)];
        for (int c = 0; c < CLASSES; c++) sum += logits[c] = expf(logits[c] - most);
        for (int c = 0; c < CLASSES; c++) {
            float slope = rate * (logits[c] / sum - (c == label));
            for (int k = 0; k < INPUTS; k++) w[c][k] -= slope * x[k];
        }
    }
    for (int64_t i = 0; i < tested; i++) {
        read_input(val, i, x, &label);
        right += score(w, x, logits) == label;
    }
    return 100.0 * (double)right / (double)tested;
}

/* The set is worth a convolutional net: a linear classifier learns much, but stays below 92%. */
static void digits_are_too_hard_for_a_linear_model(void **state) {
    (void)state;
    ath_dataset *train = must_open("digits", ATH_SPLIT_TRAIN, NULL, NULL);
    ath_dataset *val = must_open("digits", ATH_SPLIT_VAL, NULL, NULL);
    double       accuracy = linear_accuracy(train, val);
    print_message("linear model: %.2f%%\n", accuracy);
    assert_true(accuracy > 70.0 && accuracy < 92.0);
    ath_dataset_close(train);
    ath_dataset_close(val);
}

/* Whatever allocation fails while a set with a hold-out is opened, the error says so and nothing leaks. */
static void out_of_memory(void **state) {
    const char *folder = *state;
    uint64_t    n = 1;
    for (;; n++) {
        uint64_t live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_dataset *dataset = open_with(folder, ATH_SPLIT_TRAIN, "holdout", "0.2");
        ath__mem_fail_at(0);
        if (dataset) {
            ath_dataset_close(dataset);
            break;
        }
        assert_int_equal(err.code, ATH_MEMORY);
        assert_int_equal(ath__mem_stats().live_bytes, live);
    }
    assert_true(n > 5);
}

static int set_up(void **state) {
    static char folder[1024];
    scratch_make(folder);
    write_small_set(folder, TRAIN);
    *state = folder;
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue),
        cmocka_unit_test(incomplete),
        cmocka_unit_test(folders),
        cmocka_unit_test(whole_number_holdout),
        cmocka_unit_test(fraction_holdout),
        cmocka_unit_test(impossible_holdouts),
        cmocka_unit_test(figures),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(duplicates_by_every_pair),
        cmocka_unit_test(digits_depend_on_the_seed_alone),
        cmocka_unit_test(digits_are_balanced_and_distinct),
        cmocka_unit_test(digits_are_too_hard_for_a_linear_model),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
