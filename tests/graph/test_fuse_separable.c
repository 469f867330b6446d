/* The fusion of inverted residuals (graph/fuse_separable.c): which convolutions become one node, and that a compiled
 * plan gives what the double-precision reference computes from the unfused graph.
 *
 * Tolerance: sums have at most 72 terms and there are six layers; float32 rounding, relative to the largest entry,
 * stays below 6 * sqrt(72) * 6e-8 = 3e-6 for random data.
 */
#include "athanor/graph.h"
#include "base/cpuinfo.h"
#include "base/rng.h"
#include "graph/interp.h"
#include "graph/op.h"
#include "graph/program.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TOLERANCE 1e-5

enum { BATCH = 2, SIZE = 29, CHANNELS = 12, WIDE = 72, PIXELS = SIZE * SIZE };

struct net {
    ath_value (*build)(ath_graph *g, ath_value x);
    struct ath__store *store;
};

static ath_value conv(ath_graph *g, ath_value x, const char *name, int64_t out, int64_t in, int64_t k, int64_t stride) {
    ath_init         init = {.kind = ATH_INIT_WEIGHT, .from = ATH_NONE};
    ath_conv2d_attrs attrs = {
        .stride = {stride, stride}, .pad = {k / 2, k / 2, k / 2, k / 2}, .groups = k > 1 ? out : 1};
    ath_scope_push(g, name);
    ath_value w = ath_param(g, "weight", ath_shape_of(out, in, k, k), init);
    ath_value y = ath_conv2d(g, x, w, ath_param(g, "bias", ath_shape_of(out), init), &attrs);
    ath_scope_pop(g);
    return y;
}

static ath_value relu6(ath_graph *g, ath_value x) {
    return ath_activation(g, x, ATH_ACT_RELU6);
}

static ath_value inverted(ath_graph *g, ath_value x, const char *name, int64_t out, int64_t stride) {
    ath_scope_push(g, name);
    ath_value y = relu6(g, conv(g, x, "expand", WIDE, CHANNELS, 1, 1));
    y = relu6(g, conv(g, y, "depth", WIDE, 1, 3, stride));
    y = conv(g, y, "project", out, WIDE, 1, 1);
    ath_scope_pop(g);
    return y;
}

/* Two blocks in a row, the first with a residual; the second halves the image. */
static ath_value build_blocks(ath_graph *g, ath_value x) {
    x = relu6(g, conv(g, x, "stem", CHANNELS, CHANNELS, 1, 1));
    x = ath_add(g, inverted(g, x, "first", CHANNELS, 1), x);
    return inverted(g, x, "second", 20, 2);
}

/* What lies behind the expansion is read elsewhere too: it has to exist. */
static ath_value build_shared(ath_graph *g, ath_value x) {
    ath_value wide = relu6(g, conv(g, x, "expand", WIDE, CHANNELS, 1, 1));
    ath_value y = conv(g, relu6(g, conv(g, wide, "depth", WIDE, 1, 3, 1)), "project", CHANNELS, WIDE, 1, 1);
    return ath_add(g, y, conv(g, wide, "aside", CHANNELS, WIDE, 1, 1));
}

/* What lies behind the window is read elsewhere too: expansion and window alone become one. */
static ath_value build_tapped(ath_graph *g, ath_value x) {
    ath_value wide = relu6(g, conv(g, x, "expand", WIDE, CHANNELS, 1, 1));
    ath_value deep = relu6(g, conv(g, wide, "depth", WIDE, 1, 3, 1));
    ath_value mean = ath_global_avg_pool(g, deep);
    return conv(g, ath_mul(g, deep, mean), "project", CHANNELS, WIDE, 1, 1);
}

static void build(void *context, ath_graph *g, int64_t batch) {
    struct net *net = context;
    ath_value   x = ath_input(g, "images", ATH_F32, ath_shape_of(batch, CHANNELS, SIZE, SIZE));
    ath_output(g, net->build(g, x), "y");
}

static void fill(float *data, int64_t count, uint32_t stream, float bound) {
    struct ath__rng rng;
    ath__rng_start(&rng, 11, ATH_RNG_TEST, stream, 0);
    for (int64_t i = 0; i < count; i++) data[i] = bound * (2.0f * ath__rng_uniform(&rng) - 1.0f);
}

