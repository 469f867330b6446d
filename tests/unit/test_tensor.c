/* Element types and shapes: every 16-bit pattern, every rounding decision, sizes that overflow.
 *
 * The rounding oracle is independent of the code under test: it picks the nearer of the two neighbouring 16-bit values
 * by exact arithmetic in double, and the even one on a tie.
 */
#include "base/rng.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float from_half(uint16_t bits) {
    return ath__f16_to_f32(bits);
}

static float from_bfloat(uint16_t bits) {
    return ath__bf16_to_f32(bits);
}

/* The pattern of the value nearest to a finite magnitude, even on ties; `infinity` beyond the last midpoint. */
static uint16_t nearest(double magnitude, float (*decode)(uint16_t), uint16_t infinity) {
    uint16_t low = 0, high = (uint16_t)(infinity - 1);
    double   largest = (double)decode(high);
    double   step = largest - (double)decode((uint16_t)(high - 1));
    if (magnitude >= largest + step / 2) return infinity; /* the midpoint is a tie between odd `high` and infinity */
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if ((double)decode(middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    if (magnitude >= (double)decode(high)) return high;
    double below = magnitude - (double)decode(low), above = (double)decode(high) - magnitude;
    if (below != above) return below < above ? low : high;
    return low % 2 == 0 ? low : high;
}

static void test_every_half_and_bfloat_survives(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i, quiet = (uint16_t)(bits | 0x0200u), quiet_b = (uint16_t)(bits | 0x0040u);
        float    half = ath__f16_to_f32(bits), bfloat = ath__bf16_to_f32(bits);
        if (isnan(half)) {
            assert_true(isnan(ath__f16_to_f32(ath__f16_from_f32(half))));
            (void)quiet;
        } else {
            assert_int_equal(ath__f16_from_f32(half), bits);
            assert_int_equal(ath__f16_from_f64((double)half), bits);
        }
        if (isnan(bfloat)) {
            assert_int_equal(ath__bf16_from_f32(bfloat) | 0x40u, quiet_b);
        } else {
            assert_int_equal(ath__bf16_from_f32(bfloat), bits);
            assert_int_equal(ath__bf16_from_f64((double)bfloat), bits);
        }
    }
    assert_true(ath__f16_to_f32(0x3C00) == 1.0f && ath__f16_to_f32(0x7BFF) == 65504.0f);
    assert_true(ath__f16_to_f32(0x0001) == 0x1p-24f && ath__f16_to_f32(0x0400) == 0x1p-14f);
    assert_true(isinf(ath__f16_to_f32(0x7C00)) && signbit(ath__f16_to_f32(0x8000)));
}

/* Values and the midpoints between neighbours, nudged by one unit of the source type each way. */
static void check_around(double value, float (*decode)(uint16_t), uint16_t infinity, uint16_t (*from_f32)(float),
                         uint16_t (*from_f64)(double)) {
    double doubles[3] = {value, nextafter(value, 0.0), nextafter(value, INFINITY)};
    for (int i = 0; i < 3; i++) {
        uint16_t expected = nearest(doubles[i], decode, infinity);
        assert_int_equal(from_f64(doubles[i]), expected);
        assert_int_equal(from_f64(-doubles[i]), expected | 0x8000u);
        float single = (float)doubles[i];
        if (isinf(single)) continue;
        expected = nearest((double)single, decode, infinity);
        assert_int_equal(from_f32(single), expected);
        assert_int_equal(from_f32(-single), expected | 0x8000u);
    }
}

static uint16_t bf16_from_f32(float value) {
    return ath__bf16_from_f32(value);
}

static void test_rounding_at_every_midpoint(void **state) {
    (void)state;
    for (uint32_t i = 0; i + 1 < 0x7C00; i++) {
        double low = (double)from_half((uint16_t)i), high = (double)from_half((uint16_t)(i + 1));
        check_around((low + high) / 2, from_half, 0x7C00, ath__f16_from_f32, ath__f16_from_f64);
    }
    check_around(65520.0, from_half, 0x7C00, ath__f16_from_f32, ath__f16_from_f64); /* the last midpoint */
    check_around(1e30, from_half, 0x7C00, ath__f16_from_f32, ath__f16_from_f64);
    for (uint32_t i = 0; i + 1 < 0x7F80; i++) {
        double low = (double)from_bfloat((uint16_t)i), high = (double)from_bfloat((uint16_t)(i + 1));
        check_around((low + high) / 2, from_bfloat, 0x7F80, bf16_from_f32, ath__bf16_from_f64);
    }
    assert_int_equal(ath__bf16_from_f64(1e300), 0x7F80);
    assert_int_equal(ath__f16_from_f64(-INFINITY), 0xFC00);
    assert_int_equal(ath__f16_from_f32(INFINITY), 0x7C00);
    assert_true(isnan(ath__f16_to_f32(ath__f16_from_f64(NAN))));
    assert_true(isnan(ath__bf16_to_f32(ath__bf16_from_f64(NAN))));
    assert_int_equal(ath__f16_from_f64(5e-324), 0);
    /* A double that rounds to a midpoint in float32 must not be rounded twice. */
    assert_int_equal(ath__f16_from_f64(1.0 + 0x1p-11 + 0x1p-40), 0x3C01);
    assert_int_equal(ath__f16_from_f64(1.0 + 0x1p-11), 0x3C00);
}

static void test_integers(void **state) {
    (void)state;
    const double values[] = {0.5, 1.5, -0.5, 2.4, -300.0, 300.0, 1e300, -1e300, NAN, INFINITY, -INFINITY};
    const size_t n = sizeof values / sizeof values[0];
    uint8_t      u8[11];
    int32_t      i32[11];
    int64_t      i64[11];
    ath__convert(u8, ATH_U8, values, ATH_F64, n);
    const uint8_t expected_u8[] = {0, 2, 0, 2, 0, 255, 255, 0, 0, 255, 0};
    assert_memory_equal(u8, expected_u8, sizeof u8);
    ath__convert(i32, ATH_I32, values, ATH_F64, n);
    const int32_t expected_i32[] = {0, 2, 0, 2, -300, 300, INT32_MAX, INT32_MIN, 0, INT32_MAX, INT32_MIN};
    assert_memory_equal(i32, expected_i32, sizeof i32);
    ath__convert(i64, ATH_I64, values, ATH_F64, n);
    const int64_t expected_i64[] = {0, 2, 0, 2, -300, 300, INT64_MAX, INT64_MIN, 0, INT64_MAX, INT64_MIN};
    assert_memory_equal(i64, expected_i64, sizeof i64);
    ath__convert(i32, ATH_I32, (const int64_t[]){INT64_MAX, INT64_MIN, 7}, ATH_I64, 3);
    assert_int_equal(i32[0], INT32_MAX);
    assert_int_equal(i32[1], INT32_MIN);
    assert_int_equal(i32[2], 7);
    ath__convert(u8, ATH_U8, (const int64_t[]){INT64_MAX, INT64_MIN, 200}, ATH_I64, 3);
    assert_int_equal(u8[0], 255);
    assert_int_equal(u8[1], 0);
    assert_int_equal(u8[2], 200);
}

/* float32 from int64 must be what one rounding gives, which is what the compiler's cast does. */
static void test_large_integers_are_rounded_once(void **state) {
    (void)state;
    struct ath__rng rng;
    ath__rng_start(&rng, 1, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)ath__rng_u32(&rng) << 32 | ath__rng_u32(&rng);
        int64_t  value = (int64_t)(bits >> (i % 64));
        /* Half of them right beside a midpoint of float32: the double would round onto it. */
        if (i % 2) value = (int64_t)((uint64_t)1 << 62 | (bits & 0xFFFFFF) << 39 | (uint64_t)1 << 38 | (bits >> 63));
        if (i % 3 == 0) value = -value;
        float   single;
        double  wide;
        int64_t back;
        ath__convert(&single, ATH_F32, &value, ATH_I64, 1);
        assert_true(single == (float)value);
        ath__convert(&wide, ATH_F64, &value, ATH_I64, 1);
        assert_true(wide == (double)value);
        if (llabs(value) <= 1ll << 53) {
            ath__convert(&back, ATH_I64, &wide, ATH_F64, 1);
            assert_int_equal(back, value);
        }
    }
}

