/* Model files: the examples, what the fields mean, and that every mistake is answered with its line. */
#include "athanor/model.h"
#include "base/mem.h"
#include "graph/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ath_model *example(const char *name) {
    char       path[1024];
    ath_model *model = NULL;
    ath_error  err = {0};
    snprintf(path, sizeof path, "%s/../examples/models/%s", ATHANOR_TEST_SOURCE, name);
    if (ath_model_create(path, &model, &err) != ATH_OK) fail_msg("%s: %s", err.where, err.message);
    return model;
}

static void expect_counts(const ath_model *model, int64_t params, int64_t buffers, int64_t macs) {
    ath_model_counts counts;
    ath_error        err = {0};
    if (ath_model_count(model, &counts, &err) != ATH_OK) fail_msg("%s: %s", err.where, err.message);
    assert_int_equal(counts.params, params);
    assert_int_equal(counts.buffers, buffers);
    assert_int_equal(counts.macs, macs);
}

static bool has_param(const ath_model *model, const char *name) {
    int channels, height, width;
    ath_model_input(model, &channels, &height, &width);
    ath_graph *graph = ath_graph_create();
    ath_value  x = ath_input(graph, "x", ATH_F32, ath_shape_of(4, channels, height, width));
    ath_value  rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_error  err = {0};
    ath_model_build(model, graph, x, true, rng);
    if (ath_graph_status(graph, &err) != ATH_OK) fail_msg("%s: %s", err.where, err.message);
    bool found = ath__graph_find(graph, name) != ATH_NONE;
    ath_graph_destroy(graph);
    return found;
}

static void small_cnn(void **state) {
    (void)state;
    ath_model *model = example("small-cnn.yaml");
    int64_t    convs = 16 * 9 + 32 * 16 * 9, norms = 2 * (16 + 32), dense = 32 * 49 * 64 + 64 + 64 * 10 + 10;
    expect_counts(model, convs + norms + dense, norms,
                  16 * 9 * 28 * 28 + 32 * 16 * 9 * 14 * 14 + 32 * 49 * 64 + 64 * 10);
    static const char *const names[] = {"conv1.weight", "bn1.running_mean", "conv2.weight", "bn2.bias",
                                        "fc1.weight",   "fc1.bias",         "fc2.weight",   "fc2.bias"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) assert_true(has_param(model, names[i]));
    assert_false(has_param(model, "conv1.bias"));
    assert_non_null(strstr(ath_model_text(model), "layers:"));
    ath_model_destroy(model);
}

static void small_resnet(void **state) {
    (void)state;
    ath_model *model = example("small-resnet.yaml");
    int64_t    first = 32 * 27, same = 4 * 32 * 32 * 9;
    int64_t    down1 = 64 * 32 * 9 + 64 * 64 * 9 + 64 * 32, down2 = 128 * 64 * 9 + 128 * 128 * 9 + 128 * 64;
    int64_t    norms = 2 * (5 * 32 + 3 * 64 + 3 * 128);
    expect_counts(model, first + same + down1 + down2 + norms + 1290, norms,
                  (first + same) * 1024 + down1 * 256 + down2 * 64 + 1280);
    static const char *const names[] = {"stem.weight",
                                        "stage1.0.block1.conv1.weight",
                                        "stage1.1.block1.bn2.bias",
                                        "down1.conv2.weight",
                                        "down1.shortcut.conv1.weight",
                                        "down2.shortcut.bn1.running_var",
                                        "fc1.bias"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!has_param(model, names[i])) fail_msg("%s is missing", names[i]);
    assert_int_equal(ath_model_set_classes(model, 100, NULL), ATH_OK);
    ath_model_counts counts;
    assert_int_equal(ath_model_count(model, &counts, NULL), ATH_OK);
    assert_int_equal(counts.params, first + same + down1 + down2 + norms + 129 * 100);
    ath_model_destroy(model);
}

static ath_status parse(const char *text, ath_model **model, ath_error *err) {
    memset(err, 0, sizeof *err);
    return ath_model_create_text("net.yaml", text, strlen(text), model, err);
}

#define HEAD "input: [3, 16, 16]\nclasses: 5\nlayers:\n" /* layers start in line 4 */

