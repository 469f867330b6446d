/* CIFAR-10 and CIFAR-100 from folders and archives, good and bad; archives are also damaged at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/cifar.h"
#include "data/class_names.h"
#include "support/cifar_files.h"
#include "support/idx_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char          folder[1024]; /* empty before each test */
static ath_error     err;
static unsigned char bytes[8 * CIFAR100_RECORD];

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static const char *below(const char *name) {
    static char paths[4][2048];
    static int  turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static void make_folder(const char *name) {
    assert_int_equal(mkdir(below(name), 0777), 0);
}

static ath_dataset *open_with(const char *name, ath_split split, const char *key, const char *value) {
    ath_option_pair option = {key, value};
    ath_dataset    *dataset;
    memset(&err, 0, sizeof err);
    ath_dataset_open(name, split, &option, key ? 1 : 0, &dataset, &err);
    return dataset;
}

static ath_dataset *must_open(const char *name, ath_split split) {
    ath_dataset *dataset = open_with(name, split, NULL, NULL);
    if (!dataset) fail_msg("%s: %s", name, err.message);
    return dataset;
}

static void expect_error(const char *name, ath_split split, ath_status code, const char *text) {
    uint64_t live = ath__mem_stats().live_bytes;
    assert_null(open_with(name, split, NULL, NULL));
    assert_int_equal(err.code, code);
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

/* Images `first` to `first + count - 1` of the small set, in order. */
static void expect_images(const ath_dataset *dataset, int first, int count) {
    static unsigned char pixels[CIFAR_PIXELS];
    ath_dataset_info     info = ath_dataset_describe(dataset);
    assert_int_equal(info.count, count);
    assert_int_equal(info.channels, 3);
    assert_int_equal(info.height, 32);
    assert_int_equal(info.width, 32);
    for (int i = 0; i < count; i++) {
        int label;
        assert_int_equal(ath_dataset_read(dataset, i, pixels, &label, &err), ATH_OK);
        assert_int_equal(label, (first + i) % info.classes);
        for (int k = 0; k < CIFAR_PIXELS; k++) assert_int_equal(pixels[k], cifar_pixel(first + i, k));
    }
}

static void expect_small_set(const char *name) {
    ath_dataset     *train = must_open(name, ATH_SPLIT_TRAIN), *test = must_open(name, ATH_SPLIT_TEST);
    ath_dataset_info info = ath_dataset_describe(train);
    expect_images(train, 0, SMALL_CIFAR_TRAIN);
    expect_images(test, 100, SMALL_CIFAR_TEST);
    assert_int_equal(info.classes, 10);
    assert_string_equal(info.class_names[0], "airplane");
    assert_string_equal(info.class_names[9], "truck");
    ath_dataset_close(train);
    ath_dataset_close(test);
}

static void write_tar(const char *name, const char *without, bool packed) {
    struct tar tar;
    tar_small_cifar10(&tar, without);
    if (packed) tar_pack(&tar);
    write_file(folder, name, tar.bytes, tar.size);
    free(tar.bytes);
}

/* ---- good sets --------------------------------------------------------------------------------------------------- */

/* The unpacked folder, its files alone, the archive, and the archive under another name: the same images. */
static void every_place(void **state) {
    (void)state;
    make_folder("data");
    make_folder("data/cifar10");
    make_folder("data/cifar10/cifar-10-batches-bin");
    write_small_cifar10(below("data/cifar10/cifar-10-batches-bin"));
    setenv("ATHANOR_DATA", below("data"), 1);
    expect_small_set("cifar10");
    expect_small_set(below("data/cifar10"));
    expect_small_set(below("data/cifar10/cifar-10-batches-bin"));
    make_folder("other");
    make_folder("other/cifar10");
    setenv("ATHANOR_DATA", below("other"), 1);
    write_tar("other/cifar10/cifar-10-binary.tar.gz", NULL, true);
    expect_small_set("cifar10");
    expect_small_set(below("other/cifar10"));
    expect_small_set(below("other/cifar10/cifar-10-binary.tar.gz"));
    write_tar("renamed", NULL, true);
    expect_small_set(below("renamed"));
    write_tar("plain.tar", NULL, false);
    expect_small_set(below("plain.tar"));
    unsetenv("ATHANOR_DATA");
}

static void held_out(void **state) {
    (void)state;
    write_small_cifar10(folder);
    ath_dataset *train = open_with(folder, ATH_SPLIT_TRAIN, "holdout", "4");
    ath_dataset *val = open_with(folder, ATH_SPLIT_VAL, "holdout", "4");
    assert_true(train && val);
    expect_images(train, 0, SMALL_CIFAR_TRAIN - 4);
    expect_images(val, SMALL_CIFAR_TRAIN - 4, 4);
    ath_dataset_close(train);
    ath_dataset_close(val);
}

static void cifar100(void **state) {
    (void)state;
    struct tar tar = {0};
    write_file(folder, "train.bin", bytes, cifar_bytes(bytes, 2, 37, 6));
    write_file(folder, "test.bin", bytes, cifar_bytes(bytes, 2, 90, 2));
    tar_add(&tar, "cifar-100-binary/test.bin", bytes, cifar_bytes(bytes, 2, 90, 2), UINT64_MAX);
    tar_add(&tar, "cifar-100-binary/train.bin", bytes, cifar_bytes(bytes, 2, 37, 6), UINT64_MAX);
    tar_end(&tar);
    tar_pack(&tar);
    write_file(folder, "archive", tar.bytes, tar.size);
    free(tar.bytes);
    for (int i = 0; i < 2; i++) {
        const char      *path = i ? below("archive") : folder;
        ath_dataset     *fine = must_open(path, ATH_SPLIT_TRAIN);
        ath_dataset     *coarse = open_with(path, ATH_SPLIT_TRAIN, "labels", "coarse");
        ath_dataset     *test = open_with(path, ATH_SPLIT_TEST, "labels", "fine");
        ath_dataset_info info = ath_dataset_describe(fine);
        assert_true(coarse && test);
        assert_int_equal(info.classes, 100);
        assert_string_equal(info.class_names[0], "apple");
        assert_string_equal(info.class_names[99], "worm");
        expect_images(fine, 37, 6);
        info = ath_dataset_describe(coarse);
        assert_int_equal(info.classes, 20);
        assert_string_equal(info.class_names[19], "vehicles_2");
        expect_images(coarse, 37, 6);
        expect_images(test, 90, 2);
        ath_dataset_close(fine);
        ath_dataset_close(coarse);
        ath_dataset_close(test);
    }
    assert_null(open_with(folder, ATH_SPLIT_TRAIN, "labels", "both"));
    assert_int_equal(err.code, ATH_USAGE);
    assert_non_null(strstr(err.message, "coarse"));
}

static void class_names(void **state) {
    (void)state;
    static const struct {
        const char *text, *first, *last; /* NULL: not good, the known names stay */
    } cases[] = {
        {"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", "a", "j"},
        {"  Flugzeug \r\n\r\nb\nc\nd\ne\nf\ng\nh\ni\nM\xc3\xbcllwagen", "Flugzeug", "M\xc3\xbcllwagen"},
        {"a\nb\nc\nd\ne\nf\ng\nh\ni\n", NULL, NULL},
        {"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n", NULL, NULL},
        {"a\nb\nc\nd\ne\nf\ng\nh\na\nj\n", NULL, NULL},
        {"a\nb\nc\nd\ne\nf\ng\nh\ni\n\xff\n", NULL, NULL},
        {"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\033[2J\n", NULL, NULL},
        {"", NULL, NULL},
    };
    write_small_cifar10(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(folder, "batches.meta.txt", cases[i].text, strlen(cases[i].text));
        ath_dataset     *dataset = must_open(folder, ATH_SPLIT_TEST);
        ath_dataset_info info = ath_dataset_describe(dataset);
        assert_string_equal(info.class_names[0], cases[i].first ? cases[i].first : "airplane");
        assert_string_equal(info.class_names[9], cases[i].last ? cases[i].last : "truck");
        ath_dataset_close(dataset);
    }
    assert_int_equal(truncate(below("batches.meta.txt"), 100000), 0); /* more than is read */
    ath_dataset *dataset = must_open(folder, ATH_SPLIT_TEST);
    assert_string_equal(ath_dataset_describe(dataset).class_names[0], "airplane");
    ath_dataset_close(dataset);
    struct ath__image_store store = {.classes = 1};
    assert_int_equal(ath__class_names_parse("a\0b", 3, &store, &err), ATH_OK);
    assert_null(store.names);
    char name[102];
    memset(name, 'n', sizeof name);
    assert_int_equal(ath__class_names_parse(name, 101, &store, &err), ATH_OK);
    assert_null(store.names);
    assert_int_equal(ath__class_names_parse(name, 100, &store, &err), ATH_OK);
    assert_int_equal(strlen(store.class_names[0]), 100);
    ath__image_store_free(&store);
}

static void class_names_in_an_archive(void **state) {
    (void)state;
    struct tar tar;
    tar_small_cifar10(&tar, NULL);
    tar.size -= 1024; /* the end comes behind what is added */
    tar_add(&tar, "cifar-10-batches-bin/batches.meta.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\nninth\n", 24, UINT64_MAX);
    tar_end(&tar);
    write_file(folder, "archive", tar.bytes, tar.size);
    free(tar.bytes);
    ath_dataset *dataset = must_open(below("archive"), ATH_SPLIT_TRAIN);
    assert_string_equal(ath_dataset_describe(dataset).class_names[9], "ninth");
    ath_dataset_close(dataset);
}

/* Records come whole however the file is cut into pieces. */
static void pieces(void **state) {
    (void)state;
    unsigned char images[3 * CIFAR_PIXELS];
    int32_t       labels[3];
    size_t        size = cifar_bytes(bytes, 1, 4, 3);
    for (size_t piece = 1; piece <= size; piece = piece * 3 + 1) {
        struct ath__cifar_records records = {.format = &ath__cifar10_set.format,
                                             .file = "f",
                                             .where = "w",
                                             .count = 3,
                                             .images = images,
                                             .labels = labels};
        memset(images, 0, sizeof images);
        for (size_t at = 0; at < size; at += piece) {
            assert_int_equal(ath__cifar_end(&records, &err), ATH_DATA);
            assert_int_equal(ath__cifar_put(&records, bytes + at, piece < size - at ? piece : size - at, &err), ATH_OK);
        }
        assert_int_equal(ath__cifar_end(&records, &err), ATH_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(labels[i], 4 + i);
            assert_memory_equal(images + i * CIFAR_PIXELS, bytes + i * CIFAR10_RECORD + 1, CIFAR_PIXELS);
        }
        assert_int_equal(ath__cifar_put(&records, bytes, 1, &err), ATH_DATA);
    }
}

/* ---- bad files --------------------------------------------------------------------------------------------------- */

static void bad_files(void **state) {
    (void)state;
    size_t size = cifar_bytes(bytes, 1, 4, 2);
    write_small_cifar10(folder);
    write_file(folder, "data_batch_3.bin", bytes, size - 1);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "no whole number of CIFAR-10's records of 3073 bytes");
    assert_non_null(strstr(err.where, "data_batch_3.bin"));
    ath_dataset_close(must_open(folder, ATH_SPLIT_TEST)); /* which needs no training file */
    write_file(folder, "data_batch_3.bin", bytes, 0);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "'data_batch_3.bin' is empty");
    bytes[CIFAR10_RECORD] = 11;
    write_file(folder, "data_batch_3.bin", bytes, size);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "label 11 of record 1 of 'data_batch_3.bin'");
    assert_non_null(strstr(err.message, "10 classes (0 to 9)"));
    write_file(folder, "data_batch_3.bin", "\x80\x02}q\x01(U\x0b", 8);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "version for Python");
    assert_int_equal(truncate(below("data_batch_3.bin"), (off_t)(ATH_CIFAR_MOST_RECORDS + 1) * CIFAR10_RECORD), 0);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "more than 1000000 records");
    assert_int_equal(truncate(below("data_batch_3.bin"), (off_t)1 << 40), 0);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "data_batch_3.bin");
    assert_int_equal(remove(below("data_batch_3.bin")), 0);
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "'data_batch_3.bin' is missing");
    assert_non_null(strstr(err.message, "cifar-10-binary.tar.gz"));
    make_folder("data_batch_3.bin");
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "'data_batch_3.bin' is missing");
    assert_int_equal(remove(below("test_batch.bin")), 0);
    expect_error(folder, ATH_SPLIT_TEST, ATH_DATA, "'test_batch.bin' is missing");

    make_folder("hundred");
    size = cifar_bytes(bytes, 2, 0, 2);
    bytes[CIFAR100_RECORD] = 27;
    write_file(folder, "hundred/train.bin", bytes, size);
    expect_error(below("hundred"), ATH_SPLIT_TRAIN, ATH_DATA, "coarse label 27 of record 1");
    bytes[CIFAR100_RECORD] = 1;
    bytes[1] = 100;
    write_file(folder, "hundred/train.bin", bytes, size);
    expect_error(below("hundred"), ATH_SPLIT_TRAIN, ATH_DATA, "fine label 100 of record 0");
}

