/* The compile pipeline against the interpreter: for small nets, every gradient and every updated state that a compiled
 * plan yields equals what the double-precision reference computes from the same unfused graph, in every layout, with
 * and without fusion, and with micro-batches.
 *
 * Tolerance: the nets have at most LENGTH = 2,000 terms in any reduction and about ten layers; float32 rounding grows
 * no faster than eps * sqrt(LENGTH) per layer for random data, so relative errors (to the largest entry of a tensor)
 * stay below 10 * 45 * 6e-8 = 3e-5. Batch normalisation divides by a deviation near 1 here and adds a factor of about
 * three.
 */
#include "athanor/graph.h"
#include "base/mem.h"
#include "base/rng.h"
#include "graph/grad.h"
#include "graph/interp.h"
#include "graph/program.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE 1e-4

static const ath_init weight_init = {.kind = ATH_INIT_WEIGHT, .from = ATH_NONE};

struct net {
    int64_t batch_channels, size;
    ath_value (*build)(ath_graph *g, ath_value x);
    struct ath__store *store;
    bool               update; /* with an SGD step */
};

static ath_value bn(ath_graph *g, ath_value x, const char *name, int64_t channels) {
    ath_scope_push(g, name);
    ath_shape shape = ath_shape_of(channels);
    ath_value gamma = ath_param(g, "weight", shape, weight_init), beta = ath_param(g, "bias", shape, weight_init);
    ath_value mean = ath_state(g, "mean", shape, weight_init), var = ath_state(g, "var", shape, weight_init);
    ath_value y = ath_batch_norm_train(g, x, gamma, beta, mean, var, 1e-5, 0.1);
    ath_scope_pop(g);
    return y;
}

static ath_value conv(ath_graph *g, ath_value x, const char *name, int64_t out, int64_t in, int64_t k, int64_t stride,
                      bool bias) {
    ath_scope_push(g, name);
    ath_value w = ath_param(g, "weight", ath_shape_of(out, in, k, k), weight_init);
    ath_value b = bias ? ath_param(g, "bias", ath_shape_of(out), weight_init) : ATH_NONE;
    ath_value y =
        ath_conv2d(g, x, w, b, &(ath_conv2d_attrs){.stride = {stride, stride}, .pad = {k / 2, k / 2, k / 2, k / 2}});
    ath_scope_pop(g);
    return y;
}

static ath_value dense(ath_graph *g, ath_value x, const char *name, int64_t out, int64_t in) {
    ath_scope_push(g, name);
    ath_value w = ath_param(g, "weight", ath_shape_of(out, in), weight_init);
    ath_value y = ath_linear(g, x, w, ath_param(g, "bias", ath_shape_of(out), weight_init));
    ath_scope_pop(g);
    return y;
}

/* LeNet-like: sigmoid, average pooling, matrix products. */
static ath_value build_lenet(ath_graph *g, ath_value x) {
    ath_pool2d_attrs pool = {.kind = ATH_POOL_AVG, .kernel = {2, 2}, .stride = {2, 2}};
    x = ath_pool2d(g, ath_sigmoid(g, conv(g, x, "c1", 6, 2, 5, 1, true)), &pool);
    x = ath_pool2d(g, ath_sigmoid(g, conv(g, x, "c2", 10, 6, 3, 1, true)), &pool);
    x = ath_flatten(g, x);
    x = ath_sigmoid(g, dense(g, x, "f1", 20, 10 * 3 * 3));
    return dense(g, x, "f2", 10, 20);
}

/* Residual blocks with and without a projection, max pooling, global average pooling. */
static ath_value build_resnet(ath_graph *g, ath_value x) {
    x = ath_relu(g, bn(g, conv(g, x, "stem", 16, 2, 3, 1, false), "bn0", 16));
    x = ath_pool2d(g, x,
                   &(ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}});
    ath_value y = ath_relu(g, bn(g, conv(g, x, "a1", 16, 16, 3, 1, false), "bn1", 16));
    y = bn(g, conv(g, y, "a2", 16, 16, 3, 1, false), "bn2", 16);
    x = ath_relu(g, ath_add(g, y, x));
    y = ath_relu(g, bn(g, conv(g, x, "b1", 32, 16, 3, 2, false), "bn3", 32));
    y = bn(g, conv(g, y, "b2", 32, 32, 3, 1, false), "bn4", 32);
    ath_value s = bn(g, conv(g, x, "bs", 32, 16, 1, 2, false), "bn5", 32);
    x = ath_relu(g, ath_add(g, y, s));
    x = ath_flatten(g, ath_global_avg_pool(g, x));
    return dense(g, x, "fc", 10, 32);
}

