/* Every image format against the pixels that Pillow reads (tests/golden/images.json), scaled decoding and orientation among
 * them; and what is broken, cut off, too large, or no image.
 *
 * Pixels are equal, with two exceptions. JPEG and lossy WebP leave a decoder's rounding open: one grey level, which is what
 * versions of libjpeg-turbo's and libwebp's fast paths differ by. CMYK is computed from C, M, Y, K of one level's doubt
 * each, R = K' - C K' / 255: two levels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/image/image.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *golden;

static int open_golden(void **state) {
    (void)state;
    json_error_t why;
    golden = json_load_file(ATHANOR_TEST_SOURCE "/golden/images.json", 0, &why);
    if (!golden) fail_msg("images.json: %s", why.text);
    return 0;
}

static int close_golden(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static unsigned char *bytes_of(const json_t *row, const char *key, size_t *size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char       *text = json_string_value(json_object_get(row, key));
    assert_non_null(text);
    unsigned char *bytes = malloc(strlen(text) + 1);
    unsigned       kept = 0, bits = 0;
    *size = 0;
    for (const char *at = text; *at && *at != '='; at++) {
        kept = kept << 6 | (unsigned)(strchr(digits, *at) - digits);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes[(*size)++] = (unsigned char)(kept >> bits);
    }
    return bytes;
}

static int number(const json_t *row, const char *key) {
    return (int)json_integer_value(json_object_get(row, key));
}

static int slack_of(const char *name) {
    if (strcmp(name, "jpeg-cmyk") == 0) return 2;
    return strncmp(name, "jpeg", 4) == 0 || strcmp(name, "webp") == 0;
}

static void check_pixels(const char *name, const struct ath__image *image, const unsigned char *rgb) {
    size_t plane = (size_t)image->height * (size_t)image->width;
    for (size_t i = 0; i < plane; i++) {
        for (size_t c = 0; c < 3; c++) {
            int got = image->pixels[c * plane + i], want = rgb[3 * i + c];
            if (abs(got - want) > slack_of(name))
                fail_msg("%s: channel %zu of pixel %zu is %d, not %d", name, c, i, got, want);
        }
    }
}

static const unsigned char red_luma = 76; /* (19595 * 255 + 2^15) / 2^16 */

static void check_image(const json_t *row) {
    const char             *name = json_string_value(json_object_get(row, "name"));
    size_t                  size, rgb_size;
    unsigned char          *file = bytes_of(row, "file", &size), *rgb = bytes_of(row, "rgb", &rgb_size);
    struct ath__image_info  info;
    struct ath__image       image;
    ath_error               err = {0};
    int                     least = number(row, "least");
    struct ath__decode_hint hint = {.at_least_height = least, .at_least_width = least};
    const json_t           *decoded = json_object_get(row, "size");
    if (ath__image_probe(file, size, name, &info, &err) != ATH_OK) fail_msg("%s: %s", name, err.message);
    assert_int_equal(info.height, number(row, "height"));
    assert_int_equal(info.width, number(row, "width"));
    if (info.channels != number(row, "channels")) fail_msg("%s has %d channels", name, info.channels);
    assert_int_equal(info.orientation, number(row, "orientation"));
    if (ath__image_decode(file, size, name, 3, &hint, &image, &err) != ATH_OK) fail_msg("%s: %s", name, err.message);
    assert_int_equal(image.height, json_integer_value(json_array_get(decoded, 0)));
    assert_int_equal(image.width, json_integer_value(json_array_get(decoded, 1)));
    assert_int_equal(rgb_size, 3 * (size_t)image.height * (size_t)image.width);
    check_pixels(name, &image, rgb);
    ath__image_free(&image);
    assert_int_equal(ath__image_decode(file, size, name, 0, &hint, &image, &err), ATH_OK);
    assert_int_equal(image.channels, info.channels);
    ath__image_free(&image);
    free(file);
    free(rgb);
}

static void test_pixels(void **state) {
    (void)state;
    size_t  index;
    json_t *row;
    assert_true(json_array_size(json_object_get(golden, "images")) > 50);
    json_array_foreach(json_object_get(golden, "images"), index, row) check_image(row);
}

