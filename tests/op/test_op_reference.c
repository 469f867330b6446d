/* Operators' references against values worked out by hand, with the cases that a library of values does not hold: ties,
 * not-a-numbers, windows cut at the border, masks, packing, fused chains; and the operator table itself.
 */
#include "base/rng.h"
#include "op/op_util.h"
#include "support/op_harness.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Sums of a handful of terms in double: a few units in the last place. */
static const double tolerance = 1e-14;

/* Runs one node on plain data and compares output `out`. */
struct node_test {
    const struct ath__op *op;
    const void           *attrs;
    int                   ins;
    ath_shape             shape[7];
    ath_dtype             dtype[7];
    const double         *in[7];
};

static void check_node(const struct node_test *test, int out, const double *expected) {
    struct op_run run;
    ath_value     leaf[7];
    op_run_begin(&run);
    for (int i = 0; i < test->ins; i++) leaf[i] = op_run_leaf(&run, test->dtype[i], test->shape[i]);
    int       node = ath__graph_node(run.graph, test->op, test->attrs, leaf, test->ins);
    ath_value value = ath__node_out(run.graph, node, out);
    op_run_keep(&run, value);
    op_run_start(&run);
    for (int i = 0; i < test->ins; i++) op_run_set(&run, leaf[i], test->in[i]);
    op_run_all(&run);
    op_compare(test->op->name, op_run_data(&run, value), expected, op_run_count(&run, value), tolerance);
    op_run_end(&run);
}

#define S(...) ath_shape_of(__VA_ARGS__)
#define D(...) ((const double[]){__VA_ARGS__})

static void conv2d_sums_its_window(void **state) {
    (void)state;
    struct node_test test = {&ath__op_conv2d,
                             &(ath_conv2d_attrs){.pad = {1, 0, 0, 1}, .act = ATH_ACT_RELU},
                             3,
                             {S(1, 1, 2, 2), S(2, 1, 2, 2), S(2)},
                             {ATH_F32, ATH_F32, ATH_F32},
                             {D(1, 2, 3, 4), D(1, 10, 100, 1000, 0, 0, 0, -1), D(0.5, 3)}};
    /* Rows -1..1, columns 0..2 around [1 2; 3 4]; the second filter is -x[p][q + 1] + 3, cut at zero. */
    check_node(&test, 0, D(2100.5, 200.5, 4321.5, 402.5, 1, 3, 0, 3));
}

static void conv2d_counts_its_products(void **state) {
    (void)state;
    ath_conv2d_attrs attrs = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 2};
    ath_shape        x = S(3, 8, 10, 10), w = S(6, 4, 3, 3), y = S(3, 6, 8, 8);
    struct ath__desc in[] = {ath__desc_plain(ATH_F32, &x), ath__desc_plain(ATH_F32, &w)};
    struct ath__desc out = ath__desc_plain(ATH_F32, &y), dgrad[] = {out, in[1]}, wgrad[] = {in[0], out};
    const uint64_t   expected = 3ull * 6 * 8 * 8 * 4 * 3 * 3;
    assert_true(ath__op_conv2d.macs(&attrs, in, &out) == expected);
    assert_true(ath__op_conv2d_dgrad.macs(&attrs, dgrad, &in[0]) == expected);
    assert_true(ath__op_conv2d_wgrad.macs(&attrs, wgrad, &in[1]) == expected);
    ath_matmul_attrs product = {.trans_a = 1};
    ath_shape        a = S(7, 2), b = S(7, 5), c = S(2, 5);
    struct ath__desc factors[] = {ath__desc_plain(ATH_F32, &a), ath__desc_plain(ATH_F32, &b)};
    struct ath__desc result = ath__desc_plain(ATH_F32, &c);
    assert_true(ath__op_matmul.macs(&product, factors, &result) == 2 * 5 * 7);
}

