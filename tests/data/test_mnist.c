/* The real MNIST, where $ATHANOR_DATA has it: the published bytes come out, with their known figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "athanor/data.h"
#include "base/digest.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ath_dataset *must_open(ath_split split, const char *holdout) {
    ath_option_pair option = {"holdout", holdout};
    ath_dataset    *dataset;
    ath_error       err = {0};
    if (ath_dataset_open("mnist", split, &option, 1, &dataset, &err) != ATH_OK) fail_msg("%s", err.message);
    return dataset;
}

/* MD5 of the IDX file that the set came from: header and pixels. */
static void check_bytes(const ath_dataset *dataset, const unsigned char header[16], const char *md5) {
    struct ath__digest digest;
    char               text[ATH_DIGEST_TEXT];
    unsigned char      pixels[784];
    ath__digest_start(&digest, &ath__md5);
    ath__digest_add(&digest, header, 16);
    for (int64_t i = 0; i < ath_dataset_describe(dataset).count; i++) {
        assert_int_equal(ath_dataset_read(dataset, i, pixels, NULL, NULL), ATH_OK);
        ath__digest_add(&digest, pixels, sizeof pixels);
    }
    ath__digest_end(&digest, text);
    assert_string_equal(text, md5);
}

static void training_part(void **state) {
    (void)state;
    static const int           counts[] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    static const int           first[] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
    static const unsigned char header[] = {0, 0, 8, 3, 0, 0, 0xea, 0x60, 0, 0, 0, 28, 0, 0, 0, 28};
    ath_dataset               *dataset = must_open(ATH_SPLIT_TRAIN, "0");
    ath_dataset_stats          stats;
    assert_int_equal(ath_dataset_describe(dataset).count, 60000);
    check_bytes(dataset, header, "6bbc9ace898e44ae57da46a324031adb");
    assert_int_equal(ath_dataset_measure(dataset, &stats, NULL), ATH_OK);
    assert_true(fabs(stats.mean[0] - 0.1307) < 5e-5); /* as published everywhere, to four digits */
    assert_true(fabs(stats.deviation[0] - 0.3081) < 5e-5);
    for (int c = 0; c < 10; c++) assert_int_equal(stats.class_counts[c], counts[c]);
    assert_int_equal(stats.duplicates, 0);
    for (int i = 0; i < 10; i++) {
        int label;
        assert_int_equal(ath_dataset_read(dataset, i, NULL, &label, NULL), ATH_OK);
        assert_int_equal(label, first[i]);
    }
    ath_dataset_stats_free(&stats);
    ath_dataset_close(dataset);
}

static void test_part(void **state) {
    (void)state;
    static const int           counts[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    static const unsigned char header[] = {0, 0, 8, 3, 0, 0, 0x27, 0x10, 0, 0, 0, 28, 0, 0, 0, 28};
    ath_dataset               *dataset = must_open(ATH_SPLIT_VAL, "0");
    ath_dataset_stats          stats;
    assert_int_equal(ath_dataset_describe(dataset).count, 10000);
    check_bytes(dataset, header, "2646ac647ad5339dbf082846283269ea");
    assert_int_equal(ath_dataset_measure(dataset, &stats, NULL), ATH_OK);
    for (int c = 0; c < 10; c++) assert_int_equal(stats.class_counts[c], counts[c]);
    ath_dataset_stats_free(&stats);
    ath_dataset_close(dataset);
}

static void held_out_part(void **state) {
    (void)state;
    ath_dataset *train = must_open(ATH_SPLIT_TRAIN, "0.1"), *val = must_open(ATH_SPLIT_VAL, "0.1");
    int64_t      kept = ath_dataset_describe(train).count, held = ath_dataset_describe(val).count;
    assert_int_equal(kept + held, 60000);
    assert_true(llabs(held - 6000) <= 5); /* each of ten classes rounds by at most a half */
    ath_dataset_close(train);
    ath_dataset_close(val);
}

/* Files that are there and hold the published content are not asked for again, however they were packed. */
static void nothing_to_download(void **state) {
    (void)state;
    ath_error err = {0};
    setenv("ATHANOR_MIRROR", "http://127.0.0.1:1", 1);
    ath_status status = ath_dataset_download("mnist", NULL, NULL, &err);
    unsetenv("ATHANOR_MIRROR");
    if (status != ATH_OK) fail_msg("%s", err.message);
}

int main(void) {
    char        path[1024], file[ATH_PATH_MAX];
    const char *data = getenv("ATHANOR_DATA");
    if (!data || !data[0] || ath_dataset_folder("mnist", path, sizeof path, NULL) != ATH_OK ||
        ath__path_join(file, path, "train-images-idx3-ubyte.gz", NULL) != ATH_OK || !ath__file_exists(file)) {
        printf("skipped: ATHANOR_DATA names no folder with mnist/train-images-idx3-ubyte.gz\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_part),
        cmocka_unit_test(test_part),
        cmocka_unit_test(held_out_part),
        cmocka_unit_test(nothing_to_download),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
