/* Every optimiser against ten float64 steps (tests/golden/optimizers.json: PyTorch's where it has the optimiser),
 * through the compiled plan that training runs; and its settings.
 *
 * Tolerance. u = 2^-24 is half a unit in the last place of float32. A step adds to each parameter p a move m that comes
 * out of at most CHAIN roundings, each relative to what it rounds, and the sum rounds once more:
 *
 *     |error after t steps| <= sum over steps of  u * max|p| + CHAIN * u * max|m|
 *
 * CHAIN = 32 covers the longest chain (20 steps) and the states, whose rounding errors decay. Muon's five iterations
 * each round relative to the largest singular value and bring the smallest up to it, an error with it: the golden
 * matrices' ratio of the two is below 5, so CHAIN is 32 * 5 * 5 there. Where a sum of gradient and weight decay nearly
 * cancels, Adam divides a small number by its own size; the golden gradients have no such entry.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "graph/plan.h"
#include "graph/store.h"
#include "optim/optimizer.h"
#include "train/settings.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 10, W = 24, B = 5, VALUES = W + B, W_PADDED = 32, FLAT = 48, MAX_SLOTS = ATH_OPTIM_MAX_SLOTS };
#define UNIT 0x1p-24
#define CHAIN 32.0
#define NEWTON_SCHULZ 25.0

static json_t *golden;

static int load(void **state) {
    json_error_t fault;
    (void)state;
    golden = json_load_file(ATHANOR_TEST_SOURCE "/golden/optimizers.json", 0, &fault);
    if (!golden) fprintf(stderr, "optimizers.json: %s\n", fault.text);
    return golden ? 0 : -1;
}

static int unload(void **state) {
    (void)state;
    json_decref(golden);
    return 0;
}

static double number(const json_t *tensor, int i) {
    return json_number_value(json_array_get(json_object_get(tensor, "data"), (size_t)i));
}

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* Where value i of a golden row lies in the flat array. */
static int place(int i) {
    return i < W ? i : W_PADDED + i - W;
}

/* ---- one optimiser on its own ------------------------------------------------------------------------------------ */

struct trial {
    const struct ath__optimizer *optimizer;
    struct ath__optim_settings   settings;
    double                       lr;
    int64_t                      total; /* of the flat array: w alone, or w and b */
    int64_t                      rows;  /* of w */
    float                        params[FLAT], slots[MAX_SLOTS][FLAT];
    struct ath__plan            *plan;
};

static void *bind(void *context, const struct ath__value *leaf) {
    struct trial *trial = context;
    if (leaf->leaf == ATH_LEAF_FLAT) return trial->params;
    return leaf->leaf == ATH_LEAF_STATE ? trial->slots[atoi(leaf->name + 4)] : NULL;
}

static void build(struct trial *trial) {
    const struct ath__optim_piece pieces[] = {{0, ath_shape_of(trial->rows, W / trial->rows)},
                                              {W_PADDED, ath_shape_of(B)}};
    ath_graph                    *graph = ath_graph_create();
    ath_init                      zero = {.kind = ATH_INIT_ZEROS, .from = ATH_NONE};
    ath_error                     err = {0};
    struct ath__optim_step        step = {.pieces = pieces, .piece_count = trial->total == FLAT ? 2 : 1};
    step.params = ath__graph_flat(graph, 0, trial->total);
    step.grad = ath_step_input(graph, "grad", ATH_F32, ath_shape_of(trial->total));
    for (int s = 0; s < trial->optimizer->slots(&trial->settings); s++) {
        char name[16];
        snprintf(name, sizeof name, "slot%d", s);
        step.slot[s] = ath_state(graph, name, ath_shape_of(trial->total), zero);
    }
    for (int s = 0; s < trial->optimizer->scalars; s++) {
        char name[16];
        snprintf(name, sizeof name, "scalar%d", s);
        step.scalar[s] = ath_step_input(graph, name, ATH_F32, (ath_shape){.rank = 0});
    }
    ath__graph_store(graph, trial->optimizer->build(graph, &trial->settings, &step), step.params);
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .training = true, .bind = bind, .context = trial};
    must(ath__plan_compile(graph, &options, &trial->plan, &err), &err);
}