/* A weight made from other values: w = v * (g / |v|), and a gate by an activation that needs its input. */
static ath_value build_weight_norm(ath_graph *g, ath_value x) {
    ath_value v = ath_param(g, "v", ath_shape_of(12, 2, 3, 3), weight_init);
    ath_value gain = ath_param(g, "g", ath_shape_of(12, 1, 1, 1), weight_init);
    ath_value norm = ath_unary_op(g, ath_reduce_op(g, ath_unary_op(g, v, ATH_UNARY_SQUARE), ATH_REDUCE_SUM, 0xe, true),
                                  ATH_UNARY_SQRT);
    ath_value w = ath_mul(g, v, ath_binary_op(g, gain, norm, ATH_BINARY_DIV));
    x = ath_conv2d(g, x, w, ATH_NONE, &(ath_conv2d_attrs){.pad = {1, 1, 1, 1}});
    x = ath_activation(g, x, ATH_ACT_GELU);
    x = ath_flatten(g, ath_global_avg_pool(g, x));
    return dense(g, x, "fc", 10, 12);
}

static void build_step(void *context, ath_graph *g, int64_t batch) {
    struct net *net = context;
    ath_value   x = ath_input(g, "images", ATH_F32, ath_shape_of(batch, net->batch_channels, net->size, net->size));
    ath_value   labels = ath_input(g, "labels", ATH_I32, ath_shape_of(batch));
    ath_value   scale = ath_step_input(g, "loss_scale", ATH_F32, (ath_shape){.rank = 0});
    ath_value   loss = ath_cross_entropy(g, net->build(g, x), labels, 0.1);
    ath_value   seed = ath_expand(g, scale, ath_shape_of(batch));
    ath_output(g, ath_reduce_op(g, loss, ATH_REDUCE_SUM, 1, false), "loss");
    ath_value wrt[64], grads[64];
    int       count = 0;
    for (int v = 0; v < g->value_count; v++)
        if (g->values[v].leaf == ATH_LEAF_PARAM) wrt[count++] = v;
    if (ath__grad_build(g, &loss, &seed, 1, wrt, count, grads, NULL) != ATH_OK) return;
    for (int i = 0; i < count; i++) {
        char name[128];
        snprintf(name, sizeof name, "d.%s", g->values[wrt[i]].name);
        ath_output(g, ath_scale(g, grads[i], 1.0, 0.0), name);
    }
}

static void fill(float *data, int64_t count, uint32_t stream, float low, float high) {
    struct ath__rng rng;
    ath__rng_start(&rng, 7, ATH_RNG_TEST, stream, 0);
    for (int64_t i = 0; i < count; i++) data[i] = low + (high - low) * ath__rng_uniform(&rng);
}

/* Parameters and states with magnitudes that keep activations near 1. */
static void fill_store(struct ath__store *store) {
    for (int i = 0; i < store->count; i++) {
        struct ath__entry *entry = &store->entries[i];
        int64_t            count = ath_shape_count(&entry->shape);
        bool   positive = strstr(entry->name, "var") || (strstr(entry->name, "bn") && strstr(entry->name, "weight"));
        double fan = entry->shape.rank > 1 ? (double)count / (double)entry->shape.dims[0] : 16.0;
        float  bound = (float)sqrt(3.0 / fan);
        fill(entry->data, count, (uint32_t)i, positive ? 0.5f : -bound, positive ? 1.5f : bound);
    }
}

struct batch {
    float   images[64 * 2 * 12 * 12];
    int32_t labels[64];
};

static void fill_batch(struct batch *batch) {
    fill(batch->images, (int64_t)(sizeof batch->images / sizeof(float)), 1000, -1.0f, 1.0f);
    for (int i = 0; i < 64; i++) batch->labels[i] = (i * 7 + 3) % 10;
}

/* The oracle: the unfused graph in double precision. */
static struct ath__interp *run_oracle(struct net *net, int64_t batch, const struct batch *data, ath_graph **graph) {
    ath_graph          *g = ath_graph_create();
    struct ath__interp *interp = NULL;
    ath_error           err = {0};
    build_step(net, g, batch);
    assert_int_equal(ath__graph_order(g, &err), ATH_OK);
    if (ath__interp_create(g, &interp, &err) != ATH_OK) fail_msg("%s", err.message);
    float scale = 1.0f / (float)batch;
    for (int v = 0; v < g->value_count; v++) {
        const struct ath__value *value = &g->values[v];
        struct ath__entry       *entry = value->name ? ath__store_find(net->store, value->name) : NULL;
        if (entry) ath__interp_set(interp, v, entry->data);
    }
    ath__interp_set(interp, ath__graph_find(g, "images"), data->images);
    ath__interp_set(interp, ath__graph_find(g, "labels"), data->labels);
    ath__interp_set(interp, ath__graph_find(g, "loss_scale"), &scale);
    assert_int_equal(ath__interp_run(interp, NULL, &err), ATH_OK);
    *graph = g;
    return interp;
}

static void compare(const char *what, const double *want, const float *got, int64_t count, double tolerance) {
    double worst = 0.0, largest = 1e-3;
    for (int64_t i = 0; i < count; i++) {
        double error = fabs(want[i] - (double)got[i]);
        if (!(error <= worst)) worst = error;
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    }
    if (!(worst <= tolerance * largest)) fail_msg("%s: error %g against a largest entry of %g", what, worst, largest);
}

