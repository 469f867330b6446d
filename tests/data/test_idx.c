/* IDX files, good and bad: each bad one gives ATH_DATA and a message that names the file and what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/idx.h"
#include "support/idx_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char  pixels[4 * 3 * 2];
static unsigned char  file[4096], packed[4096];
static const uint32_t dims[] = {4, 3, 2};

static size_t good_images(void) {
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * 11);
    return idx_bytes(file, 3, dims, pixels, sizeof pixels);
}

static void expect_good(const unsigned char *bytes, size_t size) {
    struct ath__idx idx;
    ath_error       err = {0};
    if (ath__idx_parse(bytes, size, "f", 3, &idx, &err) != ATH_OK) fail_msg("%s", err.message);
    for (int i = 0; i < 3; i++) assert_int_equal(idx.dims[i], dims[i]);
    assert_memory_equal(idx.data, pixels, sizeof pixels);
    ath__free(idx.data);
}

static void expect_bad(const unsigned char *bytes, size_t size, int rank, const char *text) {
    struct ath__idx idx;
    ath_error       err = {0};
    uint64_t        live = ath__mem_stats().live_bytes;
    assert_int_equal(ath__idx_parse(bytes, size, "some/file", rank, &idx, &err), ATH_DATA);
    assert_null(idx.data);
    assert_string_equal(err.where, "some/file");
    if (!strstr(err.message, text)) fail_msg("'%s' is not in: %s", text, err.message);
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

static void raw_and_packed(void **state) {
    (void)state;
    size_t size = good_images();
    expect_good(file, size);
    expect_good(packed, gzip_bytes(packed, sizeof packed, file, size));
    /* Two gzip members make one file. */
    size_t first = gzip_bytes(packed, sizeof packed, file, 20);
    size_t second = gzip_bytes(packed + first, sizeof packed - first, file + 20, size - 20);
    expect_good(packed, first + second);
}

/* Every shorter file is refused, wherever it is cut. */
static void truncated(void **state) {
    (void)state;
    size_t size = good_images();
    expect_bad(file, 0, 3, "empty");
    expect_bad(file, 3, 3, "inside its header");
    expect_bad(file, 15, 3, "inside its header");
    expect_bad(file, size - 1, 3, "cut off");
    for (size_t i = 1; i < size; i++) expect_bad(file, i, 3, "");
    size_t packed_size = gzip_bytes(packed, sizeof packed, file, size);
    for (size_t i = 3; i < packed_size; i++) expect_bad(packed, i, 3, "cut off");
}

static void damaged(void **state) {
    (void)state;
    size_t size = good_images();
    size_t packed_size = gzip_bytes(packed, sizeof packed, file, size);
    packed[packed_size - 6] ^= 1; /* the checksum */
    expect_bad(packed, packed_size, 3, "damaged");
    packed_size = gzip_bytes(packed, sizeof packed, file, size);
    packed[packed_size] = 'x';
    expect_bad(packed, packed_size + 1, 3, "behind the end");
    packed_size = gzip_bytes(packed, sizeof packed, file, size - 1);
    expect_bad(packed, packed_size, 3, "cut off");
    file[size] = 0;
    expect_bad(file, size + 1, 3, "more data");
    packed_size = gzip_bytes(packed, sizeof packed, file, size + 1);
    expect_bad(packed, packed_size, 3, "more data");
}

static void wrong_header(void **state) {
    (void)state;
    size_t size = good_images();
    expect_bad(file, size, 1, "swapped");
    file[2] = 0x0D; /* floats */
    expect_bad(file, size, 3, "0x00000d03");
    good_images();
    file[0] = 'P';
    expect_bad(file, size, 3, "no IDX file");
    size = idx_bytes(file, 3, (const uint32_t[]){4, 0, 2}, pixels, sizeof pixels);
    expect_bad(file, size, 3, "empty array");
    size = idx_bytes(file, 3, (const uint32_t[]){4, 3, 70000}, pixels, sizeof pixels);
    expect_bad(file, size, 3, "70000");
}

