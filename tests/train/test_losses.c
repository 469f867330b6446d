/* Losses in whole networks, on the kernels that train: their values against the formulas, batches in pieces against
 * whole batches under class weights, float32 where activations are bfloat16; and the weights themselves.
 *
 * The gradients' formulas are tested in double precision against PyTorch (tests/op/test_op_golden.c).
 */
#include "athanor/data.h"
#include "graph/op.h"
#include "optim/optimizer.h"
#include "train/class_weights.h"
#include "train/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 16, MICRO = 4, CLASSES = 10, PIXELS = 28 * 28 };

static float       images[BATCH * PIXELS];
static int32_t     labels[BATCH];
static const float weights[CLASSES] = {0.5f, 1.0f, 2.0f, 0.25f, 3.0f, 1.0f, 0.0f, 1.5f, 1.0f, 0.75f};

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static const struct ath__samples samples = {.images = images, .labels = labels, .count = BATCH};

struct problem {
    const char *loss;
    double      smoothing, gamma;
    bool        weighted;
};

static const struct problem problems[] = {
    {"cross_entropy", 0.0, 0.0, true}, {"cross_entropy", 0.2, 0.0, true}, {"cross_entropy", 0.1, 0.0, false},
    {"focal", 0.0, 2.0, false},        {"focal", 0.1, 0.5, true},         {"focal", 0.1, 0.0, true},
    {"bce", 0.0, 0.0, false},          {"bce", 0.1, 0.0, true},
};
enum { PROBLEMS = sizeof problems / sizeof problems[0] };

