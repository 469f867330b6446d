/* Operator attributes: the typed parameters that a node carries and an implementation reads.
 *
 * Integers are int64_t, reals double, so that one descriptor table per operator (src/op) can print, parse, hash and
 * compare them. Unused bytes are zero.
 */
#ifndef ATHANOR_OPS_H
#define ATHANOR_OPS_H

#include <stdint.h>

/* Activations: X(NAME, text, derivative can be had from the output y alone) */
#define ATH_ACT_MAP(X)                                                                                                 \
    X(NONE, "none", 1)                                                                                                 \
    X(RELU, "relu", 1)                                                                                                 \
    X(RELU6, "relu6", 1)                                                                                               \
    X(SIGMOID, "sigmoid", 1)                                                                                           \
    X(TANH, "tanh", 1)                                                                                                 \
    X(HARD_SIGMOID, "hard_sigmoid", 1)                                                                                 \
    X(GELU, "gelu", 0)                                                                                                 \
    X(SILU, "silu", 0)                                                                                                 \
    X(HARD_SWISH, "hard_swish", 0)

typedef enum ath_act {
#define ATH_ACT_ENUM_(name, text, from_output) ATH_ACT_##name,
    ATH_ACT_MAP(ATH_ACT_ENUM_)
#undef ATH_ACT_ENUM_
} ath_act;

/* Element-wise functions of one value: X(NAME, text). SCALE is a*x + b. */
#define ATH_UNARY_MAP(X)                                                                                               \
    X(SCALE, "scale")                                                                                                  \
    X(SQUARE, "square")                                                                                                \
    X(SQRT, "sqrt")                                                                                                    \
    X(RECIPROCAL, "reciprocal")                                                                                        \
    X(EXP, "exp")                                                                                                      \
    X(LOG, "log")                                                                                                      \
    X(ERF, "erf")                                                                                                      \
    X(ABS, "abs")                                                                                                      \
    X(SIGN, "sign")

typedef enum ath_unary {
#define ATH_UNARY_ENUM_(name, text) ATH_UNARY_##name,
    ATH_UNARY_MAP(ATH_UNARY_ENUM_)
#undef ATH_UNARY_ENUM_
} ath_unary;

/* Element-wise functions of two values, with broadcasting: X(NAME, text). */
#define ATH_BINARY_MAP(X) X(ADD, "add") X(SUB, "sub") X(MUL, "mul") X(DIV, "div") X(MAX, "max") X(MIN, "min")

typedef enum ath_binary {
#define ATH_BINARY_ENUM_(name, text) ATH_BINARY_##name,
    ATH_BINARY_MAP(ATH_BINARY_ENUM_)
#undef ATH_BINARY_ENUM_
} ath_binary;

typedef enum ath_reduce { ATH_REDUCE_SUM, ATH_REDUCE_MEAN, ATH_REDUCE_MAX } ath_reduce;
typedef enum ath_pool { ATH_POOL_MAX, ATH_POOL_AVG } ath_pool;
typedef enum ath_resize_mode { ATH_RESIZE_NEAREST, ATH_RESIZE_BILINEAR } ath_resize_mode;

/* Cross-correlation: y[n,k,p,q] = act(sum_{c,r,s} x[n,c,p*stride+r*dilation-pad_top,...] * w[k,c,r,s] + b[k] (+
 * residual)). Zero fields of a public attribute struct mean the default: stride 1, dilation 1, groups 1. */
typedef struct ath_conv2d_attrs {
    int64_t stride[2];   /* vertical, horizontal */
    int64_t pad[4];      /* top, left, bottom, right */
    int64_t dilation[2]; /* 1 = dense */
    int64_t groups;
    int64_t act;       /* ath_act fused behind bias and residual; set by the fusion pass or by the builder */
    int64_t src[2];    /* gradients: height and width of x (data gradient) */
    int64_t kernel[2]; /* gradients: height and width of w (weight gradient) */
    int64_t with_bias; /* weight gradient: also yields the bias gradient as output 1 */
} ath_conv2d_attrs;

/* y = act(op(a) . op(b) + bias): op transposes the last two dimensions where the flag is set. */
typedef struct ath_matmul_attrs {
    int64_t trans_a, trans_b;
    int64_t act;
} ath_matmul_attrs;

typedef struct ath_act_attrs {
    int64_t kind; /* ath_act */
} ath_act_attrs;

typedef struct ath_unary_attrs {
    int64_t kind; /* ath_unary */
    double  a, b; /* SCALE */
} ath_unary_attrs;

typedef struct ath_binary_attrs {
    int64_t kind; /* ath_binary */
} ath_binary_attrs;

/* Training: statistics over N,H,W of the batch; running = (1 - momentum) * running + momentum * batch, with the
 * unbiased variance, as PyTorch. */
typedef struct ath_batch_norm_attrs {
    double  eps;
    double  momentum;
    int64_t act; /* fused activation; one whose derivative comes from y */
} ath_batch_norm_attrs;