static void take_step(struct trial *trial, int t) {
    double        values[ATH_OPTIM_MAX_SCALARS];
    float         scalars[ATH_OPTIM_MAX_SCALARS], grad[FLAT] = {0};
    ath_error     err = {0};
    const json_t *all = json_object_get(golden, "gradients");
    for (int i = 0; i < VALUES; i++)
        if (place(i) < trial->total) grad[place(i)] = (float)number(all, t * VALUES + i);
    must(ath__plan_input(trial->plan, "grad", grad, &err), &err);
    trial->optimizer->scalars_at(&trial->settings, t + 1, trial->lr, values);
    for (int s = 0; s < trial->optimizer->scalars; s++) {
        char name[16];
        scalars[s] = (float)values[s];
        snprintf(name, sizeof name, "scalar%d", s);
        must(ath__plan_input(trial->plan, name, &scalars[s], &err), &err);
    }
    must(ath__plan_run(trial->plan, ATH_PHASE_PROLOGUE, 0, &err), &err);
}

/* Largest |parameter| and |move| of a step. */
static void sizes(const json_t *params, int t, double *largest, double *move) {
    *largest = *move = 0.0;
    for (int i = 0; i < VALUES; i++) {
        double now = number(params, t * VALUES + i);
        double before = t ? number(params, (t - 1) * VALUES + i) : number(json_object_get(golden, "start"), i);
        *largest = fmax(*largest, fmax(fabs(now), fabs(before)));
        *move = fmax(*move, fabs(now - before));
    }
}

static bool set_settings(struct trial *trial, const json_t *settings) {
    const char *key;
    json_t     *value;
    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        char      text[32];
        ath_error err = {0};
        if (strncmp(key, "lookahead", 9) == 0) return false;
        snprintf(text, sizeof text, "%.17g",
                 json_is_boolean(value) ? (double)json_is_true(value) : json_number_value(value));
        if (strcmp(key, "lr") == 0)
            trial->lr = json_number_value(value);
        else
            must(ath__optimizer_set(trial->optimizer, &trial->settings, key, text, &err), &err);
    }
    return true;
}

/* Compares a whole trail; returns the worst share of the tolerance. */
static double follow(struct trial *trial, const json_t *params, double chain) {
    double tolerance = 0.0, worst = 0.0;
    for (int i = 0; i < VALUES; i++)
        if (place(i) < trial->total) trial->params[place(i)] = (float)number(json_object_get(golden, "start"), i);
    for (int t = 0; t < STEPS; t++) {
        double largest, move;
        take_step(trial, t);
        sizes(params, t, &largest, &move);
        tolerance += UNIT * largest + chain * UNIT * move;
        for (int i = 0; i < VALUES; i++) {
            if (place(i) >= trial->total) continue;
            double apart = fabs((double)trial->params[place(i)] - number(params, t * VALUES + i));
            if (!(apart <= tolerance))
                fail_msg("%s, step %d, value %d: off by %.3g, %.3g is allowed", trial->optimizer->name, t + 1, i, apart,
                         tolerance);
            worst = fmax(worst, apart / tolerance);
        }
    }
    for (int i = W; i < W_PADDED; i++) assert_true(trial->params[i] == 0.0f); /* what only pads stays zero */
    return worst;
}

static void test_golden(void **state) {
    (void)state;
    size_t  index;
    json_t *row;
    int     seen = 0;
    json_array_foreach(json_object_get(golden, "cases"), index, row) {
        struct trial trial = {.total = FLAT, .rows = json_integer_value(json_object_get(row, "rows"))};
        ath_error    err = {0};
        must(ath__optimizer_find(json_string_value(json_object_get(row, "optimizer")), &trial.optimizer, &err), &err);
        ath__optimizer_defaults(trial.optimizer, &trial.settings);
        if (!set_settings(&trial, json_object_get(row, "settings"))) continue;
        bool muon = trial.optimizer == &ath__optimizer_muon;
        if (muon) trial.total = W_PADDED;
        build(&trial);
        double worst = follow(&trial, json_object_get(row, "params"), muon ? CHAIN * NEWTON_SCHULZ : CHAIN);
        struct ath__plan_memory memory = ath__plan_memory(trial.plan);
        print_message("%-8s %.2f of the tolerance, %d kernel calls\n", trial.optimizer->name, worst,
                      memory.calls[ATH_PHASE_PROLOGUE]);
        if (!trial.optimizer->fits && trial.optimizer != &ath__optimizer_lars)
            assert_in_range(memory.calls[ATH_PHASE_PROLOGUE], 1, 1); /* one pass over memory */
        ath__plan_destroy(trial.plan);
        seen++;
    }
    assert_true(seen >= 20);
}

