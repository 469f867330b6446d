/* Athanor's operators in ONNX's, operator set 17. The graph is that of one image; what is written takes any batch: the
 * first dimension of a shape is left open.
 */
#include "format/onnx/onnx_build.h"

#include <string.h>

typedef ath_status build_fn(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err);

static const char *in(struct ath__onnx_build *b, const struct ath__node *n, int i) {
    return i < n->ins ? ath__onnx_build_value(b, n->in[i]) : "";
}
static const char *out(struct ath__onnx_build *b, const struct ath__node *n) {
    return ath__onnx_build_value(b, n->out[0]);
}
static ath_shape shape_of(struct ath__onnx_build *b, ath_value value) {
    return ath__export_value(b->net, value)->desc.shape;
}

#define NODE1(op, a, to) ath__onnx_build_node(b, op, (const char *const[]){a}, 1, to, n)
#define NODE2(op, a, c, to) ath__onnx_build_node(b, op, (const char *const[]){a, c}, 2, to, n)

static ath_status conv2d(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_conv2d_attrs *a = n->attrs;
    ath_shape               w = shape_of(b, n->in[1]);
    const char *const       ins[] = {in(b, n, 0), in(b, n, 1), in(b, n, 2)};
    (void)err;
    ath__onnx_build_node(b, "Conv", ins, *ins[2] ? 3 : 2, out(b, n), n);
    ath__onnx_build_ints(b, "kernel_shape", &w.dims[2], 2);
    ath__onnx_build_ints(b, "strides", a->stride, 2);
    ath__onnx_build_ints(b, "pads", a->pad, 4);
    ath__onnx_build_ints(b, "dilations", a->dilation, 2);
    ath__onnx_build_int(b, "group", a->groups);
    return ATH_OK;
}

/* Rows go into Gemm; a batch of matrices into MatMul, with its operands turned before and the bias added behind. */
static ath_status matmul(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_matmul_attrs *a = n->attrs;
    const char             *ins[] = {in(b, n, 0), in(b, n, 1), in(b, n, 2)};
    bool                    bias = *ins[2] != '\0';
    (void)err;
    if (shape_of(b, n->in[0]).rank == 2) {
        ath__onnx_build_node(b, "Gemm", ins, bias ? 3 : 2, out(b, n), n);
        ath__onnx_build_int(b, "transA", a->trans_a);
        ath__onnx_build_int(b, "transB", a->trans_b);
        return ATH_OK;
    }
    for (int i = 0; i < 2; i++) {
        if (!(i ? a->trans_b : a->trans_a)) continue;
        ins[i] = NODE1("Transpose", ins[i], NULL);
        ath__onnx_build_ints(b, "perm", (const int64_t[]){0, 2, 1}, 3);
    }
    const char *y = NODE2("MatMul", ins[0], ins[1], bias ? NULL : out(b, n));
    if (bias) NODE2("Add", y, ins[2], out(b, n));
    return ATH_OK;
}

static ath_status act(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const char *x = in(b, n, 0), *y = out(b, n), *t;
    (void)err;
    switch ((ath_act)((const ath_act_attrs *)n->attrs)->kind) {
    case ATH_ACT_NONE: NODE1("Identity", x, y); break;
    case ATH_ACT_RELU: NODE1("Relu", x, y); break;
    case ATH_ACT_RELU6:
        ath__onnx_build_node(b, "Clip",
                             (const char *const[]){x, ath__onnx_build_number(b, 0.0), ath__onnx_build_number(b, 6.0)},
                             3, y, n);
        break;
    case ATH_ACT_SIGMOID: NODE1("Sigmoid", x, y); break;
    case ATH_ACT_TANH: NODE1("Tanh", x, y); break;
    case ATH_ACT_HARD_SIGMOID:
        NODE1("HardSigmoid", x, y);
        ath__onnx_build_real(b, "alpha", 1.0 / 6.0);
        ath__onnx_build_real(b, "beta", 0.5);
        break;
    case ATH_ACT_HARD_SWISH: NODE1("HardSwish", x, y); break;
    case ATH_ACT_SILU: NODE2("Mul", x, NODE1("Sigmoid", x, NULL), y); break;
    case ATH_ACT_GELU: /* x / 2 (1 + erf(x / sqrt(2))): the operator of its own is of opset 20 */
        t = NODE2("Mul", x, ath__onnx_build_number(b, 0.70710678118654752440), NULL);
        t = NODE2("Add", NODE1("Erf", t, NULL), ath__onnx_build_number(b, 1.0), NULL);
        t = NODE2("Mul", x, t, NULL);
        NODE2("Mul", t, ath__onnx_build_number(b, 0.5), y);
        break;
    }
    return ATH_OK;
}

