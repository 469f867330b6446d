/* Weights made from weights, proven on weight normalisation w = v * g / |v| (reparam=wn) in LeNet-5 and ResNet-18:
 *
 *     it starts as the plain net to the bit; it trains; merging gives a plain net with the same logits within 1e-5;
 *     the transform runs once per optimiser step, not once per micro-batch; and the gradient of a batch in pieces is
 *     the gradient of the whole batch.
 */
#include "athanor/train.h"
#include "base/mem.h"
#include "base/rng.h"
#include "optim/optimizer.h"
#include "train/model_file.h"
#include "train/network.h"
#include "train/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 16, MICRO = 4, CLASSES = 10, MAX_PIXELS = 3 * 32 * 32 };

static float   images[BATCH * MAX_PIXELS];
static int32_t labels[BATCH];

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* ReLU instead of LeNet-5's sigmoid, so that a few steps show that the net learns. */
static ath_model *make_model(const char *name, const char *reparam) {
    ath_model *model = NULL;
    ath_error  err = {0};
    must(ath_model_create(name, &model, &err), &err);
    if (strcmp(name, "lenet5") == 0) must(ath_model_set(model, "activation", "relu", &err), &err);
    must(ath_model_set_reparam(model, reparam, &err), &err);
    return model;
}

static struct ath__network *make_network(const ath_model *model) {
    struct ath__network         *network = NULL;
    struct ath__network_settings settings = {.optim = {.momentum = 0.9}, .layout = "auto"};
    ath_error                    err = {0};
    must(ath__optimizer_find("sgd", &settings.optimizer, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    must(ath__network_start(network, "kaiming", 5, &err), &err);
    return network;
}

static void draw_samples(void) {
    struct ath__rng rng;
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 1, 0);
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    for (int i = 0; i < BATCH; i++) labels[i] = (int32_t)ath__rng_below(&rng, CLASSES);
}

static const struct ath__samples samples = {.images = images, .labels = labels, .count = BATCH};

static void keep_logits(void *context, const struct ath__samples *given, const float *logits, const float *losses) {
    (void)losses;
    memcpy(context, logits, (size_t)given->count * CLASSES * sizeof(float));
}

static void evaluate(struct ath__network *network, float logits[BATCH * CLASSES]) {
    ath_error err = {0};
    must(ath__network_eval(network, &samples, keep_logits, logits, &err), &err);
}

static void add_losses(void *context, const struct ath__samples *given, const float *logits, const float *losses) {
    (void)logits;
    double *loss = context;
    for (int64_t i = 0; i < given->count; i++) *loss += (double)losses[i] / BATCH;
}

static double take_step(struct ath__network *network, double lr, uint64_t step) {
    double    loss = 0.0;
    ath_error err = {0};
    must(ath__network_step(network, &samples, lr, step, add_losses, &loss, &err), &err);
    return loss;
}

/* v draws what the plain weight draws, and g = |v| makes g / |v| exactly 1. */
static void check_start(struct ath__network *plain, struct ath__network *made) {
    float want[BATCH * CLASSES], got[BATCH * CLASSES];
    int   transformed = 0;
    for (int i = 0; i < plain->store->count; i++) {
        const struct ath__entry *entry = &plain->store->entries[i];
        char                     name[256];
        snprintf(name, sizeof name, "%s_v", entry->name);
        const struct ath__entry *v = ath__store_find(made->store, name);
        transformed += v != NULL;
        if (!v) v = ath__store_find(made->store, entry->name);
        if (!v || strncmp(entry->name, "optimizer.", 10) == 0) continue;
        assert_true(ath_shape_equal(&v->shape, &entry->shape));
        assert_memory_equal(v->data, entry->data, (size_t)ath_shape_count(&v->shape) * sizeof(float));
    }
    assert_true(transformed >= 5);
    evaluate(plain, want);
    evaluate(made, got);
    assert_memory_equal(got, want, sizeof want);
}

/* Writes the trained net, merges it, reads the plain net back; logits of both. */
static void check_merge(const char *name, struct ath__network *made) {
    struct ath__model_info  info = {.classes = CLASSES};
    struct ath__load_report report;
    ath_merge_result        result;
    ath_config             *config = NULL;
    ath_tensor_file         file;
    ath_error               err = {0};
    float                   want[BATCH * CLASSES], got[BATCH * CLASSES];
    double                  worst = 0.0;
    char                    trained[128], merged[128];
    for (int c = 0; c < 4; c++) info.preprocess.deviation[c] = 1.0;
    snprintf(trained, sizeof trained, "wn-%s.safetensors", name);
    snprintf(merged, sizeof merged, "merged-%s.safetensors", name);
    must(ath__model_file_save(trained, made, &info, &err), &err);
    must(ath_config_create(&config, &err), &err);
    must(ath_config_set(config, "weights", trained, ATH_ORIGIN_COMMAND_LINE, &err), &err);
    must(ath_merge(config, merged, &result, &err), &err);
    assert_string_equal(result.from, "wn");
    assert_true(result.max_difference < 1e-5);
    assert_true(result.params_after < result.params_before);
    ath_model           *model = make_model(name, "none");
    struct ath__network *plain = make_network(model);
    must(ath_safetensors_load(merged, &file, &err), &err);
    must(ath__weights_load(&file, merged, plain, &report, &err), &err);
    assert_int_equal(report.missing.count + report.reshaped.count + report.unexpected.count, 0);
    ath_tensor_file_free(&file);
    evaluate(made, want);
    evaluate(plain, got);
    for (int i = 0; i < BATCH * CLASSES; i++) worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
    print_message("%s: merged logits differ by %.2g, on random images by %.2g\n", name, worst, result.max_difference);
    assert_true(worst < 1e-5);
    ath__network_destroy(plain);
    ath_model_destroy(model);
    ath_config_destroy(config);
}

static void check_net(const char *name, double lr, int steps) {
    ath_model           *plain_model = make_model(name, "none"), *model = make_model(name, "wn");
    struct ath__network *plain = make_network(plain_model), *made = make_network(model);
    double               first = 0.0, last = 0.0;
    check_start(plain, made);
    for (int s = 0; s < steps; s++) {
        last = take_step(made, lr, (uint64_t)s);
        if (s == 0) first = last;
    }
    print_message("%s: loss %.3f, after %d steps %.3f\n", name, first, steps, last);
    assert_true(last < 0.8 * first);
    check_merge(name, made);
    ath__network_destroy(plain);
    ath__network_destroy(made);
    ath_model_destroy(plain_model);
    ath_model_destroy(model);
}

static void test_lenet(void **state) {
    (void)state;
    check_net("lenet5", 0.05, 30);
}

static void test_resnet(void **state) {
    (void)state;
    check_net("resnet18-cifar", 0.01, 6);
}

/* Calls of the training plan by phase, and how often each ran: the same number for all calls of a phase. */
struct phase_runs {
    int      calls[ATH_PHASES];
    uint64_t runs[ATH_PHASES];
};

static struct phase_runs count_runs(const struct ath__plan *plan) {
    struct phase_runs     counted = {0};
    struct ath__plan_call call;
    for (int i = 0; ath__plan_call(plan, i, &call); i++) {
        if (counted.calls[call.phase]++ == 0) counted.runs[call.phase] = call.runs;
        assert_int_equal(call.runs, counted.runs[call.phase]);
    }
    return counted;
}

static struct phase_runs runs_of_steps(const char *reparam, int steps) {
    ath_model           *model = make_model("lenet5", reparam);
    struct ath__network *network = make_network(model);
    struct ath__plan    *plan = NULL;
    ath_error            err = {0};
    network->micro = MICRO;
    must(ath__program_plan(network->train, MICRO, true, &plan, &err), &err);
    ath__plan_profile(plan, true);
    for (int s = 0; s < steps; s++) take_step(network, 0.02, (uint64_t)s);
    struct phase_runs counted = count_runs(plan);
    ath__network_destroy(network);
    ath_model_destroy(model);
    return counted;
}

/* The forward transform belongs to the prologue and its gradient to the epilogue; the body, which runs once per
 * micro-batch, does not grow by a single call. */
static void test_runs_once_per_step(void **state) {
    (void)state;
    const int         steps = 3;
    struct phase_runs plain = runs_of_steps("none", steps), made = runs_of_steps("wn", steps);
    assert_true(made.calls[ATH_PHASE_PROLOGUE] > plain.calls[ATH_PHASE_PROLOGUE]);
    assert_true(made.calls[ATH_PHASE_EPILOGUE] > plain.calls[ATH_PHASE_EPILOGUE]);
    assert_int_equal(made.calls[ATH_PHASE_BODY], plain.calls[ATH_PHASE_BODY]);
    assert_int_equal(made.runs[ATH_PHASE_PROLOGUE], steps);
    assert_int_equal(made.runs[ATH_PHASE_BODY], steps * BATCH / MICRO);
    assert_int_equal(made.runs[ATH_PHASE_EPILOGUE], steps);
}

/* The longest sum is that of conv1's weight gradient: 16 * 28 * 28 = 12,544 terms, taken in other pieces; two such sums
 * differ by about 2^-24 * sqrt(12544) = 7e-6 of the largest entry each, and the layers behind add as much: 8 times that
 * for a dozen roundings that may all point one way. */
static void test_micro_batches(void **state) {
    (void)state;
    const double         tolerance = 8.0 * 0x1p-24 * sqrt(12544.0);
    ath_model           *model = make_model("lenet5", "wn");
    struct ath__network *whole = make_network(model), *pieces = make_network(model);
    pieces->micro = MICRO;
    take_step(whole, 0.02, 0);
    take_step(pieces, 0.02, 0);
    const struct ath__entry *a = ath__store_find(whole->store, "optimizer.slot0.group0");
    const struct ath__entry *b = ath__store_find(pieces->store, "optimizer.slot0.group0");
    assert_non_null(a);
    assert_non_null(b);
    for (int i = 0; i < whole->store->count; i++) {
        const struct ath__entry *entry = &whole->store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM) continue;
        size_t at = (size_t)(entry->data - whole->store->params) - whole->store->group_first[0];
        double largest = 0.0, worst = 0.0;
        for (size_t k = at; k < at + (size_t)ath_shape_count(&entry->shape); k++) {
            largest = fmax(largest, fabs((double)a->data[k]));
            worst = fmax(worst, fabs((double)a->data[k] - (double)b->data[k]));
        }
        assert_true(largest > 0.0);
        if (!(worst <= tolerance * largest))
            fail_msg("%s: gradients differ by %g against a largest of %g", entry->name, worst, largest);
    }
    ath__network_destroy(whole);
    ath__network_destroy(pieces);
    ath_model_destroy(model);
}

int main(void) {
    draw_samples();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenet),
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_runs_once_per_step),
        cmocka_unit_test(test_micro_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