/* Files cut off anywhere are errors that name the file, or, where only the end marker is missing, the whole image. */
static void test_truncated(void **state) {
    (void)state;
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(golden, "images"), index, row) {
        const char    *name = json_string_value(json_object_get(row, "name"));
        size_t         size;
        unsigned char *file = bytes_of(row, "file", &size);
        for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 13) {
            unsigned char    *part = malloc(cut + 1); /* its own block: a sanitizer sees what is read behind it */
            struct ath__image image;
            ath_error         err = {0};
            memcpy(part, file, cut);
            ath_status status = ath__image_decode(part, cut, name, 3, NULL, &image, &err);
            if (status == ATH_OK) {
                if (cut < size * 3 / 4 && strcmp(name, "webp-moving") != 0 && strcmp(name, "gif-moving") != 0)
                    fail_msg("%s: %zu of %zu bytes are taken for the image", name, cut, size);
                ath__image_free(&image);
            } else {
                assert_true(status == ATH_DATA);
                assert_null(image.pixels);
                assert_string_equal(err.where, name);
            }
            free(part);
        }
        free(file);
    }
}

static void check_refused(const char *text, size_t size, ath_status status, const char *part) {
    struct ath__image image;
    ath_error         err = {0};
    assert_int_equal(ath__image_decode(text, size, "a.jpg", 3, NULL, &image, &err), status);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
}

static void test_no_image(void **state) {
    (void)state;
    check_refused("", 0, ATH_DATA, "empty");
    check_refused("hello, this is a text", 21, ATH_DATA, "no image");
    check_refused("II*\0........", 12, ATH_UNSUPPORTED, "TIFF");
    check_refused("\0\0\0\x18"
                  "ftypheic....",
                  16, ATH_UNSUPPORTED, "HEIC");
    check_refused("\0\0\0\x18"
                  "ftypavif....",
                  16, ATH_UNSUPPORTED, "AVIF");
}

static const json_t *find(const char *name) {
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(golden, "images"), index,
                       row) if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) return row;
    fail_msg("there is no %s", name);
    return NULL;
}

/* A header may claim 20,000 x 20,000 pixels, or 65,500 x 65,500: what a file of a few hundred bytes cannot hold is refused
 * before memory is taken. */
static void check_huge(const char *name, size_t at, const unsigned char *sides, size_t count) {
    size_t            size;
    unsigned char    *file = bytes_of(find(name), "file", &size);
    struct ath__image image;
    ath_error         err = {0};
    uint64_t          live = ath__mem_stats().live_bytes;
    memcpy(file + at, sides, count);
    ath_status status = ath__image_decode(file, size, name, 3, NULL, &image, &err);
    if (status != ATH_DATA) fail_msg("%s: status %d: %s", name, (int)status, err.message);
    assert_int_equal(ath__mem_stats().live_bytes, live);
    free(file);
}

static size_t find_bytes(const char *name, const char *what, size_t length) {
    size_t         size;
    unsigned char *file = bytes_of(find(name), "file", &size);
    for (size_t at = 0; at + length <= size; at++) {
        if (memcmp(file + at, what, length) != 0) continue;
        free(file);
        return at;
    }
    fail_msg("%s has no such bytes", name);
    return 0;
}

static void test_huge(void **state) {
    (void)state;
    static const unsigned char big[] = {0x4e, 0x20, 0x4e, 0x20}, small[] = {0x20, 0x4e, 0x20, 0x4e},
                               most[] = {0xff, 0xdc, 0xff, 0xdc}, wide[] = {0x20, 0x4e, 0, 0, 0x20, 0x4e, 0, 0};
    size_t frame = find_bytes("jpeg", "\xff\xc0", 2) + 5, scans = find_bytes("jpeg-progressive", "\xff\xc2", 2) + 5;
    check_huge("jpeg", frame, big, 4);
    check_huge("jpeg", frame, most, 4);
    check_huge("jpeg-progressive", scans, big, 4);
    check_huge("gif", 6, small, 4);
    check_huge("bmp", 18, wide, 8);
    check_huge("bmp-rle8", 18, wide, 8);
}

/* One channel: luma as Pillow's "L". */
static void test_grey(void **state) {
    (void)state;
    static const char red[] = "P6 2 1 255\n\xff\0\0\x10\x20\x30";
    struct ath__image image;
    ath_error         err = {0};
    assert_int_equal(ath__image_decode(red, sizeof red - 1, "red", 1, NULL, &image, &err), ATH_OK);
    assert_int_equal(image.channels, 1);
    assert_int_equal(image.pixels[0], red_luma);
    assert_int_equal(image.pixels[1], (19595 * 0x10 + 38470 * 0x20 + 7471 * 0x30 + 32768) >> 16);
    ath__image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels), cmocka_unit_test(test_truncated), cmocka_unit_test(test_no_image),
        cmocka_unit_test(test_huge),   cmocka_unit_test(test_grey),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
