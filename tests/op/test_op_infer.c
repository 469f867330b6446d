/* Shape inference: the shapes of results, and for every operator what it says about operands that do not fit. */
#include "op/op_util.h"
#include "support/op_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* One node, given by operand shapes and attributes; `message` is part of the expected error, or NULL and `expected` the
 * shape of output 0. */
struct infer_case {
    const struct ath__op *op;
    const void           *attrs;
    ath_shape             shape[8]; /* rank -1: operand missing; -2: end */
    ath_dtype             dtype[8];
    ath_shape             expected;
    const char           *message;
};

#define SHAPE(...)                                                                                                     \
    {                                                                                                                  \
        (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {                                                   \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define END                                                                                                            \
    {                                                                                                                  \
        -2, {                                                                                                          \
            0                                                                                                          \
        }                                                                                                              \
    }
#define NONE                                                                                                           \
    {                                                                                                                  \
        -1, {                                                                                                          \
            0                                                                                                          \
        }                                                                                                              \
    }
#define IN(...)                                                                                                        \
    {__VA_ARGS__, END}, {                                                                                              \
        0                                                                                                              \
    }
#define IN_I32_SECOND(...)                                                                                             \
    {__VA_ARGS__, END}, {                                                                                              \
        ATH_F32, ATH_I32                                                                                               \
    }
#define IN_I32_FIRST(...)                                                                                              \
    {__VA_ARGS__, END}, {                                                                                              \
        ATH_I32                                                                                                        \
    }
#define GIVES(...) SHAPE(__VA_ARGS__), NULL
#define FAILS(text) {0, {0}}, text
#define CONV(...)                                                                                                      \
    &ath__op_conv2d, &(const ath_conv2d_attrs) {                                                                       \
        __VA_ARGS__                                                                                                    \
    }
#define DGRAD(...)                                                                                                     \
    &ath__op_conv2d_dgrad, &(const ath_conv2d_attrs) {                                                                 \
        __VA_ARGS__                                                                                                    \
    }
#define WGRAD(...)                                                                                                     \
    &ath__op_conv2d_wgrad, &(const ath_conv2d_attrs) {                                                                 \
        __VA_ARGS__                                                                                                    \
    }
#define POOL(...)                                                                                                      \
    &ath__op_pool2d, &(const ath_pool2d_attrs) {                                                                       \
        __VA_ARGS__                                                                                                    \
    }

static const struct infer_case cases[] = {
    {CONV(0), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 6, 3, 3)), GIVES(2, 16, 6, 6)},
    {CONV(.stride = {2, 2}, .pad = {1, 2, 0, 1}, .dilation = {2, 1}), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 6, 3, 3)),
     GIVES(2, 16, 3, 5)},
    {CONV(0), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 8, 3, 3)),
     FAILS("weights (16,8,3,3) need 8 input channels, x (2,6,8,8) has 6")},
    {CONV(.groups = 2), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 8, 3, 3)),
     FAILS("need 8 input channels per group, x (2,6,8,8) has 3")},
    {CONV(.groups = 4), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 1, 3, 3)),
     FAILS("6 input channels cannot be split into 4 groups")},
    {CONV(.groups = 3), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 2, 3, 3)), FAILS("16 filters cannot be split into 3 groups")},
    {CONV(.groups = -1), IN(SHAPE(2, 6, 8, 8), SHAPE(16, 2, 3, 3)), FAILS("groups must be 1 or more, is -1")},
    {CONV(.pad = {1, 0, 0, 1}), IN(SHAPE(1, 1, 2, 2), SHAPE(1, 1, 5, 5)),
     FAILS("kernel 5x5 larger than padded input 3x3")},
    {CONV(.dilation = {4, 4}), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)), FAILS("kernel 3x3 with its dilation larger")},
    {CONV(.stride = {1, -2}), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)),
     FAILS("horizontal stride must be 1 or more, is -2")},
    {CONV(.dilation = {-1, 1}), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)),
     FAILS("vertical dilation must be 1 or more, is -1")},
    {CONV(.pad = {0, 0, -3, 0}), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)),
     FAILS("bottom padding must be 0 or more, is -3")},
    {CONV(.pad = {INT64_MAX, 0, 0, 0}), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)), FAILS("top padding")},
    {CONV(.act = 99), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3, 3)), FAILS("unknown activation 99")},
    {CONV(0), IN(SHAPE(1, 64), SHAPE(1, 1, 3, 3)), FAILS("x must have 4 dimensions, is (1,64)")},
    {CONV(0), IN(SHAPE(1, 1, 8, 8), SHAPE(1, 1, 3)), FAILS("weights must have 4 dimensions, is (1,1,3)")},
    {CONV(0), IN(SHAPE(1, 1, 8, 8), SHAPE(4, 1, 3, 3), SHAPE(5)), FAILS("bias must be (4), is (5)")},
    {CONV(0), IN(SHAPE(1, 1, 8, 8), SHAPE(4, 1, 3, 3), NONE, SHAPE(1, 4, 8, 8)), FAILS("residual must be (1,4,6,6)")},
    {CONV(0), IN_I32_FIRST(SHAPE(1, 1, 8, 8), SHAPE(4, 1, 3, 3)), FAILS("x must hold floating-point numbers, is i32")},
    {CONV(.pad = {1 << 24, 1 << 24, 1 << 24, 1 << 24}), IN(SHAPE(2000000000, 1, 8, 8), SHAPE(4, 1, 3, 3)),
     FAILS("would have too many elements")},
    {DGRAD(.src = {8, 7}, .stride = {2, 2}), IN(SHAPE(2, 4, 3, 3), SHAPE(4, 5, 3, 3)), GIVES(2, 5, 8, 7)},
    {DGRAD(.src = {8, 9}), IN(SHAPE(2, 4, 3, 3), SHAPE(4, 5, 3, 3)), FAILS("dy must be (2,4,6,7), is (2,4,3,3)")},
    {DGRAD(0), IN(SHAPE(2, 4, 3, 3), SHAPE(4, 5, 3, 3)), FAILS("empty shape (2,5,0,0)")},
    {WGRAD(.kernel = {3, 2}, .groups = 2), IN(SHAPE(2, 6, 5, 5), SHAPE(2, 4, 3, 4)), GIVES(4, 3, 3, 2)},
    {WGRAD(.kernel = {3, 3}), IN(SHAPE(2, 6, 5, 5), SHAPE(2, 4, 3, 4)), FAILS("dy must be (2,4,3,3), is (2,4,3,4)")},
    {WGRAD(0), IN(SHAPE(2, 6, 5, 5), SHAPE(2, 4, 3, 4)), FAILS("kernel size 0 is not possible")},
    {&ath__op_matmul, NULL, IN(SHAPE(3, 4), SHAPE(4, 5), SHAPE(5)), GIVES(3, 5)},
    {&ath__op_matmul, &(const ath_matmul_attrs){1, 1, 0}, IN(SHAPE(2, 4, 3), SHAPE(2, 5, 4)), GIVES(2, 3, 5)},
    {&ath__op_matmul, NULL, IN(SHAPE(3, 4), SHAPE(5, 4)), FAILS("a (3,4) has 4 columns, b (5,4) has 5 rows")},
    {&ath__op_matmul, &(const ath_matmul_attrs){0, 1, 0}, IN(SHAPE(3, 4), SHAPE(5, 6)),
     FAILS("a (3,4) has 4 columns, b (5,6) transposed has 6 rows")},
    {&ath__op_matmul, NULL, IN(SHAPE(3, 4, 1, 1), SHAPE(4, 5)),
     FAILS("a must have 2 or 3 dimensions, is (3,4,1,1); flatten")},
    {&ath__op_matmul, NULL, IN(SHAPE(2, 3, 4), SHAPE(3, 4, 5)), FAILS("differ in their batch")},
    {&ath__op_matmul, NULL, IN(SHAPE(3, 4), SHAPE(4, 5), SHAPE(3)), FAILS("bias must be (5), is (3)")},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){1e-5, 0.1, 0},
     IN(SHAPE(2, 3, 4, 4), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)), GIVES(2, 3, 4, 4)},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){1e-5, 0.1, 0},
     IN(SHAPE(2, 3, 4, 4), SHAPE(3), SHAPE(3), SHAPE(4), SHAPE(3)), FAILS("running_mean must be (3), is (4)")},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){1e-5, 0.1, 0},
     IN(SHAPE(1, 3, 1, 1), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("more than one value per channel")},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){0.0, 0.1, 0},
     IN(SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("eps must be positive")},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){1e-5, 1.5, 0},
     IN(SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("momentum must lie in 0 to 1")},
    {&ath__op_batch_norm, &(const ath_batch_norm_attrs){1e-5, 0.1, ATH_ACT_GELU},
     IN(SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("only if its derivative comes from its output")},
    {&ath__op_batch_norm_grad, &(const ath_batch_norm_grad_attrs){1e-5, 0.1, ATH_ACT_RELU, 0},
     IN(SHAPE(2, 3), SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("behind an activation needs y")},
    {&ath__op_batch_norm_grad, &(const ath_batch_norm_grad_attrs){1e-5, 0.1, 0, 1},
     IN(SHAPE(2, 4), SHAPE(2, 3), SHAPE(3), SHAPE(3), SHAPE(3)), FAILS("dy must be (2,3), is (2,4)")},
    {&ath__op_act, &(const ath_act_attrs){ATH_ACT_GELU}, IN(SHAPE(2, 3)), GIVES(2, 3)},
    {&ath__op_act, &(const ath_act_attrs){-1}, IN(SHAPE(2, 3)), FAILS("unknown activation -1")},
    {&ath__op_act_grad, &(const ath_act_attrs){1}, IN(SHAPE(2, 3), SHAPE(3, 2)), FAILS("ref must be (2,3), is (3,2)")},
    {&ath__op_unary, &(const ath_unary_attrs){.kind = 50}, IN(SHAPE(2, 3)), FAILS("unknown function 50")},
    {&ath__op_binary, &(const ath_binary_attrs){0}, IN(SHAPE(4, 1, 3), SHAPE(5, 1)), GIVES(4, 5, 3)},
    {&ath__op_binary, &(const ath_binary_attrs){0}, IN(SHAPE(4, 3), SHAPE(4)),
     FAILS("shapes (4,3) and (4) do not broadcast")},
    {&ath__op_chain, &(const ath_chain_attrs){.inputs = 2, .steps = 1, .outputs = 1}, IN(SHAPE(4)),
     FAILS("the program has 2 inputs, 1 are given")},
    {&ath__op_chain, &(const ath_chain_attrs){.inputs = 1, .steps = 1, .outputs = 1, .step = {{1, 0, 0, 1, 0, 0}}},
     IN(SHAPE(4)), FAILS("step 0 reads 0 and 1")},
    {&ath__op_chain, &(const ath_chain_attrs){.inputs = 1, .steps = 21, .outputs = 1}, IN(SHAPE(4)), FAILS("21 steps")},
    {&ath__op_chain, &(const ath_chain_attrs){.inputs = 1, .steps = 1, .outputs = 1, .output = {1}}, IN(SHAPE(4)),
     FAILS("output 0 is step 1 of 1")},
    {POOL(.kernel = {2, 2}), IN(SHAPE(1, 2, 5, 6)), GIVES(1, 2, 2, 3)},
    {POOL(.kernel = {2, 2}, .ceil_mode = 1), IN(SHAPE(1, 2, 5, 6)), GIVES(1, 2, 3, 3)},
    {POOL(.kernel = {2, 2}, .stride = {3, 3}, .pad = {1, 1, 0, 0}, .ceil_mode = 1), IN(SHAPE(1, 2, 2, 3)),
     GIVES(1, 2, 1, 2)},
    {POOL(0), IN(SHAPE(1, 2, 5, 6)), FAILS("kernel 0x0 is not possible")},
    {POOL(.kernel = {7, 2}), IN(SHAPE(1, 2, 5, 6)), FAILS("kernel 7x2 larger than padded input 5x6")},
    {POOL(.kernel = {2, 2}, .pad = {0, 2, 0, 0}), IN(SHAPE(1, 2, 5, 6)), FAILS("padding 2 does not fit kernel size 2")},
    {POOL(.kernel = {2, 2}, .stride = {-1, 1}), IN(SHAPE(1, 2, 5, 6)), FAILS("stride -1 is not possible")},
    {&ath__op_pool2d_grad, &(const ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {2, 2}, .src = {4, 4}},
     IN(SHAPE(1, 2, 2, 2)), FAILS("operand workspace is missing")},
    {&ath__op_pool2d_grad, &(const ath_pool2d_attrs){.kind = ATH_POOL_AVG, .kernel = {2, 2}, .src = {6, 4}},
     IN(SHAPE(1, 2, 2, 2)), FAILS("dy must be (1,2,3,2), is (1,2,2,2)")},
    {&ath__op_adaptive_pool, &(const ath_adaptive_pool_attrs){.out = {3, 2}}, IN(SHAPE(1, 2, 7, 7)), GIVES(1, 2, 3, 2)},
    {&ath__op_adaptive_pool, &(const ath_adaptive_pool_attrs){.out = {3, 0}}, IN(SHAPE(1, 2, 7, 7)),
     FAILS("pooling 7x7 to 3x0 is not possible")},
    {&ath__op_adaptive_pool_grad, &(const ath_adaptive_pool_attrs){.kind = 1, .out = {3, 2}, .src = {7, 7}},
     IN(SHAPE(1, 2, 3, 3)), FAILS("dy must be (1,2,3,2), is (1,2,3,3)")},
    {&ath__op_reduce, &(const ath_reduce_attrs){0, 5, 0}, IN(SHAPE(2, 3, 4)), GIVES(3)},
    {&ath__op_reduce, &(const ath_reduce_attrs){0, 5, 1}, IN(SHAPE(2, 3, 4)), GIVES(1, 3, 1)},
    {&ath__op_reduce, &(const ath_reduce_attrs){0, 8, 0}, IN(SHAPE(2, 3, 4)), FAILS("one bit each; is 8")},
    {&ath__op_reduce, &(const ath_reduce_attrs){0, 0, 0}, IN(SHAPE(2, 3, 4)), FAILS("axes must name some")},
    {&ath__op_expand, &(const ath_shape_attrs){3, {5, 2, 3}}, IN(SHAPE(2, 1)), GIVES(5, 2, 3)},
    {&ath__op_expand, &(const ath_shape_attrs){2, {2, 3}}, IN(SHAPE(2, 2)),
     FAILS("x (2,2) cannot be repeated to (2,3)")},
    {&ath__op_expand, &(const ath_shape_attrs){1, {3}}, IN(SHAPE(2, 3)), FAILS("cannot be repeated to (3)")},
    {&ath__op_reshape, &(const ath_shape_attrs){2, {2, -1}}, IN(SHAPE(2, 3, 4)), GIVES(2, 12)},
    {&ath__op_reshape, &(const ath_shape_attrs){2, {-1, -1}}, IN(SHAPE(2, 3, 4)), FAILS("cannot become (-1,-1)")},
    {&ath__op_reshape, &(const ath_shape_attrs){2, {5, -1}}, IN(SHAPE(2, 3, 4)),
     FAILS("x (2,3,4) with its 24 elements cannot become (5,-1)")},
    {&ath__op_reshape, &(const ath_shape_attrs){2, {INT64_MAX, INT64_MAX}}, IN(SHAPE(2, 3, 4)), FAILS("cannot become")},
    {&ath__op_reshape, &(const ath_shape_attrs){7, {1}}, IN(SHAPE(2, 3, 4)), FAILS("7 dimensions are not possible")},
    {&ath__op_permute, &(const ath_permute_attrs){3, {2, 0, 1}}, IN(SHAPE(2, 3, 4)), GIVES(4, 2, 3)},
    {&ath__op_permute, &(const ath_permute_attrs){3, {2, 0, 2}}, IN(SHAPE(2, 3, 4)), FAILS("once; entry 2 is 2")},
    {&ath__op_permute, &(const ath_permute_attrs){3, {0, 1, 3}}, IN(SHAPE(2, 3, 4)), FAILS("entry 2 is 3")},
    {&ath__op_slice, &(const ath_slice_attrs){2, {0, 2}, {2, 2}}, IN(SHAPE(2, 3)),
     FAILS("2 elements from 2 on do not lie inside dimension 1 of x (2,3)")},
    {&ath__op_slice, &(const ath_slice_attrs){2, {0, INT64_MAX}, {1, 1}}, IN(SHAPE(2, 3)), FAILS("do not lie inside")},
    {&ath__op_pad, &(const ath_pad_attrs){2, {0, 1}, {2, 0}, 0.0}, IN(SHAPE(2, 3)), GIVES(4, 4)},
    {&ath__op_pad, &(const ath_pad_attrs){2, {0, -1}, {2, 0}, 0.0}, IN(SHAPE(2, 3)),
     FAILS("margins -1 and 0 of dimension 1")},
    {&ath__op_pad, &(const ath_pad_attrs){2, {0, INT64_MAX}, {2, 1}, 0.0}, IN(SHAPE(2, 3)), FAILS("margins")},
    {&ath__op_concat, &(const ath_concat_attrs){1}, IN(SHAPE(2, 3), SHAPE(2, 5)), GIVES(2, 8)},
    {&ath__op_concat, &(const ath_concat_attrs){1}, IN(SHAPE(2, 3), SHAPE(3, 3)),
     FAILS("value 1 (3,3) and value 0 (2,3) differ in another dimension than 1")},
    {&ath__op_concat, &(const ath_concat_attrs){1}, IN(SHAPE(2, 3), SHAPE(2)), FAILS("differ in another dimension")},
    {&ath__op_concat, &(const ath_concat_attrs){2}, IN(SHAPE(2, 3)), FAILS("there is no dimension 2 in (2,3)")},
    {&ath__op_resize, &(const ath_resize_attrs){1, {8, 3}, {0}}, IN(SHAPE(1, 2, 4, 4)), GIVES(1, 2, 8, 3)},
    {&ath__op_resize, &(const ath_resize_attrs){1, {8, -3}, {0}}, IN(SHAPE(1, 2, 4, 4)), FAILS("4x4 to 8x-3")},
    {&ath__op_resize_grad, &(const ath_resize_attrs){1, {8, 3}, {4, 4}}, IN(SHAPE(1, 2, 4, 4)),
     FAILS("dy must be (1,2,8,3), is (1,2,4,4)")},
    {&ath__op_softmax_grad, &(const ath_softmax_attrs){0}, IN(SHAPE(2, 3), SHAPE(2, 4)),
     FAILS("y must be (2,3), is (2,4)")},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){0}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(4)), GIVES(4)},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){0}, IN(SHAPE(4, 10), SHAPE(4, 10)), GIVES(4)},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){0}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(5)),
     FAILS("labels must be (4), is (5)")},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){0}, IN(SHAPE(4, 10), SHAPE(4, 9)),
     FAILS("soft targets must be (4,10), is (4,9)")},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){1.0}, IN(SHAPE(4, 10), SHAPE(4, 10)),
     FAILS("smoothing must be at least 0 and less than 1, is 1")},
    {&ath__op_cross_entropy, &(const ath_cross_entropy_attrs){0}, IN(SHAPE(4, 10, 1, 1), SHAPE(4, 10)),
     FAILS("logits must have 2 dimensions, is (4,10,1,1)")},
    {&ath__op_cross_entropy_grad, &(const ath_cross_entropy_attrs){0}, IN(SHAPE(3), SHAPE(4, 10), SHAPE(4, 10)),
     FAILS("dloss must be (4), is (3)")},
    {&ath__op_hits, &(const ath_hits_attrs){0}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(4)),
     FAILS("k must be 1 or more, is 0")},
    {&ath__op_hits, &(const ath_hits_attrs){5}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(4)), GIVES(4)},
    {&ath__op_dropout, &(const ath_dropout_attrs){.p = 0.5}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(3)),
     FAILS("rng must be (4), is (3)")},
    {&ath__op_dropout, &(const ath_dropout_attrs){.p = 0.5}, IN(SHAPE(4, 10), SHAPE(4)),
     FAILS("rng must be i32, is f32")},
    {&ath__op_dropout, &(const ath_dropout_attrs){.p = 1.5}, IN_I32_SECOND(SHAPE(4, 10), SHAPE(4)),
     FAILS("p must lie in 0 to 1")},
    {&ath__op_cast, &(const ath_cast_attrs){77}, IN(SHAPE(4)), FAILS("unknown element type 77")},
    {&ath__op_batch_sum, NULL, IN_I32_FIRST(SHAPE(4)), FAILS("floating-point")},
    {&ath__op_pack, NULL, IN(SHAPE(4), SHAPE(17), SHAPE(2, 8)), GIVES(64)},
    {&ath__op_pack, NULL, IN_I32_SECOND(SHAPE(4), SHAPE(17)), FAILS("piece 1 must be f32, is i32")},
};