/* Its gradient: the same fields (a batch_norm's attributes can be copied in front). */
typedef struct ath_batch_norm_grad_attrs {
    double  eps;
    double  momentum;
    int64_t act;
    int64_t with_residual; /* also yields the gradient behind the activation, which is the residual's, as output 3 */
} ath_batch_norm_grad_attrs;

typedef struct ath_pool2d_attrs {
    int64_t kind;                         /* ath_pool */
    int64_t kernel[2], stride[2], pad[4]; /* stride 0 = the kernel's size; every padding less than the kernel's size */
    int64_t count_include_pad;            /* average: divide by the full window also at the border */
    int64_t ceil_mode;                    /* round output sizes up */
    int64_t src[2];                       /* gradients: height and width of x */
} ath_pool2d_attrs;

/* Window i covers floor(i*in/out) up to ceil((i+1)*in/out). */
typedef struct ath_adaptive_pool_attrs {
    int64_t kind; /* ath_pool */
    int64_t out[2];
    int64_t src[2]; /* gradients */
} ath_adaptive_pool_attrs;

typedef struct ath_reduce_attrs {
    int64_t kind; /* ath_reduce */
    int64_t axes; /* bit i: dimension i is reduced */
    int64_t keep; /* reduced dimensions stay as 1 */
} ath_reduce_attrs;

/* Shapes as attributes: expand (broadcast to), reshape, slice gradients. */
typedef struct ath_shape_attrs {
    int64_t rank;
    int64_t dims[6];
} ath_shape_attrs;

typedef struct ath_permute_attrs {
    int64_t rank;
    int64_t order[6]; /* output dimension i is input dimension order[i] */
} ath_permute_attrs;

typedef struct ath_slice_attrs {
    int64_t rank;
    int64_t begin[6], size[6];
} ath_slice_attrs;

typedef struct ath_pad_attrs {
    int64_t rank;
    int64_t before[6], after[6];
    double  value;
} ath_pad_attrs;

typedef struct ath_concat_attrs {
    int64_t axis;
} ath_concat_attrs;

/* Half-pixel centres (PyTorch's align_corners=False); nearest: floor(i * in / out). */
typedef struct ath_resize_attrs {
    int64_t mode; /* ath_resize_mode */
    int64_t out[2];
    int64_t src[2]; /* gradients */
} ath_resize_attrs;

typedef struct ath_softmax_attrs {
    int64_t log; /* 1: log-softmax; always over the last dimension */
} ath_softmax_attrs;

/* Per-sample loss_n = -sum_k t[n,k] log softmax(x)[n,k] with t = (1 - smoothing) * target + smoothing / K. */
typedef struct ath_cross_entropy_attrs {
    double smoothing;
} ath_cross_entropy_attrs;

typedef struct ath_hits_attrs {
    int64_t k; /* 1 where the label is among the k largest logits (ties: lower index wins) */
} ath_hits_attrs;

/* y = x * mask / (1 - p); mask from Philox keyed by (seed, step, sample, id) in the second operand i32[4]. */
typedef struct ath_dropout_attrs {
    double  p;
    int64_t id;         /* which dropout of the net */
    int64_t per_sample; /* 1: one draw decides for all elements of a sample */
} ath_dropout_attrs;

/* Storage type conversions (cast) and layout changes (reorder). */
typedef struct ath_cast_attrs {
    int64_t dtype; /* ath_dtype */
} ath_cast_attrs;

/* A separable block, fused for inference: 1x1 expansion, depth-wise window, 1x1 projection (op/separable.c). */
typedef struct ath_separable_attrs {
    int64_t stride[2], pad[4];          /* the window's, as a convolution's */
    int64_t expand_act, depth_act, act; /* ath_act behind each step; act is the last one's */
} ath_separable_attrs;

/* A fused chain of element-wise steps, run tile by tile. Step i reads operands written as: 0 .. inputs-1 = inputs,
 * inputs + j = result of step j. */
typedef enum ath_chain_code { ATH_CHAIN_UNARY, ATH_CHAIN_BINARY, ATH_CHAIN_ACT, ATH_CHAIN_ACT_GRAD } ath_chain_code;
enum { ATH_CHAIN_MAX_STEPS = 20, ATH_CHAIN_MAX_INPUTS = 10, ATH_CHAIN_MAX_OUTPUTS = 4 };
typedef struct ath_chain_step {
    int64_t code; /* ath_chain_code */
    int64_t kind; /* ath_unary, ath_binary or ath_act */
    int64_t a, b; /* operands; b unused for one-operand steps. ACT_GRAD: a = dy, b = y or x (ath_act_from_output) */
    double  p, q; /* SCALE: a*p + q */
} ath_chain_step;
typedef struct ath_chain_attrs {
    int64_t        inputs, steps, outputs;
    ath_chain_step step[ATH_CHAIN_MAX_STEPS];
    int64_t        output[ATH_CHAIN_MAX_OUTPUTS]; /* which step each output is */
} ath_chain_attrs;

#endif
