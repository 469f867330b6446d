/* The update around the optimiser, in a network: parameter groups, decay exclusion, clipping, Lookahead, running
 * averages, Muon beside AdamW; and that settings which nobody reads are errors.
 *
 * Steps are taken by plain SGD where a gradient is wanted: with rate 1 and no momentum p - p' is the gradient, off by
 * the rounding of p' (u * |p|, u = 2^-24). Tolerances are that, and a few u relative to the figure itself.
 */
#include "athanor/train.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/network.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 8, CLASSES = 10, PIXELS = 28 * 28 };
#define UNIT 0x1p-24

static const char model_file[] = "name: update-net\n"
                                 "input: [1, 28, 28]\n"
                                 "classes: 10\n"
                                 "layers:\n"
                                 "  - conv: {out: 8, kernel: 3, stride: 2, padding: 1}\n"
                                 "  - batch_norm\n"
                                 "  - relu\n"
                                 "  - max_pool: {kernel: 2}\n"
                                 "  - flatten\n"
                                 "  - linear: {out: classes}\n";

static float                     images[BATCH * PIXELS];
static int32_t                   labels[BATCH];
static const struct ath__samples samples = {.images = images, .labels = labels, .count = BATCH};
static ath_model                *model;

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static int prepare(void **state) {
    struct ath__rng rng;
    ath_error       err = {0};
    FILE           *file = fopen("update-net.yaml", "w");
    (void)state;
    if (!file || fputs(model_file, file) < 0 || fclose(file) != 0) return -1;
    ath__rng_start(&rng, 3, ATH_RNG_TEST, 1, 0);
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    for (int i = 0; i < BATCH; i++) labels[i] = (int32_t)ath__rng_below(&rng, CLASSES);
    return ath_model_create("update-net.yaml", &model, &err) == ATH_OK ? 0 : -1;
}

static int clean(void **state) {
    (void)state;
    ath_model_destroy(model);
    return 0;
}

/* A network as `pairs` (key, value, ..., NULL) say. */
static ath_status make(const char *const *pairs, struct ath__network **network, ath_error *err) {
    ath_config *config = NULL;
    ath_status  status = ath_config_create(&config, err);
    for (; status == ATH_OK && pairs[0]; pairs += 2)
        status = ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, err);
    *network = NULL;
    if (status == ATH_OK) status = ath__setup_network(config, model, true, NULL, network, err);
    if (status == ATH_OK) status = ath__network_start(*network, "kaiming", 5, err);
    ath_config_destroy(config);
    return status;
}

#define NETWORK(...) make_or_fail((const char *const[]){__VA_ARGS__, NULL})
static struct ath__network *make_or_fail(const char *const *pairs) {
    struct ath__network *network;
    ath_error            err = {0};
    must(make(pairs, &network, &err), &err);
    return network;
}

static void step(struct ath__network *network, double lr, uint64_t t) {
    ath_error err = {0};
    must(ath__network_step(network, &samples, lr, t, NULL, NULL, &err), &err);
}

