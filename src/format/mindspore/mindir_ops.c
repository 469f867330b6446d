/* Operators of Athanor as operators of MindSpore, as its versions 2.x describe them. */
#include "base/error.h"
#include "format/mindspore/mindir.h"

#include <stdio.h>
#include <string.h>

#define REFUSE(m, node, why) ath__export_refuse((m)->net, (node), "MindIR", (why), (m)->err)

static const ath_shape *shape_of(const struct ath__mindir *m, ath_value value) {
    return &m->net->graph->values[value].desc.shape;
}

/* "conv1", and for what stands between "conv1/sum". */
static const char *between(const struct ath__mindir *m, const struct ath__node *node, const char *word,
                           char text[400]) {
    snprintf(text, 400, "%.360s/%s", m->net->graph->values[node->out[0]].name, word);
    return text;
}

/* The node's own result: the last call that is made for it. */
static ath_status finish(struct ath__mindir *m, const struct ath__node *node, const struct ath__mindir_call *call) {
    const struct ath__value *value = ath__export_value(m->net, node->out[0]);
    m->names[node->out[0]] = ath__mindir_apply(m, call, &value->desc.shape, value->name);
    return m->status;
}

static ath_status finish_one(struct ath__mindir *m, const struct ath__node *node, const char *type) {
    struct ath__mindir_call call = {.type = type, .operands = 1, .operand = {ath__mindir_value(m, node->in[0])}};
    return finish(m, node, &call);
}

/* ---- products --------------------------------------------------------------------------------------------------- */

/* The product alone, or with the bias behind it. */
static ath_status finish_product(struct ath__mindir *m, const struct ath__node *node,
                                 const struct ath__mindir_call *call) {
    char text[400];
    if (node->ins < 3 || node->in[2] == ATH_NONE) return finish(m, node, call);
    const char *product = ath__mindir_apply(m, call, shape_of(m, node->out[0]), between(m, node, "product", text));
    struct ath__mindir_call sum = {
        .type = "BiasAdd",
        .operands = 3,
        .operand = {product, ath__mindir_value(m, node->in[2]), ath__mindir_int(m, 0) /* NCHW */}};
    return finish(m, node, &sum);
}

static ath_status put_conv2d(struct ath__mindir *m, const struct ath__node *node) {
    const ath_conv2d_attrs *a = node->attrs;
    const int64_t          *w = shape_of(m, node->in[1])->dims;
    const int64_t stride[4] = {1, 1, a->stride[0], a->stride[1]}, dilation[4] = {1, 1, a->dilation[0], a->dilation[1]};
    const int64_t pad[4] = {a->pad[0], a->pad[2], a->pad[1], a->pad[3]}; /* top, bottom, left, right */
    if (a->act != ATH_ACT_NONE || node->ins > 3) return REFUSE(m, node, "something is fused into it");
    struct ath__mindir_call call = {
        .type = "Conv2D",
        .is_class = true,
        .operands = 2,
        .attrs = 11,
        .operand = {ath__mindir_value(m, node->in[0]), ath__mindir_value(m, node->in[1])},
        .attr = {ath__mindir_attr_tuple(m, "kernel_size", w + 2, 2), ath__mindir_attr_int(m, "mode", 1),
                 ath__mindir_attr_int(m, "out_channel", w[0]), ath__mindir_attr_tuple(m, "pad", pad, 4),
                 ath__mindir_attr_tuple(m, "pad_list", pad, 4), ath__mindir_attr_text(m, "pad_mode", "pad"),
                 ath__mindir_attr_text(m, "format", "NCHW"), ath__mindir_attr_int(m, "groups", a->groups),
                 ath__mindir_attr_int(m, "group", a->groups), ath__mindir_attr_tuple(m, "stride", stride, 4),
                 ath__mindir_attr_tuple(m, "dilation", dilation, 4)}};
    return finish_product(m, node, &call);
}