/* Every row of the list has a golden case. */
static void test_all_covered(void **state) {
    (void)state;
    for (int i = 0; ath__optimizer_at(i); i++) {
        size_t  index;
        json_t *row;
        bool    found = false;
        json_array_foreach(json_object_get(golden, "cases"), index, row) found |=
            strcmp(json_string_value(json_object_get(row, "optimizer")), ath__optimizer_at(i)->name) == 0;
        if (!found) fail_msg("%s has no golden case", ath__optimizer_at(i)->name);
    }
}

/* LARS moves a weight of zeros, and one whose gradient is zero. */
static void test_lars_zero(void **state) {
    (void)state;
    struct trial trial = {.total = FLAT, .rows = 3, .optimizer = &ath__optimizer_lars, .lr = 0.5};
    ath__optimizer_defaults(trial.optimizer, &trial.settings);
    build(&trial);
    take_step(&trial, 0);
    for (int i = 0; i < VALUES; i++) {
        float want = -0.5f * (float)number(json_object_get(golden, "gradients"), i);
        assert_true(trial.params[place(i)] == want); /* ratio 1, momentum 0 so far: exact */
    }
    ath__plan_destroy(trial.plan);
}

/* Sums have an order that shapes alone decide: in our own kernels any number of threads gives the same bits. Muon's
 * products are the library's, which may share out a long sum by threads: there the same number of threads gives the same
 * bits. A weight wide enough for products and norms to be shared out. */
enum { FILTERS = 96, INPUTS = 2304, WIDE = FILTERS * INPUTS };
struct wide {
    float *params, *slot, *grad;
};

static void *bind_wide(void *context, const struct ath__value *leaf) {
    struct wide *wide = context;
    return leaf->leaf == ATH_LEAF_FLAT ? wide->params : wide->slot;
}

static void run_wide(const struct ath__optimizer *optimizer, struct wide *wide) {
    const struct ath__optim_piece piece = {0, ath_shape_of(FILTERS, INPUTS)};
    struct ath__optim_settings    settings;
    struct ath__plan             *plan = NULL;
    struct ath__rng               rng;
    ath_graph                    *graph = ath_graph_create();
    ath_init                      zero = {.kind = ATH_INIT_ZEROS, .from = ATH_NONE};
    ath_error                     err = {0};
    struct ath__optim_step        step = {.pieces = &piece, .piece_count = 1};
    double                        values[ATH_OPTIM_MAX_SCALARS];
    float                         scalars[ATH_OPTIM_MAX_SCALARS];
    ath__rng_start(&rng, 11, ATH_RNG_TEST, 0, 0);
    for (int i = 0; i < WIDE; i++) {
        wide->params[i] = ath__rng_uniform(&rng) - 0.5f;
        wide->grad[i] = ath__rng_uniform(&rng) - 0.5f;
        wide->slot[i] = 0.0f;
    }
    ath__optimizer_defaults(optimizer, &settings);
    step.params = ath__graph_flat(graph, 0, WIDE);
    step.grad = ath_step_input(graph, "grad", ATH_F32, ath_shape_of(WIDE));
    step.slot[0] = ath_state(graph, "slot", ath_shape_of(WIDE), zero);
    for (int s = 0; s < optimizer->scalars; s++) {
        char name[16];
        snprintf(name, sizeof name, "scalar%d", s);
        step.scalar[s] = ath_step_input(graph, name, ATH_F32, (ath_shape){.rank = 0});
    }
    ath__graph_store(graph, optimizer->build(graph, &settings, &step), step.params);
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .training = true, .bind = bind_wide, .context = wide};
    must(ath__plan_compile(graph, &options, &plan, &err), &err);
    must(ath__plan_input(plan, "grad", wide->grad, &err), &err);
    optimizer->scalars_at(&settings, 1, 0.1, values);
    for (int s = 0; s < optimizer->scalars; s++) {
        char name[16];
        snprintf(name, sizeof name, "scalar%d", s);
        scalars[s] = (float)values[s];
        must(ath__plan_input(plan, name, &scalars[s], &err), &err);
    }
    for (int t = 0; t < 2; t++) must(ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, &err), &err);
    ath__plan_destroy(plan);
}

