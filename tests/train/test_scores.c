/* Metrics against figures worked out by hand, and the views of test-time augmentation against their definition. */
#include "train/metrics.h"
#include "train/views.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s", err->message);
}

/* The trace of the confusion matrix over its sum is the reported accuracy, to the bit. */
static void check_accuracy(const ath_eval_result *result) {
    int64_t trace = 0, sum = 0;
    for (int r = 0; r < result->classes; r++) {
        for (int c = 0; c < result->classes; c++) {
            int64_t count = result->confusion[r * result->classes + c];
            sum += count;
            trace += r == c ? count : 0;
        }
    }
    assert_int_equal(sum, result->images);
    assert_true(100.0 * (double)trace / (double)result->images == result->top1);
}

/* Logits with softmax (p, 1-p) over two classes. */
static void two(float *row, double p) {
    row[0] = (float)log(p);
    row[1] = (float)log(1.0 - p);
}

/* Six images: probabilities .9 .9 .6 of class 0, .8 .8 of class 1 and an even one, which goes to class 0. */
static void counts_and_calibration(void **state) {
    (void)state;
    static const int32_t labels[] = {0, 1, 0, 1, 1, 1};
    float                logits[12];
    struct ath__metrics  metrics;
    struct ath__samples  samples = {.images = NULL, .labels = labels, .count = 6};
    ath_eval_result      result;
    ath_error            err = {0};
    const double         p[] = {0.9, 0.9, 0.6, 0.2, 0.2, 0.5};
    for (int i = 0; i < 6; i++) two(logits + 2 * i, p[i]);
    must(ath__metrics_start(&metrics, 2, true, &err), &err);
    ath__metrics_add(&metrics, &samples, logits, NULL);
    must(ath__metrics_result(&metrics, (struct ath__class_labels){.names = (const char *const[]){"a", "b"}}, "none",
                             &result, &err),
         &err);
    check_accuracy(&result);
    static const int64_t confusion[] = {2, 0, 2, 2};
    assert_memory_equal(result.confusion, confusion, sizeof confusion);
    assert_true(fabs(result.top1 - 400.0 / 6.0) < 1e-12);
    assert_true(result.top5 == 100.0);
    const ath_class_score *a = &result.per_class[0], *b = &result.per_class[1];
    assert_string_equal(a->name, "a");
    assert_true(a->recall == 100.0 && a->precision == 50.0 && fabs(a->f1 - 200.0 / 3.0) < 1e-12);
    assert_true(b->recall == 50.0 && b->precision == 100.0);
    assert_int_equal(a->predicted, 4);
    /* Bins of .9 (13), .8 (12, since 0.8 is its lower end or a rounding below: 11), .6 (9 or 8), .5 (7): the error is
     * the same wherever a bin's end falls, for no two different probabilities share one. logits are rounded to float32,
     * which moves a probability by less than 1e-7. */
    double expected = 100.0 * (2 * fabs(0.5 - 0.9) + fabs(1.0 - 0.6) + 2 * fabs(1.0 - 0.8) + fabs(0.0 - 0.5)) / 6.0;
    assert_true(fabs(result.calibration_error - expected) < 1e-5);
    assert_true(fabs(result.confidence - 100.0 * (0.9 + 0.9 + 0.6 + 0.8 + 0.8 + 0.5) / 6.0) < 1e-5);
    /* -log .1 for the second image, -log .6 for the third, and the even one between them. */
    double loss = -(2.0 * log(0.8) + log(0.9) + log(0.1) + log(0.6) + log(0.5)) / 6.0;
    assert_true(fabs(result.loss - loss) < 1e-6);
    assert_int_equal(result.worst_count, 6);
    assert_int_equal(result.worst[0].index, 1);
    assert_int_equal(result.worst[1].index, 5);
    assert_int_equal(result.worst[2].index, 2);
    assert_true(result.worst[0].label == 1 && result.worst[0].predicted == 0);
    assert_true(fabs(result.worst[0].probability - 0.9) < 1e-6 && fabs(result.worst[0].label_probability - 0.1) < 1e-6);
    ath_eval_result_free(&result);
    ath__metrics_free(&metrics);
}