static ath_status unary(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_unary_attrs *a = n->attrs;
    const char            *x = in(b, n, 0), *y = out(b, n);
    (void)err;
    switch ((ath_unary)a->kind) {
    case ATH_UNARY_SCALE:
        if (a->a != 1.0 || a->b == 0.0) x = NODE2("Mul", x, ath__onnx_build_number(b, a->a), a->b != 0.0 ? NULL : y);
        if (a->b != 0.0) NODE2("Add", x, ath__onnx_build_number(b, a->b), y);
        break;
    case ATH_UNARY_SQUARE: NODE2("Mul", x, x, y); break;
    case ATH_UNARY_SQRT: NODE1("Sqrt", x, y); break;
    case ATH_UNARY_RECIPROCAL: NODE1("Reciprocal", x, y); break;
    case ATH_UNARY_EXP: NODE1("Exp", x, y); break;
    case ATH_UNARY_LOG: NODE1("Log", x, y); break;
    case ATH_UNARY_ERF: NODE1("Erf", x, y); break;
    case ATH_UNARY_ABS: NODE1("Abs", x, y); break;
    case ATH_UNARY_SIGN: NODE1("Sign", x, y); break;
    }
    return ATH_OK;
}

static ath_status binary(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    static const char *const names[] = {"Add", "Sub", "Mul", "Div", "Max", "Min"};
    (void)err;
    NODE2(names[((const ath_binary_attrs *)n->attrs)->kind], in(b, n, 0), in(b, n, 1), out(b, n));
    return ATH_OK;
}

static ath_status pool2d(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_pool2d_attrs *a = n->attrs;
    (void)err;
    NODE1(a->kind == ATH_POOL_MAX ? "MaxPool" : "AveragePool", in(b, n, 0), out(b, n));
    ath__onnx_build_ints(b, "kernel_shape", a->kernel, 2);
    ath__onnx_build_ints(b, "strides", a->stride, 2);
    ath__onnx_build_ints(b, "pads", a->pad, 4);
    ath__onnx_build_int(b, "ceil_mode", a->ceil_mode);
    if (a->kind == ATH_POOL_AVG) ath__onnx_build_int(b, "count_include_pad", a->count_include_pad);
    return ATH_OK;
}

static ath_status adaptive_pool(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_adaptive_pool_attrs *a = n->attrs;
    ath_shape                      x = shape_of(b, n->in[0]);
    bool                           max = a->kind == ATH_POOL_MAX;
    if (a->out[0] == 1 && a->out[1] == 1) {
        NODE1(max ? "GlobalMaxPool" : "GlobalAveragePool", in(b, n, 0), out(b, n));
        return ATH_OK;
    }
    if (x.dims[2] % a->out[0] != 0 || x.dims[3] % a->out[1] != 0)
        return ath__export_refuse(b->net, n, "onnx", "pooling to a size that does not divide the image's", err);
    int64_t window[] = {x.dims[2] / a->out[0], x.dims[3] / a->out[1]};
    NODE1(max ? "MaxPool" : "AveragePool", in(b, n, 0), out(b, n));
    ath__onnx_build_ints(b, "kernel_shape", window, 2);
    ath__onnx_build_ints(b, "strides", window, 2);
    return ATH_OK;
}

/* In opset 17 the axes of a sum are an input, of the others an attribute. */
static ath_status reduce(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_reduce_attrs *a = n->attrs;
    int64_t                 axes[ATH_MAX_RANK];
    int                     count = 0;
    (void)err;
    for (int i = 0; i < shape_of(b, n->in[0]).rank; i++)
        if (a->axes >> i & 1) axes[count++] = i;
    if (a->kind == ATH_REDUCE_SUM) {
        NODE2("ReduceSum", in(b, n, 0), ath__onnx_build_shape(b, axes, count), out(b, n));
    } else {
        NODE1(a->kind == ATH_REDUCE_MAX ? "ReduceMax" : "ReduceMean", in(b, n, 0), out(b, n));
        ath__onnx_build_ints(b, "axes", axes, count);
    }
    ath__onnx_build_int(b, "keepdims", a->keep);
    return ATH_OK;
}

/* The first dimension holds the batch, alone or with others merged into it: it is what is left over. */
static ath_status reshape(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_shape_attrs *a = n->attrs;
    int64_t                dims[ATH_MAX_RANK];
    (void)err;
    for (int i = 0; i < a->rank; i++) dims[i] = a->dims[i];
    if (a->rank > 0) dims[0] = -1;
    NODE2("Reshape", in(b, n, 0), ath__onnx_build_shape(b, dims, (int)a->rank), out(b, n));
    return ATH_OK;
}

/* A 1 keeps the dimension, so that the batch stays what it is. */
static ath_status expand(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_shape_attrs *a = n->attrs;
    (void)err;
    NODE2("Expand", in(b, n, 0), ath__onnx_build_shape(b, a->dims, (int)a->rank), out(b, n));
    return ATH_OK;
}

static ath_status permute(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_permute_attrs *a = n->attrs;
    (void)err;
    NODE1("Transpose", in(b, n, 0), out(b, n));
    ath__onnx_build_ints(b, "perm", a->order, (int)a->rank);
    return ATH_OK;
}

