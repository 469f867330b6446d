/* Every operator's reference, and its gradient graph, against values that PyTorch computed in double precision
 * (tests/golden/operator-*.json, made by tools/make_golden.py).
 */
#include "graph/op.h"
#include "nn/loss.h"
#include "support/op_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* Both sides compute in double precision. The longest sums (batch norm: 80 terms, twice) differ by their order: at most
 * 2 * 80 * 2^-53 = 2e-14 relative to the sum of magnitudes, which here is below 50 times the result; exp, erf and tanh
 * of two libraries differ by a unit or two. */
static const double tolerance = 1e-12;
/* Data with a mean of 100 deviations lose that factor in x - mean, and its square in the variance's derivative. */
static const double tolerance_offset = 1e-8;
/* PyTorch multiplies hard_sigmoid's gradient by 1/6 rounded to float32 in every precision: off by 2^-24 at most. */
static const double tolerance_float_constant = 6e-8;

/* ---- reading cases ----------------------------------------------------------------------------------------------- */

static ath_shape tensor_shape(const json_t *tensor) {
    const json_t *dims = json_object_get(tensor, "shape");
    ath_shape     shape = {.rank = (int)json_array_size(dims)};
    assert_true(shape.rank <= ATH_MAX_RANK);
    for (int i = 0; i < shape.rank; i++) shape.dims[i] = json_integer_value(json_array_get(dims, (size_t)i));
    return shape;
}

/* Owned by the caller. */
static double *tensor_data(const json_t *tensor) {
    const json_t *data = json_object_get(tensor, "data");
    ath_shape     shape = tensor_shape(tensor);
    size_t        count = json_array_size(data);
    assert_int_equal((int64_t)count, ath_shape_count(&shape));
    double *numbers = malloc(count * sizeof *numbers + 1);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++) numbers[i] = json_number_value(json_array_get(data, i));
    return numbers;
}

struct golden {
    struct op_run run;
    const json_t *in, *out, *attrs;
    const char   *op, *name;
    ath_value     leaf[8]; /* in the order of `leaf_name` */
    const char   *leaf_name[8];
    int           leaves;
};