static float *copy_of(const float *values, size_t count) {
    float *copy = ath__alloc_array(count, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static const struct ath__entry *param(const struct ath__network *network, const char *name) {
    const struct ath__entry *entry = ath__store_find(network->store, name);
    if (!entry) fail_msg("no parameter '%s'", name);
    return entry;
}

/* Names of the net's parameters, in the order of the graph. */
static const char *name_of(const struct ath__network *network, int wanted) {
    for (int i = 0; i < network->store->count; i++)
        if (network->store->entries[i].leaf == ATH_LEAF_PARAM && wanted-- == 0) return network->store->entries[i].name;
    return NULL;
}

/* The gradient of every parameter, by name, from one plain step of rate 1. */
struct gradients {
    struct ath__network *network; /* behind the step */
    float               *before;  /* its flat array in front of it */
};

static struct gradients measure(void) {
    struct gradients g = {.network = NETWORK("optimizer", "sgd")};
    g.before = copy_of(g.network->store->params, g.network->store->params_count);
    step(g.network, 1.0, 0);
    return g;
}

static void forget(struct gradients *g) {
    ath__network_destroy(g->network);
    ath__free(g->before);
}

static double gradient(const struct gradients *g, const char *name, int64_t i) {
    const struct ath__entry *entry = param(g->network, name);
    int64_t                  at = entry->data - g->network->store->params + i;
    return (double)g->before[at] - (double)g->network->store->params[at];
}

/* p' = p - rate * (factor * g + decay * p) for every value of a parameter. */
static void check_moved(const struct gradients *g, const struct ath__network *network, const float *before,
                        const char *name, double rate, double factor, double decay) {
    const struct ath__entry *entry = param(network, name);
    int64_t                  count = ath_shape_count(&entry->shape), at = entry->data - network->store->params;
    bool                     any = false;
    for (int64_t i = 0; i < count; i++) {
        double p = (double)before[at + i], slope = gradient(g, name, i);
        double want = p - rate * (factor * slope + decay * p);
        /* the slope is known to u * max(|p|, |p'|); six roundings of the new step */
        double allowed = UNIT * (rate * factor * (fabs(p) + fabs(slope)) + 2.0 * fabs(want) + 6.0 * fabs(want - p));
        if (!(fabs((double)entry->data[i] - want) <= allowed))
            fail_msg("%s[%lld]: %.9g, not %.9g within %.2g", name, (long long)i, (double)entry->data[i], want, allowed);
        any |= entry->data[i] < before[at + i] || entry->data[i] > before[at + i];
    }
    assert_true(any || rate == 0.0);
}

static void refused(const char *part, const char *const *pairs) {
    struct ath__network *network;
    ath_error            err = {0};
    assert_int_equal(make(pairs, &network, &err), ATH_USAGE);
    if (!strstr(err.message, part)) fail_msg("'%s' does not say '%s'", err.message, part);
    ath__network_destroy(network);
}
#define REFUSED(part, ...) refused(part, (const char *const[]){__VA_ARGS__, NULL})

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool is_bias(const char *name) {
    return strcmp(name + strlen(name) - 4, "bias") == 0;
}

static void test_groups(void **state) {
    (void)state;
    struct gradients     g = measure();
    struct ath__network *network = NETWORK("weight_decay", "0.1", "group.bias.match", "*.bias", "group.bias.lr", "64",
                                           "group.bias.weight_decay", "0");
    float               *before = copy_of(network->store->params, network->store->params_count);
    assert_int_equal(network->groups.count, 2);
    step(network, 0.01, 0);
    for (int k = 0; name_of(network, k); k++) {
        const char *name = name_of(network, k);
        check_moved(&g, network, before, name, is_bias(name) ? 0.64 : 0.01, 1.0, is_bias(name) ? 0.0 : 0.1);
    }
    ath__free(before);
    ath__network_destroy(network);
    forget(&g);
}

/* A group stands still outside of its time. */
static void test_group_time(void **state) {
    (void)state;
    struct ath__network *network =
        NETWORK("group.bias.match", "*.bias", "group.bias.from", "1ep", "group.bias.until", "5it");
    const struct ath__entry *bias = NULL;
    for (int k = 0; name_of(network, k); k++)
        if (is_bias(name_of(network, k))) bias = param(network, name_of(network, k));
    network->steps_per_epoch = 2.0;
    for (uint64_t t = 0; t < 7; t++) {
        float before = bias->data[0];
        step(network, 0.1, t);
        bool moved = bias->data[0] < before || bias->data[0] > before;
        assert_int_equal(moved, t >= 2 && t < 5);
    }
    ath__network_destroy(network);
    REFUSED("30ep", "group.a.match", "*", "group.a.until", "3");
}

/* decay.exclude=norm takes scale and shift of the batch norm, bias the biases of all layers. */
static void test_decay_exclude(void **state) {
    (void)state;
    struct gradients g = measure();
    for (int which = 0; which < 3; which++) {
        static const char *const exclusions[] = {"norm", "bias", "[norm, bias]"};
        struct ath__network     *network = NETWORK("weight_decay", "0.1", "decay.exclude", exclusions[which]);
        float                   *before = copy_of(network->store->params, network->store->params_count);
        int                      excluded = 0;
        step(network, 0.5, 0);
        for (int k = 0; name_of(network, k); k++) {
            const char *name = name_of(network, k);
            char        state_name[128];
            snprintf(state_name, sizeof state_name, "%.*s.running_mean", (int)(strrchr(name, '.') - name), name);
            bool norm = ath__store_find(network->store, state_name) != NULL;
            bool out = (which != 1 && norm) || (which != 0 && is_bias(name));
            excluded += out;
            check_moved(&g, network, before, name, 0.5, 1.0, out ? 0.0 : 0.1);
        }
        assert_int_equal(excluded, which == 0 ? 2 : which == 1 ? 3 : 4);
        ath__free(before);
        ath__network_destroy(network);
    }
    forget(&g);
}

/* Weights of two or more dimensions by Muon, the others by AdamW; each with its own states. */
static void test_muon(void **state) {
    (void)state;
    struct ath__network *network = NETWORK("optimizer", "muon", "decay.exclude", "norm,bias");
    assert_int_equal(network->groups.count, 2);
    for (int i = 0; i < network->store->count; i++) {
        const struct ath__entry *entry = &network->store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM) continue;
        const char *wanted = entry->shape.rank >= 2 ? "muon" : "adamw";
        assert_string_equal(network->groups.at[entry->group].optimizer->name, wanted);
    }
    assert_non_null(ath__store_find(network->store, "optimizer.slot0.group0"));
    assert_null(ath__store_find(network->store, "optimizer.slot1.group0"));
    assert_non_null(ath__store_find(network->store, "optimizer.slot1.group1"));
    for (uint64_t t = 0; t < 5; t++) step(network, 0.02, t);
    for (size_t i = 0; i < network->store->params_count; i++) assert_true(isfinite(network->store->params[i]));
    ath__network_destroy(network);
}

static void test_refused(void **state) {
    (void)state;
    REFUSED("takes no parameter", "group.a.match", "*.bais");
    REFUSED("takes no parameter", "group.a.match", "*", "group.b.match", "*.bias");
    REFUSED("needs group.a.match", "group.a.lr", "2");
    REFUSED("unknown key 'group.a.rate'", "group.a.match", "*", "group.a.rate", "2");
    REFUSED("group.NAME.KEY", "group.match", "*");
    REFUSED("a multiple of lr", "group.a.match", "*", "group.a.lr", "fast");
    REFUSED("does not use beta1", "group.a.match", "*", "group.a.beta1", "0.5");
    REFUSED("weight_decay must be", "group.a.match", "*", "group.a.weight_decay", "-1");
    REFUSED("does not use momentum", "optimizer", "adam", "momentum", "0.9");
    REFUSED("nesterov=true needs momentum", "nesterov", "true");
    REFUSED("exclude each other", "clip.norm", "1", "clip.value", "1");
    REFUSED("decay.exclude must be", "decay.exclude", "weights");
    REFUSED("did you mean 'adam'", "optimizer", "adamv");
}

/* What the recipe says of another optimiser does not stand in the way of the command line. */
static void test_ignored(void **state) {
    (void)state;
    ath_config          *config = NULL;
    ath_error            err = {0};
    struct ath__network *network = NULL;
    must(ath_config_create(&config, &err), &err);
    must(ath_config_set(config, "momentum", "0.9", ATH_ORIGIN_RECIPE, &err), &err);
    must(ath_config_set(config, "optimizer", "adam", ATH_ORIGIN_COMMAND_LINE, &err), &err);
    assert_string_equal(ath_config_get(config, "momentum"), "auto");
    assert_string_equal(ath_config_get(config, "beta1"), "0.9");
    assert_string_equal(ath_config_get(config, "lr"), "0.001");
    assert_string_equal(ath_config_get(config, "schedule.every"), "auto");
    must(ath__setup_network(config, model, true, NULL, &network, &err), &err);
    ath__network_destroy(network);
    must(ath_config_set(config, "optimizer", "sgd", ATH_ORIGIN_COMMAND_LINE, &err), &err);
    assert_string_equal(ath_config_get(config, "momentum"), "0.9");
    assert_string_equal(ath_config_get(config, "lr"), "0.1");
    ath_config_destroy(config);
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

static double norm_of(const struct gradients *g) {
    double sum = 0.0;
    for (int k = 0; name_of(g->network, k); k++) {
        int64_t count = ath_shape_count(&param(g->network, name_of(g->network, k))->shape);
        for (int64_t i = 0; i < count; i++) sum += pow(gradient(g, name_of(g->network, k), i), 2.0);
    }
    return sqrt(sum);
}

/* Over two groups, so that the norm is one over both; and it is measured without clipping. */
static void test_clip_norm(void **state) {
    (void)state;
    struct gradients g = measure();
    double           norm = norm_of(&g);
    for (int which = 0; which < 3; which++) {
        char limit[32];
        snprintf(limit, sizeof limit, "%.9g", which == 0 ? norm / 3.0 : norm * 2.0);
        struct ath__network *network = NETWORK(which == 2 ? "log.grad_norm" : "clip.norm", which == 2 ? "true" : limit,
                                               "group.bias.match", "*.bias");
        float *before = copy_of(network->store->params, network->store->params_count);
        step(network, 1.0, 0);
        /* what the slopes are known to, and a sum in double of float squares */
        assert_true(fabs(network->grad_norm - norm) <= 1e-5 * norm);
        double factor = which == 0 ? atof(limit) / (network->grad_norm + 1e-6) : 1.0;
        for (int k = 0; name_of(network, k); k++)
            check_moved(&g, network, before, name_of(network, k), 1.0, factor, 0.0);
        ath__free(before);
        ath__network_destroy(network);
    }
    assert_true(isnan(g.network->grad_norm));
    forget(&g);
}

static void test_clip_value(void **state) {
    (void)state;
    struct gradients     g = measure();
    struct ath__network *network = NETWORK("clip.value", "0.01");
    float               *before = copy_of(network->store->params, network->store->params_count);
    int                  clipped = 0, total = 0;
    step(network, 1.0, 0);
    for (int k = 0; name_of(network, k); k++) {
        const struct ath__entry *entry = param(network, name_of(network, k));
        int64_t                  at = entry->data - network->store->params;
        for (int64_t i = 0; i < ath_shape_count(&entry->shape); i++, total++) {
            double slope = gradient(&g, entry->name, i), p = (double)before[at + i];
            double want = p - fmin(fmax(slope, -0.01), 0.01);
            clipped += fabs(slope) > 0.01;
            assert_true(fabs((double)entry->data[i] - want) <= 4.0 * UNIT * (fabs(p) + fabs(slope) + fabs(want)));
        }
    }
    assert_in_range(clipped, 1, total - 1);
    ath__free(before);
    ath__network_destroy(network);
    forget(&g);
}

/* ---- Lookahead and averages -------------------------------------------------------------------------------------- */

/* Slow weights move every third step, and the fast ones go there; in between, SGD alone. */
static void test_lookahead(void **state) {
    (void)state;
    struct ath__network *network = NETWORK("momentum", "0.9", "lookahead", "3", "lookahead.alpha", "0.25");
    struct ath__network *plain = NETWORK("momentum", "0.9");
    size_t               count = plain->store->params_count;
    float               *slow = copy_of(plain->store->params, count);
    for (uint64_t t = 0; t < 7; t++) {
        step(network, 0.05, t);
        step(plain, 0.05, t);
        if ((t + 1) % 3 == 0) {
            for (size_t i = 0; i < count; i++) {
                volatile float apart = plain->store->params[i] - slow[i], part = apart * 0.25f;
                slow[i] += part;
                plain->store->params[i] = slow[i];
            }
            ath__network_changed(plain);
        }
        assert_memory_equal(network->store->params, plain->store->params, count * sizeof(float));
    }
    ath__free(slow);
    ath__network_destroy(network);
    ath__network_destroy(plain);
}

/* The share falls from 1 to 0.25 as the cube of time, running statistics follow, and the last step of seven ends on the
 * slow weights although it is none of every three. */
static void test_growing_lookahead(void **state) {
    (void)state;
    enum { STEPS = 7 };
    struct ath__network *network = NETWORK("momentum", "0.9", "lookahead", "3", "lookahead.alpha", "1", "lookahead.end",
                                           "0.25", "lookahead.power", "3", "lookahead.statistics", "true");
    struct ath__network *plain = NETWORK("momentum", "0.9");
    size_t               count = plain->store->params_count;
    float               *slow = copy_of(plain->store->params, count);
    const char          *name = NULL;
    for (int i = 0; i < plain->store->count; i++)
        if (strstr(plain->store->entries[i].name, "running_var")) name = plain->store->entries[i].name;
    assert_non_null(name);
    const struct ath__entry *follows = ath__store_find(network->store, name);
    struct ath__entry       *live = ath__store_find(plain->store, name);
    int64_t                  channels = ath_shape_count(&live->shape);
    float                   *slow_var = copy_of(live->data, (size_t)channels);
    network->run_steps = STEPS;
    for (uint64_t t = 0; t < STEPS; t++) {
        double done = (double)(t + 1) / STEPS, share = (t + 1) % 3 == 0 ? 1.0 + (0.25 - 1.0) * pow(done, 3.0) : 0.0;
        bool   last = t + 1 == STEPS;
        step(network, 0.05, t);
        step(plain, 0.05, t);
        for (size_t i = 0; i < count && (share > 0.0 || last); i++) {
            volatile float apart = plain->store->params[i] - slow[i], part = apart * (float)share;
            slow[i] += part;
            plain->store->params[i] = slow[i];
        }
        for (int64_t i = 0; i < channels && (share > 0.0 || last); i++) {
            slow_var[i] = (float)((double)slow_var[i] + share * ((double)live->data[i] - (double)slow_var[i]));
            live->data[i] = slow_var[i];
        }
        ath__network_changed(plain);
        assert_memory_equal(network->store->params, plain->store->params, count * sizeof(float));
        assert_memory_equal(follows->data, live->data, (size_t)channels * sizeof(float));
    }
    ath__free(slow);
    ath__free(slow_var);
    ath__network_destroy(network);
    ath__network_destroy(plain);
}

/* The average follows weights and running statistics; swapping shows it and brings back the live state to the bit. */
static void test_average(void **state) {
    (void)state;
    struct ath__network     *network = NETWORK("momentum", "0.9", "ema", "0.5");
    struct ath__network     *plain = NETWORK("momentum", "0.9");
    size_t                   count = plain->store->params_count;
    double                  *want = ath__alloc_array(count, sizeof *want), mean = 0.0;
    float                   *live;
    char                     name[128];
    const struct ath__entry *running = NULL;
    for (int i = 0; i < network->store->count; i++)
        if (strstr(network->store->entries[i].name, "running_mean") && !running) running = &network->store->entries[i];
    snprintf(name, sizeof name, "optimizer.average.state.%s", running->name);
    for (size_t i = 0; i < count; i++) want[i] = (double)plain->store->params[i];
    for (uint64_t t = 0; t < 12; t++) {
        double fresh = 1.0 - fmin(0.5, (1.0 + (double)t) / (10.0 + (double)t));
        step(network, 0.05, t);
        step(plain, 0.05, t);
        for (size_t i = 0; i < count; i++) want[i] += fresh * ((double)plain->store->params[i] - want[i]);
        mean += fresh * ((double)running->data[0] - mean);
    }
    assert_memory_equal(network->store->params, plain->store->params, count * sizeof(float));
    live = copy_of(network->store->params, count);
    ath__average_swap(network);
    assert_true(network->averaged);
    for (size_t i = 0; i < count; i++) /* three roundings a step, of which the average forgets half in each */
        assert_true(fabs((double)network->store->params[i] - want[i]) <= 12.0 * UNIT * (fabs(want[i]) + 0.1));
    assert_true(fabs((double)running->data[0] - mean) <= 1e-6 * (fabs(mean) + 1e-3));
    assert_true(memcmp(network->store->params, live, count * sizeof(float)) != 0);
    ath__average_swap(network);
    assert_memory_equal(network->store->params, live, count * sizeof(float));
    assert_true(!network->averaged);
    ath__free(live);
    ath__free(want);
    ath__network_destroy(network);
    ath__network_destroy(plain);
}

/* Micro-batches: the update runs once per step, whatever it is made of. Batch norm sees other batches, so only counts
 * are compared: the norm is one of the whole step. */
static void test_micro_batches(void **state) {
    (void)state;
    struct ath__network *network = NETWORK("optimizer", "adamw", "ema", "0.9", "lookahead", "2", "clip.norm", "0.5",
                                           "decay.exclude", "bias", "micro_batch", "3");
    for (uint64_t t = 0; t < 4; t++) {
        step(network, 0.01, t);
        assert_true(network->grad_norm > 0.0);
    }
    for (size_t i = 0; i < network->store->params_count; i++) assert_true(isfinite(network->store->params[i]));
    ath__network_destroy(network);
}

/* SAM: the gradient at p + radius * g / |g|, the step from p; running statistics move once, at p. The point nearby is
 * known to a few u, so its gradient is the kernel's to rounding (1e-5 of the largest), but for a kink in between. */
static void test_sam(void **state) {
    (void)state;
    struct gradients     g = measure();
    struct ath__network *network = NETWORK("sam", "0.05"), *there = NETWORK("optimizer", "sgd");
    size_t               count = there->store->params_count;
    float               *before = copy_of(network->store->params, count);
    double               norm = norm_of(&g), largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        double slope = (double)g.before[i] - (double)g.network->store->params[i];
        there->store->params[i] = (float)((double)before[i] + 0.05 * slope / norm);
    }
    ath__network_changed(there);
    float *nearby = copy_of(there->store->params, count);
    step(there, 1.0, 0);
    step(network, 0.5, 0);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)nearby[i] - (double)there->store->params[i]));
    for (size_t i = 0; i < count; i++) {
        double slope = (double)nearby[i] - (double)there->store->params[i];
        assert_true(fabs((double)network->store->params[i] - ((double)before[i] - 0.5 * slope)) <= 1e-5 * largest);
    }
    for (int i = 0; i < g.network->store->count; i++) {
        const struct ath__entry *one = &g.network->store->entries[i],
                                *other = ath__store_find(network->store, one->name);
        if (one->leaf != ATH_LEAF_STATE) continue;
        assert_memory_equal(one->data, other->data, (size_t)ath_shape_count(&one->shape) * sizeof(float));
    }
    ath__free(before);
    ath__free(nearby);
    ath__network_destroy(network);
    ath__network_destroy(there);
    forget(&g);
}