static void matmul_transposes(void **state) {
    (void)state;
    struct node_test test = {&ath__op_matmul, NULL, 3, {S(2, 2), S(2, 3), S(3)}, {0}, {0}};
    test.in[0] = D(1, 2, 3, 4);
    test.in[1] = D(1, 0, 2, 0, 1, 5);
    test.in[2] = D(10, 20, 30);
    check_node(&test, 0, D(11, 22, 42, 13, 24, 56));
    test.attrs = &(ath_matmul_attrs){.trans_a = 1};
    check_node(&test, 0, D(11, 23, 47, 12, 24, 54));
    test.attrs = &(ath_matmul_attrs){.trans_b = 1};
    test.shape[1] = S(3, 2);
    check_node(&test, 0, D(11, 22, 41, 13, 26, 53));
}

static void batch_norm_normalises(void **state) {
    (void)state;
    /* One channel 1, 3: mean 2, variance 1 (2 unbiased); eps 3 makes invstd 1/2. */
    struct node_test test = {&ath__op_batch_norm,
                             &(ath_batch_norm_attrs){.eps = 3.0, .momentum = 0.25, .act = ATH_ACT_RELU},
                             6,
                             {S(2, 1), S(1), S(1), S(1), S(1), S(2, 1)},
                             {0},
                             {D(1, 3), D(4), D(0.5), D(10), D(20), D(1, 2)}};
    check_node(&test, 0, D(0, 4.5)); /* -2 + 0.5 + 1 cut at zero; 2 + 0.5 + 2 */
    check_node(&test, 1, D(2));
    check_node(&test, 2, D(0.5));
    check_node(&test, 3, D(0.75 * 10 + 0.25 * 2));
    check_node(&test, 4, D(0.75 * 20 + 0.25 * 2));
}

/* The second gradient is added, and the residual's is what lies behind the activation. */
static void batch_norm_grad_adds_and_splits(void **state) {
    (void)state;
    struct node_test test = {&ath__op_batch_norm_grad,
                             &(ath_batch_norm_grad_attrs){.eps = 3.0, .act = ATH_ACT_RELU, .with_residual = 1},
                             7,
                             {S(2, 1), S(2, 1), S(1), S(1), S(1), S(2, 1), S(2, 1)},
                             {0},
                             {D(5, 7), D(1, 3), D(4), D(2), D(0.5), D(0, 4.5), D(1, 2)}};
    /* dz = {0, 9}; xhat = {-1/2, 1/2}; dgamma = 4.5; dbeta = 9; dx = 2 (dz - 4.5 - xhat * 2.25) */
    check_node(&test, 0, D(2 * (-4.5 + 1.125), 2 * (4.5 - 1.125)));
    check_node(&test, 1, D(4.5));
    check_node(&test, 2, D(9));
    check_node(&test, 3, D(0, 9));
}

static void act_at_kinks(void **state) {
    (void)state;
    static const double x[] = {-3, 0, 3, 6, 7, NAN, -INFINITY, INFINITY};
    struct node_test    test = {&ath__op_act, NULL, 1, {S(8)}, {0}, {x}};
    test.attrs = &(ath_act_attrs){ATH_ACT_RELU};
    check_node(&test, 0, D(0, 0, 3, 6, 7, NAN, 0, INFINITY));
    test.attrs = &(ath_act_attrs){ATH_ACT_RELU6};
    check_node(&test, 0, D(0, 0, 3, 6, 6, NAN, 0, 6));
    test.attrs = &(ath_act_attrs){ATH_ACT_HARD_SIGMOID};
    check_node(&test, 0, D(0, 0.5, 1, 1, 1, NAN, 0, 1));
    test.attrs = &(ath_act_attrs){ATH_ACT_SIGMOID};
    check_node(&test, 0, D(1 / (1 + exp(3)), 0.5, 1 / (1 + exp(-3)), 1 / (1 + exp(-6)), 1 / (1 + exp(-7)), NAN, 0, 1));
    struct node_test slope = {&ath__op_act_grad, NULL, 2, {S(8), S(8)}, {0}, {D(1, 1, 1, 1, 2, 1, 1, 1), x}};
    slope.attrs = &(ath_act_attrs){ATH_ACT_RELU};
    check_node(&slope, 0, D(0, 0, 1, 1, 2, NAN, 0, 1));
    slope.attrs = &(ath_act_attrs){ATH_ACT_RELU6};
    check_node(&slope, 0, D(0, 0, 1, 0, 0, NAN, 0, 0));
    slope.attrs = &(ath_act_attrs){ATH_ACT_HARD_SWISH};
    check_node(&slope, 0, D(0, 0.5, 1, 1, 2, NAN, 0, 1));
}