static void branches_pairs_and_groups(void **state) {
    (void)state;
    ath_model *model;
    ath_error  err;
    if (parse(HEAD "- conv: {out: 6, kernel: [1, 3], padding: [0, 1], stride: [2, 1], groups: 3, bias: true, name: a}\n"
                   "- concat:\n    branches:\n    - []\n    - [{conv: {out: 4, kernel: 1}}, tanh]\n"
                   "- avg_pool: {kernel: 2, padding: 1, stride: 2, exclude_padding: true}\n"
                   "- flatten\n- linear: {out: classes, bias: false}\n",
              &model, &err) != ATH_OK)
        fail_msg("%s: %s", err.where, err.message);
    /* a: 6 x (1,1,3) + 6 on 8x16; branch: 4 x 6 + 4 on 8x16; pooled 10 x 5 x 9 = 450. */
    expect_counts(model, 18 + 6 + 24 + 4 + 450 * 5, 0, 18 * 128 + 24 * 128 + 450 * 5);
    assert_true(has_param(model, "concat1.1.conv1.weight"));
    ath_model_destroy(model);
}

/* Mistakes of the file itself: status, place, and a word of the message. */
static void faulty_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *part;
    } cases[] = {
        {"", "net.yaml:1", "input"},
        {"[1, 2]", "net.yaml:1", "input"},
        {"input: [1, 2\n", "net.yaml:", "YAML"},
        {"classes: 5\nlayers: []\n", "net.yaml:1", "input"},
        {"input: [3, 16]\nclasses: 5\nlayers: []\n", "net.yaml:1", "input"},
        {"input: [3, 16, 0]\nclasses: 5\nlayers: []\n", "net.yaml:1", "input"},
        {"input: [3, 16, 16]\nlayers: []\n", "net.yaml:1", "classes"},
        {"input: [3, 16, 16]\nclasses: 1\nlayers: []\n", "net.yaml:2", "classes"},
        {"input: [3, 16, 16]\nclasses: 5\n", "net.yaml:1", "layers"},
        {"input: [3, 16, 16]\nclasses: 5\nlayer: []\n", "net.yaml:3", "layers"},
        {"input: [3, 16, 16]\nclasses: 5\nclasses: 6\n", "net.yaml:3", "twice"},
        {"a: &x [1]\nb: *x\n", "net.yaml:1", "anchors"},
        {HEAD "- conv2: {out: 3, kernel: 3}\n", "net.yaml:4", "conv"},
        {HEAD "- relu\n- frobnicate\n", "net.yaml:5", "batch_norm"},
        {HEAD "- conv: {out: 3}\n", "net.yaml:4", "kernel"},
        {HEAD "- conv\n", "net.yaml:4", "out"},
        {HEAD "- relu\n- conv: {out: 3, kernal: 3}\n", "net.yaml:5", "kernel"},
        {HEAD "- conv:\n    out: 3\n    kernel: 0\n", "net.yaml:6", "1 to 255"},
        {HEAD "- conv: {out: 3, kernel: [1, 2, 3]}\n", "net.yaml:4", "vertical"},
        {HEAD "- conv: {out: three, kernel: 1}\n", "net.yaml:4", "classes"},
        {HEAD "- conv: {out: 99999999999, kernel: 1}\n", "net.yaml:4", "out"},
        {HEAD "- conv: {out: 3, kernel: 3, bias: maybe}\n", "net.yaml:4", "true or false"},
        {HEAD "- conv: {out: 3, kernel: 3, name: a.b}\n", "net.yaml:4", "letters"},
        {HEAD "- conv: {out: 3, kernel: 3, name: a}\n- conv: {out: 3, kernel: 3, name: a}\n", "net.yaml:5", "line 4"},
        {HEAD "- dropout: 0.5\n", "net.yaml:4", "{field: value}"},
        {HEAD "- dropout: {p: 1.5}\n", "net.yaml:4", "0 to 0.99"},
        {HEAD "- relu: {slope: 1}\n", "net.yaml:4", "none"},
        {HEAD "- {relu: {}, tanh: {}}\n", "net.yaml:4", "a layer is written"},
        {HEAD "- residual: {body: [relu], activation: rely}\n", "net.yaml:4", "relu"},
        {HEAD "- residual: {body: relu}\n", "net.yaml:4", "list"},
        {HEAD "- repeat: {times: 1000, body: [{repeat: {times: 1000, body: [relu]}}]}\n", "net.yaml:4", "10000"},
        {HEAD "- concat: {branches: []}\n", "net.yaml:4", "branches"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ath_model *model = NULL;
        ath_error  err;
        ath_status status = parse(cases[i].text, &model, &err);
        if (status != ATH_DATA || model || !strstr(err.message, cases[i].part) ||
            strncmp(err.where, cases[i].where, strlen(cases[i].where)) != 0)
            fail_msg("case %d: status %d, %s: %s (wanted %s: ...%s...)", (int)i, (int)status, err.where, err.message,
                     cases[i].where, cases[i].part);
    }
}