static int64_t attr_int(const struct golden *golden, const char *key, size_t i) {
    const json_t *value = json_object_get(golden->attrs, key);
    if (json_is_array(value)) value = json_array_get(value, i);
    return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

static double attr_real(const struct golden *golden, const char *key) {
    return json_number_value(json_object_get(golden->attrs, key));
}

/* A leaf for an input of the case; ATH_NONE if it has none of that name. */
static ath_value leaf_of(struct golden *golden, const char *name, ath_dtype dtype) {
    const json_t *tensor = json_object_get(golden->in, name);
    if (tensor == NULL) return ATH_NONE;
    ath_value leaf = op_run_leaf(&golden->run, dtype, tensor_shape(tensor));
    golden->leaf[golden->leaves] = leaf;
    golden->leaf_name[golden->leaves++] = name;
    return leaf;
}

/* Builds gradients, runs, and compares y and every gradient that the case holds. */
static void golden_check(struct golden *golden, ath_value y, ath_value seed, const ath_value *wrt,
                         const char *const *wrt_out, int count, double allowed) {
    ath_value grads[4];
    char      what[256];
    op_run_keep(&golden->run, y);
    op_run_gradients(&golden->run, y, seed, wrt, count, grads);
    op_run_start(&golden->run);
    for (int i = 0; i < golden->leaves; i++) {
        double *data = tensor_data(json_object_get(golden->in, golden->leaf_name[i]));
        op_run_set(&golden->run, golden->leaf[i], data);
        free(data);
    }
    op_run_all(&golden->run);
    for (int i = -1; i < count; i++) {
        const char   *key = i < 0 ? "dst" : wrt_out[i];
        const json_t *tensor = json_object_get(golden->out, key);
        ath_value     value = i < 0 ? y : grads[i];
        if (tensor == NULL) fail_msg("%s, %s: no %s in the case", golden->op, golden->name, key);
        ath_shape expected_shape = tensor_shape(tensor), actual_shape = ath_value_shape(golden->run.graph, value);
        double   *expected = tensor_data(tensor);
        snprintf(what, sizeof what, "%s, %s: %s", golden->op, golden->name, key);
        if (!ath_shape_equal(&expected_shape, &actual_shape)) fail_msg("%s has another shape", what);
        op_compare(what, op_run_data(&golden->run, value), expected, op_run_count(&golden->run, value), allowed);
        free(expected);
    }
}

/* ---- one function per kind of case ------------------------------------------------------------------------------- */

static void check_one_input(struct golden *golden, ath_value (*build)(struct golden *, ath_value), double allowed) {
    ath_value x = leaf_of(golden, "src", ATH_F32), y = build(golden, x);
    ath_value seed = leaf_of(golden, "diff_dst", ATH_F32);
    golden_check(golden, y, seed, &x, (const char *[]){"diff_src"}, 1, allowed);
}

static ath_value build_act(struct golden *golden, ath_value x) {
    static const struct {
        const char *name;
        ath_act     kind;
    } kinds[] = {{"relu", ATH_ACT_RELU},
                 {"relu6", ATH_ACT_RELU6},
                 {"sigmoid", ATH_ACT_SIGMOID},
                 {"tanh", ATH_ACT_TANH},
                 {"gelu", ATH_ACT_GELU},
                 {"silu", ATH_ACT_SILU},
                 {"hardswish", ATH_ACT_HARD_SWISH},
                 {"hardsigmoid", ATH_ACT_HARD_SIGMOID}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, golden->op) == 0) return ath_activation(golden->run.graph, x, kinds[i].kind);
    fail_msg("unknown activation %s", golden->op);
    return ATH_NONE;
}
static ath_value build_softmax(struct golden *golden, ath_value x) {
    return ath_softmax(golden->run.graph, x, strcmp(golden->op, "log_softmax") == 0);
}
static ath_value build_pool(struct golden *golden, ath_value x) {
    ath_pool2d_attrs attrs = {.kind = golden->op[0] == 'm' ? ATH_POOL_MAX : ATH_POOL_AVG};
    for (size_t i = 0; i < 2; i++) {
        attrs.kernel[i] = attr_int(golden, "kernel", i);
        attrs.stride[i] = attr_int(golden, "stride", i);
        attrs.pad[i] = attr_int(golden, "pad", 2 * i); /* top, bottom, left, right in the file */
        attrs.pad[2 + i] = attr_int(golden, "pad", 2 * i + 1);
    }
    attrs.count_include_pad = attr_int(golden, "count_include_pad", 0);
    return ath_pool2d(golden->run.graph, x, &attrs);
}
static ath_value build_adaptive(struct golden *golden, ath_value x) {
    return ath_adaptive_pool(golden->run.graph, x, golden->op[9] == 'm' ? ATH_POOL_MAX : ATH_POOL_AVG,
                             attr_int(golden, "size", 0), attr_int(golden, "size", 1));
}
static ath_value build_resize(struct golden *golden, ath_value x) {
    const char *mode = json_string_value(json_object_get(golden->attrs, "mode"));
    return ath_resize(golden->run.graph, x, strcmp(mode, "nearest") == 0 ? ATH_RESIZE_NEAREST : ATH_RESIZE_BILINEAR,
                      attr_int(golden, "size", 0), attr_int(golden, "size", 1));
}

static void check_act(struct golden *golden) {
    bool hard = strcmp(golden->op, "hardsigmoid") == 0;
    check_one_input(golden, build_act, hard ? tolerance_float_constant : tolerance);
}
static void check_softmax(struct golden *golden) {
    check_one_input(golden, build_softmax, tolerance);
}
static void check_pool(struct golden *golden) {
    check_one_input(golden, build_pool, tolerance);
}
static void check_adaptive(struct golden *golden) {
    check_one_input(golden, build_adaptive, tolerance);
}
static void check_resize(struct golden *golden) {
    check_one_input(golden, build_resize, tolerance);
}

