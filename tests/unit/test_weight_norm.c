/* Weight normalisation: exactly the plain weight at the start, the published gradient, and no division by zero. */
#include "graph/grad.h"
#include "graph/interp.h"
#include "nn/weight_transform.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { FILTERS = 3, SIZE = 8 }; /* filters of 2x2x2 */

/* The graph of w = wn(v, g) and of the gradients of sum(c * w) for given c. */
struct trial {
    ath_graph          *graph;
    struct ath__interp *interp;
    ath_value           v, g, norm, w, c, dv, dg;
};

static void trial_start(struct trial *trial) {
    ath_error err = {0};
    trial->graph = ath_graph_create();
    assert_non_null(trial->graph);
    struct ath__nn nn = ath__nn_start(trial->graph, true, ATH_NONE);
    ath_shape      shape = ath_shape_of(FILTERS, 2, 2, 2);
    trial->w = ath__weight_transform_wn.apply(&nn, &shape);
    trial->v = ath__graph_find(trial->graph, "weight_v");
    trial->g = ath__graph_find(trial->graph, "weight_g");
    trial->norm = ath__graph_value(trial->graph, trial->g)->init.from;
    trial->c = ath_step_input(trial->graph, "c", ATH_F32, shape);
    ath_output(trial->graph, trial->w, "w");
    const ath_value wrt[] = {trial->v, trial->g};
    ath_value       grads[2];
    if (ath__grad_build(trial->graph, &trial->w, &trial->c, 1, wrt, 2, grads, &err) != ATH_OK)
        fail_msg("%s", err.message);
    trial->dv = grads[0];
    trial->dg = grads[1];
    ath_output(trial->graph, trial->dv, "dv");
    ath_output(trial->graph, trial->dg, "dg");
    if (ath__graph_order(trial->graph, &err) != ATH_OK) fail_msg("%s", err.message);
    if (ath__interp_create(trial->graph, &trial->interp, &err) != ATH_OK) fail_msg("%s", err.message);
    double *v = ath__interp_data(trial->interp, trial->v), *c = ath__interp_data(trial->interp, trial->c);
    for (int i = 0; i < FILTERS * SIZE; i++) {
        v[i] = sin(1.0 + 3.7 * i);
        c[i] = cos(2.0 + 1.3 * i);
    }
}

static void trial_end(struct trial *trial) {
    ath__interp_destroy(trial->interp);
    ath_graph_destroy(trial->graph);
}

static double dot(const double *a, const double *b) {
    double sum = 0.0;
    for (int i = 0; i < SIZE; i++) sum += a[i] * b[i];
    return sum;
}

/* With g set to the value that it starts from, w is v to the bit. */
static void starts_as_the_plain_weight(void **state) {
    (void)state;
    struct trial trial;
    ath_error    err = {0};
    trial_start(&trial);
    assert_int_equal(ath__interp_eval(trial.interp, trial.norm, &err), ATH_OK);
    const double *norm = ath__interp_data(trial.interp, trial.norm);
    double       *g = ath__interp_data(trial.interp, trial.g);
    const double *v = ath__interp_data(trial.interp, trial.v);
    for (int k = 0; k < FILTERS; k++) {
        assert_true(fabs(norm[k] - sqrt(dot(v + k * SIZE, v + k * SIZE))) < 1e-14);
        g[k] = norm[k];
    }
    assert_int_equal(ath__interp_run(trial.interp, NULL, &err), ATH_OK);
    assert_memory_equal(ath__interp_data(trial.interp, trial.w), v, sizeof(double) * FILTERS * SIZE);
    trial_end(&trial);
}

/* dg = <dw, v> / |v|,  dv = g / |v| (dw - dg v / |v|)  (Salimans and Kingma 2016, equation 3), in double precision:
 * some ten roundings of terms below 4 in size stay under 1e-13. */
static void gradient_is_the_published_one(void **state) {
    (void)state;
    struct trial trial;
    ath_error    err = {0};
    trial_start(&trial);
    double *g = ath__interp_data(trial.interp, trial.g);
    for (int k = 0; k < FILTERS; k++) g[k] = 0.5 + k;
    assert_int_equal(ath__interp_run(trial.interp, NULL, &err), ATH_OK);
    const double *v = ath__interp_data(trial.interp, trial.v), *c = ath__interp_data(trial.interp, trial.c);
    const double *w = ath__interp_data(trial.interp, trial.w), *dv = ath__interp_data(trial.interp, trial.dv);
    const double *dg = ath__interp_data(trial.interp, trial.dg);
    for (int k = 0; k < FILTERS; k++) {
        const double *vk = v + k * SIZE, *ck = c + k * SIZE;
        double        length = sqrt(dot(vk, vk)), gain = dot(ck, vk) / length;
        assert_true(fabs(dg[k] - gain) < 1e-13);
        for (int i = 0; i < SIZE; i++) {
            assert_true(fabs(w[k * SIZE + i] - g[k] * vk[i] / length) < 1e-13);
            assert_true(fabs(dv[k * SIZE + i] - g[k] / length * (ck[i] - gain * vk[i] / length)) < 1e-13);
        }
    }
    trial_end(&trial);
}

/* A filter of zeros stays one, and its gradients are finite. */
static void zero_filter(void **state) {
    (void)state;
    struct trial trial;
    ath_error    err = {0};
    int          bad = -1;
    trial_start(&trial);
    double *v = ath__interp_data(trial.interp, trial.v), *g = ath__interp_data(trial.interp, trial.g);
    for (int i = 0; i < SIZE; i++) v[SIZE + i] = 0.0;
    assert_int_equal(ath__interp_eval(trial.interp, trial.norm, &err), ATH_OK);
    const double *norm = ath__interp_data(trial.interp, trial.norm);
    for (int k = 0; k < FILTERS; k++) g[k] = norm[k];
    assert_int_equal(ath__interp_run(trial.interp, &bad, &err), ATH_OK);
    assert_int_equal(bad, -1);
    const double *w = ath__interp_data(trial.interp, trial.w);
    for (int i = 0; i < SIZE; i++) assert_true(w[SIZE + i] == 0.0);
    trial_end(&trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_as_the_plain_weight),
        cmocka_unit_test(gradient_is_the_published_one),
        cmocka_unit_test(zero_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
