/* Training on two labels per sample: the loss is the weighted mean of the labels' losses, one label with all the weight
 * is as good as a plain label, pieces of a batch add up to it, and a label that is no class ends the run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "optim/optimizer.h"
#include "train/network.h"

#include <math.h>
#include <string.h>

enum { BATCH = 24, MICRO = 9, CLASSES = 10, PIXELS = 28 * 28 };

static float   images[BATCH * PIXELS], weights[BATCH];
static int32_t labels[BATCH], second[BATCH];

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static struct ath__network *make_network(const ath_model *model, bool soft) {
    struct ath__network         *network = NULL;
    struct ath__network_settings settings = {
        .optim = {.momentum = 0.9}, .layout = "auto", .loss_settings = {.smoothing = 0.1}, .soft_targets = soft};
    ath_error err = {0};
    must(ath__optimizer_find("sgd", &settings.optimizer, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    must(ath__network_start(network, "kaiming", 5, &err), &err);
    return network;
}

static void keep_losses(void *context, const struct ath__samples *given, const float *logits, const float *losses) {
    float **to = context;
    (void)logits;
    memcpy(*to, losses, (size_t)given->count * sizeof(float));
    *to += given->count;
}

static ath_status step(struct ath__network *network, const int32_t *first, const int32_t *other, const float *share,
                       double lr, float losses[BATCH], ath_error *err) {
    struct ath__samples samples = {
        .images = images, .labels = first, .count = BATCH, .second = other, .weights = share};
    return ath__network_step(network, &samples, lr, 0, keep_losses, &losses, err);
}

/* A loss is a double rounded to float32, of logits whose distances from the largest were rounded: to within a few
 * units of the last place of numbers below 8. */
static const double TOLERANCE = 4 * 8 * 0x1p-24;

static void losses_are_weighted(void **state) {
    (void)state;
    ath_model *model = NULL;
    ath_error  err = {0};
    float      of_first[BATCH], of_second[BATCH], of_both[BATCH], of_plain[BATCH], in_pieces[BATCH];
    must(ath_model_create("lenet5", &model, &err), &err);
    struct ath__network *hard = make_network(model, false), *soft = make_network(model, true);
    must(step(hard, labels, NULL, NULL, 0.0, of_first, &err), &err);
    must(step(hard, second, NULL, NULL, 0.0, of_second, &err), &err);
    must(step(soft, labels, NULL, NULL, 0.0, of_plain, &err), &err);
    must(step(soft, labels, second, weights, 0.0, of_both, &err), &err);
    soft->micro = MICRO;
    must(step(soft, labels, second, weights, 0.0, in_pieces, &err), &err);
    for (int i = 0; i < BATCH; i++) {
        double w = (double)weights[i], expected = w * (double)of_first[i] + (1.0 - w) * (double)of_second[i];
        assert_true(fabs((double)of_both[i] - expected) < TOLERANCE);
        assert_true(fabs((double)of_plain[i] - (double)of_first[i]) < TOLERANCE);
        assert_true(fabs((double)in_pieces[i] - (double)of_both[i]) < TOLERANCE);
    }
    ath__network_destroy(hard);
    ath__network_destroy(soft);
    ath_model_destroy(model);
}

/* Steps in the gradient's direction lower the loss of mixed labels. */
static void it_trains(void **state) {
    (void)state;
    ath_model *model = NULL;
    ath_error  err = {0};
    float      losses[BATCH];
    double     first = 0.0, last = 0.0;
    must(ath_model_create("lenet5", &model, &err), &err);
    must(ath_model_set(model, "activation", "relu", &err), &err);
    struct ath__network *network = make_network(model, true);
    for (int i = 0; i < 60; i++) {
        must(step(network, labels, second, weights, 0.05, losses, &err), &err);
        double sum = 0.0;
        for (int k = 0; k < BATCH; k++) sum += (double)losses[k] / BATCH;
        if (i == 0) first = sum;
        last = sum;
    }
    /* The least that any net reaches is the targets' entropy. */
    double entropy = 0.0;
    for (int i = 0; i < BATCH; i++) {
        for (int c = 0; c < CLASSES; c++) {
            double w = (double)weights[i], t = 0.9 * (w * (c == labels[i]) + (1.0 - w) * (c == second[i])) + 0.01;
            entropy -= t * log(t) / BATCH;
        }
    }
    print_message("loss %.4f to %.4f, entropy of the targets %.4f\n", first, last, entropy);
    assert_true(last < first - 0.5 * (first - entropy));
    assert_true(last > entropy);
    ath__network_destroy(network);
    ath_model_destroy(model);
}

static void no_such_class(void **state) {
    (void)state;
    ath_model *model = NULL;
    ath_error  err = {0};
    float      losses[BATCH];
    int32_t    wrong[BATCH];
    memcpy(wrong, second, sizeof wrong);
    wrong[3] = CLASSES;
    must(ath_model_create("lenet5", &model, &err), &err);
    struct ath__network *network = make_network(model, true);
    assert_int_equal(step(network, labels, wrong, weights, 0.1, losses, &err), ATH_DIVERGED);
    assert_true(isnan(losses[3]) && isfinite(losses[2]));
    ath__network_destroy(network);
    ath_model_destroy(model);
}

static int draw_samples(void **state) {
    (void)state;
    struct ath__rng rng;
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 1, 0);
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    for (int i = 0; i < BATCH; i++) {
        labels[i] = (int32_t)ath__rng_below(&rng, CLASSES);
        second[i] = (int32_t)ath__rng_below(&rng, CLASSES);
        weights[i] = 0.5f + 0.5f * ath__rng_uniform(&rng);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_weighted),
        cmocka_unit_test(it_trains),
        cmocka_unit_test(no_such_class),
    };
    return cmocka_run_group_tests(tests, draw_samples, NULL);
}