static ath_status put_matmul(struct ath__mindir *m, const struct ath__node *node) {
    const ath_matmul_attrs *a = node->attrs;
    if (a->act != ATH_ACT_NONE) return REFUSE(m, node, "something is fused into it");
    if (shape_of(m, node->in[0])->rank != 2 || shape_of(m, node->in[1])->rank != 2)
        return REFUSE(m, node, "it has more than two dimensions");
    struct ath__mindir_call call = {.type = "MatMul",
                                    .operands = 4,
                                    .operand = {ath__mindir_value(m, node->in[0]), ath__mindir_value(m, node->in[1]),
                                                ath__mindir_flag(m, a->trans_a != 0),
                                                ath__mindir_flag(m, a->trans_b != 0)}};
    return finish_product(m, node, &call);
}

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

static const char *scalar(struct ath__mindir *m, const struct ath__node *node, const char *word, double value) {
    char   text[400];
    float *data = ath__arena_alloc(&m->arena, sizeof *data);
    if (!data) return "";
    *data = (float)value;
    return ath__mindir_parameter(m, between(m, node, word, text), &(ath_shape){.rank = 1, .dims = {1}}, data);
}

static const char *apply_two(struct ath__mindir *m, const struct ath__node *node, const char *type, const char *a,
                             const char *b, const char *word) {
    char                    text[400];
    struct ath__mindir_call call = {.type = type, .operands = b ? 2 : 1, .operand = {a, b}};
    return ath__mindir_apply(m, &call, shape_of(m, node->out[0]), between(m, node, word, text));
}

/* x / 2 * (1 + erf(x / sqrt 2)): MindSpore's own GeLU is the one with tanh. */
static ath_status put_gelu(struct ath__mindir *m, const struct ath__node *node) {
    const char *x = ath__mindir_value(m, node->in[0]);
    const char *half = apply_two(m, node, "Mul", x, scalar(m, node, "half", 0.5), "x_half");
    const char *root = apply_two(m, node, "Mul", x, scalar(m, node, "sqrt_half", 0.70710678118654752), "x_sqrt_half");
    const char *erf = apply_two(m, node, "Erf", root, NULL, "erf");
    const char *sum = apply_two(m, node, "Add", erf, scalar(m, node, "one", 1.0), "sum");
    struct ath__mindir_call call = {.type = "Mul", .operands = 2, .operand = {half, sum}};
    return finish(m, node, &call);
}

static ath_status put_act(struct ath__mindir *m, const struct ath__node *node) {
    static const char *const types[] = {
        [ATH_ACT_RELU] = "ReLU",        [ATH_ACT_RELU6] = "ReLU6",           [ATH_ACT_SIGMOID] = "Sigmoid",
        [ATH_ACT_TANH] = "Tanh",        [ATH_ACT_HARD_SIGMOID] = "HSigmoid", [ATH_ACT_SILU] = "SiLU",
        [ATH_ACT_HARD_SWISH] = "HSwish"};
    int64_t kind = ((const ath_act_attrs *)node->attrs)->kind;
    if (kind == ATH_ACT_GELU) return put_gelu(m, node);
    if (kind < 0 || kind >= (int64_t)(sizeof types / sizeof types[0]) || !types[kind])
        return REFUSE(m, node, "there is no such activation");
    return finish_one(m, node, types[kind]);
}

static ath_status put_unary(struct ath__mindir *m, const struct ath__node *node) {
    static const char *const types[] = {
        [ATH_UNARY_SQUARE] = "Square", [ATH_UNARY_SQRT] = "Sqrt", [ATH_UNARY_RECIPROCAL] = "Reciprocal",
        [ATH_UNARY_EXP] = "Exp",       [ATH_UNARY_LOG] = "Log",   [ATH_UNARY_ABS] = "Abs",
        [ATH_UNARY_SIGN] = "Sign"};
    const ath_unary_attrs *a = node->attrs;
    if (a->kind != ATH_UNARY_SCALE) return finish_one(m, node, types[a->kind]);
    const char *scaled =
        apply_two(m, node, "Mul", ath__mindir_value(m, node->in[0]), scalar(m, node, "a", a->a), "scaled");
    struct ath__mindir_call call = {.type = "Add", .operands = 2, .operand = {scaled, scalar(m, node, "b", a->b)}};
    return finish(m, node, &call);
}

