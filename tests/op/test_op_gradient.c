/* Every differentiable operator: its gradient against central differences through the double interpreter.
 *
 *     J(v) = <seed, f(v)>,   dJ/dv_i = (J(v + h e_i) - J(v - h e_i)) / 2h + O(h^2)
 *
 * Leaves hold distinct values on a grid that keeps away from integers, so that no kink (relu at 0, hard_swish at -3 and
 * 3, relu6 at 6) and no tie of maxima lies within h of any of them.
 */
#include "graph/op.h"
#include "support/op_harness.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_LEAVES = 6 };

struct gradient_case {
    const char *name;
    ath_value (*build)(ath_graph *g, const ath_value *leaf);
    ath_shape shape[MAX_LEAVES]; /* rank 0 ends the list */
    double    low, high;         /* range of the leaves' values; 0, 0 = -2 to 2 */
};

/* ---- graphs under test ------------------------------------------------------------------------------------------- */

#define BUILD(name) static ath_value name(ath_graph *g, const ath_value *v)

BUILD(conv_plain) {
    return ath_conv2d(g, v[0], v[1], v[2], &(ath_conv2d_attrs){.pad = {1, 1, 1, 1}});
}
BUILD(conv_strided) {
    return ath_conv2d(g, v[0], v[1], ATH_NONE, &(ath_conv2d_attrs){.stride = {2, 3}, .pad = {2, 0, 1, 3}});
}
BUILD(conv_dilated) {
    return ath_conv2d(g, v[0], v[1], v[2],
                      &(ath_conv2d_attrs){.dilation = {2, 1}, .pad = {1, 2, 0, 1}, .stride = {1, 2}});
}
BUILD(conv_grouped) {
    return ath_conv2d(g, v[0], v[1], v[2], &(ath_conv2d_attrs){.groups = 2, .pad = {0, 1, 2, 0}, .stride = {2, 1}});
}
BUILD(conv_depthwise) {
    return ath_conv2d(g, v[0], v[1], ATH_NONE, &(ath_conv2d_attrs){.groups = 3, .pad = {1, 1, 1, 1}});
}
BUILD(conv_sigmoid) {
    return ath_conv2d(g, v[0], v[1], v[2], &(ath_conv2d_attrs){.act = ATH_ACT_SIGMOID});
}
BUILD(conv_gelu) {
    return ath_conv2d(g, v[0], v[1], v[2], &(ath_conv2d_attrs){.act = ATH_ACT_GELU});
}
BUILD(conv_residual) {
    ath_conv2d_attrs attrs = {.pad = {1, 1, 1, 1}, .act = ATH_ACT_TANH};
    return ath__graph_apply(g, &ath__op_conv2d, &attrs, v, 4);
}
/* Weights made by other nodes: w = a * b, broadcast. */
BUILD(conv_made_weights) {
    return ath_conv2d(g, v[0], ath_mul(g, v[1], v[2]), ATH_NONE, NULL);
}
/* The bias wants a gradient, the weights, a constant, do not. */
BUILD(conv_bias_alone) {
    static const float weights[] = {0.5F, -0.25F, 1.0F, 0.125F, 0.75F, -1.5F};
    ath_value          w =
        ath_constant(g, "weights", &(ath_tensor){ATH_F32, ath_shape_of(3, 2, 1, 1), (void *)(uintptr_t)weights});
    return ath_conv2d(g, v[0], w, v[1], NULL);
}

BUILD(matmul_nn) {
    return ath_matmul(g, v[0], v[1], v[2], NULL);
}
BUILD(matmul_nt) {
    return ath_linear(g, v[0], v[1], v[2]);
}
BUILD(matmul_tn) {
    return ath_matmul(g, v[0], v[1], ATH_NONE, &(ath_matmul_attrs){.trans_a = 1});
}
BUILD(matmul_tt) {
    return ath_matmul(g, v[0], v[1], v[2], &(ath_matmul_attrs){1, 1, ATH_ACT_TANH});
}
BUILD(matmul_silu) {
    return ath_matmul(g, v[0], v[1], v[2], &(ath_matmul_attrs){.act = ATH_ACT_SILU});
}