/* All pairs of types, over more than one internal chunk, keep the small whole numbers that all of them hold. */
static void test_all_pairs(void **state) {
    (void)state;
    enum { N = 700, TYPES = ATH_U8 + 1 };
    static double  wide[N], back[N];
    static int64_t first[N], second[N]; /* room for any type */
    for (int i = 0; i < N; i++) wide[i] = i % 250;
    for (int from = 0; from < TYPES; from++) {
        ath__convert(first, (ath_dtype)from, wide, ATH_F64, N);
        for (int to = 0; to < TYPES; to++) {
            ath__convert(second, (ath_dtype)to, first, (ath_dtype)from, N);
            ath__convert(back, ATH_F64, second, (ath_dtype)to, N);
            assert_memory_equal(back, wide, sizeof wide);
            assert_true(ath__dtype_load(second, (ath_dtype)to, 249) == 249.0);
            ath__dtype_store(second, (ath_dtype)to, 3, 17.0);
            assert_true(ath__dtype_load(second, (ath_dtype)to, 3) == 17.0);
        }
    }
    ath__convert(NULL, ATH_F32, NULL, ATH_U8, 0);
}

static void test_names_and_sizes(void **state) {
    (void)state;
    assert_int_equal(ath_dtype_size(ATH_BF16), 2);
    assert_int_equal(ath_dtype_size(ATH_I64), 8);
    assert_int_equal(ath_dtype_size((ath_dtype)77), 0);
    assert_string_equal(ath_dtype_name(ATH_F16), "f16");
    assert_string_equal(ath_dtype_name((ath_dtype)77), "unknown");
    assert_int_equal(ath__dtype_of_name("u8"), ATH_U8);
    assert_int_equal(ath__dtype_of_name("float"), -1);
}