static void missing_sets(void **state) {
    (void)state;
    setenv("ATHANOR_DATA", folder, 1);
    expect_error("cifar10", ATH_SPLIT_TRAIN, ATH_DATA, "`athanor data get cifar10`");
    make_folder("cifar10");
    expect_error("cifar10", ATH_SPLIT_TRAIN, ATH_DATA, "'cifar-10-binary.tar.gz' (nor a folder 'cifar-10-batches-bin'");
    write_file(folder, "cifar10/cifar-10-python.tar.gz", "", 0);
    expect_error("cifar10", ATH_SPLIT_TRAIN, ATH_DATA, "version for Python");
    unsetenv("ATHANOR_DATA");
    expect_error(below("cifar10"), ATH_SPLIT_TRAIN, ATH_DATA, "no data set known here");
    assert_non_null(strstr(err.message, "MNIST's"));
    assert_non_null(strstr(err.message, "CIFAR-100's"));
    write_file(folder, "photo.png", "\x89PNG", 4);
    expect_error(below("photo.png"), ATH_SPLIT_TRAIN, ATH_DATA, "the file");
    expect_error(below("nothing"), ATH_SPLIT_TRAIN, ATH_DATA, "no file or folder");
}

static void bad_archives(void **state) {
    (void)state;
    const char *path = below("cifar-10-binary.tar.gz");
    char        archive[2048];
    struct tar  tar;
    snprintf(archive, sizeof archive, "%s", path);
    static const char *const names[] = {"data_batch_1.bin", "data_batch_4.bin", "test_batch.bin"};
    for (int i = 0; i < 3; i++) {
        char text[64];
        write_tar("cifar-10-binary.tar.gz", names[i], true);
        snprintf(text, sizeof text, "the archive has no '%s'", names[i]);
        expect_error(archive, i < 2 ? ATH_SPLIT_TRAIN : ATH_SPLIT_TEST, ATH_DATA, text);
        ath_dataset_close(must_open(archive, i < 2 ? ATH_SPLIT_TEST : ATH_SPLIT_TRAIN));
    }
    write_file(folder, "cifar-10-binary.tar.gz", "", 0);
    expect_error(archive, ATH_SPLIT_TRAIN, ATH_DATA, "empty");
    memset(bytes, 'x', sizeof bytes);
    write_file(folder, "cifar-10-binary.tar.gz", bytes, sizeof bytes);
    expect_error(archive, ATH_SPLIT_TRAIN, ATH_DATA, "no tar archive");
    expect_error(folder, ATH_SPLIT_TRAIN, ATH_DATA, "no tar archive");

    tar = (struct tar){0};
    tar_add(&tar, "data_batch_1.bin", bytes, CIFAR10_RECORD, (uint64_t)8 << 30);
    write_file(folder, "cifar-10-binary.tar.gz", tar.bytes, tar.size);
    expect_error(archive, ATH_SPLIT_TRAIN, ATH_DATA, "'data_batch_1.bin'");
    free(tar.bytes);
    tar = (struct tar){0};
    tar_add(&tar, "data_batch_1.bin", bytes, CIFAR10_RECORD, (uint64_t)CIFAR10_RECORD * 900000);
    write_file(folder, "cifar-10-binary.tar.gz", tar.bytes, tar.size);
    expect_error(archive, ATH_SPLIT_TRAIN, ATH_DATA, "more than the archive can hold");
    free(tar.bytes);
    tar = (struct tar){0};
    cifar_bytes(bytes, 1, 0, 1);
    tar_add(&tar, "data_batch_1.bin", bytes, CIFAR10_RECORD, UINT64_MAX);
    tar_add(&tar, "elsewhere/data_batch_1.bin", bytes, CIFAR10_RECORD, UINT64_MAX);
    write_file(folder, "cifar-10-binary.tar.gz", tar.bytes, tar.size);
    expect_error(archive, ATH_SPLIT_TRAIN, ATH_DATA, "'data_batch_1.bin' twice");
    free(tar.bytes);
}