/* Files that read well and cannot be built: the error names the line of the innermost layer. */
static void unbuildable_nets(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *part;
    } cases[] = {
        {HEAD "- relu\n- conv: {out: 4, kernel: 19}\n", "net.yaml:5", "too small"},
        {HEAD "- conv: {out: 4, kernel: 3, groups: 2}\n", "net.yaml:4", "groups"},
        {HEAD "- linear: {out: 4}\n", "net.yaml:4", "flatten"},
        {HEAD "- repeat:\n    times: 5\n    body:\n    - max_pool: {kernel: 2}\n", "net.yaml:7", "too small"},
        {HEAD "- residual:\n    body: [{conv: {out: 8, kernel: 3, padding: 1}}]\n", "net.yaml:4", "(8,16,16)"},
        {HEAD "- flatten\n- linear: {out: 4}\n", "", "classes"},
        {HEAD "- relu\n", "", "classes"},
        {HEAD "- max_pool: {kernel: 2, padding: 2}\n", "net.yaml:4", "half"},
        {HEAD "- concat: {branches: [[], [{max_pool: {kernel: 2}}]]}\n", "net.yaml:4", "concat"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ath_model       *model = NULL;
        ath_error        err;
        ath_model_counts counts;
        if (parse(cases[i].text, &model, &err) != ATH_OK) fail_msg("case %d: %s: %s", (int)i, err.where, err.message);
        ath_status status = ath_model_count(model, &counts, &err);
        if (status != ATH_USAGE || !strstr(err.message, cases[i].part) ||
            strncmp(err.where, cases[i].where, strlen(cases[i].where)) != 0)
            fail_msg("case %d: status %d, %s: %s (wanted %s: ...%s...)", (int)i, (int)status, err.where, err.message,
                     cases[i].where, cases[i].part);
        ath_model_destroy(model);
    }
}

/* Depth: lists in lists beyond the limit are refused, not followed. */
static void nested_too_deep(void **state) {
    (void)state;
    char   text[4096] = HEAD "- ";
    size_t used = strlen(text);
    for (int i = 0; i < 20; i++) used += (size_t)snprintf(text + used, sizeof text - used, "{residual: {body: [");
    used += (size_t)snprintf(text + used, sizeof text - used, "relu");
    for (int i = 0; i < 20; i++) used += (size_t)snprintf(text + used, sizeof text - used, "]}}");
    ath_model *model = NULL;
    ath_error  err;
    assert_int_equal(parse(text, &model, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "nested"));
}

static void missing_file(void **state) {
    (void)state;
    ath_model *model = NULL;
    ath_error  err = {0};
    assert_true(ath_model_create("no/such/net.yaml", &model, &err) != ATH_OK);
    assert_null(model);
    assert_true(strstr(err.message, "net.yaml") || strstr(err.where, "net.yaml"));
}

/* The n-th allocation of reading and building fails, for every n: an error of its own kind each time, and nothing kept.
 */
static void memory_runs_out(void **state) {
    (void)state;
    const char *text = HEAD "- conv: {out: 4, kernel: 3}\n- residual: {body: [batch_norm], shortcut: [relu]}\n"
                            "- global_avg_pool\n- linear: {out: classes}\n";
    uint64_t    held = ath__mem_stats().live_bytes;
    ath_status  status = ATH_MEMORY;
    int         failures = 0;
    for (uint64_t n = 1; status != ATH_OK; n++) {
        ath_model       *model = NULL;
        ath_model_counts counts;
        ath_error        err;
        ath__mem_fail_at(n);
        status = parse(text, &model, &err);
        if (status == ATH_OK) status = ath_model_count(model, &counts, &err);
        ath__mem_fail_at(0);
        ath_model_destroy(model);
        if (status != ATH_OK && status != ATH_MEMORY) fail_msg("allocation %d: %s", (int)n, err.message);
        failures += status == ATH_MEMORY;
        assert_int_equal(ath__mem_stats().live_bytes, held);
    }
    assert_true(failures > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cnn),    cmocka_unit_test(small_resnet),     cmocka_unit_test(branches_pairs_and_groups),
        cmocka_unit_test(faulty_files), cmocka_unit_test(unbuildable_nets), cmocka_unit_test(nested_too_deep),
        cmocka_unit_test(missing_file), cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
