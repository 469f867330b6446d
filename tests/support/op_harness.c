/* The harness of op_harness.h over ath_graph and the interpreter. */
#include "support/op_harness.h"

#include "graph/grad.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void op_run_begin(struct op_run *run) {
    memset(run, 0, sizeof *run);
    run->graph = ath_graph_create();
    assert_non_null(run->graph);
}

void op_run_end(struct op_run *run) {
    ath__interp_destroy(run->interp);
    ath_graph_destroy(run->graph);
    memset(run, 0, sizeof *run);
}

ath_value op_run_leaf(struct op_run *run, ath_dtype dtype, ath_shape shape) {
    char name[32];
    snprintf(name, sizeof name, "leaf%d", run->leaves++);
    return ath_input(run->graph, name, dtype, shape);
}

/* Fails the test with the graph's message. */
static void check_graph(struct op_run *run) {
    ath_error error;
    if (ath_graph_status(run->graph, &error) != ATH_OK) fail_msg("the graph could not be built: %s", error.message);
}

void op_run_keep(struct op_run *run, ath_value value) {
    check_graph(run);
    run->graph->values[value].is_output = true;
}

void op_run_gradients(struct op_run *run, ath_value y, ath_value seed, const ath_value *wrt, int count,
                      ath_value *grads) {
    ath_error error;
    check_graph(run);
    if (ath__grad_build(run->graph, &y, &seed, 1, wrt, count, grads, &error) != ATH_OK)
        fail_msg("no gradient: %s", error.message);
    for (int i = 0; i < count; i++)
        if (grads[i] != ATH_NONE) op_run_keep(run, grads[i]);
}

void op_run_start(struct op_run *run) {
    ath_error error;
    check_graph(run);
    if (ath__graph_order(run->graph, &error) != ATH_OK) fail_msg("no order: %s", error.message);
    if (ath__interp_create(run->graph, &run->interp, &error) != ATH_OK) fail_msg("no interpreter: %s", error.message);
}

void op_run_set(struct op_run *run, ath_value leaf, const double *data) {
    memcpy(ath__interp_data(run->interp, leaf), data, (size_t)op_run_count(run, leaf) * sizeof *data);
}

void op_run_all(struct op_run *run) {
    ath_error error;
    if (ath__interp_run(run->interp, NULL, &error) != ATH_OK) fail_msg("the run failed: %s", error.message);
}

const double *op_run_data(struct op_run *run, ath_value value) {
    const double *data = ath__interp_data(run->interp, value);
    if (data == NULL) fail_msg("value %d was not computed", value);
    return data;
}

int64_t op_run_count(const struct op_run *run, ath_value value) {
    ath_shape shape = ath_value_shape(run->graph, value);
    return ath_shape_count(&shape);
}

double op_compare(const char *what, const double *actual, const double *expected, int64_t count, double tolerance) {
    double worst = 0.0;
    for (int64_t i = 0; i < count; i++) {
        if (isnan(actual[i]) && isnan(expected[i])) continue;
        if (actual[i] == expected[i]) continue; /* also infinities */
        double difference = fabs(actual[i] - expected[i]) / fmax(1.0, fabs(expected[i]));
        if (!(difference <= tolerance))
            fail_msg("%s: element %lld is %.17g, expected %.17g (difference %.3g, tolerance %.3g)", what, (long long)i,
                     actual[i], expected[i], difference, tolerance);
        if (difference > worst) worst = difference;
    }
    return worst;
}