static void check_case(void **state) {
    const struct infer_case *test = *state;
    struct op_run            run;
    ath_value                leaf[8];
    int                      ins = 0;
    ath_error                error = {0};
    op_run_begin(&run);
    for (; test->shape[ins].rank != -2; ins++)
        leaf[ins] = test->shape[ins].rank == -1 ? ATH_NONE : op_run_leaf(&run, test->dtype[ins], test->shape[ins]);
    int        node = ath__graph_node(run.graph, test->op, test->attrs, leaf, ins);
    ath_status status = ath_graph_status(run.graph, &error);
    if (test->message == NULL) {
        if (status != ATH_OK) fail_msg("%s: %s", test->op->name, error.message);
        ath_shape shape = ath_value_shape(run.graph, ath__node_out(run.graph, node, 0));
        if (!ath_shape_equal(&shape, &test->expected))
            fail_msg("%s gives %s, expected %s", test->op->name, ath__shape_text(&shape).text,
                     ath__shape_text(&test->expected).text);
    } else {
        assert_int_equal(status, ATH_USAGE);
        assert_int_equal(node, -1);
        if (strstr(error.message, test->message) == NULL)
            fail_msg("%s says '%s', expected '%s'", test->op->name, error.message, test->message);
        if (strncmp(error.message, test->op->name, strlen(test->op->name)) != 0)
            fail_msg("'%s' does not name the operator %s", error.message, test->op->name);
    }
    op_run_end(&run);
}