static void unary_values(void **state) {
    (void)state;
    static const double x[] = {4, 0.25, -2, 0};
    struct node_test    test = {&ath__op_unary, NULL, 1, {S(4)}, {0}, {x}};
    test.attrs = &(ath_unary_attrs){ATH_UNARY_SCALE, -2, 1};
    check_node(&test, 0, D(-7, 0.5, 5, 1));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_SQUARE};
    check_node(&test, 0, D(16, 0.0625, 4, 0));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_SQRT};
    check_node(&test, 0, D(2, 0.5, NAN, 0));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_RECIPROCAL};
    check_node(&test, 0, D(0.25, 4, -0.5, INFINITY));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_EXP};
    check_node(&test, 0, D(exp(4), exp(0.25), exp(-2), 1));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_LOG};
    check_node(&test, 0, D(log(4), log(0.25), NAN, -INFINITY));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_ABS};
    check_node(&test, 0, D(4, 0.25, 2, 0));
    test.attrs = &(ath_unary_attrs){.kind = ATH_UNARY_SIGN};
    check_node(&test, 0, D(1, 1, -1, 0));
}

static void binary_values(void **state) {
    (void)state;
    struct node_test test = {&ath__op_binary, NULL, 2, {S(2, 1), S(3)}, {0}, {D(6, -2), D(2, NAN, -4)}};
    static const struct {
        ath_binary kind;
        double     expected[6];
    } rows[] = {{ATH_BINARY_ADD, {8, NAN, 2, 0, NAN, -6}},    {ATH_BINARY_SUB, {4, NAN, 10, -4, NAN, 2}},
                {ATH_BINARY_MUL, {12, NAN, -24, -4, NAN, 8}}, {ATH_BINARY_DIV, {3, NAN, -1.5, -1, NAN, 0.5}},
                {ATH_BINARY_MAX, {6, NAN, 6, 2, NAN, -2}},    {ATH_BINARY_MIN, {2, NAN, -4, -2, NAN, -4}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test.attrs = &(ath_binary_attrs){rows[i].kind};
        check_node(&test, 0, rows[i].expected);
    }
}

/* Ties: either operand of max gets half, and every maximum of a reduction its share. */
static void maxima_share_gradients(void **state) {
    (void)state;
    struct op_run run;
    ath_value     leaf[2], seed, grads[2];
    op_run_begin(&run);
    leaf[0] = op_run_leaf(&run, ATH_F32, S(3));
    leaf[1] = op_run_leaf(&run, ATH_F32, S(3));
    seed = op_run_leaf(&run, ATH_F32, S(3));
    ath_value y = ath_binary_op(run.graph, leaf[0], leaf[1], ATH_BINARY_MAX);
    op_run_gradients(&run, y, seed, leaf, 2, grads);
    op_run_start(&run);
    op_run_set(&run, leaf[0], D(1, 2, 3));
    op_run_set(&run, leaf[1], D(1, 5, 0));
    op_run_set(&run, seed, D(8, 16, 32));
    op_run_all(&run);
    op_compare("a", op_run_data(&run, grads[0]), D(4, 0, 32), 3, tolerance);
    op_compare("b", op_run_data(&run, grads[1]), D(4, 16, 0), 3, tolerance);
    op_run_end(&run);

    op_run_begin(&run);
    leaf[0] = op_run_leaf(&run, ATH_F32, S(2, 4));
    seed = op_run_leaf(&run, ATH_F32, S(2));
    y = ath_reduce_op(run.graph, leaf[0], ATH_REDUCE_MAX, 2u, false);
    op_run_gradients(&run, y, seed, leaf, 1, grads);
    op_run_start(&run);
    op_run_set(&run, leaf[0], D(7, 1, 7, 7, -1, -2, -3, -4));
    op_run_set(&run, seed, D(3, 5));
    op_run_all(&run);
    op_compare("maximum", op_run_data(&run, y), D(7, -1), 2, tolerance);
    op_compare("x", op_run_data(&run, grads[0]), D(1, 0, 1, 1, 5, 0, 0, 0), 8, tolerance);
    op_run_end(&run);
}

static void pool2d_at_borders(void **state) {
    (void)state;
    struct node_test test = {&ath__op_pool2d, NULL, 1, {S(1, 1, 2, 3)}, {0}, {D(1, 5, 5, NAN, 2, 5)}};
    /* ceil_mode: columns 0..1 and 2; the first of equal maxima, a not-a-number above all. */
    test.attrs = &(ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {2, 2}, .ceil_mode = 1};
    check_node(&test, 0, D(NAN, 5));
    check_node(&test, 1, D(2, 0));
    /* With padding above and left, places in the window count from the padding. */
    test.in[0] = D(1, 5, 5, -9, 2, 5);
    test.attrs = &(ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {2, 2}, .pad = {1, 1, 0, 0}};
    check_node(&test, 0, D(1, 5));
    check_node(&test, 1, D(3, 2));
    /* Averages: by the cells inside; by the padded input; a window beyond both is cut. */
    test.attrs = &(ath_pool2d_attrs){.kind = ATH_POOL_AVG, .kernel = {2, 2}, .pad = {1, 1, 0, 0}, .ceil_mode = 1};
    check_node(&test, 0, D(1, 5, -9, 3.5));
    test.attrs = &(ath_pool2d_attrs){
        .kind = ATH_POOL_AVG, .kernel = {2, 2}, .pad = {1, 1, 0, 0}, .ceil_mode = 1, .count_include_pad = 1};
    check_node(&test, 0, D(0.25, 2.5, -4.5, 3.5));
}

static void reduce_and_expand(void **state) {
    (void)state;
    struct node_test test = {&ath__op_reduce, NULL, 1, {S(2, 3)}, {0}, {D(1, 2, 3, 4, 5, 12)}};
    test.attrs = &(ath_reduce_attrs){ATH_REDUCE_SUM, 1, 0};
    check_node(&test, 0, D(5, 7, 15));
    test.attrs = &(ath_reduce_attrs){ATH_REDUCE_MEAN, 2, 1};
    check_node(&test, 0, D(2, 7));
    test.attrs = &(ath_reduce_attrs){ATH_REDUCE_MAX, 3, 0};
    check_node(&test, 0, D(12));
    struct node_test wide = {&ath__op_expand, &(ath_shape_attrs){2, {2, 3}}, 1, {S(2, 1)}, {0}, {D(4, 9)}};
    check_node(&wide, 0, D(4, 4, 4, 9, 9, 9));
}

static void moves_of_elements(void **state) {
    (void)state;
    static const double x[] = {1, 2, 3, 4, 5, 6};
    struct node_test    permute = {&ath__op_permute, &(ath_permute_attrs){2, {1, 0}}, 1, {S(2, 3)}, {0}, {x}};
    check_node(&permute, 0, D(1, 4, 2, 5, 3, 6));
    struct node_test slice = {&ath__op_slice, &(ath_slice_attrs){2, {0, 1}, {2, 2}}, 1, {S(2, 3)}, {0}, {x}};
    check_node(&slice, 0, D(2, 3, 5, 6));
    struct node_test pad = {&ath__op_pad, &(ath_pad_attrs){1, {1}, {2}, 7}, 1, {S(2)}, {0}, {x}};
    check_node(&pad, 0, D(7, 1, 2, 7, 7));
    struct node_test concat = {&ath__op_concat, &(ath_concat_attrs){1}, 2, {S(2, 1), S(2, 2)}, {0}, {x, x + 2}};
    check_node(&concat, 0, D(1, 3, 4, 2, 5, 6));
    struct node_test reshape = {&ath__op_reshape, &(ath_shape_attrs){3, {3, -1, 1}}, 1, {S(2, 3)}, {0}, {x}};
    check_node(&reshape, 0, x);
    struct node_test pack = {&ath__op_pack, NULL, 2, {S(3), S(2, 1)}, {0}, {x, x + 3}};
    check_node(&pack, 0,
               D(1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    struct node_test sum = {&ath__op_batch_sum, NULL, 1, {S(6)}, {0}, {x}};
    check_node(&sum, 0, x);
}

static void cast_holds_the_range(void **state) {
    (void)state;
    struct node_test test = {&ath__op_cast, NULL, 1, {S(6)}, {0}, {D(2.5, -1.9, 300, 1e12, -1e12, NAN)}};
    test.attrs = &(ath_cast_attrs){ATH_I32};
    check_node(&test, 0, D(2, -2, 300, 2147483647, -2147483648.0, 0));
    test.attrs = &(ath_cast_attrs){ATH_U8};
    check_node(&test, 0, D(2, 0, 255, 255, 0, 0));
    test.attrs = &(ath_cast_attrs){ATH_BF16};
    check_node(&test, 0, test.in[0]);
}

static void cross_entropy_extremes(void **state) {
    (void)state;
    struct node_test test = {&ath__op_cross_entropy,
                             &(ath_cross_entropy_attrs){0},
                             2,
                             {S(4, 2), S(4)},
                             {ATH_F32, ATH_I32},
                             {D(1000, -1000, 1000, -1000, 0, 0, 1, 2), D(0, 1, 1, 2)}};
    check_node(&test, 0, D(0, 2000, log(2), NAN)); /* label 2 of 2 classes */
    /* A soft target that does not sum to 1: loss 3 log 2, gradient softmax * 3 - t. */
    struct node_test soft = {
        &ath__op_cross_entropy_grad, &(ath_cross_entropy_attrs){0}, 3, {S(1), S(1, 2), S(1, 2)}, {0},
        {D(2), D(0, 0), D(1, 2)}};
    check_node(&soft, 0, D(1, -1));
}

static void hits_breaks_ties(void **state) {
    (void)state;
    static const double x[] = {5, 5, 1, /**/ 5, 5, 1, /**/ 1, NAN, 3, /**/ NAN, 1, 2, /**/ 1, 2, 3};
    struct node_test    test = {&ath__op_hits, NULL, 2, {S(5, 3), S(5)}, {ATH_F32, ATH_I32}, {x, D(0, 1, 2, 0, 7)}};
    test.attrs = &(ath_hits_attrs){1};
    check_node(&test, 0, D(1, 0, 0, 0, 0));
    test.attrs = &(ath_hits_attrs){2};
    check_node(&test, 0, D(1, 1, 1, 0, 0));
    struct node_test soft = {&ath__op_hits,
                             &(ath_hits_attrs){1},
                             2,
                             {S(2, 3), S(2, 3)},
                             {0},
                             {D(3, 2, 1, 1, 2, 3), D(0.4, 0.4, 0.2, 0.3, 0.4, 0.3)}};
    check_node(&soft, 0, D(1, 0));
}

/* The mask is the documented function of seed, step, sample, place and id; its share of zeros is p. */
static void dropout_masks(void **state) {
    (void)state;
    enum { SAMPLES = 3, SIZE = 1003 };
    static double    x[SAMPLES * SIZE], expected[SAMPLES * SIZE];
    const double     p = 0.3, rng[] = {5, -7, 11, 2};
    int              kept = 0;
    struct node_test test = {
        &ath__op_dropout, &(ath_dropout_attrs){.p = p, .id = 4}, 2, {S(SAMPLES, 17, 59), S(4)}, {ATH_F32, ATH_I32},
        {x, rng}};
    const uint32_t key[] = {5u ^ 2u, (uint32_t)-7};
    for (int i = 0; i < SAMPLES * SIZE; i++) {
        uint32_t draw[4], counter[] = {(uint32_t)(i % SIZE / 4), (uint32_t)(i / SIZE), 11, ATH_RNG_DROPOUT + 256 * 4};
        ath__philox(key, counter, draw);
        bool keep = draw[i % SIZE % 4] / 4294967296.0 >= p;
        x[i] = i + 1;
        expected[i] = keep ? (i + 1) / (1 - p) : 0;
        kept += keep;
    }
    check_node(&test, 0, expected);
    /* Binomial with deviation sqrt(n p (1 - p)) = 25: five of them. */
    assert_true(fabs(kept - SAMPLES * SIZE * (1 - p)) < 5 * sqrt(SAMPLES * SIZE * p * (1 - p)));
    memset(expected, 0, sizeof expected);
    test.attrs = &(ath_dropout_attrs){.p = 1.0};
    check_node(&test, 0, expected);
    test.attrs = &(ath_dropout_attrs){.p = 0.0};
    check_node(&test, 0, x);
}

/* Per sample: the draw of its first element decides for all of it. */
static void dropped_samples(void **state) {
    (void)state;
    enum { SAMPLES = 200, SIZE = 7 };
    static double    x[SAMPLES * SIZE], expected[SAMPLES * SIZE];
    const double     p = 0.2, rng[] = {5, -7, 11, 2};
    int              kept = 0;
    struct node_test test = {&ath__op_dropout,
                             &(ath_dropout_attrs){.p = p, .id = 3, .per_sample = 1},
                             2,
                             {S(SAMPLES, SIZE), S(4)},
                             {ATH_F32, ATH_I32},
                             {x, rng}};
    const uint32_t   key[] = {5u ^ 2u, (uint32_t)-7};
    for (int n = 0; n < SAMPLES; n++) {
        uint32_t draw[4], counter[] = {0, (uint32_t)n, 11, ATH_RNG_DROPOUT + 256 * 3};
        ath__philox(key, counter, draw);
        bool keep = draw[0] / 4294967296.0 >= p;
        kept += keep;
        for (int i = n * SIZE; i < (n + 1) * SIZE; i++) {
            x[i] = i + 1;
            expected[i] = keep ? (i + 1) / (1 - p) : 0;
        }
    }
    check_node(&test, 0, expected);
    assert_true(fabs(kept - SAMPLES * (1 - p)) < 5 * sqrt(SAMPLES * p * (1 - p)));
}

/* y0 = relu(a * s + b), y1 = silu'(b) * y0 with a (2,2), s (2,1), b (2). */
static void chain_runs_its_program(void **state) {
    (void)state;
    ath_chain_attrs attrs = {.inputs = 3, .steps = 4, .outputs = 2, .output = {2, 3}};
    attrs.step[0] = (ath_chain_step){ATH_CHAIN_BINARY, ATH_BINARY_MUL, 0, 1, 0, 0};
    attrs.step[1] = (ath_chain_step){ATH_CHAIN_BINARY, ATH_BINARY_ADD, 3, 2, 0, 0};
    attrs.step[2] = (ath_chain_step){ATH_CHAIN_ACT, ATH_ACT_RELU, 4, 0, 0, 0};
    attrs.step[3] = (ath_chain_step){ATH_CHAIN_ACT_GRAD, ATH_ACT_SILU, 5, 2, 0, 0};
    struct node_test test = {&ath__op_chain,           &attrs, 3,
                             {S(2, 2), S(2, 1), S(2)}, {0},    {D(1, 2, 3, 4), D(10, -1), D(0.5, 5)}};
    check_node(&test, 0, D(10.5, 25, 0, 1));
    double s0 = 1 / (1 + exp(-0.5)), s1 = 1 / (1 + exp(-5.0));
    double slope0 = s0 * (1 + 0.5 * (1 - s0)), slope1 = s1 * (1 + 5 * (1 - s1));
    check_node(&test, 1, D(10.5 * slope0, 25 * slope1, 0, slope1));
    attrs.step[3] = (ath_chain_step){ATH_CHAIN_UNARY, ATH_UNARY_SCALE, 5, 0, -2, 1};
    check_node(&test, 1, D(-20, -49, 1, -1));
}

/* The table holds every operator once, findable by name; attribute rows cover the attributes without gap or overlap. */
static void table_is_consistent(void **state) {
    (void)state;
    int                          count;
    const struct ath__op *const *table = ath__op_table(&count);
    for (int i = 0; i < count; i++) {
        const struct ath__op *op = table[i];
        static unsigned char  covered[sizeof(ath_chain_attrs)];
        assert_ptr_equal(ath__op_find(op->name), op);
        assert_non_null(op->infer);
        assert_non_null(op->ref);
        assert_true(op->attrs_size <= sizeof covered);
        memset(covered, 0, sizeof covered);
        for (const struct ath__attr *row = op->attrs; row != NULL && row->name != NULL; row++)
            for (size_t b = 0; b < (size_t)row->count * 8; b++) covered[row->offset + b]++;
        for (size_t b = 0; b < op->attrs_size; b++)
            if (covered[b] != 1) fail_msg("%s: byte %zu of the attributes is in %d rows", op->name, b, covered[b]);
    }
    assert_null(ath__op_find("conv3d"));
}

static void attributes_print_and_compare(void **state) {
    (void)state;
    struct ath__str  text = {0};
    ath_conv2d_attrs a = {.stride = {2, 1}, .dilation = {1, 1}, .groups = 4, .act = ATH_ACT_RELU6}, b = a;
    ath__op_attrs_print(&ath__op_conv2d, &a, &text);
    assert_string_equal(ath__str_text(&text),
                        "stride=2,1 pad=0,0,0,0 dilation=1,1 groups=4 act=relu6 src=0,0 kernel=0,0 "
                        "with_bias=0");
    ath__str_free(&text);
    assert_true(ath__op_attrs_equal(&ath__op_conv2d, &a, &b));
    b.pad[3] = 1;
    assert_false(ath__op_attrs_equal(&ath__op_conv2d, &a, &b));
    memset(&text, 0, sizeof text);
    ath__op_attrs_print(&ath__op_unary, &(ath_unary_attrs){ATH_UNARY_SIGN, 0.5, -1}, &text);
    assert_string_equal(ath__str_text(&text), "kind=sign a=0.5 b=-1");
    ath__str_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_sums_its_window),
        cmocka_unit_test(conv2d_counts_its_products),
        cmocka_unit_test(matmul_transposes),
        cmocka_unit_test(batch_norm_normalises),
        cmocka_unit_test(batch_norm_grad_adds_and_splits),
        cmocka_unit_test(act_at_kinks),
        cmocka_unit_test(unary_values),
        cmocka_unit_test(binary_values),
        cmocka_unit_test(maxima_share_gradients),
        cmocka_unit_test(pool2d_at_borders),
        cmocka_unit_test(reduce_and_expand),
        cmocka_unit_test(moves_of_elements),
        cmocka_unit_test(cast_holds_the_range),
        cmocka_unit_test(cross_entropy_extremes),
        cmocka_unit_test(hits_breaks_ties),
        cmocka_unit_test(dropout_masks),
        cmocka_unit_test(dropped_samples),
        cmocka_unit_test(chain_runs_its_program),
        cmocka_unit_test(table_is_consistent),
        cmocka_unit_test(attributes_print_and_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
