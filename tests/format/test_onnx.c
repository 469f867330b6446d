/* ONNX in and out: graphs of every family of operators give what onnxruntime gave (tools/golden/onnx_cases.py), a
 * classifier becomes a model, and faulty files are refused with one message that says why. */
#include "athanor/format.h"
#include "athanor/model.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/onnx/array_file.h"
#include "format/onnx/onnx_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *golden(const char *name, const char *ending) {
    static char path[2][1024];
    static int  turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/golden/onnx/%s.%s", ATHANOR_TEST_SOURCE, name, ending);
    return path[turn];
}

/* ---- graphs ---------------------------------------------------------------------------------------------------------- */

/* float32 against float32 of another summation order: 1e-4 relative to the largest value is a hundred times the error
 * that sums of these lengths (below 100) can have, and a thousandth of what a wrong tap would make. */
static void compare(const char *what, const struct ath__onnx_tensor *got, const struct ath__onnx_tensor *want) {
    double largest = 1e-3, worst = 0.0;
    if (got->rank != want->rank || got->count != want->count) fail_msg("%s: another shape", what);
    for (int d = 0; d < want->rank; d++) assert_int_equal(got->dims[d], want->dims[d]);
    for (int64_t i = 0; i < want->count; i++) {
        largest = fmax(largest, fabs(ath__onnx_get(want, i)));
        worst = fmax(worst, fabs(ath__onnx_get(want, i) - ath__onnx_get(got, i)));
    }
    if (!(worst <= 1e-4 * largest)) fail_msg("%s differs by %g of %g", what, worst, largest);
}

static void run_case(const char *name) {
    struct ath__onnx_file    file = {.path = "?"};
    struct ath__arena        arena = {0};
    struct ath__array       *arrays;
    struct ath__onnx_result *results;
    struct ath__onnx_feed    feeds[8];
    char                    *bytes;
    size_t                   size;
    int                      array_count, count, used = 0, compared = 0;
    ath_error                err = {.code = ATH_OK};
    assert_int_equal(ath__file_read(golden(name, "onnx"), 1 << 24, &bytes, &size, &err), ATH_OK);
    assert_true(ath__onnx_is_model((unsigned char *)bytes, size));
    if (ath__onnx_file_read(name, (unsigned char *)bytes, size, &file, &err) != ATH_OK) fail_msg("%s", err.message);
    if (ath__array_file_read(golden(name, "npz"), &arena, &arrays, &array_count, &err) != ATH_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < array_count; i++)
        if (strncmp(arrays[i].name, "expected:", 9) != 0)
            feeds[used++] = (struct ath__onnx_feed){arrays[i].name, &arrays[i].tensor};
    if (ath__onnx_run(&file, feeds, used, &arena, &results, &count, &err) != ATH_OK) fail_msg("%s", err.message);
    for (int i = 0; i < array_count; i++)
        for (int k = 0; k < count; k++) {
            if (strncmp(arrays[i].name, "expected:", 9) != 0 || strcmp(arrays[i].name + 9, results[k].name) != 0)
                continue;
            char what[128];
            snprintf(what, sizeof what, "%s: %s", name, results[k].name);
            compare(what, &results[k].tensor, &arrays[i].tensor);
            compared++;
        }
    assert_int_equal(compared, count);
    assert_true(count > 0);
    ath__onnx_file_close(&file);
    ath__arena_free(&arena);
    ath__free(bytes);
}

static void test_graphs(void **state) {
    static const char *const names[] = {"conv", "pool", "norm", "act", "shapes", "products", "resize", "classifier"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) run_case(names[i]);
}

/* ---- models ---------------------------------------------------------------------------------------------------------- */