/* Outputs that are made only on demand. */
static void optional_outputs(void **state) {
    (void)state;
    struct op_run run;
    op_run_begin(&run);
    ath_value x = op_run_leaf(&run, ATH_F32, ath_shape_of(1, 2, 4, 4)),
              dy = op_run_leaf(&run, ATH_F32, ath_shape_of(1, 3, 3, 3));
    for (int bias = 0; bias < 2; bias++) {
        ath_conv2d_attrs attrs = {.kernel = {2, 2}, .with_bias = bias};
        int              node = ath__graph_node(run.graph, &ath__op_conv2d_wgrad, &attrs, (ath_value[]){x, dy}, 2);
        assert_int_equal(ath__node_out(run.graph, node, 1) != ATH_NONE, bias);
    }
    for (int kind = 0; kind < 2; kind++) {
        ath_pool2d_attrs attrs = {.kind = kind, .kernel = {2, 2}};
        int              node = ath__graph_node(run.graph, &ath__op_pool2d, &attrs, &x, 1);
        ath_value        workspace = ath__node_out(run.graph, node, 1);
        assert_int_equal(workspace != ATH_NONE, kind == ATH_POOL_MAX);
        if (workspace != ATH_NONE) assert_int_equal(ath_value_dtype(run.graph, workspace), ATH_I32);
    }
    op_run_end(&run);
}

