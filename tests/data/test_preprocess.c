/* Resize and centre crop against Pillow's and torchvision's bytes, and the sizes that follow from both roundings. */
#include "data/preprocess.h"

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int item(const json_t *array, size_t i) {
    return (int)json_integer_value(json_array_get(array, i));
}

static uint64_t fnv1a64(const unsigned char *bytes, size_t count) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return hash;
}

static void check_cut(const json_t *image, const json_t *row) {
    const json_t *shape = json_object_get(image, "shape"), *data = json_object_get(image, "data");
    const json_t *crop = json_object_get(row, "crop");
    const char   *rounding = json_string_value(json_object_get(row, "rounding"));
    unsigned char src[4096], out[48 * 48];
    char          hash[17];
    size_t        count = json_array_size(data);
    int64_t       sum = 0;

    struct ath__preprocess   settings = {.fit = ATH_FIT_SHORTER,
                                         .fit_height = (int)json_integer_value(json_object_get(row, "shorter")),
                                         .height = item(crop, 0),
                                         .width = item(crop, 1),
                                         .rounding = strcmp(rounding, "torchvision") == 0 ? ATH_ROUND_TORCHVISION
                                                                                          : ATH_ROUND_NEAREST,
                                         .deviation = {1, 1, 1, 1}};
    struct ath__preprocessor p;
    struct ath__fitter       fitter = {0};
    struct ath__picture picture = {.channels = 1, .height = item(shape, 0), .width = item(shape, 1), .pixels = src};
    assert_true(count <= sizeof src);
    for (size_t i = 0; i < count; i++) src[i] = (unsigned char)item(data, i);
    assert_int_equal(ath__preprocessor_open(&p, &settings, 1, 0, 0, NULL), ATH_OK);
    assert_true(ath__preprocessor_bytes(&p) <= sizeof out);
    assert_int_equal(ath__preprocessor_fit(&p, &picture, &fitter, out, NULL), ATH_OK);
    for (size_t i = 0; i < ath__preprocessor_bytes(&p); i++) sum += out[i];
    snprintf(hash, sizeof hash, "%016" PRIx64, fnv1a64(out, ath__preprocessor_bytes(&p)));
    if (sum != json_integer_value(json_object_get(row, "sum")) ||
        strcmp(hash, json_string_value(json_object_get(row, "fnv1a64"))) != 0)
        fail_msg("%d x %d to %d, the middle %d x %d, rounding %s: not the reference's bytes", picture.height,
                 picture.width, settings.fit_height, settings.height, settings.width, rounding);
    ath__fitter_close(&fitter);
}

/* Photos of odd proportions, to the byte: Pillow with Python's round() and //, and torchvision's Resize and CenterCrop. */
static void cuts_equal_pillow_and_torchvision(void **state) {
    (void)state;
    json_error_t error;
    json_t      *root = json_load_file(ATHANOR_TEST_SOURCE "/golden/pillow-cuts.json", 0, &error);
    if (!root) fail_msg("%s: %s", error.source, error.text);
    const json_t *images = json_object_get(root, "images"), *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 80);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, i);
        check_cut(json_array_get(images, (size_t)json_integer_value(json_object_get(row, "image"))), row);
    }
    json_decref(root);
}

/* Resize to a shorter side of 10 and the middle 8x8, in both roundings. 10 * 31 / 20 = 15.5 is rounded to 16 or cut to
 * 15, whose margin of 3.5 torchvision rounds to 4; 10 * 33 / 22 = 15 leaves 3.5 too, which is rounded down or to 4;
 * 10 * 27 / 20 = 13.5 goes to the even 14. */
static void sizes(void **state) {
    (void)state;
    static const struct {
        int height, width, to_height, to_width, top, left;

        enum ath__rounding rounding;
    } cases[] = {
        {20, 31, 10, 15, 1, 4, ATH_ROUND_TORCHVISION}, {31, 20, 15, 10, 4, 1, ATH_ROUND_TORCHVISION},
        {22, 33, 10, 15, 1, 4, ATH_ROUND_TORCHVISION}, {9, 9, 10, 10, 1, 1, ATH_ROUND_TORCHVISION},
        {20, 31, 10, 16, 1, 4, ATH_ROUND_NEAREST},     {31, 20, 16, 10, 4, 1, ATH_ROUND_NEAREST},
        {22, 33, 10, 15, 1, 3, ATH_ROUND_NEAREST},     {33, 22, 15, 10, 3, 1, ATH_ROUND_NEAREST},
        {20, 27, 10, 14, 1, 3, ATH_ROUND_NEAREST},     {9, 9, 10, 10, 1, 1, ATH_ROUND_NEAREST},
    };
    struct ath__preprocess settings = {
        .fit = ATH_FIT_SHORTER, .fit_height = 10, .height = 8, .width = 8, .deviation = {1, 1, 1, 1}};
    struct ath__preprocessor p;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        settings.rounding = cases[i].rounding;
        assert_int_equal(ath__preprocessor_open(&p, &settings, 1, 0, 0, NULL), ATH_OK);
        unsigned char       pixels[33 * 22], out[64], all[33 * 22];
        struct ath__fitter  fitter = {0}, other = {0};
        struct ath__picture picture = {
            .channels = 1, .height = cases[i].height, .width = cases[i].width, .pixels = pixels};
        struct ath__part whole = {0, 0, cases[i].height, cases[i].width},
                         full = {0, 0, cases[i].to_height, cases[i].to_width};
        for (int k = 0; k < 33 * 22; k++) pixels[k] = (unsigned char)(k * 31 + k / 7);
        assert_int_equal(ath__preprocessor_fit(&p, &picture, &fitter, out, NULL), ATH_OK);
        assert_int_equal(ath__fitter_fit(&other, &picture, &whole, full.height, full.width, 0, &full, all, NULL),
                         ATH_OK);
        for (int y = 0; y < 8; y++)
            assert_memory_equal(out + 8 * y, all + (cases[i].top + y) * full.width + cases[i].left, 8);
        ath__fitter_close(&fitter);
        ath__fitter_close(&other);
    }
}

static void crops_need_their_pixels(void **state) {
    (void)state;
    struct ath__preprocess   settings = {.fit = ATH_FIT_CROP, .height = 40, .width = 40, .deviation = {1, 1, 1, 1}};
    struct ath__preprocessor p;
    unsigned char            small[9 * 9] = {0}, out[40 * 40];
    struct ath__picture      picture = {.channels = 1, .height = 9, .width = 9, .pixels = small};
    struct ath__fitter       fitter = {0};
    ath_error                err = {0};
    assert_int_equal(ath__preprocessor_open(&p, &settings, 1, 0, 0, NULL), ATH_OK);
    assert_int_equal(ath__preprocessor_fit(&p, &picture, &fitter, out, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "too small"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_equal_pillow_and_torchvision),
        cmocka_unit_test(sizes),
        cmocka_unit_test(crops_need_their_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
