/* Resizing against Pillow's results, bit for bit, and the properties that follow from the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpuinfo.h"
#include "cpu/simd/pixels.h"
#include "data/resize.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
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

static uint64_t fnv1a64(const unsigned char *bytes, size_t count) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return hash;
}

static void check_hash(const json_t *row, const unsigned char *out, size_t count) {
    int64_t sum = 0;
    char    text[17];
    for (size_t i = 0; i < count; i++) sum += out[i];
    snprintf(text, sizeof text, "%016" PRIx64, fnv1a64(out, count));
    assert_int_equal(sum, json_integer_value(json_object_get(row, "sum")));
    assert_string_equal(text, json_string_value(json_object_get(row, "fnv1a64")));
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
    check_hash(row, out, count);
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

static enum ath__filter filter_of(const json_t *row) {
    static const char *const names[] = {"bilinear", "bicubic", "nearest", "box"};
    const char              *name = json_string_value(json_object_get(row, "filter"));
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (enum ath__filter)i;
    fail_msg("%s is no filter", name);
    return ATH_FILTER_BILINEAR;
}

/* Any part of a result is that part of the whole result, byte for byte, also of a source inside a wider one. */
static void check_windows(struct ath__resize_task task, const unsigned char *src, const unsigned char *whole) {
    const struct ath__part windows[] = {
        {0, 0, 1, 1},
        {task.out_height / 2, task.out_width / 3, task.out_height - task.out_height / 2, 1},
        {task.out_height / 4, task.out_width / 4, (task.out_height + 1) / 2, (task.out_width + 1) / 2},
        {task.out_height - 1, 0, 1, task.out_width}};
    size_t         stride = (size_t)task.in_width + 7;
    unsigned char *wide = malloc((size_t)task.in_height * stride);
    memset(wide, 99, (size_t)task.in_height * stride);
    for (int y = 0; y < task.in_height; y++)
        memcpy(wide + (size_t)y * stride, src + (size_t)y * (size_t)task.in_width, (size_t)task.in_width);
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        struct ath__resize plan;
        task.window = &windows[i];
        assert_int_equal(ath__resize_plan(&plan, &task, NULL), ATH_OK);
        unsigned char *scratch = malloc(ath__resize_scratch(&plan));
        unsigned char *out = malloc((size_t)windows[i].height * (size_t)windows[i].width);
        ath__resize_rows(&plan, wide, stride, out, scratch);
        for (int y = 0; y < windows[i].height; y++)
            assert_memory_equal(out + y * windows[i].width,
                                whole + (windows[i].top + y) * task.out_width + windows[i].left,
                                (size_t)windows[i].width);
        free(scratch);
        free(out);
        ath__resize_close(&plan);
    }
    free(wide);
}

static void filters_and_boxes_equal_pillow(void **state) {
    (void)state;
    json_error_t error;
    json_t      *root = json_load_file(ATHANOR_TEST_SOURCE "/golden/pillow-filters.json", 0, &error);
    if (!root) fail_msg("%s: %s", error.source, error.text);
    json_t *images = json_object_get(root, "images"), *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 40);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, i), *box = json_object_get(row, "box");
        const json_t *image = json_array_get(images, (size_t)json_integer_value(json_object_get(row, "image")));
        const json_t *shape = json_object_get(image, "shape"), *size = json_object_get(row, "size");
        float         edges[4] = {0};
        for (size_t k = 0; box && k < 4; k++) edges[k] = (float)json_number_value(json_array_get(box, k));
        struct ath__region      region = {edges[0], edges[1], edges[2], edges[3]};
        struct ath__resize_task task = {.in_height = side(shape, 0),
                                        .in_width = side(shape, 1),
                                        .out_height = side(size, 0),
                                        .out_width = side(size, 1),
                                        .filter = filter_of(row),
                                        .region = box ? &region : NULL};
        struct ath__resize      plan;
        assert_int_equal(ath__resize_plan(&plan, &task, NULL), ATH_OK);
        size_t         count = (size_t)task.out_height * (size_t)task.out_width;
        unsigned char *src = read_bytes(json_object_get(image, "data")), *out = malloc(count);
        void          *scratch = malloc(ath__resize_scratch(&plan));
        ath__resize_apply(&plan, src, out, scratch);
        check_hash(row, out, count);
        check_windows(task, src, out);
        free(src);
        free(out);
        free(scratch);
        ath__resize_close(&plan);
    }
    json_decref(root);
}

