/* Training against PyTorch: ten SGD steps of ten nets from the same weights and batches, through the very functions
 * that `athanor train` steps with. Compared are the loss of every step, the gradient of every parameter after the first
 * one, and parameters and running statistics at the end, all with PyTorch's float64 results.
 *
 * Tolerances. With u = 2^-24 (half a unit in the last place of float32):
 *
 *     LENGTH    terms of the net's longest sum, a fact of its shape (listed with each case). Rounding a running sum of
 *               LENGTH terms in any order gives a relative error of about u * sqrt(LENGTH): `order`.
 *     e         what float32 costs PyTorch itself: the largest distance of its two float32 runs (which sum in different
 *               orders) from float64. A third order of summation is one more draw from the same distribution. Of normal
 *               errors one draw exceeds FACTOR = 8 times the larger of two others once in a hundred times, and of the
 *               larger of 32 (16 sampled entries, two runs) never in practice; where e was small by luck, `order`
 *               stands behind it.
 *
 *     gradient  |g - g64| <= (8 e + order) * max |g64|, e over the sampled entries relative to that maximum.
 *               Sum and sum of squares: 8 times PyTorch's own difference, and errors of `order * max |g64|` per entry
 *               that are independent: sqrt(n) of them in the sum, and 2 |g| times that in the squares. A bias in front
 *               of a batch norm has gradient zero: what is computed is rounding alone, at most 8 times the largest that
 *               PyTorch computes.
 *     loss s    |l - l64| <= (8 e_s + order) * l64, e_s over the steps 0 .. s: training amplifies a difference from
 *               step to step, by how much is what e_s measures (5e-4 for AlexNet's step 8, 1e-7 for LeNet-5
 *               throughout).
 *     end       8 e * max |p64| with e over all sampled parameters, each relative to its own largest entry. Only one of
 *               PyTorch's two float32 runs left its final values; e is scaled by how much further the losses of the
 *               other one drifted.
 *
 * Winograd. Its results err twice as much as a direct convolution's (8e-7 of a value's deviation against 4e-7,
 * docs/numerics.md): where a net runs on its rows, e counts twice. The same net is also run on direct convolutions, with
 * no such allowance.
 *
 * Kinks. Where the input of a ReLU lies within rounding of zero, two float32 computations may take different sides, and
 * gradients differ by that element's whole share. Direct convolutions err by some 4e-7 of a value's deviation, which
 * about 0.4 * 2 * 4e-7 of all elements are closer to zero than: about one of the two million of a small ResNet's batch
 * of four, where it is depends on the processor. Winograd's err twice as much. One flipped element of a layer of M
 * changes a sum of M terms of random sign by a share of about 1 / sqrt(M): gradients of a ResNet get 8 / sqrt(M) * max
 * |g| more, M the smallest layer's. Losses are continuous; the next step's moves by lr * dg . g, at most that share of
 * lr |g|^2 per step. A flip is likely in the largest layers, the first three stages, and moves only what lies before
 * it: on direct convolutions (rows of oneDNN) a quarter of all gradient figures, those of the last stage, have to keep
 * to rounding alone, and ten steps are compared; with the rows that a user gets, one.
 *
 * Usage: test_golden_trajectory [MODEL [LAYOUT]]; without arguments, every case. ATHANOR_CPU masks the processor.
 */
#include "athanor/model.h"
#include "base/cpuinfo.h"
#include "nn/nn.h"
#include "nn/weight_transform.h"
#include "optim/optimizer.h"
#include "support/trajectory.h"
#include "zoo/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UNIT 0x1p-24
#define FACTOR 8.0

struct golden_case {
    const char *model, *layout;
    int64_t     length;   /* of the longest sum */
    const char *only;     /* restricts implementations to rows of this name, where they accept; or NULL */
    double      kinks;    /* elements of the smallest layer with a ReLU; 0: so few that none flips */
    bool        winograd; /* convolutions run on Winograd's rows where the processor has them */
};

/* ---- the net that no zoo has: groups, stride, batch norm, a residual sum, pooling -------------------------------- */