static void check_outputs(struct net *net, const struct batch *data, struct ath__plan *plan, int64_t batch,
                          const char *label, double tolerance) {
    ath_graph *g;
    float     *after[128]; /* states as the plan left them; the oracle starts from the values before */
    for (int i = 0; i < net->store->count; i++) {
        size_t bytes = (size_t)ath_shape_count(&net->store->entries[i].shape) * sizeof(float);
        after[i] = ath__alloc(bytes);
        memcpy(after[i], net->store->entries[i].data, bytes);
    }
    fill_store(net->store);
    struct ath__interp *interp = run_oracle(net, batch, data, &g);
    int                 compared = 0;
    for (int v = 0; v < g->value_count; v++) {
        const struct ath__value *value = &g->values[v];
        if (!value->is_output || !value->name || strncmp(value->name, "d.", 2) != 0) continue;
        struct ath__desc desc;
        const float     *got = ath__plan_output(plan, value->name, &desc);
        char             what[256];
        snprintf(what, sizeof what, "%s %s", label, value->name);
        if (!got) fail_msg("%s is missing", what);
        compare(what, ath__interp_data(interp, v), got, ath_shape_count(&desc.shape), tolerance);
        compared++;
    }
    assert_true(compared >= 4);
    for (int v = 0; v < g->value_count; v++) {
        ath_value leaf = g->values[v].stored_in;
        if (leaf == ATH_NONE) continue;
        struct ath__entry *entry = ath__store_find(net->store, g->values[leaf].name);
        compare(entry->name, ath__interp_data(interp, v), after[entry - net->store->entries],
                ath_shape_count(&entry->shape), tolerance);
    }
    for (int i = 0; i < net->store->count; i++) ath__free(after[i]);
    ath__interp_destroy(interp);
    ath_graph_destroy(g);
}

static void check(struct net net, int64_t batch, int micro, const char *layout, bool no_fuse, bool bf16) {
    static struct batch data;
    ath_error           err = {0};
    char                label[96];
    snprintf(label, sizeof label, "batch %d / %d, %s%s%s:", (int)batch, micro, layout, no_fuse ? ", unfused" : "",
             bf16 ? ", bf16" : "");
    ath_graph *g = ath_graph_create();
    build_step(&net, g, batch);
    if (ath__store_create(g, NULL, NULL, &net.store, &err) != ATH_OK) fail_msg("%s", err.message);
    ath_graph_destroy(g);
    fill_store(net.store);
    fill_batch(&data);
    struct ath__program_settings settings = {
        .build = build_step,
        .build_context = &net,
        .store = net.store,
        .options = {.device = ath__device_cpu(), .training = true, .no_fuse = no_fuse, .bf16 = bf16, .layout = layout}};
    struct ath__program *program = NULL;
    struct ath__plan    *plan = NULL;
    assert_int_equal(ath__program_create(&settings, &program, &err), ATH_OK);
    if (ath__program_plan(program, batch / micro, micro > 1, &plan, &err) != ATH_OK)
        fail_msg("%s %s (%s)", label, err.message, err.where);
    float scale = 1.0f / (float)batch;
    ath__plan_input(plan, "loss_scale", &scale, &err);
    for (int warm = 0; warm < 2; warm++) { /* the second step must not allocate */
        fill_store(net.store);
        uint64_t before = ath__mem_stats().allocations;
        for (int m = 0; m < micro; m++) {
            ath__plan_input(plan, "images", data.images + m * (batch / micro) * 2 * net.size * net.size, &err);
            ath__plan_input(plan, "labels", data.labels + m * (batch / micro), &err);
            if (m == 0) assert_int_equal(ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, &err), ATH_OK);
            assert_int_equal(ath__plan_run(plan, ATH_PHASE_BODY, m, &err), ATH_OK);
        }
        assert_int_equal(ath__plan_run(plan, ATH_PHASE_EPILOGUE, 0, &err), ATH_OK);
        if (warm) assert_int_equal(ath__mem_stats().allocations, before);
    }
    /* bfloat16 keeps 8 bits: 2^-9 per rounding, a dozen roundings along a path, added up without cancellation */
    check_outputs(&net, &data, plan, batch, label, bf16 ? 12.0 / 512.0 * 4.0 : TOLERANCE);
    ath__program_destroy(program);
    ath__store_destroy(net.store);
}

static const char *const layouts[] = {"plain", "channels_last", "channel_blocks", "batch_blocks", "auto"};

static void check_all(struct net net, bool micro) {
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        check(net, 16, 1, layouts[i], false, false);
        check(net, 16, 1, layouts[i], true, false);
        check(net, 5, 1, layouts[i], false, false);
        if (micro) check(net, 32, 2, layouts[i], false, false);
    }
}

static void test_lenet(void **state) {
    (void)state;
    check_all((struct net){.batch_channels = 2, .size = 12, .build = build_lenet}, true);
}

/* No micro-batches: batch statistics differ between one batch of 32 and two of 16. */
static void test_resnet(void **state) {
    (void)state;
    check_all((struct net){.batch_channels = 2, .size = 12, .build = build_resnet}, false);
}

static void test_weight_norm(void **state) {
    (void)state;
    check_all((struct net){.batch_channels = 2, .size = 8, .build = build_weight_norm}, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenet),
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_weight_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