static ath_status put_binary(struct ath__mindir *m, const struct ath__node *node) {
    static const char *const types[] = {
        [ATH_BINARY_ADD] = "Add",     [ATH_BINARY_SUB] = "Sub",     [ATH_BINARY_MUL] = "Mul",
        [ATH_BINARY_DIV] = "RealDiv", [ATH_BINARY_MAX] = "Maximum", [ATH_BINARY_MIN] = "Minimum"};
    struct ath__mindir_call call = {.type = types[((const ath_binary_attrs *)node->attrs)->kind],
                                    .operands = 2,
                                    .operand = {ath__mindir_value(m, node->in[0]), ath__mindir_value(m, node->in[1])}};
    return finish(m, node, &call);
}

/* ---- pooling ---------------------------------------------------------------------------------------------------- */

/* `rank` dimensions with before and after, filled with `value`. PadV3 wants the pairs from the last dimension on. */
static const char *apply_pad(struct ath__mindir *m, const char *x, const int64_t *before, const int64_t *after,
                             int rank, double value, const ath_shape *shape, const char *name) {
    int64_t pairs[2 * ATH_MAX_RANK];
    for (int d = 0; d < rank; d++) {
        pairs[2 * d] = before[rank - 1 - d];
        pairs[2 * d + 1] = after[rank - 1 - d];
    }
    struct ath__mindir_call call = {
        .type = "PadV3",
        .is_class = true,
        .operands = 3,
        .attrs = 2,
        .operand = {x, ath__mindir_vector(m, pairs, 2 * rank), ath__mindir_real(m, value)},
        .attr = {ath__mindir_attr_text(m, "mode", "constant"), ath__mindir_attr_flag(m, "paddings_contiguous", true)}};
    return ath__mindir_apply(m, &call, shape, name);
}

static ath_status finish_pool(struct ath__mindir *m, const struct ath__node *node, const char *x, bool mean,
                              const int64_t kernel[2], const int64_t stride[2]) {
    const int64_t           sizes[4] = {1, 1, kernel[0], kernel[1]}, steps[4] = {1, 1, stride[0], stride[1]};
    struct ath__mindir_call largest = {
        .type = "MaxPool",
        .is_class = true,
        .operands = 1,
        .attrs = 4,
        .operand = {x},
        .attr = {ath__mindir_attr_text(m, "pad_mode", "VALID"), ath__mindir_attr_tuple(m, "kernel_size", sizes, 4),
                 ath__mindir_attr_text(m, "format", "NCHW"), ath__mindir_attr_tuple(m, "strides", steps, 4)}};
    if (!mean) return finish(m, node, &largest);
    struct ath__mindir_call average = {.type = "AvgPool",
                                       .operands = 5,
                                       .operand = {x, ath__mindir_tuple(m, kernel, 2), ath__mindir_tuple(m, stride, 2),
                                                   ath__mindir_int(m, 2) /* VALID */,
                                                   ath__mindir_int(m, 0) /* NCHW */}};
    return finish(m, node, &average);
}