static void compare(struct net *net, const float *images, const float *got, int64_t count) {
    ath_error           err = {0};
    struct ath__interp *interp = NULL;
    ath_graph          *g = ath_graph_create();
    double              worst = 0.0, largest = 0.0;
    build(net, g, BATCH);
    assert_int_equal(ath__graph_order(g, &err), ATH_OK);
    assert_int_equal(ath__interp_create(g, &interp, &err), ATH_OK);
    for (int v = 0; v < g->value_count; v++) {
        struct ath__entry *entry = g->values[v].name ? ath__store_find(net->store, g->values[v].name) : NULL;
        if (entry) ath__interp_set(interp, v, entry->data);
    }
    ath__interp_set(interp, ath__graph_find(g, "images"), images);
    assert_int_equal(ath__interp_run(interp, NULL, &err), ATH_OK);
    const double *want = NULL;
    for (int v = 0; v < g->value_count; v++)
        if (g->values[v].is_output) want = ath__interp_data(interp, v);
    assert_non_null(want);
    for (int64_t i = 0; i < count; i++) {
        double error = fabs(want[i] - (double)got[i]);
        if (!(error <= worst)) worst = error;
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    }
    if (!(worst <= TOLERANCE * largest)) fail_msg("error %g against a largest entry of %g", worst, largest);
    ath__interp_destroy(interp);
    ath_graph_destroy(g);
}

static int separable_calls(const struct ath__plan *plan) {
    struct ath__plan_call call;
    int                   count = 0;
    for (int i = 0; ath__plan_call(plan, i, &call); i++) count += call.node->op == &ath__op_separable;
    return count;
}

/* `blocks` is what must be fused under the options, on a processor with kernels for it. */
static void check(ath_value (*body)(ath_graph *g, ath_value x), struct ath__compile_options options, int blocks) {
    static float         images[BATCH * CHANNELS * PIXELS];
    ath_error            err = {0};
    struct net           net = {.build = body};
    struct ath__program *program = NULL;
    struct ath__plan    *plan = NULL;
    struct ath__desc     desc;
    ath_graph           *g = ath_graph_create();
    build(&net, g, BATCH);
    assert_int_equal(ath__store_create(g, NULL, NULL, &net.store, &err), ATH_OK);
    ath_graph_destroy(g);
    for (int i = 0; i < net.store->count; i++) {
        struct ath__entry *entry = &net.store->entries[i];
        int64_t            count = ath_shape_count(&entry->shape), fan = count / entry->shape.dims[0];
        fill(entry->data, count, (uint32_t)i, (float)sqrt(6.0 / (double)fan));
    }
    fill(images, BATCH * CHANNELS * PIXELS, 1000, 1.7f);
    options.device = ath__device_cpu();
    struct ath__program_settings settings = {
        .build = build, .build_context = &net, .store = net.store, .options = options};
    assert_int_equal(ath__program_create(&settings, &program, &err), ATH_OK);
    if (ath__program_plan(program, BATCH, false, &plan, &err) != ATH_OK) fail_msg("%s (%s)", err.message, err.where);
    assert_int_equal(separable_calls(plan), ath__cpuinfo()->tier >= ATH_CPU_AVX2 ? blocks : 0);
    ath__plan_input(plan, "images", images, &err);
    assert_int_equal(ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, &err), ATH_OK);
    assert_int_equal(ath__plan_run(plan, ATH_PHASE_BODY, 0, &err), ATH_OK);
    const float *got = ath__plan_output(plan, "y", &desc);
    assert_non_null(got);
    compare(&net, images, got, ath_shape_count(&desc.shape));
    ath__program_destroy(program);
    ath__store_destroy(net.store);
}

static void blocks_become_one_node(void **state) {
    (void)state;
    check(build_blocks, (struct ath__compile_options){.layout = "auto"}, 2);
    check(build_blocks, (struct ath__compile_options){.layout = "channels_last"}, 2);
    check(build_blocks, (struct ath__compile_options){.layout = "plain"}, 2);
}

static void values_that_others_read_stay(void **state) {
    (void)state;
    check(build_shared, (struct ath__compile_options){.layout = "auto"}, 0);
    check(build_tapped, (struct ath__compile_options){.layout = "auto"}, 1);
}

static void options_that_forbid_it_are_kept(void **state) {
    (void)state;
    check(build_blocks, (struct ath__compile_options){.layout = "auto", .no_fuse = true}, 0);
    check(build_blocks, (struct ath__compile_options){.layout = "auto", .training = true}, 0);
    check(build_blocks, (struct ath__compile_options){.layout = "auto", .only = "onednn"}, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_become_one_node),
        cmocka_unit_test(values_that_others_read_stay),
        cmocka_unit_test(options_that_forbid_it_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