/* Builders fill defaults in, so that every reader of the attributes sees them. */
static void defaults_are_completed(void **state) {
    (void)state;
    struct op_run run;
    op_run_begin(&run);
    ath_value x = op_run_leaf(&run, ATH_F32, ath_shape_of(1, 2, 4, 4)),
              w = op_run_leaf(&run, ATH_F32, ath_shape_of(3, 2, 2, 2));
    ath_value y = ath_conv2d(run.graph, x, w, ATH_NONE, NULL);
    ath_value p = ath_pool2d(run.graph, x, &(ath_pool2d_attrs){.kernel = {2, 3}});
    op_run_keep(&run, p);
    const ath_conv2d_attrs *conv = run.graph->nodes[run.graph->values[y].node].attrs;
    const ath_pool2d_attrs *pool = run.graph->nodes[run.graph->values[p].node].attrs;
    assert_int_equal(conv->stride[0] * conv->stride[1] * conv->dilation[0] * conv->dilation[1] * conv->groups, 1);
    assert_int_equal(pool->stride[0], 2);
    assert_int_equal(pool->stride[1], 3);
    /* An activation whose derivative needs its input becomes a node of its own. */
    ath_value z = ath_conv2d(run.graph, x, w, ATH_NONE, &(ath_conv2d_attrs){.act = ATH_ACT_SILU});
    op_run_keep(&run, z);
    assert_ptr_equal(run.graph->nodes[run.graph->values[z].node].op, &ath__op_act);
    /* Dropouts are numbered. */
    ath_value rng = op_run_leaf(&run, ATH_I32, ath_shape_of(4));
    for (int64_t i = 0; i < 3; i++) {
        ath_value d = ath_dropout(run.graph, x, rng, 0.5);
        op_run_keep(&run, d);
        assert_int_equal(((const ath_dropout_attrs *)run.graph->nodes[run.graph->values[d].node].attrs)->id, i);
    }
    op_run_end(&run);
}