/* ---- resuming ---------------------------------------------------------------------------------------------------- */

/* A checkpoint of other groups is refused, by the name of the parameter that moved. */
static void test_checkpoint_groups(void **state) {
    (void)state;
    ath_config          *config = NULL;
    struct ath__position position = {0};
    ath_error            err = {0};
    struct ath__network *saved = NETWORK("group.a.match", "*.bias", "group.a.lr", "2");
    struct ath__network *other = NETWORK("group.a.match", "*.weight", "group.a.lr", "2");
    struct ath__network *faster = NETWORK("group.a.match", "*.bias", "group.a.lr", "3");
    struct ath__network *same = NETWORK("group.a.match", "*.bias", "group.a.lr", "2");
    must(ath_config_create(&config, &err), &err);
    ath__plateau_start(&position.plateau);
    must(ath__checkpoint_save("groups.safetensors", saved, config, &position, &err), &err);
    must(ath__checkpoint_restore("groups.safetensors", same, &err), &err);
    assert_int_equal(ath__checkpoint_restore("groups.safetensors", other, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "parameter groups"));
    assert_int_equal(ath__checkpoint_restore("groups.safetensors", faster, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "lr x3"));
    ath__network_destroy(saved);
    ath__network_destroy(other);
    ath__network_destroy(faster);
    ath__network_destroy(same);
    ath_config_destroy(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_decay_exclude),
        cmocka_unit_test(test_group_time),
        cmocka_unit_test(test_muon),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_clip_norm),
        cmocka_unit_test(test_clip_value),
        cmocka_unit_test(test_lookahead),
        cmocka_unit_test(test_growing_lookahead),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_micro_batches),
        cmocka_unit_test(test_checkpoint_groups),
        cmocka_unit_test(test_sam),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
