/* The real CIFAR-10, where $ATHANOR_DATA has it: the published figures come out, from its files and from an archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "athanor/data.h"
#include "base/clock.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ath_dataset *must_open(const char *name, ath_split split, const char *holdout) {
    ath_option_pair option = {"holdout", holdout};
    ath_dataset    *dataset;
    ath_error       err = {0};
    double          begin = ath__seconds();
    if (ath_dataset_open(name, split, &option, 1, &dataset, &err) != ATH_OK) fail_msg("%s", err.message);
    print_message("opening %s, split %d, holdout %s: %.3f s\n", name, (int)split, holdout, ath__seconds() - begin);
    return dataset;
}

static void training_part(void **state) {
    (void)state;
    /* To four digits, as they are published everywhere for normalisation. */
    static const double mean[] = {0.4914, 0.4822, 0.4465}, deviation[] = {0.2470, 0.2435, 0.2616};
    static const int    first[] = {6, 9, 9, 4, 1, 1, 2, 7, 8, 3}; /* frog, truck, truck, deer ... */
    ath_dataset        *dataset = must_open("cifar10", ATH_SPLIT_TRAIN, "0");
    ath_dataset_info    info = ath_dataset_describe(dataset);
    ath_dataset_stats   stats;
    double              begin = ath__seconds();
    assert_int_equal(info.count, 50000);
    assert_string_equal(info.class_names[6], "frog");
    assert_int_equal(ath_dataset_measure(dataset, &stats, NULL), ATH_OK);
    print_message("measuring: %.3f s\n", ath__seconds() - begin);
    for (int c = 0; c < 3; c++) {
        print_message("channel %d: %.6f, %.6f\n", c, stats.mean[c], stats.deviation[c]);
        assert_true(fabs(stats.mean[c] - mean[c]) < 1e-4);
        assert_true(fabs(stats.deviation[c] - deviation[c]) < 1e-4);
    }
    for (int c = 0; c < 10; c++) assert_int_equal(stats.class_counts[c], 5000);
    print_message("%lld images repeat an earlier one, %lld under another label\n", (long long)stats.duplicates,
                  (long long)stats.conflicts);
    for (int i = 0; i < 10; i++) {
        int label;
        assert_int_equal(ath_dataset_read(dataset, i, NULL, &label, NULL), ATH_OK);
        assert_int_equal(label, first[i]);
    }
    ath_dataset_stats_free(&stats);
    ath_dataset_close(dataset);
}

/* The planes are red, green, blue: of the first training image, a frog, the first pixel is a brownish grey. */
static void first_image(void **state) {
    (void)state;
    static unsigned char pixels[3072];
    ath_dataset         *dataset = must_open("cifar10", ATH_SPLIT_TRAIN, "0");
    assert_int_equal(ath_dataset_read(dataset, 0, pixels, NULL, NULL), ATH_OK);
    assert_int_equal(pixels[0], 59);
    assert_int_equal(pixels[1024], 62);
    assert_int_equal(pixels[2048], 63);
    assert_int_equal(pixels[1], 43);
    ath_dataset_close(dataset);
}

/* Any whole number of records is a test part: the first thousand here, or all ten thousand. */
static void test_part(void **state) {
    (void)state;
    static const int first[] = {3, 8, 8, 0, 6, 6, 1, 6, 3, 1};
    ath_dataset     *dataset = must_open("cifar10", ATH_SPLIT_TEST, "0");
    int64_t          count = ath_dataset_describe(dataset).count;
    assert_true(count == 1000 || count == 10000);
    for (int i = 0; i < 10; i++) {
        int label;
        assert_int_equal(ath_dataset_read(dataset, i, NULL, &label, NULL), ATH_OK);
        assert_int_equal(label, first[i]);
    }
    ath_dataset_close(dataset);
}

static void held_out_part(void **state) {
    (void)state;
    static unsigned char pixels[2][3072];
    ath_dataset         *whole = must_open("cifar10", ATH_SPLIT_TRAIN, "0");
    ath_dataset         *train = must_open("cifar10", ATH_SPLIT_TRAIN, "5000");
    ath_dataset         *val = must_open("cifar10", ATH_SPLIT_VAL, "5000");
    assert_int_equal(ath_dataset_describe(train).count, 45000);
    assert_int_equal(ath_dataset_describe(val).count, 5000);
    for (int i = 0; i < 5000; i += 499) {
        int labels[2];
        assert_int_equal(ath_dataset_read(whole, 45000 + i, pixels[0], &labels[0], NULL), ATH_OK);
        assert_int_equal(ath_dataset_read(val, i, pixels[1], &labels[1], NULL), ATH_OK);
        assert_int_equal(labels[0], labels[1]);
        assert_memory_equal(pixels[0], pixels[1], sizeof pixels[0]);
    }
    ath_duplicates found;
    double         begin = ath__seconds();
    assert_int_equal(ath_dataset_compare(train, val, &found, NULL), ATH_OK);
    print_message("%lld of the last 5,000 are among the first 45,000; found out in %.3f s\n", (long long)found.images,
                  ath__seconds() - begin);
    ath_dataset_close(whole);
    ath_dataset_close(train);
    ath_dataset_close(val);
}

int main(void) {
    char        path[1024], file[ATH_PATH_MAX];
    const char *data = getenv("ATHANOR_DATA");
    if (!data || !data[0] || ath_dataset_folder("cifar10", path, sizeof path, NULL) != ATH_OK ||
        ath__path_join(file, path, "cifar-10-batches-bin/data_batch_1.bin", NULL) != ATH_OK ||
        !ath__file_exists(file)) {
        printf("skipped: ATHANOR_DATA names no folder with cifar10/cifar-10-batches-bin/data_batch_1.bin\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_part),
        cmocka_unit_test(first_image),
        cmocka_unit_test(test_part),
        cmocka_unit_test(held_out_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