/* After the first error builders return ATH_NONE and the first message stays. */
static void errors_are_sticky(void **state) {
    (void)state;
    struct op_run run;
    ath_error     error;
    op_run_begin(&run);
    ath_graph *g = run.graph;
    ath_value  x = op_run_leaf(&run, ATH_F32, ath_shape_of(1, 2, 4, 4));
    ath_value  bad = ath_matmul(g, x, x, ATH_NONE, NULL);
    assert_int_equal(bad, ATH_NONE);
    bad = ath_flatten(g, ath_relu(g, ath_batch_norm_eval(g, bad, x, x, x, x, 1e-5)));
    bad = ath_permute(g, ath_slice(g, ath_pad(g, bad, NULL, NULL, 0.0), NULL, NULL), NULL);
    bad = ath_dropout(g, ath_concat(g, &bad, 1, 0), x, 0.5);
    bad = ath_expand(g, ath_global_avg_pool(g, ath_softmax(g, bad, true)), ath_shape_of(1));
    assert_int_equal(bad, ATH_NONE);
    assert_int_equal(ath_graph_status(g, &error), ATH_USAGE);
    assert_non_null(strstr(error.message, "matmul"));
    op_run_end(&run);
}

int main(void) {
    enum { COUNT = sizeof cases / sizeof *cases };
    static char       names[COUNT][80];
    struct CMUnitTest tests[COUNT + 4] = {
        cmocka_unit_test(optional_outputs),
        cmocka_unit_test(defaults_are_completed),
        cmocka_unit_test(errors_are_sticky),
    };
    size_t fixed = 3;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s %zu %.50s", cases[i].op->name, i,
                 cases[i].message ? cases[i].message : "");
        tests[fixed + i] = (struct CMUnitTest){names[i], check_case, NULL, NULL, (void *)(uintptr_t)&cases[i]};
    }
    return _cmocka_run_group_tests("test_op_infer", tests, fixed + COUNT, NULL, NULL);
}