/* gamma v[1], beta v[2], running statistics from constants of no influence on y. */
static ath_value norm(ath_graph *g, const ath_value *v, int64_t act, ath_value residual) {
    ath_batch_norm_attrs attrs = {.eps = 1e-3, .momentum = 0.1, .act = act};
    return ath__graph_apply(g, &ath__op_batch_norm, &attrs, (ath_value[]){v[0], v[1], v[2], v[1], v[2], residual}, 6);
}
BUILD(norm_plain) {
    return norm(g, v, ATH_ACT_NONE, ATH_NONE);
}
BUILD(norm_sigmoid) {
    return norm(g, v, ATH_ACT_SIGMOID, ATH_NONE);
}
BUILD(norm_residual) {
    return norm(g, v, ATH_ACT_TANH, v[3]);
}
BUILD(norm_eval) {
    return ath_batch_norm_eval(g, v[0], v[1], v[2], v[3], v[4], 1e-3);
}

#define ACT_BUILD(kind, text, from_output)                                                                             \
    BUILD(act_##kind) {                                                                                                \
        return ath_activation(g, v[0], ATH_ACT_##kind);                                                                \
    }
ATH_ACT_MAP(ACT_BUILD)
#define UNARY_BUILD(kind, text)                                                                                        \
    BUILD(unary_##kind) {                                                                                              \
        return ath_unary_op(g, v[0], ATH_UNARY_##kind);                                                                \
    }
ATH_UNARY_MAP(UNARY_BUILD)
#define BINARY_BUILD(kind, text)                                                                                       \
    BUILD(binary_##kind) {                                                                                             \
        return ath_binary_op(g, v[0], v[1], ATH_BINARY_##kind);                                                        \
    }
ATH_BINARY_MAP(BINARY_BUILD)
BUILD(scaled) {
    return ath_scale(g, v[0], -1.75, 0.5);
}
BUILD(same_operand) {
    return ath_mul(g, v[0], v[0]);
}

static ath_value pool(ath_graph *g, ath_value x, ath_pool2d_attrs attrs) {
    return ath_pool2d(g, x, &attrs);
}
BUILD(pool_max) {
    return pool(g, v[0], (ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {2, 2}});
}
BUILD(pool_max_overlap) {
    return pool(g, v[0], (ath_pool2d_attrs){.kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 0, 2, 1}, .ceil_mode = 1});
}
BUILD(pool_avg) {
    return pool(g, v[0],
                (ath_pool2d_attrs){.kind = ATH_POOL_AVG, .kernel = {3, 3}, .stride = {2, 2}, .pad = {0, 1, 2, 1}});
}
BUILD(pool_avg_pad) {
    return pool(g, v[0],
                (ath_pool2d_attrs){.kind = ATH_POOL_AVG,
                                   .kernel = {3, 2},
                                   .stride = {2, 2},
                                   .pad = {1, 0, 1, 1},
                                   .count_include_pad = 1,
                                   .ceil_mode = 1});
}
BUILD(adaptive_avg) {
    return ath_adaptive_pool(g, v[0], ATH_POOL_AVG, 3, 2);
}
BUILD(adaptive_max) {
    return ath_adaptive_pool(g, v[0], ATH_POOL_MAX, 2, 3);
}
BUILD(global_avg) {
    return ath_global_avg_pool(g, v[0]);
}

BUILD(reduce_sum) {
    return ath_reduce_op(g, v[0], ATH_REDUCE_SUM, 5u, false);
}
BUILD(reduce_sum_keep) {
    return ath_reduce_op(g, v[0], ATH_REDUCE_SUM, 2u, true);
}
BUILD(reduce_mean) {
    return ath_reduce_op(g, v[0], ATH_REDUCE_MEAN, 6u, false);
}
BUILD(reduce_max) {
    return ath_reduce_op(g, v[0], ATH_REDUCE_MAX, 3u, false);
}
BUILD(reduce_max_keep) {
    return ath_reduce_op(g, v[0], ATH_REDUCE_MAX, 4u, true);
}
BUILD(reduce_all) {
    return ath_reduce_op(g, ath_unary_op(g, v[0], ATH_UNARY_SQUARE), ATH_REDUCE_MEAN, 7u, false);
}
BUILD(expanded) {
    return ath_expand(g, v[0], ath_shape_of(4, 2, 5, 3));
}
BUILD(reshaped) {
    return ath_mul(g, ath_reshape(g, v[0], ath_shape_of(4, -1)), v[1]);
}
BUILD(flattened) {
    return ath_mul(g, ath_flatten(g, v[0]), v[1]);
}
BUILD(permuted) {
    return ath_mul(g, ath_permute(g, v[0], (int64_t[]){2, 0, 3, 1}), v[1]);
}
BUILD(sliced) {
    return ath_slice(g, v[0], (int64_t[]){1, 0, 2}, (int64_t[]){2, 3, 1});
}
BUILD(padded) {
    return ath_pad(g, v[0], (int64_t[]){1, 0, 2}, (int64_t[]){0, 3, 1}, 0.75);
}
BUILD(joined) {
    return ath_concat(g, v, 3, 1);
}
BUILD(resize_up) {
    return ath_resize(g, v[0], ATH_RESIZE_BILINEAR, 7, 5);
}
BUILD(resize_down) {
    return ath_resize(g, v[0], ATH_RESIZE_BILINEAR, 2, 3);
}
BUILD(resize_nearest) {
    return ath_resize(g, v[0], ATH_RESIZE_NEAREST, 5, 3);
}

BUILD(softmax_plain) {
    return ath_softmax(g, v[0], false);
}
BUILD(softmax_log) {
    return ath_softmax(g, v[0], true);
}
BUILD(loss_soft) {
    return ath_cross_entropy(g, v[0], v[1], 0.0);
}
BUILD(loss_soft_smooth) {
    return ath_cross_entropy(g, v[0], v[1], 0.25);
}
/* Labels that are a constant, 0..4 for five samples. */
static ath_value constant_i32(ath_graph *g, const int32_t *data, int64_t count) {
    return ath_constant(g, "integers", &(ath_tensor){ATH_I32, ath_shape_of(count), (void *)(uintptr_t)data});
}
BUILD(loss_hard) {
    static const int32_t labels[] = {2, 0, 6, 3, 3};
    return ath_cross_entropy(g, v[0], constant_i32(g, labels, 5), 0.1);
}
BUILD(dropped) {
    static const int32_t rng[] = {7, 11, 3, 0};
    return ath_dropout(g, v[0], constant_i32(g, rng, 4), 0.4);
}
BUILD(dropped_samples) {
    static const int32_t rng[] = {7, 11, 3, 0};
    return ath_drop_path(g, v[0], constant_i32(g, rng, 4), 0.4);
}
BUILD(cast_both) {
    ath_value low = ath__graph_apply(g, &ath__op_cast, &(ath_cast_attrs){ATH_F64}, &v[0], 1);
    ath_value back = ath__graph_apply(g, &ath__op_reorder, &(ath_cast_attrs){ATH_F32}, &low, 1);
    return ath_unary_op(g, back, ATH_UNARY_SQUARE);
}
BUILD(batch_summed) {
    return ath__graph_apply(g, &ath__op_batch_sum, NULL, (ath_value[]){ath_unary_op(g, v[0], ATH_UNARY_SQUARE)}, 1);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define SHAPE(...)                                                                                                     \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {                                                   \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define VECTOR                                                                                                         \
    { SHAPE(3, 7) }
#define PLANES                                                                                                         \
    { SHAPE(2, 2, 6, 5) }

static const struct gradient_case cases[] = {
    {"conv2d 3x3, bias", conv_plain, {SHAPE(2, 3, 4, 5), SHAPE(4, 3, 3, 3), SHAPE(4)}, 0, 0},
    {"conv2d stride 2x3, asymmetric padding", conv_strided, {SHAPE(1, 2, 6, 5), SHAPE(3, 2, 3, 2)}, 0, 0},
    {"conv2d dilation, stride, padding", conv_dilated, {SHAPE(1, 2, 6, 6), SHAPE(2, 2, 3, 3), SHAPE(2)}, 0, 0},
    {"conv2d two groups", conv_grouped, {SHAPE(2, 4, 5, 4), SHAPE(6, 2, 3, 2), SHAPE(6)}, 0, 0},
    {"conv2d depthwise", conv_depthwise, {SHAPE(2, 3, 4, 4), SHAPE(3, 1, 3, 3)}, 0, 0},
    {"conv2d with sigmoid", conv_sigmoid, {SHAPE(2, 2, 4, 4), SHAPE(3, 2, 3, 3), SHAPE(3)}, -0.5, 0.5},
    {"conv2d with gelu", conv_gelu, {SHAPE(1, 2, 4, 4), SHAPE(3, 2, 3, 3), SHAPE(3)}, -0.5, 0.5},
    {"conv2d residual, tanh",
     conv_residual,
     {SHAPE(1, 2, 4, 3), SHAPE(2, 2, 3, 3), SHAPE(2), SHAPE(1, 2, 4, 3)},
     -0.5,
     0.5},
    {"conv2d weights from a node", conv_made_weights, {SHAPE(1, 2, 4, 4), SHAPE(3, 2, 2, 2), SHAPE(3, 1, 1, 1)}, 0, 0},
    {"conv2d, constant weights", conv_bias_alone, {SHAPE(2, 2, 3, 4), SHAPE(3)}, 0, 0},
    {"matmul", matmul_nn, {SHAPE(3, 4), SHAPE(4, 5), SHAPE(5)}, 0, 0},
    {"matmul, linear layer", matmul_nt, {SHAPE(3, 4), SHAPE(5, 4), SHAPE(5)}, 0, 0},
    {"matmul, a transposed", matmul_tn, {SHAPE(4, 3), SHAPE(4, 5)}, 0, 0},
    {"matmul, both transposed, tanh", matmul_tt, {SHAPE(4, 3), SHAPE(5, 4), SHAPE(5)}, -0.5, 0.5},
    {"matmul with silu", matmul_silu, {SHAPE(3, 4), SHAPE(4, 5), SHAPE(5)}, 0, 0},
    {"matmul, batched", matmul_nn, {SHAPE(2, 3, 4), SHAPE(2, 4, 5), SHAPE(5)}, 0, 0},
    {"matmul, batched, a transposed", matmul_tn, {SHAPE(2, 4, 3), SHAPE(2, 4, 5)}, 0, 0},
    {"matmul, batched, both transposed", matmul_tt, {SHAPE(2, 4, 3), SHAPE(2, 5, 4), SHAPE(5)}, -0.5, 0.5},
    {"batch_norm", norm_plain, {SHAPE(3, 2, 3, 2), SHAPE(2), SHAPE(2)}, 0, 0},
    {"batch_norm of vectors", norm_plain, {SHAPE(6, 3), SHAPE(3), SHAPE(3)}, 0, 0},
    {"batch_norm, sigmoid", norm_sigmoid, {SHAPE(2, 3, 2, 3), SHAPE(3), SHAPE(3)}, 0, 0},
    {"batch_norm, residual, tanh", norm_residual, {SHAPE(2, 3, 2, 2), SHAPE(3), SHAPE(3), SHAPE(2, 3, 2, 2)}, 0, 0},
    {"batch_norm, evaluation", norm_eval, {SHAPE(2, 3, 2, 2), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)}, 0.1, 2.1},
#define ACT_CASE(kind, text, from_output) {"act " text, act_##kind, {SHAPE(5, 7)}, -8.0, 8.0},
    ATH_ACT_MAP(ACT_CASE)
#define UNARY_CASE(kind, text) {"unary " text, unary_##kind, VECTOR, 0.3, 2.6},
        ATH_UNARY_MAP(UNARY_CASE){"unary scale", scaled, VECTOR, 0, 0},
    {"unary abs of both signs", unary_ABS, VECTOR, 0, 0},
    {"unary sign of both signs", unary_SIGN, VECTOR, 0, 0},
    {"unary reciprocal, negative", unary_RECIPROCAL, VECTOR, -2.6, -0.3},
#define BINARY_CASE(kind, text)                                                                                        \
    {"binary " text, binary_##kind, {SHAPE(3, 4), SHAPE(3, 4)}, 0.3, 2.6},                                             \
        {"binary " text ", channel operand", binary_##kind, {SHAPE(2, 3, 2, 2), SHAPE(1, 3, 1, 1)}, 0.3, 2.6},         \
        {"binary " text ", lower rank first", binary_##kind, {SHAPE(4), SHAPE(2, 3, 4)}, 0.3, 2.6},                    \
        {"binary " text ", both repeat", binary_##kind, {SHAPE(3, 1), SHAPE(2, 1, 4)}, 0.3, 2.6},
    ATH_BINARY_MAP(BINARY_CASE){"binary mul, an operand with itself", same_operand, VECTOR, 0, 0},
    {"pool2d max", pool_max, PLANES, 0, 0},
    {"pool2d max, overlapping, ceil", pool_max_overlap, PLANES, 0, 0},
    {"pool2d average", pool_avg, PLANES, 0, 0},
    {"pool2d average, padding counted, ceil", pool_avg_pad, PLANES, 0, 0},
    {"adaptive_pool average", adaptive_avg, PLANES, 0, 0},
    {"adaptive_pool max", adaptive_max, PLANES, 0, 0},
    {"adaptive_pool global", global_avg, PLANES, 0, 0},
    {"reduce sum", reduce_sum, {SHAPE(3, 4, 2)}, 0, 0},
    {"reduce sum, kept", reduce_sum_keep, {SHAPE(3, 4, 2)}, 0, 0},
    {"reduce mean", reduce_mean, {SHAPE(3, 4, 2)}, 0, 0},
    {"reduce max", reduce_max, {SHAPE(3, 4, 2)}, 0, 0},
    {"reduce max, kept", reduce_max_keep, {SHAPE(3, 4, 5)}, 0, 0},
    {"reduce mean to a scalar", reduce_all, {SHAPE(3, 4, 2)}, 0, 0},
    {"expand", expanded, {SHAPE(2, 1, 3)}, 0, 0},
    {"reshape", reshaped, {SHAPE(2, 3, 4), SHAPE(4, 6)}, 0, 0},
    {"flatten", flattened, {SHAPE(2, 3, 4), SHAPE(2, 12)}, 0, 0},
    {"permute", permuted, {SHAPE(2, 3, 4, 2), SHAPE(4, 2, 2, 3)}, 0, 0},
    {"slice", sliced, {SHAPE(3, 3, 4)}, 0, 0},
    {"pad", padded, {SHAPE(2, 3, 2)}, 0, 0},
    {"concat", joined, {SHAPE(2, 1, 3), SHAPE(2, 3, 3), SHAPE(2, 2, 3)}, 0, 0},
    {"resize bilinear, up", resize_up, {SHAPE(2, 2, 4, 3)}, 0, 0},
    {"resize bilinear, down", resize_down, {SHAPE(1, 2, 5, 5)}, 0, 0},
    {"resize nearest", resize_nearest, {SHAPE(1, 2, 3, 5)}, 0, 0},
    {"softmax", softmax_plain, {SHAPE(4, 5)}, 0, 0},
    {"softmax of rank 3", softmax_plain, {SHAPE(2, 3, 4)}, 0, 0},
    {"log softmax", softmax_log, {SHAPE(4, 5)}, 0, 0},
    {"cross_entropy, soft targets", loss_soft, {SHAPE(4, 5), SHAPE(4, 5)}, 0.1, 0.9},
    {"cross_entropy, soft targets, smoothing", loss_soft_smooth, {SHAPE(4, 5), SHAPE(4, 5)}, 0.1, 0.9},
    {"cross_entropy, labels, smoothing", loss_hard, {SHAPE(5, 7)}, 0, 0},
    {"dropout", dropped, {SHAPE(3, 9)}, 0, 0},
    {"dropout of samples", dropped_samples, {SHAPE(9, 3)}, 0, 0},
    {"cast and reorder", cast_both, VECTOR, 0, 0},
    {"batch_sum", batch_summed, VECTOR, 0, 0},
};

/* ---- the check --------------------------------------------------------------------------------------------------- */

/* Distinct values from low to high in a scattered order, none within 0.01 of an integer. */
static void fill(double *data, int64_t count, int leaf, double low, double high) {
    int64_t step = count > 2 ? count * 5 / 8 : 1; /* made coprime to count: a permutation */
    for (int64_t a = count, b = step;; a = count, b = ++step) {
        while (b != 0) {
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) break;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t place = (i * step + leaf) % count;
        double  value = low + (high - low) * ((double)place + 0.37 + 0.11 * leaf) / (double)count;
        double  off = value - round(value);
        data[i] = fabs(off) < 0.01 ? value + (off < 0.0 ? -0.013 : 0.013) : value;
    }
}

static double objective(struct op_run *run, ath_value y, ath_value seed, double *size) {
    op_run_all(run);
    const double *a = op_run_data(run, y), *b = op_run_data(run, seed);
    double        sum = 0.0;
    *size = 0.0;
    for (int64_t i = 0; i < op_run_count(run, y); i++) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

/* Compares one leaf's gradient with differences. */
static void check_leaf(const char *name, struct op_run *run, int number, ath_value leaf, ath_value y, ath_value seed,
                       const double *gradient) {
    const double h = 1e-5;
    int64_t      count = op_run_count(run, leaf);
    double      *x = ath__interp_data(run->interp, leaf);
    for (int64_t i = 0; i < count; i++) {
        double kept = x[i], size, expected = gradient == NULL ? 0.0 : gradient[i];
        x[i] = kept + h;
        double up = x[i], above = objective(run, y, seed, &size);
        x[i] = kept - h;
        double difference = (above - objective(run, y, seed, &size)) / (up - x[i]);
        x[i] = kept;
        /* Truncation: h^2 / 6 * |J'''|. The steepest third derivative here is that of a / b by b at a = 2.6, b = 0.3:
         * 6 * 2.6 / 0.3^4 = 1926, with seeds up to 1. Rounding: 64 units in the last place for every term of J (the
         * longest sums have 64 products), divided by h. */
        double tolerance = h * h / 6.0 * 2000.0 + 64.0 * DBL_EPSILON * fmax(1.0, size) / h;
        double error = fabs(difference - expected);
        if (!(error <= tolerance))
            fail_msg(
                "%s: operand %d, element %lld: gradient %.12g, difference quotient %.12g (off by %.3g, tolerance %.3g)",
                name, number, (long long)i, expected, difference, error, tolerance);
    }
}

static void check_case(void **state) {
    const struct gradient_case *test = *state;
    struct op_run               run;
    ath_value                   leaf[MAX_LEAVES], grads[MAX_LEAVES];
    double                     *gradient[MAX_LEAVES] = {NULL}, low = test->low, high = test->high;
    int                         leaves = 0;
    if (low == 0.0 && high == 0.0) {
        low = -2.0;
        high = 2.0;
    }
    op_run_begin(&run);
    while (leaves < MAX_LEAVES && test->shape[leaves].rank > 0) {
        leaf[leaves] = op_run_leaf(&run, ATH_F32, test->shape[leaves]);
        leaves++;
    }
    ath_value y = test->build(run.graph, leaf);
    op_run_keep(&run, y);
    ath_value seed = op_run_leaf(&run, ATH_F32, ath_value_shape(run.graph, y));
    op_run_gradients(&run, y, seed, leaf, leaves, grads);
    op_run_start(&run);
    fill(ath__interp_data(run.interp, seed), op_run_count(&run, seed), 3, -1.0, 1.0);
    for (int i = 0; i < leaves; i++)
        fill(ath__interp_data(run.interp, leaf[i]), op_run_count(&run, leaf[i]), i, low, high);
    op_run_all(&run);
    for (int i = 0; i < leaves; i++) {
        if (grads[i] == ATH_NONE) continue;
        ath_shape of_leaf = ath_value_shape(run.graph, leaf[i]), of_gradient = ath_value_shape(run.graph, grads[i]);
        assert_true(ath_shape_equal(&of_leaf, &of_gradient));
        size_t bytes = (size_t)op_run_count(&run, leaf[i]) * sizeof(double);
        gradient[i] = malloc(bytes);
        assert_non_null(gradient[i]);
        memcpy(gradient[i], op_run_data(&run, grads[i]), bytes);
    }
    for (int i = 0; i < leaves; i++) check_leaf(test->name, &run, i, leaf[i], y, seed, gradient[i]);
    for (int i = 0; i < leaves; i++) free(gradient[i]);
    op_run_end(&run);
}

/* Every operator with a gradient appears in the graph of some case. */
static void every_operator_is_checked(void **state) {
    (void)state;
    int                          count;
    const struct ath__op *const *table = ath__op_table(&count);
    for (int o = 0; o < count; o++) {
        bool found = table[o]->grad == NULL;
        for (size_t c = 0; !found && c < sizeof cases / sizeof *cases; c++) {
            struct op_run run;
            ath_value     leaf[MAX_LEAVES];
            op_run_begin(&run);
            for (int i = 0; i < MAX_LEAVES && cases[c].shape[i].rank > 0; i++)
                leaf[i] = op_run_leaf(&run, ATH_F32, cases[c].shape[i]);
            cases[c].build(run.graph, leaf);
            for (int n = 0; n < run.graph->node_count; n++) found |= run.graph->nodes[n].op == table[o];
            op_run_end(&run);
        }
        if (!found) fail_msg("%s has a gradient, but no case of this test", table[o]->name);
    }
}

int main(void) {
    enum { COUNT = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[COUNT + 1] = {cmocka_unit_test(every_operator_is_checked)};
    for (size_t i = 0; i < COUNT; i++)
        tests[i + 1] = (struct CMUnitTest){cases[i].name, check_case, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