static void test_shapes(void **state) {
    (void)state;
    ath_shape image = ath_shape_of(2, 3, 32, 32), scalar = ath_shape_make(0, NULL), other = image;
    size_t    bytes = 0;
    char      text[64];
    assert_int_equal(image.rank, 4);
    assert_int_equal(ath_shape_count(&image), 6144);
    assert_int_equal(ath_shape_count(&scalar), 1);
    assert_true(ath_shape_equal(&image, &other));
    other.dims[3] = 31;
    assert_false(ath_shape_equal(&image, &other));
    assert_false(ath_shape_equal(&image, &scalar));
    assert_true(ath__shape_bytes(&image, ATH_BF16, &bytes));
    assert_int_equal(bytes, 12288);
    assert_string_equal(ath__shape_print(&image, text, sizeof text), "2x3x32x32");
    assert_string_equal(ath__shape_print(&scalar, text, sizeof text), "scalar");
    assert_string_equal(ath__shape_print(&image, text, 4), "2x3");

    ath_shape huge = ath_shape_of((int64_t)1 << 32, (int64_t)1 << 32), negative = ath_shape_of(3, -1);
    assert_int_equal(ath_shape_count(&huge), -1);
    assert_false(ath__shape_bytes(&huge, ATH_U8, &bytes));
    assert_int_equal(ath_shape_count(&negative), -1);
    ath_shape empty = ath_shape_of((int64_t)1 << 32, (int64_t)1 << 32, 0);
    assert_int_equal(ath_shape_count(&empty), 0);
    ath_shape large = ath_shape_of((int64_t)1 << 61);
    assert_int_equal(ath_shape_count(&large), (int64_t)1 << 61);
    assert_false(ath__shape_bytes(&large, ATH_F64, &bytes));
    const int64_t seven[7] = {1, 1, 1, 1, 1, 1, 1};
    ath_shape     deep = ath_shape_make(7, seven);
    assert_int_equal(ath_shape_count(&deep), -1);
    assert_string_equal(ath__shape_print(&deep, text, sizeof text), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half_and_bfloat_survives),
        cmocka_unit_test(test_rounding_at_every_midpoint),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_large_integers_are_rounded_once),
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_names_and_sizes),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
