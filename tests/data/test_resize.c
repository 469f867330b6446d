/* Resizing against Pillow's results, bit for bit, and the properties that follow from the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/resize.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void resize(const unsigned char *src, int h, int w, unsigned char *dst, int out_h, int out_w) {
    struct ath__resize plan;
    assert_int_equal(ath__resize_open(&plan, h, w, out_h, out_w, NULL), ATH_OK);
    void *scratch = malloc(ath__resize_scratch(&plan));
    ath__resize_apply(&plan, src, dst, scratch);
    free(scratch);
    ath__resize_close(&plan);
}

static unsigned char *read_bytes(const json_t *array) {
    size_t         count = json_array_size(array);
    unsigned char *bytes = malloc(count);
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)json_integer_value(json_array_get(array, i));
    return bytes;
}

static int side(const json_t *array, size_t i) {
    return (int)json_integer_value(json_array_get(array, i));
}

static void check_case(const json_t *row) {
    const json_t  *src = json_object_get(row, "src"), *shape = json_object_get(src, "shape");
    const json_t  *size = json_object_get(row, "size"), *stored = json_object_get(row, "dst");
    const char    *name = json_string_value(json_object_get(row, "name"));
    int            h = side(size, 0), w = side(size, 1);
    size_t         count = (size_t)h * (size_t)w;
    unsigned char *in = read_bytes(json_object_get(src, "data")), *out = malloc(count);
    resize(in, side(shape, 0), side(shape, 1), out, h, w);
    if (stored) {
        unsigned char *expected = read_bytes(json_object_get(stored, "data"));
        for (size_t i = 0; i < count; i++) {
            if (out[i] != expected[i]) fail_msg("%s: pixel %zu is %d, not %d", name, i, out[i], expected[i]);
        }
        free(expected);
    }
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    int64_t  sum = 0;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ out[i]) * 0x100000001B3u;
        sum += out[i];
    }
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    assert_int_equal(sum, json_integer_value(json_object_get(row, "sum")));
    assert_string_equal(text, json_string_value(json_object_get(row, "fnv1a64")));
    free(in);
    free(out);
}

static void equals_pillow(void **state) {
    (void)state;
    json_error_t error;
    json_t      *root = json_load_file(ATHANOR_TEST_SOURCE "/golden/pillow-resize.json", 0, &error);
    if (!root) fail_msg("%s: %s", error.source, error.text);
    json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 8);
    for (size_t i = 0; i < json_array_size(cases); i++) check_case(json_array_get(cases, i));
    json_decref(root);
}

/* Weights sum to 1 up to taps * 2^-23 of rounding, far below half a grey level: constants stay what they are. */
static void constant_stays_constant(void **state) {
    (void)state;
    static unsigned char src[64 * 64], dst[224 * 224];
    for (int value = 0; value < 256; value += 5) {
        memset(src, value, sizeof src);
        resize(src, 64, 64, dst, 17, 3);
        for (int i = 0; i < 17 * 3; i++) assert_int_equal(dst[i], value);
        resize(src, 13, 7, dst, 224, 224);
        for (int i = 0; i < 224 * 224; i++) assert_int_equal(dst[i], value);
    }
}

static void same_size_is_a_copy(void **state) {
    (void)state;
    unsigned char src[35], dst[35];
    for (int i = 0; i < 35; i++) src[i] = (unsigned char)(i * 7);
    resize(src, 5, 7, dst, 5, 7);
    assert_memory_equal(src, dst, sizeof src);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    struct ath__resize plan;
    ath_error          err = {0};
    assert_int_equal(ath__resize_open(&plan, 28, 28, 0, 28, &err), ATH_USAGE);
    assert_int_equal(ath__resize_open(&plan, 28, 28, 28, 70000, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "70000"));
    assert_int_equal(ath__resize_open(&plan, -1, 28, 28, 28, NULL), ATH_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(constant_stays_constant),
        cmocka_unit_test(same_size_is_a_copy),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