/* Whole-number arithmetic: every table of kernels gives the same bytes. */
static void check_kernels(const struct ath__pixel_kernels *kernels) {
    enum { SIZE = 83 * 101 };
    static unsigned char src[SIZE], a[SIZE], b[SIZE], scratch[1 << 15];
    static int32_t       first[64], count[64], weights[64 * 5];
    for (int i = 0; i < SIZE; i++) src[i] = (unsigned char)(((unsigned)i * 2654435761u) >> 13);
    for (int i = 0; i < 64; i++) {
        first[i] = i;
        count[i] = 1 + i % 5;
        for (int j = 0; j < 5; j++) weights[i * 5 + j] = (i * 7 + j * 13) % 9 * (1 << 19) - (1 << 20);
    }
    for (int width = 1; width <= 101; width++) {
        ath__pixel_kernels_generic.column_sums(src, 101, weights + 5, 5, width, a);
        kernels->column_sums(src, 101, weights + 5, 5, width, b);
        assert_memory_equal(a, b, (size_t)width);
        ath__pixel_kernels_generic.split_rgb(src, (size_t)width, a, a + width, a + 2 * width);
        kernels->split_rgb(src, (size_t)width, b, b + width, b + 2 * width);
        assert_memory_equal(a, b, (size_t)(3 * width));
    }
    for (int out = 1; out <= 64; out += 7) {
        struct ath__resample_axis axis = {out, 5, first, count, weights};
        int                       width = out + 4;
        assert_true(ath__resample_scratch(width, out) <= sizeof scratch);
        ath__pixel_kernels_generic.row_sums(&axis, src, 101, 83 - out, width, a, 90, scratch);
        kernels->row_sums(&axis, src, 101, 83 - out, width, b, 90, scratch);
        for (int y = 0; y < 83 - out; y++) assert_memory_equal(a + y * 90, b + y * 90, (size_t)out);
    }
}

static void kernels_agree(void **state) {
    (void)state;
    check_kernels(&ath__pixel_kernels_generic);
#if defined(__x86_64__)
    if (ath__cpuinfo()->hardware >= ATH_CPU_AVX2) check_kernels(&ath__pixel_kernels_avx2);
    if (ath__cpuinfo()->hardware >= ATH_CPU_AVX512) check_kernels(&ath__pixel_kernels_avx512);
#endif
}

static void parts_outside_are_refused(void **state) {
    (void)state;
    struct ath__resize      plan;
    struct ath__resize_task task = {.in_height = 9, .in_width = 9, .out_height = 4, .out_width = 4};
    struct ath__region      regions[] = {{-1, 0, 9, 9}, {0, 0, 9.5f, 9}, {3, 3, 3, 9}, {0, (float)NAN, 9, 9}};
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        task.region = &regions[i];
        assert_int_equal(ath__resize_plan(&plan, &task, NULL), ATH_USAGE);
    }
    struct ath__part windows[] = {{-1, 0, 2, 2}, {0, 0, 5, 1}, {3, 3, 1, 2}, {0, 0, 0, 1}};
    task.region = NULL;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        task.window = &windows[i];
        assert_int_equal(ath__resize_plan(&plan, &task, NULL), ATH_USAGE);
    }
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
        cmocka_unit_test(filters_and_boxes_equal_pillow),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(parts_outside_are_refused),
        cmocka_unit_test(constant_stays_constant),
        cmocka_unit_test(same_size_is_a_copy),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