/* The largest losses are kept, in the order of the images among equals, however the images come in batches. */
static void worst_are_chosen_alike(void **state) {
    (void)state;
    enum { IMAGES = 200, CLASSES = 4 };
    float           logits[IMAGES * CLASSES];
    int32_t         labels[IMAGES];
    ath_eval_result results[2];
    ath_error       err = {0};
    for (int i = 0; i < IMAGES; i++) {
        labels[i] = (i * 7) % CLASSES;
        for (int c = 0; c < CLASSES; c++) logits[i * CLASSES + c] = (float)((i / 2 * 13 + c * 29) % 40) / 8.0f;
    }
    for (int way = 0; way < 2; way++) {
        struct ath__metrics metrics;
        int                 step = way == 0 ? IMAGES : 7;
        must(ath__metrics_start(&metrics, CLASSES, true, &err), &err);
        for (int i = 0; i < IMAGES; i += step) {
            struct ath__samples samples = {
                .images = NULL, .labels = labels + i, .count = i + step <= IMAGES ? step : IMAGES - i};
            ath__metrics_add(&metrics, &samples, logits + i * CLASSES, NULL);
        }
        must(ath__metrics_result(&metrics, (struct ath__class_labels){NULL, NULL, NULL}, "none", &results[way], &err),
             &err);
        check_accuracy(&results[way]);
        ath__metrics_free(&metrics);
    }
    assert_int_equal(results[0].worst_count, ATH_WORST);
    for (int i = 0; i < ATH_WORST; i++) {
        const ath_mistake *a = &results[0].worst[i], *b = &results[1].worst[i];
        assert_int_equal(a->index, b->index);
        if (i == 0) continue;
        const ath_mistake *before = a - 1;
        assert_true(before->loss > a->loss || (before->loss == a->loss && before->index < a->index));
    }
    /* Nothing outside is worse than the last inside. */
    for (int i = 0; i < IMAGES; i++) {
        double total = 0.0;
        bool   inside = false;
        for (int c = 0; c < CLASSES; c++) total += exp((double)logits[i * CLASSES + c]);
        for (int k = 0; k < ATH_WORST; k++) inside = inside || results[0].worst[k].index == i;
        double loss = log(total) - (double)logits[i * CLASSES + labels[i]];
        if (!inside) assert_true(loss <= results[0].worst[ATH_WORST - 1].loss + 1e-12);
    }
    assert_string_equal(results[0].per_class[3].name, "3");
    for (int way = 0; way < 2; way++) ath_eval_result_free(&results[way]);
}

/* Predictions that are no numbers are misses and stand in no cell; a class without images has no recall. */
static void not_numbers(void **state) {
    (void)state;
    float                logits[] = {NAN, 1, 0, 0, NAN, 5, INFINITY, 0, 0, 3, 1, 0};
    static const int32_t labels[] = {0, 2, 0, 0};
    struct ath__samples  samples = {.images = NULL, .labels = labels, .count = 4};
    struct ath__metrics  metrics;
    ath_eval_result      result;
    ath_error            err = {0};
    must(ath__metrics_start(&metrics, 3, true, &err), &err);
    ath__metrics_add(&metrics, &samples, logits, NULL);
    must(ath__metrics_result(&metrics, (struct ath__class_labels){NULL, NULL, NULL}, "none", &result, &err), &err);
    assert_true(result.top1 == 25.0);
    int64_t sum = 0;
    for (int i = 0; i < 9; i++) sum += result.confusion[i];
    assert_int_equal(sum, 1);
    assert_int_equal(result.confusion[0], 1);
    assert_true(isnan(result.per_class[1].recall) && isnan(result.per_class[1].precision));
    assert_int_equal(result.worst_count, 4);
    assert_int_equal(result.worst[0].index, 0); /* not-a-number first */
    assert_int_equal(result.worst[3].index, 3);
    ath_eval_result_free(&result);
    ath__metrics_free(&metrics);
}