/* MindSpore's pooling knows no numbers of padding: the image is padded before, with what does not matter to the result. */
static ath_status put_pool2d(struct ath__mindir *m, const struct ath__node *node) {
    const ath_pool2d_attrs *a = node->attrs;
    const ath_shape        *x = shape_of(m, node->in[0]), *y = shape_of(m, node->out[0]);
    const char             *from = ath__mindir_value(m, node->in[0]);
    int64_t                 before[4] = {0, 0, a->pad[0], a->pad[1]}, after[4] = {0, 0, a->pad[2], a->pad[3]};
    bool                    mean = a->kind == ATH_POOL_AVG, padded = a->pad[0] + a->pad[1] + a->pad[2] + a->pad[3] > 0;
    ath_shape               wide = *x;
    char                    text[400];
    for (int d = 0; d < 2; d++) {
        int64_t reach = (y->dims[2 + d] - 1) * a->stride[d] + a->kernel[d],
                size = x->dims[2 + d] + a->pad[d] + a->pad[2 + d];
        if (reach > size && mean) return REFUSE(m, node, "an average reaches beyond the padding (ceil_mode)");
        if (reach > size) after[2 + d] += reach - size;
        padded = padded || reach > size;
        wide.dims[2 + d] = x->dims[2 + d] + before[2 + d] + after[2 + d];
    }
    if (mean && padded && !a->count_include_pad) return REFUSE(m, node, "an average leaves the padding out");
    if (padded)
        from = apply_pad(m, from, before, after, 4, mean ? 0.0 : -3.4028235e38, &wide, between(m, node, "pad", text));
    return finish_pool(m, node, from, mean, a->kernel, a->stride);
}

static ath_status finish_reduce(struct ath__mindir *m, const struct ath__node *node, int64_t kind, const int64_t *axes,
                                int count, bool keep) {
    static const char *const types[] = {
        [ATH_REDUCE_SUM] = "ReduceSum", [ATH_REDUCE_MEAN] = "ReduceMean", [ATH_REDUCE_MAX] = "ReduceMax"};
    struct ath__mindir_call call = {
        .type = types[kind],
        .operands = 3,
        .operand = {ath__mindir_value(m, node->in[0]), ath__mindir_tuple(m, axes, count), ath__mindir_flag(m, keep)}};
    if (kind == ATH_REDUCE_SUM) call.operand[call.operands++] = ath__mindir_flag(m, false); /* skip_mode */
    return finish(m, node, &call);
}

static ath_status put_adaptive_pool(struct ath__mindir *m, const struct ath__node *node) {
    const ath_adaptive_pool_attrs *a = node->attrs;
    const int64_t                 *x = shape_of(m, node->in[0])->dims;
    bool                           mean = a->kind == ATH_POOL_AVG;
    if (a->out[0] == 1 && a->out[1] == 1)
        return finish_reduce(m, node, mean ? ATH_REDUCE_MEAN : ATH_REDUCE_MAX, (const int64_t[]){2, 3}, 2, true);
    if (x[2] % a->out[0] != 0 || x[3] % a->out[1] != 0) return REFUSE(m, node, "its windows differ in size");
    const int64_t kernel[2] = {x[2] / a->out[0], x[3] / a->out[1]};
    return finish_pool(m, node, ath__mindir_value(m, node->in[0]), mean, kernel, kernel);
}

static ath_status put_reduce(struct ath__mindir *m, const struct ath__node *node) {
    const ath_reduce_attrs *a = node->attrs;
    int64_t                 axes[ATH_MAX_RANK];
    int                     count = 0;
    for (int d = 0; d < shape_of(m, node->in[0])->rank; d++)
        if ((a->axes >> d) & 1) axes[count++] = d;
    return finish_reduce(m, node, a->kind, axes, count, a->keep != 0);
}

static ath_status put_softmax(struct ath__mindir *m, const struct ath__node *node) {
    bool                    logarithm = ((const ath_softmax_attrs *)node->attrs)->log != 0;
    int64_t                 last = -1;
    struct ath__mindir_call call = {.type = logarithm ? "LogSoftmax" : "Softmax",
                                    .operands = 2,
                                    .operand = {ath__mindir_value(m, node->in[0]),
                                                logarithm ? ath__mindir_int(m, last) : ath__mindir_tuple(m, &last, 1)}};
    return finish(m, node, &call);
}

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