/* A header that announces 2^64 bytes and more must not make anyone ask for them, packed or not. */
static void huge_header(void **state) {
    (void)state;
    size_t   size = idx_bytes(file, 3, (const uint32_t[]){0xffffffffu, 65535, 65535}, pixels, sizeof pixels);
    uint64_t peak = ath__mem_stats().peak_bytes;
    expect_bad(file, size, 3, "announces more data");
    expect_bad(packed, gzip_bytes(packed, sizeof packed, file, size), 3, "announces more data");
    size = idx_bytes(file, 3, (const uint32_t[]){1u << 31, 1, 1}, pixels, sizeof pixels);
    expect_bad(file, size, 3, "announces more data");
    expect_bad(packed, gzip_bytes(packed, sizeof packed, file, size), 3, "announces more data");
    assert_true(ath__mem_stats().peak_bytes <= peak + (1u << 20));
}

struct pair {
    char                    folder[1024], images[1100], labels[1100];
    struct ath__image_store store;
    ath_error               err;
};

static ath_status read_pair(struct pair *pair, uint32_t images, uint32_t labels, unsigned char odd_label) {
    unsigned char list[16];
    memset(pair, 0, sizeof *pair);
    scratch_make(pair->folder);
    size_t size = idx_bytes(file, 3, (const uint32_t[]){images, 3, 2}, pixels, (size_t)images * 6);
    write_file(pair->folder, "images", file, size);
    for (uint32_t i = 0; i < labels; i++) list[i] = (unsigned char)(i == 2 ? odd_label : i);
    write_file(pair->folder, "labels", file, idx_bytes(file, 1, &labels, list, labels));
    snprintf(pair->images, sizeof pair->images, "%s/images", pair->folder);
    snprintf(pair->labels, sizeof pair->labels, "%s/labels", pair->folder);
    ath_status status = ath__idx_read_pair(pair->images, pair->labels, 10, &pair->store, &pair->err);
    scratch_remove(pair->folder);
    ath__image_store_free(&pair->store);
    return status;
}

static void pairs(void **state) {
    (void)state;
    struct pair pair;
    good_images();
    assert_int_equal(read_pair(&pair, 4, 4, 9), ATH_OK);

    assert_int_equal(read_pair(&pair, 4, 3, 0), ATH_DATA);
    assert_non_null(strstr(pair.err.message, "4 images but 3 labels"));
    assert_non_null(strstr(pair.err.message, pair.labels));
    assert_string_equal(pair.err.where, pair.images);

    assert_int_equal(read_pair(&pair, 4, 4, 11), ATH_DATA);
    assert_non_null(strstr(pair.err.message, "label 11 at index 2"));
    assert_string_equal(pair.err.where, pair.labels);
}

/* Whatever allocation fails, the reader says so and leaks nothing. */
static void out_of_memory(void **state) {
    (void)state;
    size_t size = good_images(), packed_size = gzip_bytes(packed, sizeof packed, file, size);
    for (uint64_t n = 1;; n++) {
        struct ath__idx idx;
        ath_error       err = {0};
        uint64_t        live = ath__mem_stats().live_bytes;
        ath__mem_fail_at(n);
        ath_status status = ath__idx_parse(packed, packed_size, "f", 3, &idx, &err);
        ath__mem_fail_at(0);
        if (status == ATH_OK) {
            ath__free(idx.data);
            assert_true(n >= 3);
            break;
        }
        assert_int_equal(status, ATH_MEMORY);
        assert_int_equal(ath__mem_stats().live_bytes, live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_and_packed), cmocka_unit_test(truncated),   cmocka_unit_test(damaged),
        cmocka_unit_test(wrong_header),   cmocka_unit_test(huge_header), cmocka_unit_test(pairs),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