/* A packed archive that is cut off anywhere is refused; with a byte changed anywhere it is refused too, unless nothing
 * depends on that byte: the checksum sees what tar does not. */
static void damaged_archives(void **state) {
    (void)state;
    struct tar tar;
    int        tried = 0, refused = 0;
    tar_small_cifar10(&tar, NULL);
    tar_pack(&tar);
    for (int cut = 0; cut < 2; cut++) {
        for (size_t at = 0; at < tar.size; at += 1 + tar.size / 400) {
            struct ath__archive    *archive = NULL;
            struct ath__image_store store = {0};
            uint64_t                live = ath__mem_stats().live_bytes;
            memset(&err, 0, sizeof err);
            tried++;
            tar.bytes[at] ^= cut ? 0 : 0x10;
            ath_status status =
                ath__archive_open_bytes(tar.bytes, cut ? at : tar.size, "p", UINT64_MAX, &archive, &err);
            if (status == ATH_OK) status = ath__cifar_read_archive(&ath__cifar10_set, archive, true, 0, &store, &err);
            tar.bytes[at] ^= cut ? 0 : 0x10;
            if (status != ATH_OK) {
                refused++;
                assert_int_equal(status, ATH_DATA);
                assert_true(err.code == status && err.message[0] != '\0');
            } else {
                if (cut) fail_msg("%zu of %zu bytes are taken for the whole", at, tar.size);
                assert_int_equal(store.count, SMALL_CIFAR_TRAIN);
                for (int i = 0; i < SMALL_CIFAR_TRAIN; i++) {
                    for (int k = 0; k < CIFAR_PIXELS; k++)
                        assert_int_equal(store.pixels[i * CIFAR_PIXELS + k], cifar_pixel(i, k));
                }
            }
            ath__image_store_free(&store);
            ath__archive_close(archive);
            assert_int_equal(ath__mem_stats().live_bytes, live);
        }
    }
    assert_true(tried > 300 && refused * 10 > tried * 9);
    free(tar.bytes);
}