static ath_value build_tiny(struct ath__nn *nn, ath_value x, const void *options, int classes) {
    (void)options;
    const struct ath__conv first = {.out = 8, .kernel = {3, 3}, .pad = {1, 1}};
    const struct ath__conv second = {.out = 8, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .groups = 2};
    const struct ath__pool pool = {.kind = ATH_POOL_AVG, .kernel = {2, 2}};
    ath_value              a = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &first, ATH_ACT_RELU);
    ath_value              b = ath__nn_batch_norm(nn, ath__nn_conv2d(nn, a, "conv2", &second), "bn2");
    b = ath_relu(nn->graph, ath_add(nn->graph, b, ath__nn_pool(nn, a, "pool", &pool)));
    return ath__nn_linear(nn, ath__nn_global_avg_pool(nn, b, "mean"), "fc", classes, true);
}

static const struct ath__option      no_options[] = {ATH_OPT_END};
static const struct ath__zoo_variant tiny_variants[] = {{"tiny-bn", "test net", NULL, 2, 8, 8, 10}, {0}};
static const struct ath__zoo_family  tiny_family = {
     .name = "tiny", .variants = tiny_variants, .options = no_options, .build = build_tiny};

/* ---- a network in the state of the trajectory -------------------------------------------------------------------- */

struct run {
    struct trajectory    golden;
    ath_model           *model;
    struct ath_model     tiny; /* what `model` points to for the test's own net */
    struct ath__network *network;
    double               order;  /* u * sqrt(length) */
    double               kink;   /* 8 / sqrt(M), or 0 */
    double               factor; /* what e is multiplied by */
    int                  steps;  /* that are compared */
    double               losses[TRAJECTORY_MAX_STEPS];
    float               *start; /* the flat array of parameters before the first step */
};

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* Options, input and classes as the file has them. */
static void set_up(ath_model *model, const json_t *json) {
    const json_t *input = json_object_get(json, "input");
    ath_error     err = {0};
    const char   *key;
    json_t       *value;
    int           side[3];
    json_object_foreach(json_object_get(json, "options"), key, value) {
        char number[32];
        snprintf(number, sizeof number, "%.17g", json_number_value(value));
        must(ath_model_set(model, key, json_is_string(value) ? json_string_value(value) : number, &err), &err);
    }
    for (size_t i = 0; i < 3; i++) side[i] = (int)json_integer_value(json_array_get(input, i));
    must(ath_model_set_input(model, side[0], side[1], side[2], &err), &err);
    must(ath_model_set_classes(model, (int)trajectory_number(json, "classes"), &err), &err);
}

static void run_open(struct run *run, const struct golden_case *what) {
    ath_error err = {0};
    memset(run, 0, sizeof *run);
    trajectory_open(what->model, &run->golden);
    if (strcmp(what->model, "tiny-bn") == 0) {
        run->tiny = (struct ath_model){
            .name = "tiny-bn", .family = &tiny_family, .channels = 2, .height = 8, .width = 8, .classes = 10};
        run->model = &run->tiny;
    } else {
        must(ath_model_create(what->model, &run->model, &err), &err);
        set_up(run->model, run->golden.json);
    }
    struct ath__network_settings settings = {
        .optim = {.momentum = run->golden.momentum, .weight_decay = run->golden.weight_decay},
        .layout = what->layout,
        .only = what->only};
    must(ath__optimizer_find("sgd", &settings.optimizer, &err), &err);
    must(ath__network_create(run->model, &settings, &run->network, &err), &err);
    trajectory_start(&run->golden, run->network);
    run->order = UNIT * sqrt((double)what->length);
    run->factor = what->winograd ? 2.0 * FACTOR : FACTOR;
    run->kink = what->kinks > 0 ? FACTOR / sqrt(what->kinks) : 0;
    run->steps = what->kinks > 0 && !what->only ? 1 : run->golden.steps;
    size_t bytes = run->network->store->params_count * sizeof(float);
    run->start = malloc(bytes);
    assert_non_null(run->start);
    memcpy(run->start, run->network->store->params, bytes);
}

static void run_close(struct run *run) {
    ath__network_destroy(run->network);
    if (run->model != &run->tiny) ath_model_destroy(run->model);
    trajectory_close(&run->golden);
    free(run->start);
}

static void add_losses(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)logits;
    double *loss = context;
    for (int64_t i = 0; i < samples->count; i++) *loss += (double)losses[i] / (double)samples->count;
}