static struct ath__network *make_network(ath_model *model, const struct problem *p, bool bf16) {
    struct ath__network         *network = NULL;
    struct ath__network_settings settings = {.optim = {.momentum = 0.9},
                                             .loss_settings = {.smoothing = p->smoothing, .gamma = p->gamma},
                                             .layout = "auto",
                                             .bf16 = bf16};
    ath_error                    err = {0};
    must(ath__loss_find(p->loss, &settings.loss, &err), &err);
    must(ath__optimizer_find("sgd", &settings.optimizer, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    if (p->weighted) must(ath__network_weigh_classes(network, weights, &err), &err);
    must(ath__network_start(network, "kaiming", 5, &err), &err);
    return network;
}

static ath_model *make_model(void) {
    ath_model *model = NULL;
    ath_error  err = {0};
    must(ath_model_create("lenet5", &model, &err), &err);
    must(ath_model_set(model, "activation", "relu", &err), &err);
    return model;
}

/* The formulas of the headers, in double. */
static double expected_loss(const struct problem *p, const float *x, int label) {
    double largest = x[0], sum = 0.0, loss = 0.0;
    for (int k = 1; k < CLASSES; k++) largest = fmax(largest, (double)x[k]);
    for (int k = 0; k < CLASSES; k++) sum += exp((double)x[k] - largest);
    for (int k = 0; k < CLASSES; k++) {
        double t = (1.0 - p->smoothing) * (k == label) + p->smoothing / CLASSES,
               w = p->weighted ? (double)weights[k] : 1.0;
        double log_p = (double)x[k] - largest - log(sum), z = x[k];
        if (strcmp(p->loss, "bce") == 0)
            loss += w * (fmax(z, 0.0) - z * t + log1p(exp(-fabs(z)))) / CLASSES;
        else
            loss -= w * t * pow(1.0 - exp(log_p), p->gamma) * log_p;
    }
    return loss;
}

struct checked {
    const struct problem *problem;
    int64_t               images;
};

static void check_losses(void *context, const struct ath__samples *given, const float *logits, const float *losses) {
    struct checked *checked = context;
    for (int64_t i = 0; i < given->count; i++) {
        double expected = expected_loss(checked->problem, logits + i * CLASSES, given->labels[i]);
        /* A dozen float32 operations on numbers below 10, and sums of ten terms: some 30 roundings of 2^-24. */
        if (!(fabs((double)losses[i] - expected) <= 2e-6 * fmax(1.0, expected)))
            fail_msg("loss=%s, smoothing %g, gamma %g: %.9g instead of %.9g", checked->problem->loss,
                     checked->problem->smoothing, checked->problem->gamma, (double)losses[i], expected);
    }
    checked->images += given->count;
}

static void values_of_losses(void **state) {
    (void)state;
    ath_model *model = make_model();
    for (int i = 0; i < PROBLEMS; i++) {
        struct ath__network *network = make_network(model, &problems[i], false);
        struct checked       checked = {&problems[i], 0};
        ath_error            err = {0};
        for (int s = 0; s < 3; s++)
            must(ath__network_step(network, &samples, 0.05, (uint64_t)s, check_losses, &checked, &err), &err);
        assert_int_equal(checked.images, 3 * BATCH);
        ath__network_destroy(network);
    }
    ath_model_destroy(model);
}

/* The sum of a whole batch's weights divides each piece's losses. Tolerance: as in test_weight_norm_training.c, the
 * longest sum is that of a convolution's weight gradient over 16 * 28 * 28 places. */
static void pieces_are_weighted_alike(void **state) {
    (void)state;
    const double tolerance = 8.0 * 0x1p-24 * sqrt(12544.0);
    ath_model   *model = make_model();
    for (int i = 0; i < PROBLEMS; i++) {
        struct ath__network *whole = make_network(model, &problems[i], false);
        struct ath__network *pieces = make_network(model, &problems[i], false);
        ath_error            err = {0};
        pieces->micro = MICRO;
        must(ath__network_step(whole, &samples, 0.02, 0, NULL, NULL, &err), &err);
        must(ath__network_step(pieces, &samples, 0.02, 0, NULL, NULL, &err), &err);
        const struct ath__entry *a = ath__store_find(whole->store, "optimizer.slot0.group0");
        const struct ath__entry *b = ath__store_find(pieces->store, "optimizer.slot0.group0");
        double                   largest = 0.0, worst = 0.0;
        for (int64_t k = 0; k < ath_shape_count(&a->shape); k++) {
            largest = fmax(largest, fabs((double)a->data[k]));
            worst = fmax(worst, fabs((double)a->data[k] - (double)b->data[k]));
        }
        assert_true(largest > 1e-4);
        if (!(worst <= tolerance * largest))
            fail_msg("loss=%s: gradients differ by %g against a largest of %g", problems[i].loss, worst, largest);
        ath__network_destroy(whole);
        ath__network_destroy(pieces);
    }
    ath_model_destroy(model);
}

static void divisors(void **state) {
    (void)state;
    static const int32_t      few[] = {4, 4, 0}, none[] = {6, 6};
    struct ath__loss_settings plain = {.smoothing = 0.0}, weighted = {.weights = weights};
    const struct ath__loss   *bce;
    ath_error                 err = {0};
    must(ath__loss_find("bce", &bce, &err), &err);
    assert_true(ath__loss_divisor(NULL, &plain, few, 3) == 3.0);
    assert_true(ath__loss_divisor(NULL, &weighted, few, 3) == 6.5);
    assert_true(ath__loss_divisor(NULL, &weighted, NULL, 3) == 3.0); /* soft targets */
    assert_true(ath__loss_divisor(bce, &weighted, few, 3) == 3.0);
    assert_true(ath__loss_divisor(NULL, &weighted, none, 2) == 2.0); /* weight 0 alone: no division by it */
}

/* Under precision=bf16 activations are bfloat16, everything of the loss and its gradient float32. */
static void losses_stay_float32(void **state) {
    (void)state;
    ath_model *model = make_model();
    for (int i = 0; i < PROBLEMS; i++) {
        struct ath__network *network = make_network(model, &problems[i], true);
        struct ath__plan    *plan = NULL;
        ath_error            err = {0};
        int                  low = 0, of_loss = 0;
        must(ath__program_plan(network->train, BATCH, false, &plan, &err), &err);
        const ath_graph *graph = ath__plan_graph(plan);
        for (int n = 0; n < graph->node_count; n++) {
            const struct ath__node *node = &graph->nodes[n];
            bool                    loss = strcmp(node->scope, "loss.") == 0;
            for (int o = 0; o < node->outs && !node->dead; o++) {
                if (node->out[o] == ATH_NONE) continue;
                bool bf16 = graph->values[node->out[o]].desc.dtype == ATH_BF16;
                low += bf16 && !loss;
                of_loss += loss;
                if (bf16 && loss && node->op != &ath__op_cast)
                    fail_msg("loss=%s: a result of %s is bfloat16", problems[i].loss, node->op->name);
            }
        }
        assert_true(low > 5 && of_loss > 0);
        ath__network_destroy(network);
    }
    ath_model_destroy(model);
}

static void weights_by_frequency(void **state) {
    (void)state;
    const ath_option_pair option = {"n", "600"};
    ath_dataset          *dataset = NULL;
    ath_error             err = {0};
    float                 got[CLASSES + 1];
    int64_t               counts[CLASSES] = {0};
    must(ath_dataset_open("digits", ATH_SPLIT_TRAIN, &option, 1, &dataset, &err), &err);
    /* An eleventh class that has no image: weight 0, and no part in the others' weights. */
    must(ath__class_weights_auto(dataset, CLASSES + 1, got, &err), &err);
    assert_true(got[CLASSES] == 0.0f);
    double  sum = 0.0;
    int64_t count = ath_dataset_describe(dataset).count;
    for (int64_t i = 0; i < count; i++) {
        int label;
        must(ath_dataset_read(dataset, i, NULL, &label, &err), &err);
        counts[label]++;
        sum += (double)got[label];
    }
    assert_true(fabs(sum / (double)count - 1.0) < 1e-6); /* float32 weights */
    for (int c = 0; c < CLASSES; c++)
        assert_true(fabs((double)got[c] * (double)counts[c] - (double)count / CLASSES) < 1e-4);
    ath_dataset_close(dataset);
}

static void weights_as_text(void **state) {
    (void)state;
    static const char *const good[] = {"1,0,2.5", "[1, 0, 2.5]", "1, 0, 2.5", "[1,0,2.5]"};
    static const char *const bad[] = {"1,0",   "1,0,2,3", "",        "a,b,c",  "1,0,2.5,",  "1;0;2",
                                      "0,0,0", "1,inf,2", "1,nan,2", "1,-1,2", "1,0,2.5]x", "1e7,1,1"};
    float                    got[3];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ath_error err = {0};
        must(ath__class_weights_parse(good[i], 3, got, &err), &err);
        assert_true(got[0] == 1.0f && got[1] == 0.0f && got[2] == 2.5f);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ath_error err = {0};
        if (ath__class_weights_parse(bad[i], 3, got, &err) != ATH_USAGE) fail_msg("'%s' was taken", bad[i]);
    }
}

int main(void) {
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = (float)((i * 37 + i / 50) % 101) / 101.0f;
    for (int i = 0; i < BATCH; i++) labels[i] = (i * 3 + 1) % CLASSES;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_losses),
        cmocka_unit_test(pieces_are_weighted_alike),
        cmocka_unit_test(divisors),
        cmocka_unit_test(losses_stay_float32),
        cmocka_unit_test(weights_by_frequency),
        cmocka_unit_test(weights_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