/* Whatever allocation fails, the error says so and nothing leaks. */
static void out_of_memory(void **state) {
    (void)state;
    write_small_cifar10(folder);
    write_file(folder, "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", 20);
    write_tar("archive", NULL, true);
    for (int i = 0; i < 2; i++) {
        const char *path = i ? below("archive") : folder;
        for (uint64_t n = 1;; n++) {
            uint64_t live = ath__mem_stats().live_bytes;
            ath__mem_fail_at(n);
            ath_dataset *dataset = open_with(path, ATH_SPLIT_TRAIN, NULL, NULL);
            ath__mem_fail_at(0);
            if (dataset) {
                assert_true(n > 4);
                ath_dataset_close(dataset);
                break;
            }
            assert_int_equal(err.code, ATH_MEMORY);
            assert_int_equal(ath__mem_stats().live_bytes, live);
        }
    }
}

static int before_each(void **state) {
    (void)state;
    scratch_make(folder);
    return 0;
}

static int after_each(void **state) {
    (void)state;
    scratch_remove(folder);
    unsetenv("ATHANOR_DATA");
    return 0;
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(every_place),   EACH(held_out),  EACH(cifar100),     EACH(class_names),  EACH(class_names_in_an_archive),
        EACH(pieces),        EACH(bad_files), EACH(missing_sets), EACH(bad_archives), EACH(damaged_archives),
        EACH(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