/* Only the dimensions that are cut are named. */
static ath_status slice(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_slice_attrs *a = n->attrs;
    ath_shape              x = shape_of(b, n->in[0]);
    int64_t                start[ATH_MAX_RANK], end[ATH_MAX_RANK], axes[ATH_MAX_RANK];
    int                    count = 0;
    (void)err;
    for (int i = 0; i < a->rank; i++) {
        if (a->begin[i] == 0 && a->size[i] == x.dims[i]) continue;
        start[count] = a->begin[i];
        end[count] = a->begin[i] + a->size[i];
        axes[count++] = i;
    }
    if (count == 0) {
        NODE1("Identity", in(b, n, 0), out(b, n));
        return ATH_OK;
    }
    const char *const ins[] = {in(b, n, 0), ath__onnx_build_shape(b, start, count),
                               ath__onnx_build_shape(b, end, count), ath__onnx_build_shape(b, axes, count)};
    ath__onnx_build_node(b, "Slice", ins, 4, out(b, n), n);
    return ATH_OK;
}

static ath_status pad(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_pad_attrs *a = n->attrs;
    int64_t              pads[2 * ATH_MAX_RANK];
    (void)err;
    for (int i = 0; i < a->rank; i++) {
        pads[i] = a->before[i];
        pads[a->rank + i] = a->after[i];
    }
    const char *const ins[] = {in(b, n, 0), ath__onnx_build_shape(b, pads, 2 * (int)a->rank),
                               ath__onnx_build_number(b, a->value)};
    ath__onnx_build_node(b, "Pad", ins, 3, out(b, n), n);
    return ATH_OK;
}

static ath_status concat(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const char **ins = ATH_ARENA_ARRAY(&b->arena, const char *, n->ins + 1);
    (void)err;
    if (!ins) {
        b->failed = true;
        return ATH_OK;
    }
    for (int i = 0; i < n->ins; i++) ins[i] = in(b, n, i);
    ath__onnx_build_node(b, "Concat", ins, n->ins, out(b, n), n);
    ath__onnx_build_int(b, "axis", ((const ath_concat_attrs *)n->attrs)->axis);
    return ATH_OK;
}

/* To sizes, not by scales, which would be rounded: batch and channels are taken from the input's shape. */
static ath_status resize(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    const ath_resize_attrs *a = n->attrs;
    const int64_t           zero = 0, two = 2;
    bool                    nearest = a->mode == ATH_RESIZE_NEAREST;
    (void)err;
    const char       *shape = NODE1("Shape", in(b, n, 0), NULL);
    const char *const cut[] = {shape, ath__onnx_build_shape(b, &zero, 1), ath__onnx_build_shape(b, &two, 1)};
    const char       *front = ath__onnx_build_node(b, "Slice", cut, 3, NULL, n);
    const char       *sizes = NODE2("Concat", front, ath__onnx_build_shape(b, a->out, 2), NULL);
    ath__onnx_build_int(b, "axis", 0);
    const char *const ins[] = {in(b, n, 0), "", "", sizes};
    ath__onnx_build_node(b, "Resize", ins, 4, out(b, n), n);
    ath__onnx_build_text(b, "mode", nearest ? "nearest" : "linear");
    ath__onnx_build_text(b, "coordinate_transformation_mode", nearest ? "asymmetric" : "half_pixel");
    if (nearest) ath__onnx_build_text(b, "nearest_mode", "floor");
    return ATH_OK;
}

static ath_status softmax(struct ath__onnx_build *b, const struct ath__node *n, ath_error *err) {
    (void)err;
    NODE1(((const ath_softmax_attrs *)n->attrs)->log ? "LogSoftmax" : "Softmax", in(b, n, 0), out(b, n));
    ath__onnx_build_int(b, "axis", -1);
    return ATH_OK;
}

ath_status ath__onnx_build_operator(struct ath__onnx_build *b, const struct ath__node *node, ath_error *err) {
    static const struct {
        const struct ath__op *op;
        build_fn             *build;
    } table[] = {
        {&ath__op_conv2d, conv2d},   {&ath__op_matmul, matmul},
        {&ath__op_act, act},         {&ath__op_unary, unary},
        {&ath__op_binary, binary},   {&ath__op_pool2d, pool2d},
        {&ath__op_reduce, reduce},   {&ath__op_adaptive_pool, adaptive_pool},
        {&ath__op_reshape, reshape}, {&ath__op_expand, expand},
        {&ath__op_permute, permute}, {&ath__op_slice, slice},
        {&ath__op_pad, pad},         {&ath__op_concat, concat},
        {&ath__op_resize, resize},   {&ath__op_softmax, softmax},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].op == node->op) return table[i].build(b, node, err);
    return ath__export_refuse(b->net, node, "onnx", "no operator for it", err);
}
