/* What image files may cost: huge photos through scaled decoding in little memory, bombs refused, the rule of the decode
 * hint, and memory that runs out at any point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/image/image.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *data;
    size_t         size, room;
};

static void put(struct bytes *b, const void *data, size_t size) {
    if (b->size + size > b->room) b->data = realloc(b->data, b->room = 2 * b->room + size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* A grey JPEG whose Huffman tables hold one code of one bit each, "0": an even block is two bits of zeros. `scans` scans,
 * of coefficient 0 alone where there are several (a block is one bit then). */
static struct bytes flat_jpeg(int height, int width, int scans) {
    bool                several = scans > 1;
    const unsigned char frame[] = {0xff,
                                   several ? 0xc2 : 0xc0,
                                   0,
                                   11,
                                   8,
                                   (unsigned char)(height >> 8),
                                   (unsigned char)height,
                                   (unsigned char)(width >> 8),
                                   (unsigned char)width,
                                   1,
                                   1,
                                   0x11,
                                   0};
    const unsigned char start[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, several ? 0 : 63, 0};
    struct bytes        jpeg = {0};
    size_t              blocks = (size_t)((height + 7) / 8) * (size_t)((width + 7) / 8);
    size_t              data = blocks * (several ? 1 : 2) / 8 + 8;
    unsigned char       table[20] = {0xff, 0xc4, 0, 20, 0, 1}, quantisation[69] = {0xff, 0xdb, 0, 67};
    unsigned char      *zeros = calloc(1, data);
    memset(quantisation + 5, 16, 64);
    put(&jpeg, "\xff\xd8", 2);
    put(&jpeg, quantisation, sizeof quantisation);
    put(&jpeg, frame, sizeof frame);
    for (int kind = 0; kind < 2; kind++) { /* of the first coefficient, of the others */
        table[4] = (unsigned char)(kind << 4);
        put(&jpeg, table, sizeof table);
        put(&jpeg, "\0\0", 2);
    }
    for (int i = 0; i < scans; i++) {
        put(&jpeg, start, sizeof start);
        put(&jpeg, zeros, data);
    }
    put(&jpeg, "\xff\xd9", 2);
    free(zeros);
    return jpeg;
}

static void check_size(const struct bytes *jpeg, int least_height, int least_width, int height, int width) {
    struct ath__decode_hint hint = {.at_least_height = least_height, .at_least_width = least_width};
    struct ath__image       image;
    ath_error               err = {0};
    if (ath__image_decode(jpeg->data, jpeg->size, "flat", 0, &hint, &image, &err) != ATH_OK)
        fail_msg("%s", err.message);
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    for (int i = 0; i < height * width; i++) assert_int_equal(image.pixels[i], 128);
    ath__image_free(&image);
}

/* The smallest of 1/8, 1/4, 1/2 and 1 of the sides, rounded up, that is no smaller than what is asked for. */
static void hint_is_a_lower_bound(void **state) {
    (void)state;
    struct bytes jpeg = flat_jpeg(50, 67, 1);
    check_size(&jpeg, 0, 0, 50, 67);
    check_size(&jpeg, 25, 34, 25, 34);
    check_size(&jpeg, 26, 1, 50, 67);
    check_size(&jpeg, 1, 35, 50, 67);
    check_size(&jpeg, 13, 17, 13, 17);
    check_size(&jpeg, 0, 9, 7, 9);
    check_size(&jpeg, 1000, 1000, 50, 67);
    free(jpeg.data);
}

/* 400 million pixels: refused whole, read at an eighth within the memory of the result and its rows. */
static void huge_photos_take_little_memory(void **state) {
    (void)state;
    struct bytes            jpeg = flat_jpeg(20000, 20000, 1);
    struct ath__image       image;
    struct ath__image_info  info;
    struct ath__decode_hint hint = {.at_least_height = 256, .at_least_width = 256};
    ath_error               err = {0};
    assert_int_equal(ath__image_probe(jpeg.data, jpeg.size, "huge", &info, &err), ATH_OK);
    assert_int_equal(info.height, 20000);
    assert_int_equal(ath__image_decode(jpeg.data, jpeg.size, "huge", 3, NULL, &image, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "20000 x 20000"));
    assert_null(image.pixels);
    uint64_t before = ath__mem_stats().peak_bytes;
    assert_int_equal(ath__image_decode(jpeg.data, jpeg.size, "huge", 3, &hint, &image, &err), ATH_OK);
    assert_int_equal(image.height, 2500);
    assert_true(ath__mem_stats().peak_bytes <= before + 2500 * 2500 * 3 + (1 << 20));
    ath__image_free(&image);
    free(jpeg.data);
}

static void refuse(const struct bytes *jpeg, size_t size, const char *part) {
    struct ath__image image;
    ath_error         err = {0};
    assert_int_equal(ath__image_decode(jpeg->data, size, "bomb", 0, NULL, &image, &err), ATH_DATA);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
    assert_null(image.pixels);
}

static void bombs_are_refused(void **state) {
    (void)state;
    struct bytes few = flat_jpeg(16, 16, 20), many = flat_jpeg(16, 16, 1000), large = flat_jpeg(20000, 16000, 2);
    struct bytes flat = flat_jpeg(8000, 8000, 1);
    check_size(&few, 0, 0, 16, 16);
    refuse(&many, many.size, "scans");
    refuse(&large, large.size, "memory");
    refuse(&flat, 1000, "truncated");
    refuse(&flat, flat.size / 2, "truncated");
    free(few.data);
    free(many.data);
    free(large.data);
    free(flat.data);
}

/* A file that lacks nothing but its end marker is whole. */
static void end_marker_may_be_missing(void **state) {
    (void)state;
    struct bytes jpeg = flat_jpeg(32, 32, 1);
    jpeg.size -= 2;
    check_size(&jpeg, 0, 0, 32, 32);
    free(jpeg.data);
}

static void memory_may_run_out(void **state) {
    (void)state;
    static const unsigned char png[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9c"
        "c\xf8\xdf\xc0\0\0\4\1\1\x80\xc5*\x18]\0\0\0\0IEND\xae"
        "B`\x82";
    static const unsigned char pgm[] = "P5 2 2 255\n\1\2\3\4";
    struct bytes               jpeg = flat_jpeg(20, 20, 1);
    const struct bytes         files[] = {{(unsigned char *)(uintptr_t)png, sizeof png - 1, 0},
                                          {(unsigned char *)(uintptr_t)pgm, sizeof pgm - 1, 0},
                                          jpeg};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ath_status status = ATH_MEMORY;
        uint64_t   live = ath__mem_stats().live_bytes;
        for (uint64_t n = 1; status != ATH_OK; n++) {
            struct ath__image image;
            ath_error         err = {0};
            assert_true(n < 100);
            ath__mem_fail_at(n);
            status = ath__image_decode(files[i].data, files[i].size, "file", 3, NULL, &image, &err);
            ath__mem_fail_at(0);
            if (status != ATH_OK && status != ATH_MEMORY) fail_msg("file %zu: %s", i, err.message);
            assert_true(n > 1 || status == ATH_MEMORY);
            ath__image_free(&image);
            assert_int_equal(ath__mem_stats().live_bytes, live);
        }
    }
    free(jpeg.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hint_is_a_lower_bound), cmocka_unit_test(huge_photos_take_little_memory),
        cmocka_unit_test(bombs_are_refused),     cmocka_unit_test(end_marker_may_be_missing),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
