/* What the operator files share: checks for shape inference, texts for messages and attribute tables, and the window
 * arithmetic of convolutions and pooling.
 */
#ifndef ATH_OP_OP_UTIL_H
#define ATH_OP_OP_UTIL_H

#include "base/error.h"
#include "base/str.h"
#include "graph/op.h"

#include <stddef.h>

/* Choices of an attribute table, "none|relu|...", made from the lists of include/athanor/ops.h. */
#define ATH_CHOICE2_(name, text) "|" text
#define ATH_CHOICE3_(name, text, from_output) "|" text
#define ATH_ACT_CHOICES (&(ATH_ACT_MAP(ATH_CHOICE3_))[1])
#define ATH_UNARY_CHOICES (&(ATH_UNARY_MAP(ATH_CHOICE2_))[1])
#define ATH_BINARY_CHOICES (&(ATH_BINARY_MAP(ATH_CHOICE2_))[1])
#define ATH_POOL_CHOICES "max|avg"
#define ATH_DTYPE_CHOICES (&(ATH_DTYPE_MAP(ATH_CHOICE3_DTYPE_))[1])
#define ATH_CHOICE3_DTYPE_(name, bytes, text) "|" text

/* Number of entries of the lists. */
#define ATH_COUNT2_(name, text) +1
#define ATH_COUNT3_(name, text, from_output) +1
enum {
    ATH_ACT_COUNT = 0 ATH_ACT_MAP(ATH_COUNT3_),
    ATH_UNARY_COUNT = 0 ATH_UNARY_MAP(ATH_COUNT2_),
    ATH_BINARY_COUNT = 0 ATH_BINARY_MAP(ATH_COUNT2_),
    ATH_DTYPE_COUNT = 0 ATH_DTYPE_MAP(ATH_COUNT3_),
};

/* Strides, paddings, dilations and kernel sizes are at most this, so that window arithmetic cannot overflow. */
#define ATH_WINDOW_LIMIT ((int64_t)1 << 24)
/* Elements of one value at most: byte sizes of 8-byte elements stay inside an int64_t. */
#define ATH_COUNT_LIMIT ((int64_t)1 << 58)

/* "(16,8,3,3)", for messages: ath__shape_text(&shape).text lives to the end of the expression. */
struct ath__shape_text {
    char text[144];
};
struct ath__shape_text ath__shape_text(const ath_shape *shape);

/* Operand i is there and holds floating-point numbers; `what` names it in the message. */
ath_status ath__infer_float(struct ath__infer *infer, int i, const char *what);
/* The same, and has that rank. */
ath_status ath__infer_rank(struct ath__infer *infer, int i, const char *what, int rank);
/* Operand i is there and has the given shape. */
ath_status ath__infer_shape(struct ath__infer *infer, int i, const char *what, const ath_shape *shape);
/* True when operand i was given. */
bool ath__infer_has(const struct ath__infer *infer, int i);
/* Checks a result's shape (every dimension at least 1, not too many elements) and sets out[i]. */
ath_status ath__infer_result(struct ath__infer *infer, int i, ath_dtype dtype, const ath_shape *shape);
/* out[i] is not made. */
void ath__infer_absent(struct ath__infer *infer, int i);
/* The choice `value` is one of `count`. */
ath_status ath__infer_choice(struct ath__infer *infer, const char *what, int64_t value, int count);

/* NumPy broadcasting of b onto *shape: dimensions are aligned at the right; equal, or one of them is 1. */
bool ath__shape_broadcast(ath_shape *shape, const ath_shape *b);
/* The element type of a result of two operands: theirs if equal, else f32. */
ath_dtype ath__dtype_join(ath_dtype a, ath_dtype b);

/* Positions of a window along one dimension: floor or ceil((in + before + after - extent) / stride) + 1 with extent =
 * (kernel - 1) * dilation + 1. With `ceil` the last window still starts inside the input or the padding in front of it.
 * 0 where the window is larger than the padded input. */
struct ath__window {
    int64_t in, before, after, kernel, stride, dilation;
    bool    ceil;
};
int64_t ath__window_count(const struct ath__window *window);

/* True when the node was given operand i. */
bool ath__node_has(const struct ath__node *node, int i);
/* Output `out` of node index `node`; ATH_NONE after an error. */
ath_value ath__node_out(const ath_graph *graph, int node, int out);
/* The gradient behind a fused activation, from the gradient in front of it and the output y. Only for activations whose
 * derivative comes from y; else the graph's sticky error is set. */
ath_value ath__grad_act(ath_graph *graph, ath_value dy, ath_value y, int64_t act);
/* True when the activation's derivative can be had from its output. */
bool ath__act_from_output(int64_t act);

/* Appends "stride=2,1 groups=4" to the text: every attribute of the operator, choices by name. */
void ath__op_attrs_print(const struct ath__op *op, const void *attrs, struct ath__str *text);
/* True when all attributes agree. */
bool ath__op_attrs_equal(const struct ath__op *op, const void *a, const void *b);

#endif
