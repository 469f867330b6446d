/* Operations of the random transforms against torchvision's, byte for byte (tools/golden/augment.py), and the tables of
 * the automatic policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/augment/autoaugment.h"
#include "data/augment/pixel_ops.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

enum { MOST_PIXELS = 1024 };

struct picture {
    unsigned char data[MOST_PIXELS];
    int           channels, height, width;
};

static json_t *golden;

static struct picture picture_of(json_t *tensor) {
    struct picture picture;
    json_t        *shape = json_object_get(tensor, "shape"), *data = json_object_get(tensor, "data");
    picture.channels = (int)json_integer_value(json_array_get(shape, 0));
    picture.height = (int)json_integer_value(json_array_get(shape, 1));
    picture.width = (int)json_integer_value(json_array_get(shape, 2));
    assert_int_equal(json_array_size(data), picture.channels * picture.height * picture.width);
    assert_true(json_array_size(data) <= MOST_PIXELS);
    for (size_t i = 0; i < json_array_size(data); i++)
        picture.data[i] = (unsigned char)json_integer_value(json_array_get(data, i));
    return picture;
}

static const char *text_of(json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void expect_same(const char *what, double parameter, const struct picture *expected,
                        const unsigned char *result) {
    int count = expected->channels * expected->height * expected->width;
    for (int i = 0; i < count; i++)
        if (expected->data[i] != result[i])
            fail_msg("%s(%g): value %d is %d, torchvision has %d", what, parameter, i, result[i], expected->data[i]);
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

static void sharpness(const struct ath__pixels *pixels, double factor) {
    unsigned char blurred[MOST_PIXELS];
    ath__pixels_sharpness(pixels, factor, blurred);
}
static void posterize(const struct ath__pixels *pixels, double bits) {
    ath__pixels_posterize(pixels, (int)bits);
}
static void invert(const struct ath__pixels *pixels, double unused) {
    (void)unused;
    ath__pixels_invert(pixels);
}
static void autocontrast(const struct ath__pixels *pixels, double unused) {
    (void)unused;
    ath__pixels_autocontrast(pixels);
}
static void equalize(const struct ath__pixels *pixels, double unused) {
    (void)unused;
    ath__pixels_equalize(pixels);
}
static void grey(const struct ath__pixels *pixels, double unused) {
    (void)unused;
    ath__pixels_grey(pixels);
}

static const struct {
    const char *name;
    void (*apply)(const struct ath__pixels *pixels, double parameter);
} pixel_ops[] = {
    {"brightness", ath__pixels_brightness},
    {"contrast", ath__pixels_contrast},
    {"saturation", ath__pixels_saturation},
    {"hue", ath__pixels_hue},
    {"sharpness", sharpness},
    {"posterize", posterize},
    {"solarize", ath__pixels_solarize},
    {"invert", invert},
    {"autocontrast", autocontrast},
    {"equalize", equalize},
    {"grey", grey},
};
enum { PIXEL_OPS = sizeof pixel_ops / sizeof pixel_ops[0] };

static void pixels_equal_torchvision(void **state) {
    (void)state;
    json_t *cases = json_object_get(golden, "pixels"), *item;
    size_t  index;
    int     seen[PIXEL_OPS] = {0};
    json_array_foreach(cases, index, item) {
        struct picture     src = picture_of(json_object_get(golden, text_of(item, "image")));
        struct picture     dst = picture_of(json_object_get(item, "dst"));
        struct ath__pixels pixels = {src.data, src.channels, src.height, src.width};
        double             parameter = json_number_value(json_object_get(item, "parameter"));
        int                k = 0;
        while (k < PIXEL_OPS && strcmp(pixel_ops[k].name, text_of(item, "op")) != 0) k++;
        assert_true(k < PIXEL_OPS);
        pixel_ops[k].apply(&pixels, parameter);
        expect_same(pixel_ops[k].name, parameter, &dst, src.data);
        seen[k]++;
    }
    for (int k = 0; k < PIXEL_OPS; k++) assert_true(seen[k] >= 2);
}

/* A factor of 1, a hue turned by nothing or once round, 8 bits: what should change nothing changes nothing. */
static void neutral_parameters(void **state) {
    (void)state;
    struct picture     src = picture_of(json_object_get(golden, "picture")), copy = src;
    struct ath__pixels pixels = {copy.data, copy.channels, copy.height, copy.width};
    ath__pixels_brightness(&pixels, 1.0);
    ath__pixels_contrast(&pixels, 1.0);
    ath__pixels_saturation(&pixels, 1.0);
    sharpness(&pixels, 1.0);
    posterize(&pixels, 8);
    ath__pixels_solarize(&pixels, 256.0);
    invert(&pixels, 0);
    invert(&pixels, 0);
    expect_same("neutral", 1.0, &src, copy.data);
}

/* ---- affine maps and policies ------------------------------------------------------------------------------------ */

static struct ath__preprocessor preprocessor;
static unsigned char            scratch[4 * MOST_PIXELS];

/* A sample that holds the picture. */
static void start(struct ath__sample *sample, const struct picture *picture) {
    struct ath__preprocess preprocess = {.deviation = {1, 1, 1, 1}};
    assert_int_equal(
        ath__preprocessor_open(&preprocessor, &preprocess, picture->channels, picture->height, picture->width, NULL),
        ATH_OK);
    assert_true(ath__sample_scratch(&preprocessor) <= sizeof scratch);
    ath__sample_start(sample, &(struct ath__draw){1, 2, 3}, &preprocessor, picture->data, scratch);
}