static void take_step(struct run *run, int step) {
    int                 b = step % run->golden.batches;
    struct ath__samples samples = {
        .images = run->golden.images[b], .labels = run->golden.labels[b], .count = run->golden.batch};
    ath_error err = {0};
    must(
        ath__network_step(run->network, &samples, run->golden.lr, (uint64_t)step, add_losses, &run->losses[step], &err),
        &err);
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* How close the worst comparison came to its limit: printed, so that a drift towards it shows before it fails. */
struct margin {
    double worst;
    char   where[160];
    int    compared, beyond_rounding;
};

/* Allowed are `rounding` and, on top, `kink`. */
static void check(struct margin *margin, const char *what, const char *which, double got, double want, double rounding,
                  double kink) {
    double allowed = rounding + kink, share = fabs(got - want) / allowed;
    margin->compared++;
    margin->beyond_rounding += fabs(got - want) > rounding;
    if (!(fabs(got - want) <= allowed))
        fail_msg("%s, %s: %.9g instead of %.9g, off by %.2g where %.2g is allowed", what, which, got, want,
                 fabs(got - want), allowed);
    if (share <= margin->worst) return;
    margin->worst = share;
    snprintf(margin->where, sizeof margin->where, "%s, %s", what, which);
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double item(const json_t *object, const char *list, size_t i) {
    return json_number_value(json_array_get(json_object_get(object, list), i));
}

static double distance(const json_t *a, const json_t *b, const char *key) {
    return fabs(trajectory_number(a, key) - trajectory_number(b, key));
}

/* Largest distance of sampled entries and of the largest entry. */
static double sampled_distance(const json_t *a, const json_t *b) {
    double worst = distance(a, b, "maxabs");
    for (size_t i = 0; i < json_array_size(json_object_get(a, "samples")); i++)
        worst = larger(worst, fabs(item(a, "samples", i) - item(b, "samples", i)));
    return worst;
}

struct totals {
    double sum, sumsq, maxabs;
};

static void check_gradient(struct run *run, struct margin *margin, const json_t *row, const double *grad,
                           int64_t count) {
    const char   *name = json_string_value(json_object_get(row, "name"));
    const json_t *g64 = json_object_get(row, "grad64"), *a = json_object_get(row, "grad32"),
                 *b = json_object_get(row, "grad32_other");
    double        largest = trajectory_number(g64, "maxabs");
    struct totals got = {0};
    for (int64_t i = 0; i < count; i++) {
        got.sum += grad[i];
        got.sumsq += grad[i] * grad[i];
        got.maxabs = larger(got.maxabs, fabs(grad[i]));
    }
    if (json_is_true(json_object_get(row, "zero_gradient"))) {
        double rounding = run->factor * larger(trajectory_number(a, "maxabs"), trajectory_number(b, "maxabs"));
        check(margin, name, "largest of a gradient that is zero", got.maxabs, 0.0, rounding, 0.0);
        return;
    }
    double entry = run->factor * larger(sampled_distance(a, g64), sampled_distance(b, g64)) + run->order * largest;
    double kink = run->kink * largest, spread = sqrt((double)count);
    check(margin, name, "largest", got.maxabs, largest, entry, kink);
    for (size_t k = 0; k < json_array_size(json_object_get(row, "at")); k++) {
        char which[32];
        snprintf(which, sizeof which, "entry %lld", (long long)item(row, "at", k));
        check(margin, name, which, grad[(int64_t)item(row, "at", k)], item(g64, "samples", k), entry, kink);
    }
    double sumsq = trajectory_number(g64, "sumsq"), twice = 2.0 * sqrt(sumsq / (double)count);
    check(margin, name, "sum", got.sum, trajectory_number(g64, "sum"),
          run->factor * larger(distance(a, g64, "sum"), distance(b, g64, "sum")) + spread * run->order * largest,
          spread * kink);
    check(margin, name, "sum of squares", got.sumsq, sumsq,
          run->factor * larger(distance(a, g64, "sumsq"), distance(b, g64, "sumsq")) +
              twice * spread * run->order * largest,
          twice * spread * kink);
}

/* After the first step the momentum is v = gradient + weight_decay * p, which gives the gradient away. */
static void check_gradients(struct run *run, struct margin *margin) {
    const struct ath__store *store = run->network->store;
    const struct ath__entry *slot = ath__store_find(store, "optimizer.slot0.group0");
    size_t                   index;
    json_t                  *row;
    assert_non_null(slot);
    json_array_foreach(json_object_get(run->golden.json, "parameters"), index, row) {
        if (json_is_true(json_object_get(row, "frozen"))) continue;
        const struct ath__entry *entry = ath__store_find(store, json_string_value(json_object_get(row, "name")));
        int64_t                  count = ath_shape_count(&entry->shape);
        size_t                   at = (size_t)(entry->data - store->params);
        double                  *grad = malloc((size_t)count * sizeof *grad);
        assert_non_null(grad);
        for (int64_t i = 0; i < count; i++)
            grad[i] = (double)slot->data[at - store->group_first[0] + (size_t)i] -
                      run->golden.weight_decay * (double)run->start[at + (size_t)i];
        check_gradient(run, margin, row, grad, count);
        free(grad);
    }
}

static double relative_loss_distance(const json_t *json, const char *list, size_t step) {
    double truth = item(json, "losses64", step);
    return fabs(item(json, list, step) - truth) / truth;
}

static double gradient_square(const json_t *json) {
    double  sum = 0.0;
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(json, "parameters"), index,
                       row) if (!json_is_true(json_object_get(row, "frozen"))) sum +=
        trajectory_number(json_object_get(row, "grad64"), "sumsq");
    return sum;
}

static void check_losses(struct run *run, struct margin *margin) {
    const json_t *json = run->golden.json;
    double        e = 0.0, flip = run->golden.lr * run->kink * gradient_square(json);
    for (int s = 0; s < run->steps; s++) {
        double truth = item(json, "losses64", (size_t)s);
        char   what[32];
        e = larger(e, larger(relative_loss_distance(json, "losses32", (size_t)s),
                             relative_loss_distance(json, "losses32_other", (size_t)s)));
        snprintf(what, sizeof what, "step %d", s);
        check(margin, what, "loss", run->losses[s], truth, (run->factor * e + run->order) * truth, s * flip);
    }
}

/* How much further the losses of the second float32 run drifted than those of the first, at least 1. */
static double drift_ratio(const json_t *json) {
    double first = UNIT, second = UNIT;
    for (size_t s = 0; s < json_array_size(json_object_get(json, "losses64")); s++) {
        first = larger(first, relative_loss_distance(json, "losses32", s));
        second = larger(second, relative_loss_distance(json, "losses32_other", s));
    }
    return larger(1.0, second / first);
}

static double final_distance(const json_t *json) {
    double  worst = 0.0;
    size_t  index;
    json_t *row;
    json_array_foreach(json_object_get(json, "parameters"), index, row) {
        const json_t *f64 = json_object_get(row, "final64");
        worst =
            larger(worst, sampled_distance(json_object_get(row, "final32"), f64) / trajectory_number(f64, "maxabs"));
    }
    return worst;
}

static void check_final(struct run *run, struct margin *margin, const json_t *row, double relative) {
    const char              *name = json_string_value(json_object_get(row, "name"));
    const struct ath__entry *entry = ath__store_find(run->network->store, name);
    const json_t            *f64 = json_object_get(row, "final64");
    double                   largest = trajectory_number(f64, "maxabs"), got = 0.0;
    if (!entry) fail_msg("the net has no '%s'", name);
    for (int64_t i = 0; i < ath_shape_count(&entry->shape); i++) got = larger(got, fabs((double)entry->data[i]));
    check(margin, name, "largest at the end", got, largest, relative * largest, 0.0);
    for (size_t k = 0; k < json_array_size(json_object_get(f64, "samples")); k++)
        check(margin, name, "entry at the end", (double)entry->data[(int64_t)item(row, "at", k)],
              item(f64, "samples", k), relative * largest, 0.0);
}

static void check_finals(struct run *run, struct margin *margin) {
    const json_t *json = run->golden.json;
    double        relative = run->factor * final_distance(json) * drift_ratio(json) + run->order;
    size_t        index;
    json_t       *row;
    json_array_foreach(json_object_get(json, "parameters"), index, row) check_final(run, margin, row, relative);
    json_array_foreach(json_object_get(json, "buffers"), index, row) check_final(run, margin, row, relative);
}

static void test_case(void **state) {
    const struct golden_case *what = *state;
    struct run                run;
    struct margin             gradients = {0}, losses = {0}, finals = {0};
    run_open(&run, what);
    for (int s = 0; s < run.steps; s++) {
        take_step(&run, s);
        if (s == 0) check_gradients(&run, &gradients);
    }
    check_losses(&run, &losses);
    if (run.steps == run.golden.steps) check_finals(&run, &finals);
    print_message("%s %s%s: %d gradient figures, %d beyond rounding, at most %.2f of the limit (%s); losses %.2f (%s); "
                  "at the end %.2f (%s)\n",
                  what->model, what->layout, what->only ? ", direct" : "", gradients.compared,
                  gradients.beyond_rounding, gradients.worst, gradients.where, losses.worst, losses.where, finals.worst,
                  finals.where);
    if (what->only) assert_true(4 * gradients.beyond_rounding <= 3 * gradients.compared);
    run_close(&run);
}

/* Longest sums: tiny-bn, batch norm over 8x8x8; lenet5, conv1's weight gradient over 16x28x28; resnet18-cifar, 512x3x3
 * in a convolution; resnet18-mnist, the stem's weight gradient over 4x48x48; alexnet, 6400 inputs of fc1 and of conv3;
 * mobilenetv2-cifar, batch norms over 4x32x32; fastnet94, the whitening bias over 4x31x31.
 *
 * mobilenetv2, mobilenetv3-small and shufflenetv2 are 50 layers deep and more, of sums that are mostly short: what counts
 * is that the errors of all of them arrive in the last one. Independent errors add in their squares, so LENGTH is the
 * number of terms along the whole way, of one sum in every convolution and one in every batch norm, there and back.
 */
static const struct golden_case cases[] = {
    {"tiny-bn", "auto", 512, NULL, 0, false},
    {"tiny-bn", "plain", 512, NULL, 0, false},
    {"tiny-bn", "batch_blocks", 512, NULL, 0, false},
    {"lenet5", "auto", 12544, NULL, 0, false},
    {"lenet5", "plain", 12544, NULL, 0, false},
    {"lenet5", "channel_blocks", 12544, NULL, 0, false},
    {"lenet5", "batch_blocks", 12544, NULL, 0, false},
    {"resnet18-cifar", "auto", 4608, "onednn", 4 * 512 * 4 * 4, false},
    {"resnet18-cifar", "auto", 4608, NULL, 4 * 512 * 4 * 4, true},
    {"resnet18-mnist", "auto", 9216, "onednn", 4 * 512 * 3 * 3, false},
    {"resnet18-mnist", "auto", 9216, NULL, 4 * 512 * 3 * 3, true},
    {"alexnet", "auto", 6400, NULL, 0, false},
    {"mobilenetv2-cifar", "auto", 4096, NULL, 0, false},
    {"mobilenetv2-cifar", "plain", 4096, NULL, 0, false},
    {"mobilenetv2", "auto", 72936, NULL, 0, false},
    {"mobilenetv3-small", "auto", 35148, NULL, 0, false},
    {"shufflenetv2", "auto", 33584, NULL, 0, false},
    {"fastnet94", "auto", 3844, "onednn", 0, false},
    {"fastnet94", "auto", 3844, NULL, 0, true},
    {"fastnet94", "plain", 3844, NULL, 0, false},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* 77 tells ctest that the processor lacks what ATHANOR_CPU asks for. */
static bool lacks_tier(void) {
    const char *mask = getenv("ATHANOR_CPU");
    for (int tier = ATH_CPU_GENERIC; mask && tier <= ATH_CPU_AVX512BF16; tier++)
        if (strcmp(mask, ath__cpu_tier_name((ath_cpu_tier)tier)) == 0 &&
            ath__cpuinfo()->hardware < (ath_cpu_tier)tier) {
            printf("skipped: this processor has no %s\n", mask);
            return true;
        }
    return false;
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[CASES];
    size_t            count = 0;
    char              names[CASES][64];
    if (lacks_tier()) return 77;
    for (size_t i = 0; i < CASES; i++) {
        if (argc > 1 && strcmp(argv[1], cases[i].model) != 0) continue;
        if (argc > 2 && strcmp(argv[2], cases[i].layout) != 0) continue;
        snprintf(names[count], sizeof names[count], "%s %s%s", cases[i].model, cases[i].layout,
                 cases[i].only ? ", direct" : "");
        tests[count] = (struct CMUnitTest){names[count], test_case, NULL, NULL, (void *)(uintptr_t)&cases[i]};
        count++;
    }
    if (count == 0) {
        fprintf(stderr, "no case is called '%s'\n", argv[1]);
        return 2;
    }
    return _cmocka_run_group_tests("golden trajectories", tests, count, NULL, NULL);
}