static ath_status finish_with(struct ath__mindir *m, const struct ath__node *node, const char *type,
                              const int64_t *first, const int64_t *second, int count) {
    struct ath__mindir_call call = {.type = type,
                                    .operands = second ? 3 : 2,
                                    .operand = {ath__mindir_value(m, node->in[0]), ath__mindir_tuple(m, first, count)}};
    if (second) call.operand[2] = ath__mindir_tuple(m, second, count);
    return finish(m, node, &call);
}

static ath_status put_reshape(struct ath__mindir *m, const struct ath__node *node) {
    const ath_shape *y = shape_of(m, node->out[0]);
    return finish_with(m, node, "Reshape", y->dims, NULL, y->rank);
}

static ath_status put_expand(struct ath__mindir *m, const struct ath__node *node) {
    const ath_shape *y = shape_of(m, node->out[0]);
    return finish_with(m, node, "BroadcastTo", y->dims, NULL, y->rank);
}

static ath_status put_permute(struct ath__mindir *m, const struct ath__node *node) {
    const ath_permute_attrs *a = node->attrs;
    return finish_with(m, node, "Transpose", a->order, NULL, (int)a->rank);
}

static ath_status put_slice(struct ath__mindir *m, const struct ath__node *node) {
    const ath_slice_attrs *a = node->attrs;
    return finish_with(m, node, "Slice", a->begin, a->size, (int)a->rank);
}

static ath_status put_pad(struct ath__mindir *m, const struct ath__node *node) {
    const ath_pad_attrs     *a = node->attrs;
    const struct ath__value *value = ath__export_value(m->net, node->out[0]);
    for (int d = 0; d < a->rank; d++)
        if (a->before[d] < 0 || a->after[d] < 0) return REFUSE(m, node, "it cuts off");
    m->names[node->out[0]] = apply_pad(m, ath__mindir_value(m, node->in[0]), a->before, a->after, (int)a->rank,
                                       a->value, &value->desc.shape, value->name);
    return m->status;
}

static ath_status put_concat(struct ath__mindir *m, const struct ath__node *node) {
    struct ath__mindir_call tuple = {.type = "MakeTuple", .is_class = true};
    char                    text[400];
    if (node->ins > ATH_MINDIR_MAX_OPERANDS) return REFUSE(m, node, "it has more than 12 operands");
    for (int i = 0; i < node->ins; i++) tuple.operand[tuple.operands++] = ath__mindir_value(m, node->in[i]);
    const char             *made = ath__mindir_apply(m, &tuple, NULL, between(m, node, "tuple", text));
    struct ath__mindir_call call = {
        .type = "Concat",
        .operands = 2,
        .operand = {made, ath__mindir_int(m, ((const ath_concat_attrs *)node->attrs)->axis)}};
    return finish(m, node, &call);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static const struct {
    const struct ath__op *op;
    ath_status (*put)(struct ath__mindir *m, const struct ath__node *node);
} rows[] = {
    {&ath__op_conv2d, put_conv2d},   {&ath__op_matmul, put_matmul},   {&ath__op_act, put_act},
    {&ath__op_unary, put_unary},     {&ath__op_binary, put_binary},   {&ath__op_pool2d, put_pool2d},
    {&ath__op_reduce, put_reduce},   {&ath__op_softmax, put_softmax}, {&ath__op_adaptive_pool, put_adaptive_pool},
    {&ath__op_reshape, put_reshape}, {&ath__op_permute, put_permute}, {&ath__op_slice, put_slice},
    {&ath__op_pad, put_pad},         {&ath__op_concat, put_concat},   {&ath__op_expand, put_expand},
};

ath_status ath__mindir_node(struct ath__mindir *m, const struct ath__node *node) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].op == node->op) {
            ath_status status = rows[i].put(m, node);
            return status != ATH_OK ? status : m->status;
        }
    return REFUSE(m, node, "there is no such operator yet");
}