static void test_threads(void **state) {
    (void)state;
    struct wide wide = {ath__alloc_array(WIDE, sizeof(float)), ath__alloc_array(WIDE, sizeof(float)),
                        ath__alloc_array(WIDE, sizeof(float))};
    float      *first = ath__alloc_array(WIDE, sizeof(float));
    assert_true(wide.params && wide.slot && wide.grad && first);
    const struct {
        const struct ath__optimizer *optimizer;
        bool                         own;
    } trials[] = {{&ath__optimizer_sgd, true}, {&ath__optimizer_lars, true}, {&ath__optimizer_muon, false}};
    for (int o = 0; o < 3; o++)
        for (int threads = 1; threads <= 4; threads++) {
            ath__threads_set(threads);
            if (threads == 1 || !trials[o].own) {
                run_wide(trials[o].optimizer, &wide);
                memcpy(first, wide.params, WIDE * sizeof(float));
            }
            run_wide(trials[o].optimizer, &wide);
            if (memcmp(first, wide.params, WIDE * sizeof(float)) != 0)
                fail_msg("%s: %d threads give other bits than %s", trials[o].optimizer->name, threads,
                         trials[o].own ? "one" : "the same number before");
        }
    ath__threads_set(0);
    ath__free(wide.params);
    ath__free(wide.slot);
    ath__free(wide.grad);
    ath__free(first);
}

/* NAdam's product of momenta: stopping early gives the same bits as multiplying all. */
static void test_nadam_product(void **state) {
    (void)state;
    struct ath__optim_settings settings;
    double                     scalars[ATH_OPTIM_MAX_SCALARS], product = 1.0;
    ath__optimizer_defaults(&ath__optimizer_nadam, &settings);
    for (int64_t t = 1; t <= 3000; t++) {
        double mu = settings.beta1 * (1.0 - 0.5 * pow(0.96, (double)t * settings.momentum_decay));
        product *= mu;
        ath__optimizer_nadam.scalars_at(&settings, t, 1.0, scalars);
        assert_true(scalars[1] == (1.0 - mu) / (1.0 - product));
    }
}

static void test_settings(void **state) {
    (void)state;
    struct ath__optim_settings   settings;
    const struct ath__optimizer *optimizer;
    ath_error                    err = {0};
    assert_int_equal(ath__optimizer_find("adamm", &optimizer, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "did you mean 'adam"));
    assert_int_equal(ath__optimizer_find("xyzzy", &optimizer, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "muon"));
    assert_int_equal(ath__optimizer_set(&ath__optimizer_adam, &settings, "momentum", "0.9", &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "beta1")); /* what Adam has */
    assert_non_null(strstr(err.message, "sgd"));   /* who has momentum */
    assert_non_null(strstr(err.message, "momentum=auto"));
    assert_int_equal(ath__optimizer_set(&ath__optimizer_adam, &settings, "beta1", "x", &err), ATH_USAGE);
    ath__optimizer_defaults(&ath__optimizer_muon, &settings);
    assert_true(settings.nesterov == 1.0 && settings.momentum == 0.95 && settings.beta1 == 0.0);
    assert_string_equal(ath__optimizer_default(&ath__optimizer_adamw, "lr"), "0.001");
    assert_string_equal(ath__optimizer_default(&ath__optimizer_adamw, "weight_decay"), "0.01");
    assert_null(ath__optimizer_default(&ath__optimizer_sgd, "beta1"));
    assert_true(ath__optim_is_key("centered") && !ath__optim_is_key("schedule"));
}

/* The key table knows every optimiser and every setting of one, and leaves their defaults to them. */
static void test_table(void **state) {
    (void)state;
    const char *summary = ath__setting_find("optimizer")->summary;
    for (int i = 0; ath__optimizer_at(i); i++) {
        if (!strstr(summary, ath__optimizer_at(i)->name)) fail_msg("help does not name %s", ath__optimizer_at(i)->name);
        assert_int_equal(ath__setting_check(ath__setting_find("lr"), ath__optimizer_at(i)->lr, NULL), ATH_OK);
        for (const struct ath__optim_key *key = ath__optimizer_at(i)->keys; key->name; key++) {
            const struct ath__setting *setting = ath__setting_find(key->name);
            if (!setting || strcmp(setting->fallback, "auto") != 0) fail_msg("no setting %s=auto", key->name);
            assert_int_equal(ath__setting_check(setting, key->fallback, NULL), ATH_OK);
            assert_true(ath__optim_is_key(key->name));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),  cmocka_unit_test(test_all_covered),   cmocka_unit_test(test_lars_zero),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_nadam_product), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