static void views_of_an_image(void **state) {
    (void)state;
    static const float     image[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}; /* 3 x 3 */
    float                  seen[9];
    const struct ath__view mirror = {true, 0, 1.0f}, lower = {false, -1, 1.0f}, upper = {false, 1, 1.0f},
                           both = {true, 1, 1.0f};
    ath__view_draw(&mirror, image, 1, 3, 3, seen);
    assert_memory_equal(seen, ((float[]){3, 2, 1, 6, 5, 4, 9, 8, 7}), sizeof seen);
    ath__view_draw(&lower, image, 1, 3, 3, seen); /* row and column -1 are row and column 1 */
    assert_memory_equal(seen, ((float[]){5, 4, 5, 2, 1, 2, 5, 4, 5}), sizeof seen);
    ath__view_draw(&upper, image, 1, 3, 3, seen);
    assert_memory_equal(seen, ((float[]){5, 6, 5, 8, 9, 8, 5, 6, 5}), sizeof seen);
    ath__view_draw(&both, image, 1, 3, 3, seen); /* shifted, then mirrored */
    assert_memory_equal(seen, ((float[]){5, 6, 5, 8, 9, 8, 5, 6, 5}), sizeof seen);
    ath__view_draw(&both, ((float[]){1, 2, 3, 4, 5, 6, 7, 8}), 2, 1, 4, seen); /* two planes of one row */
    assert_memory_equal(seen, ((float[]){3, 4, 3, 2, 7, 8, 7, 6}), 8 * sizeof(float));
}

static void weights_of_views(void **state) {
    (void)state;
    static const char *const names[] = {"none", "flip", "flip_shift"};
    static const int         counts[] = {1, 2, 6};
    for (int i = 0; i < 3; i++) {
        const struct ath__tta *tta;
        ath_error              err = {0};
        double                 sum = 0.0;
        int                    mirrored = 0;
        must(ath__tta_find(names[i], &tta, &err), &err);
        assert_int_equal(tta->count, counts[i]);
        for (int v = 0; v < tta->count; v++) {
            sum += (double)tta->view[v].weight;
            mirrored += tta->view[v].mirror;
        }
        assert_true(sum == 1.0);
        assert_int_equal(mirrored, tta->count / 2);
    }
    const struct ath__tta *tta;
    ath_error              err = {0};
    assert_int_equal(ath__tta_find("flop", &tta, &err), ATH_USAGE);
}

enum { BATCH = 5, CLASSES = 10, PIXELS = 28 * 28 };

static void keep(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)losses;
    memcpy(context, logits, (size_t)samples->count * CLASSES * sizeof(float));
}

/* Mean logits are the weighted sum of the views' own logits, in the order of the views. */
static void mean_of_views(void **state) {
    (void)state;
    static float                 images[BATCH * PIXELS], seen[BATCH * PIXELS];
    int32_t                      labels[BATCH] = {0};
    ath_model                   *model = NULL;
    struct ath__network         *network = NULL;
    struct ath__network_settings settings = {.layout = "auto"};
    ath_error                    err = {0};
    must(ath_model_create("lenet5", &model, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    must(ath__network_start(network, "kaiming", 3, &err), &err);
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = (float)((i * 37) % 101) / 101.0f;
    struct ath__samples samples = {.images = images, .labels = labels, .count = BATCH};
    for (int t = 0; t < 3; t++) {
        const struct ath__tta *tta;
        struct ath__viewer     viewer;
        float                  got[BATCH * CLASSES], want[BATCH * CLASSES] = {0}, one[BATCH * CLASSES];
        must(ath__tta_find((const char *const[]){"none", "flip", "flip_shift"}[t], &tta, &err), &err);
        for (int v = 0; v < tta->count; v++) {
            for (int i = 0; i < BATCH; i++)
                ath__view_draw(&tta->view[v], images + i * PIXELS, 1, 28, 28, seen + i * PIXELS);
            struct ath__samples shown = {.images = seen, .labels = labels, .count = BATCH};
            must(ath__network_eval(network, &shown, keep, one, &err), &err);
            for (int i = 0; i < BATCH * CLASSES; i++) want[i] += tta->view[v].weight * one[i];
        }
        must(ath__viewer_open(network, tta, BATCH, &viewer, &err), &err);
        must(ath__viewer_eval(&viewer, &samples, keep, got, &err), &err);
        assert_memory_equal(got, want, sizeof got);
        struct ath__samples many = {.images = images, .labels = labels, .count = BATCH + 1};
        if (tta->count > 1) assert_int_equal(ath__viewer_eval(&viewer, &many, keep, got, &err), ATH_FAILED);
        ath__viewer_close(&viewer);
    }
    ath__network_destroy(network);
    ath_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_calibration),
        cmocka_unit_test(worst_are_chosen_alike),
        cmocka_unit_test(not_numbers),
        cmocka_unit_test(views_of_an_image),
        cmocka_unit_test(weights_of_views),
        cmocka_unit_test(mean_of_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
