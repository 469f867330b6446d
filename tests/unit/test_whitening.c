/* Whitening filters: eigenvectors of known matrices, white outputs of real arithmetic, and the same bits for any number
 * of threads. */
#include "zoo/whitening.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* 2 -1 0 / -1 2 -1 / 0 -1 2 has the eigenvalues 2 + sqrt(2), 2, 2 - sqrt(2). */
static void known_matrix(void **state) {
    (void)state;
    double a[9] = {2, -1, 0, -1, 2, -1, 0, -1, 2}, values[3], vectors[9];
    ath__symmetric_eigen(3, a, values, vectors);
    const double root = sqrt(2.0), expected[3] = {2 + root, 2, 2 - root};
    const double rows[9] = {-0.5, root / 2, -0.5, root / 2, 0, -root / 2, 0.5, root / 2, 0.5};
    for (int i = 0; i < 3; i++) assert_true(fabs(values[i] - expected[i]) < 1e-14);
    for (int i = 0; i < 9; i++) {
        /* Of the second vector's two equally large entries either may have been found the larger. */
        double sign = i / 3 == 1 && vectors[3] < 0 ? -1.0 : 1.0;
        assert_true(fabs(sign * vectors[i] - rows[i]) < 1e-14);
    }
}

/* A random matrix of full size: A v = lambda v, orthonormal vectors, descending values. */
static void random_matrix(void **state) {
    (void)state;
    enum { N = 64 };
    static double   a[N * N], kept[N * N], values[N], vectors[N * N];
    struct ath__rng rng;
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++)
        for (int j = i; j < N; j++) a[i * N + j] = a[j * N + i] = (double)ath__rng_uniform(&rng) - 0.5;
    memcpy(kept, a, sizeof a);
    ath__symmetric_eigen(N, a, values, vectors);
    for (int i = 0; i < N; i++) {
        assert_true(i == 0 || values[i - 1] >= values[i]);
        for (int j = 0; j < N; j++) {
            double product = 0.0, image = 0.0;
            for (int k = 0; k < N; k++) {
                product += vectors[i * N + k] * vectors[j * N + k];
                image += kept[j * N + k] * vectors[i * N + k];
            }
            assert_true(fabs(product - (i == j)) < 1e-12);
            assert_true(fabs(image - values[i] * vectors[i * N + j]) < 1e-12);
        }
    }
}

/* Images whose neighbours and channels are related. */
static float *draw_images(struct ath__zoo_images *images) {
    size_t          count = (size_t)(images->count * images->channels * images->height * images->width);
    float          *data = ATH_NEW_ARRAY(float, count);
    struct ath__rng rng;
    ath__rng_start(&rng, 4, ATH_RNG_TEST, 0, 0);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) {
        float fresh = 2.0f * ath__rng_uniform(&rng) - 1.0f;
        data[i] = i > 0 ? 0.8f * data[i - 1] + fresh : fresh;
    }
    images->data = data;
    return data;
}

/* The outputs' second moments are lambda / (lambda + eps) on the diagonal and 0 off it; filters come in pairs. */
static void white_outputs(void **state) {
    (void)state;
    enum { CHANNELS = 3, SIDE = 9, COUNT = 150, D = CHANNELS * 4 };
    struct ath__zoo_images images = {.count = COUNT, .channels = CHANNELS, .height = SIDE, .width = SIDE};
    float                 *data = draw_images(&images), filters[2 * D * D];
    const double           eps = 5e-4;
    double                 moments[D][D] = {{0}};
    ath_error              err = {0};
    if (ath__whitening_filters(&images, 2, eps, filters, &err) != ATH_OK) fail_msg("%s", err.message);
    for (int n = 0; n < COUNT; n++)
        for (int y = 0; y + 1 < SIDE; y++)
            for (int x = 0; x + 1 < SIDE; x++) {
                double out[D] = {0};
                for (int f = 0; f < D; f++)
                    for (int k = 0; k < D; k++) {
                        int c = k / 4, r = k / 2 % 2, s = k % 2;
                        out[f] += (double)filters[f * D + k] *
                                  (double)data[((n * CHANNELS + c) * SIDE + y + r) * SIDE + x + s];
                    }
                for (int i = 0; i < D; i++)
                    for (int j = 0; j < D; j++) moments[i][j] += out[i] * out[j] / (COUNT * 64.0);
            }
    for (int i = 0; i < D; i++) {
        double norm = 0.0; /* of a filter: 1 / (lambda + eps) */
        for (int k = 0; k < D; k++) {
            norm += (double)filters[i * D + k] * (double)filters[i * D + k];
            assert_true(filters[(D + i) * D + k] == -filters[i * D + k]);
        }
        /* Filters are rounded to float32: 2^-24 of each of 12 terms, of outputs near 1. */
        for (int j = 0; j < D; j++)
            assert_true(fabs(moments[i][j] - (i == j ? 1.0 - eps * norm : 0.0)) < 4 * D * 0x1p-24);
    }
    ath__free(data);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    struct ath__zoo_images images = {.count = 700, .channels = 2, .height = 6, .width = 7};
    float                 *data = draw_images(&images), first[16 * 8], second[16 * 8];
    ath__threads_set(1);
    assert_int_equal(ath__whitening_filters(&images, 2, 1e-3, first, NULL), ATH_OK);
    ath__threads_set(3);
    assert_int_equal(ath__whitening_filters(&images, 2, 1e-3, second, NULL), ATH_OK);
    ath__threads_set(0);
    assert_memory_equal(first, second, sizeof first);
    ath__free(data);
}

static void refusals(void **state) {
    (void)state;
    float                  filter[8], data[4] = {0};
    struct ath__zoo_images images = {.data = data, .count = 1, .channels = 17, .height = 4, .width = 4};
    ath_error              err = {0};
    assert_int_equal(ath__whitening_filters(&images, 2, 1e-3, filter, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "64"));
    images = (struct ath__zoo_images){.data = data, .count = 1, .channels = 1, .height = 1, .width = 4};
    assert_int_equal(ath__whitening_filters(&images, 2, 1e-3, filter, &err), ATH_USAGE);
    images = (struct ath__zoo_images){.data = data, .count = 0, .channels = 1, .height = 2, .width = 2};
    assert_int_equal(ath__whitening_filters(&images, 2, 1e-3, filter, &err), ATH_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_matrix),          cmocka_unit_test(random_matrix), cmocka_unit_test(white_outputs),
        cmocka_unit_test(threads_do_not_matter), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