static void test_model(void **state) {
    ath_tensor_file  file;
    ath_error        err = {.code = ATH_OK};
    ath_model       *model;
    ath_model_counts counts;
    (void)state;
    if (ath_tensor_file_load(golden("classifier", "onnx"), &file, &err) != ATH_OK) fail_msg("%s", err.message);
    const char *net = ath_tensor_file_metadata(&file, "net");
    assert_non_null(net);
    assert_string_equal(ath_tensor_file_metadata(&file, "input"), "3x8x8");
    assert_string_equal(ath_tensor_file_metadata(&file, "classes"), "5");
    assert_non_null(ath_tensor_file_find(&file, "conv.weight"));
    assert_non_null(ath_tensor_file_find(&file, "bn.running_var"));
    if (ath_model_create_text("classifier", net, strlen(net), &model, &err) != ATH_OK) fail_msg("%s", err.message);
    if (ath_model_count(model, &counts, &err) != ATH_OK) fail_msg("%s", err.message);
    /* 8*27 weights, 8 + 8 of the norm, 8*9 + 8, 5*8 + 5; the statistics are kept */
    assert_int_equal(counts.params, 216 + 16 + 80 + 45);
    assert_int_equal(counts.buffers, 16);
    /* another number of classes changes the last layer alone */
    assert_int_equal(ath_model_set_classes(model, 7, &err), ATH_OK);
    if (ath_model_count(model, &counts, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(counts.params, 216 + 16 + 80 + 63);
    ath_model_destroy(model);
    ath_tensor_file_free(&file);
    /* graphs that are no classifiers say so */
    assert_int_equal(ath_tensor_file_load(golden("products", "onnx"), &file, &err), ATH_UNSUPPORTED);
    assert_non_null(strstr(err.message, "no classifier"));
}

static void graph_text(const char *text, const char *message) {
    ath_error  err = {.code = ATH_OK};
    ath_model *model = NULL;
    ath_status status = ath_model_create_text("net", text, strlen(text), &model, &err);
    if (status == ATH_OK) {
        ath_model_counts counts;
        status = ath_model_count(model, &counts, &err);
    }
    if (message && (status == ATH_OK || !strstr(err.message, message)))
        fail_msg("'%s' instead of '%s'", err.message, message);
    if (!message && status != ATH_OK) fail_msg("%s", err.message);
    ath_model_destroy(model);
}

#define HEAD "input: [3, 4, 4]\nclasses: 2\nparameters:\n  w: {shape: [K, 48], init: weight}\nnodes:\n"
static void test_graph_text(void **state) {
    (void)state;
    graph_text(HEAD "  - {name: a, op: reshape, in: [x], rank: 2, dims: [N, 48]}\n"
                    "  - {name: b, op: matmul, in: [a, w], trans_b: 1}\noutput: b\n",
               NULL);
    graph_text(HEAD "  - {name: a, op: reshap, in: [x]}\noutput: a\n", "needs an operator");
    graph_text(HEAD "  - {name: a, op: cross_entropy, in: [x]}\noutput: a\n", "needs an operator");
    graph_text(HEAD "  - {name: a, op: reshape, in: [y]}\noutput: a\n", "nothing before this node is called 'y'");
    graph_text(HEAD "  - {name: w, op: reshape, in: [x]}\noutput: w\n", "used twice");
    graph_text(HEAD "  - {name: a, op: reshape, in: [x], dim: 3}\noutput: a\n", "no attribute 'dim'");
    graph_text(HEAD "  - {name: a, op: reshape, in: [x], dims: [1, 2, 3, 4, 5, 6, 7]}\noutput: a\n", "up to 6");
    graph_text(HEAD "  - {name: a, op: reshape, in: [x], rank: 2, dims: [N, 47]}\noutput: a\n", "cannot become");
    graph_text(HEAD "  - {name: a, op: act, in: [x], kind: swish}\noutput: a\n", "cannot be 'swish'");
    graph_text(HEAD "  - {name: a, op: batch_norm, in: [x, w, w, w, w], eps: 1, momentum: 0.1}\noutput: a\n", "");
    graph_text(HEAD "  - {name: a, op: act, in: [x], kind: relu}\noutput: b\n", "'output' must name a node");
}

/* ---- faulty files ------------------------------------------------------------------------------------------------------ */

static void load_bytes(const char *bytes, size_t size, ath_status wanted) {
    ath_tensor_file file;
    ath_error       err = {.code = ATH_OK};
    assert_int_equal(ath__file_write("faulty.onnx", bytes, size, &err), ATH_OK);
    uint64_t   live = ath__mem_stats().live_bytes;
    ath_status status = ath_tensor_file_load("faulty.onnx", &file, &err);
    if (status == ATH_OK) ath_tensor_file_free(&file);
    if (wanted != ATH_OK && status == ATH_OK) fail_msg("a faulty file of %zu bytes was read", size);
    if (status != ATH_OK) assert_true(err.message[0] != '\0');
    assert_int_equal(ath__mem_stats().live_bytes, live);
}

/* Every file cut off at any place, and every byte turned over, gives tensors or one message and loses no memory. */
static void test_damage(void **state) {
    char     *bytes;
    size_t    size;
    ath_error err;
    (void)state;
    assert_int_equal(ath__file_read(golden("classifier", "onnx"), 1 << 24, &bytes, &size, &err), ATH_OK);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 16) load_bytes(bytes, cut, ATH_DATA);
    for (size_t i = 0; i < size; i += 7) {
        bytes[i] = (char)(bytes[i] ^ 0x55);
        load_bytes(bytes, size, ATH_OK);
        bytes[i] = (char)(bytes[i] ^ 0x55);
    }
    ath__free(bytes);
}

/* Two bytes of an empty node become a struct of a hundred: the budget stops a file of nothing else. */
static void test_empty_nodes(void **state) {
    struct ath__str text = {0};
    (void)state;
    ath__str_append_bytes(&text, "\x08\x08\x3A\x80\x80\x80\x04", 7); /* a graph of 8 MiB */
    for (int i = 0; i < 4 << 20; i++) ath__str_append_bytes(&text, "\x0A\x00", 2);
    assert_false(text.failed);
    load_bytes(text.data, text.size, ATH_DATA);
    ath__str_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graphs), cmocka_unit_test(test_model),       cmocka_unit_test(test_graph_text),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_empty_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