static void check_conv(struct golden *golden) {
    ath_conv2d_attrs attrs = {.groups = attr_int(golden, "groups", 0)};
    for (size_t i = 0; i < 2; i++) {
        attrs.stride[i] = attr_int(golden, "stride", i);
        attrs.dilation[i] = attr_int(golden, "dilation", i);
        attrs.pad[i] = attr_int(golden, "pad", 2 * i);
        attrs.pad[2 + i] = attr_int(golden, "pad", 2 * i + 1);
    }
    ath_value wrt[] = {leaf_of(golden, "src", ATH_F32), leaf_of(golden, "weights", ATH_F32),
                       leaf_of(golden, "bias", ATH_F32)};
    ath_value y = ath_conv2d(golden->run.graph, wrt[0], wrt[1], wrt[2], &attrs);
    golden_check(golden, y, leaf_of(golden, "diff_dst", ATH_F32), wrt,
                 (const char *[]){"diff_src", "diff_weights", "diff_bias"}, wrt[2] == ATH_NONE ? 2 : 3, tolerance);
}

static void check_norm(struct golden *golden) {
    bool      train = attr_int(golden, "training", 0) != 0, offset = strstr(golden->name, "far from zero") != NULL;
    double    allowed = offset ? tolerance_offset : tolerance, eps = attr_real(golden, "eps");
    ath_value wrt[] = {leaf_of(golden, "src", ATH_F32), leaf_of(golden, "gamma", ATH_F32),
                       leaf_of(golden, "beta", ATH_F32)};
    ath_value mean = leaf_of(golden, "running_mean", ATH_F32), var = leaf_of(golden, "running_var", ATH_F32);
    ath_value seed = leaf_of(golden, "diff_dst", ATH_F32);
    ath_value y = ATH_NONE;
    int       node = -1;
    if (train) {
        ath_batch_norm_attrs attrs = {.eps = eps, .momentum = attr_real(golden, "momentum")};
        node = ath__graph_node(golden->run.graph, &ath__op_batch_norm, &attrs,
                               (ath_value[]){wrt[0], wrt[1], wrt[2], mean, var}, 5);
        assert_true(node >= 0);
        y = golden->run.graph->nodes[node].out[0];
    } else {
        y = ath_batch_norm_eval(golden->run.graph, wrt[0], wrt[1], wrt[2], mean, var, eps);
    }
    golden_check(golden, y, seed, wrt, (const char *[]){"diff_src", "diff_gamma", "diff_beta"}, 3, allowed);
    for (int i = 0; train && i < 2; i++) {
        const char *key = i == 0 ? "running_mean" : "running_var";
        double     *expected = tensor_data(json_object_get(golden->out, key));
        ath_value   value = golden->run.graph->nodes[node].out[3 + i];
        op_compare(key, op_run_data(&golden->run, value), expected, op_run_count(&golden->run, value), allowed);
        free(expected);
    }
}

/* The file's loss is the mean over the samples. */
static void check_loss(struct golden *golden) {
    ath_graph *graph = golden->run.graph;
    ath_value  x = leaf_of(golden, "src", ATH_F32), labels = leaf_of(golden, "labels", ATH_I32);
    if (labels == ATH_NONE) labels = leaf_of(golden, "targets", ATH_F32);
    ath_value loss = ath_cross_entropy(graph, x, labels, attr_real(golden, "label_smoothing"));
    ath_value mean = ath_reduce_op(graph, loss, ATH_REDUCE_MEAN, 1u, false);
    golden_check(golden, mean, ath__graph_scalar(graph, 1.0), &x, (const char *[]){"diff_src"}, 1, tolerance);
}