static void maps_equal_torchvision(void **state) {
    (void)state;
    json_t *cases = json_object_get(golden, "affine"), *item;
    size_t  index;
    assert_true(json_array_size(cases) >= 20);
    json_array_foreach(cases, index, item) {
        struct picture src = picture_of(json_object_get(golden, text_of(item, "image")));
        struct picture dst = picture_of(json_object_get(item, "dst"));
        json_t        *list = json_object_get(item, "parameters");
        double         p[6];
        for (size_t k = 0; k < 6; k++) p[k] = json_number_value(json_array_get(list, k));
        struct ath__warp warp = {
            .angle = p[0], .move_x = p[1], .move_y = p[2], .scale = p[3], .shear_x = p[4], .shear_y = p[5]};
        bool               nearest = strcmp(text_of(item, "interpolation"), "nearest") == 0;
        struct ath__sample sample;
        unsigned char     *other;
        start(&sample, &src);
        ath__sample_warp(&sample, &warp, nearest ? ATH_NEAREST : ATH_BILINEAR, 0);
        expect_same(nearest ? "nearest" : "bilinear", p[0], &dst, ath__sample_read(&sample, &other));
    }
}

static enum ath__policy_op op_named(const char *name) {
    int op = 0;
    while (op < ATH_POLICY_OPS && strcmp(ath__policy_name((enum ath__policy_op)op), name) != 0) op++;
    if (op == ATH_POLICY_OPS) fail_msg("there is no operation %s", name);
    return (enum ath__policy_op)op;
}

static void operations_equal_torchvision(void **state) {
    (void)state;
    json_t *cases = json_object_get(golden, "policy"), *item;
    size_t  index;
    int     seen[ATH_POLICY_OPS] = {0};
    json_array_foreach(cases, index, item) {
        struct picture      src = picture_of(json_object_get(golden, text_of(item, "image")));
        struct picture      dst = picture_of(json_object_get(item, "dst"));
        double              magnitude = json_number_value(json_object_get(item, "magnitude"));
        enum ath__policy_op op = op_named(text_of(item, "op"));
        struct ath__sample  sample;
        unsigned char      *other;
        start(&sample, &src);
        ath__policy_apply(op, magnitude, ATH_NEAREST, 0, &sample);
        expect_same(ath__policy_name(op), magnitude, &dst, ath__sample_read(&sample, &other));
        seen[op]++;
    }
    for (int op = 0; op < ATH_POLICY_OPS; op++) assert_true(seen[op] >= 2);
}

/* torchvision's are float32, with one rounding for the step and one for the product. */
static void check_magnitudes(json_t *tables, const char *which, const struct ath__policy_reach *reach) {
    const char *name;
    json_t     *row, *space = json_object_get(tables, which);
    int         height = (int)json_integer_value(json_object_get(tables, "height"));
    int         width = (int)json_integer_value(json_object_get(tables, "width"));
    assert_true(json_object_size(space) >= 14);
    json_object_foreach(space, name, row) {
        enum ath__policy_op op = op_named(name);
        json_t             *values = json_object_get(row, "values");
        assert_int_equal(ath__policy_signed(op), json_is_true(json_object_get(row, "signed")));
        if (json_array_size(values) == 0) assert_true(ath__policy_magnitude(reach, op, 5, height, width) == 0.0);
        if (json_array_size(values) > 0) assert_int_equal(json_array_size(values), reach->bins);
        for (size_t bin = 0; bin < json_array_size(values); bin++) {
            double expected = json_number_value(json_array_get(values, bin));
            double got = ath__policy_magnitude(reach, op, (int)bin, height, width);
            if (fabs(got - expected) > 4 * 0x1p-24 * 255.0)
                fail_msg("%s %s[%zu] is %.9g, torchvision has %.9g", which, name, bin, got, expected);
        }
    }
}

static void tables_equal_torchvision(void **state) {
    (void)state;
    json_t *tables = json_object_get(golden, "tables"), *pairs = json_object_get(tables, "cifar10");
    assert_int_equal(json_array_size(pairs), ATH_POLICY_PAIRS);
    for (int i = 0; i < ATH_POLICY_PAIRS; i++) {
        for (int k = 0; k < 2; k++) {
            const struct ath__policy_step *step = &ath__policy_cifar10[i][k];
            json_t                        *row = json_array_get(json_array_get(pairs, (size_t)i), (size_t)k);
            int                            bin = (int)json_integer_value(json_array_get(row, 2));
            assert_int_equal(step->op, op_named(json_string_value(json_array_get(row, 0))));
            assert_true(step->p == json_number_value(json_array_get(row, 1)));
            assert_int_equal(step->bin, bin < 0 ? 0 : bin);
        }
    }
    check_magnitudes(tables, "auto", &ath__reach_auto);
    check_magnitudes(tables, "rand", &ath__reach_rand);
    check_magnitudes(tables, "trivial", &ath__reach_trivial);
}

static int read_golden(void **state) {
    (void)state;
    json_error_t error;
    golden = json_load_file(ATHANOR_TEST_SOURCE "/golden/torchvision-augment.json", 0, &error);
    if (!golden) print_error("%s: %s\n", error.source, error.text);
    return golden == NULL;
}

static int drop_golden(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_equal_torchvision), cmocka_unit_test(neutral_parameters),
        cmocka_unit_test(maps_equal_torchvision),   cmocka_unit_test(operations_equal_torchvision),
        cmocka_unit_test(tables_equal_torchvision),
    };
    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