/* The losses that `loss=` names; the file's loss is PyTorch's mean. */
static void check_named_loss(struct golden *golden) {
    enum { MOST = 16 };
    float                     weights[MOST];
    int32_t                   classes[MOST];
    const json_t             *listed = json_object_get(golden->attrs, "class_weights");
    const json_t             *numbers = json_object_get(json_object_get(golden->in, "labels"), "data");
    struct ath__loss_settings settings = {.smoothing = attr_real(golden, "label_smoothing"),
                                          .gamma = attr_real(golden, "gamma"),
                                          .weights = listed ? weights : NULL};
    const struct ath__loss   *loss;
    ath_error                 err;
    if (ath__loss_find(golden->op, &loss, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(json_array_size(listed) <= MOST && json_array_size(numbers) <= MOST);
    for (size_t k = 0; k < json_array_size(listed); k++)
        weights[k] = (float)json_number_value(json_array_get(listed, k));
    for (size_t i = 0; i < json_array_size(numbers); i++)
        classes[i] = (int32_t)json_integer_value(json_array_get(numbers, i));
    ath_graph *graph = golden->run.graph;
    ath_value  x = leaf_of(golden, "src", ATH_F32), labels = leaf_of(golden, "labels", ATH_I32);
    bool       hard = labels != ATH_NONE;
    if (!hard) labels = leaf_of(golden, "targets", ATH_F32);
    ath_value losses = ath__loss_build(graph, loss, &settings, x, labels);
    double    divisor = ath__loss_divisor(loss, &settings, hard ? classes : NULL, ath_value_shape(graph, x).dims[0]);
    ath_value mean = ath_scale(graph, ath_reduce_op(graph, losses, ATH_REDUCE_SUM, 1u, false), 1.0 / divisor, 0.0);
    golden_check(golden, mean, ath__graph_scalar(graph, 1.0), &x, (const char *[]){"diff_src"}, 1, tolerance);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *op;
    void (*check)(struct golden *golden);
} checks[] = {
    {"relu", check_act},
    {"relu6", check_act},
    {"sigmoid", check_act},
    {"tanh", check_act},
    {"gelu", check_act},
    {"silu", check_act},
    {"hardswish", check_act},
    {"hardsigmoid", check_act},
    {"softmax", check_softmax},
    {"log_softmax", check_softmax},
    {"conv2d", check_conv},
    {"batch_norm", check_norm},
    {"max_pool2d", check_pool},
    {"avg_pool2d", check_pool},
    {"adaptive_avg_pool2d", check_adaptive},
    {"adaptive_max_pool2d", check_adaptive},
    {"resize", check_resize},
    {"softmax_cross_entropy", check_loss},
    {"cross_entropy", check_named_loss},
    {"focal", check_named_loss},
    {"bce", check_named_loss},
    {"gelu_tanh", NULL}, /* the tanh form of gelu is no operator of ours */
};

static void check_file(void **state) {
    char         path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/golden/%s", ATHANOR_TEST_SOURCE, (const char *)*state);
    json_t *file = json_load_file(path, 0, &error);
    if (file == NULL) fail_msg("%s: %s", path, error.text);
    const json_t *list = json_object_get(file, "cases");
    assert_true(json_array_size(list) > 0);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        struct golden golden = {.in = json_object_get(entry, "in"),
                                .out = json_object_get(entry, "out"),
                                .attrs = json_object_get(entry, "attrs"),
                                .op = json_string_value(json_object_get(entry, "op")),
                                .name = json_string_value(json_object_get(entry, "name"))};
        size_t        row = 0, rows = sizeof checks / sizeof *checks;
        while (row < rows && strcmp(checks[row].op, golden.op) != 0) row++;
        if (row == rows) fail_msg("%s: no check for the operator %s", path, golden.op);
        if (checks[row].check == NULL) continue;
        op_run_begin(&golden.run);
        checks[row].check(&golden);
        op_run_end(&golden.run);
    }
    json_decref(file);
}

#define FILE_TEST(file)                                                                                                \
    { file, check_file, NULL, NULL, (void *)(uintptr_t) "operator-" file ".json" }

int main(void) {
    const struct CMUnitTest tests[] = {
        FILE_TEST("activation"), FILE_TEST("conv2d"), FILE_TEST("loss"),
        FILE_TEST("norm"),       FILE_TEST("pool"),   FILE_TEST("resize"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
