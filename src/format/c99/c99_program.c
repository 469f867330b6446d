/* From nodes to calls of the runtime's functions. */
#include "format/c99/c99_program.h"

#include "base/error.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- weights and operands --------------------------------------------------------------------------------------- */

size_t ath__c99_weights(struct ath__c99 *c, size_t count, float **at) {
    size_t begin = c->weight_count;
    *at = NULL;
    if (begin + count > c->weight_capacity) {
        size_t wider = 2 * (begin + count);
        float *moved = ath__realloc(c->weights, wider * sizeof *moved);
        if (!moved) return 0;
        c->weights = moved;
        c->weight_capacity = wider;
    }
    *at = c->weights + begin;
    memset(*at, 0, count * sizeof **at);
    c->weight_count += count;
    return begin;
}

void ath__c99_steps(const ath_shape *shape, int64_t steps[ATH_MAX_RANK]) {
    int64_t step = 1;
    if (shape->rank == 4) {
        const int64_t *d = shape->dims;
        steps[0] = d[1] * d[2] * d[3];
        steps[1] = 1;
        steps[2] = d[3] * d[1];
        steps[3] = d[1];
        return;
    }
    for (int i = shape->rank - 1; i >= 0; i--) {
        steps[i] = step;
        step *= shape->dims[i];
    }
}

bool ath__c99_is_plain(const ath_shape *shape) {
    return shape->rank != 4 || shape->dims[1] == 1 || shape->dims[2] * shape->dims[3] == 1;
}

static const ath_shape *shape_of(const struct ath__c99 *c, ath_value value) {
    return &c->net->graph->values[value].desc.shape;
}

static int64_t count_of(const struct ath__c99 *c, ath_value value) {
    return ath_shape_count(shape_of(c, value));
}

/* A constant's elements as the program's weights, in memory order. */
static ath_status place_constant(struct ath__c99 *c, ath_value value) {
    const ath_shape *shape = shape_of(c, value);
    const float     *from = ath__export_constant(c->net, value);
    int64_t          steps[ATH_MAX_RANK], index[ATH_MAX_RANK] = {0}, at = 0;
    float           *to;
    if (c->net->graph->values[value].desc.dtype != ATH_F32)
        return ath__fail(c->err, ATH_UNSUPPORTED, c->net->graph->values[value].name,
                         "only float32 constants are written");
    c->place[value] = ath__c99_weights(c, (size_t)ath_shape_count(shape), &to);
    if (!to) return ath__fail_memory(c->err, "export");
    ath__c99_steps(shape, steps);
    for (int64_t n = 0; n < ath_shape_count(shape); n++) {
        to[at] = from[n];
        for (int d = shape->rank - 1; d >= 0; d--) {
            at += steps[d];
            if (++index[d] < shape->dims[d]) break;
            at -= shape->dims[d] * steps[d];
            index[d] = 0;
        }
    }
    return ATH_OK;
}

/* "scratch + 128" or "weights.value + 64", of element `offset` on. */
struct operand {
    char text[64];
};
static struct operand operand(const struct ath__c99 *c, ath_value value, int64_t offset) {
    struct operand made;
    bool           constant = c->net->graph->values[value].leaf == ATH_LEAF_CONST;
    snprintf(made.text, sizeof made.text, "%s + %zu", constant ? "weights.value" : "scratch",
             c->place[value] + (size_t)offset);
    return made;
}

/* What a node's call writes: its own value, or that of the activation that is computed with it. */
static ath_value result_of(const struct ath__c99 *c, const struct ath__node *node, int64_t *act) {
    const struct ath__node *taken = ath__c99_taken_act(c->net, node);
    *act = taken ? ((const ath_act_attrs *)taken->attrs)->kind : ATH_ACT_NONE;
    return taken ? taken->out[0] : node->out[0];
}

/* Names may hold anything; in a comment they must not end it. */
static void finish_call(struct ath__c99 *c, ath_value value) {
    ath__str_append(&c->calls, "); /* ");
    for (const char *at = c->net->graph->values[value].name; at && *at; at++)
        ath__str_append_bytes(&c->calls, *at == '/' || *at == '\\' || *at == '?' ? "_" : at, 1);
    ath__str_append(&c->calls, " */\n");
}

static void put_list(struct ath__c99 *c, const int64_t *numbers, int count) {
    ath__str_append(&c->calls, ", (const int[]){");
    for (int i = 0; i < count; i++) ath__str_printf(&c->calls, "%s%" PRId64, i ? ", " : "", numbers[i]);
    ath__str_append(&c->calls, "}");
}

/* ---- products --------------------------------------------------------------------------------------------------- */

static ath_status put_bias(struct ath__c99 *c, const struct ath__node *node, int operand_index, struct operand *bias) {
    snprintf(bias->text, sizeof bias->text, "0");
    if (node->ins <= operand_index || node->in[operand_index] == ATH_NONE) return ATH_OK;
    ATH_TRY(place_constant(c, node->in[operand_index]));
    *bias = operand(c, node->in[operand_index], 0);
    return ATH_OK;
}

static ath_status put_depthwise(struct ath__c99 *c, const struct ath__node *node, const ath_conv2d_attrs *a) {
    const int64_t *x = shape_of(c, node->in[0])->dims, *w = shape_of(c, node->in[1])->dims;
    const int64_t *y = shape_of(c, node->out[0])->dims;
    const float   *from = ath__export_constant(c->net, node->in[1]);
    int64_t        act, taps = w[2] * w[3];
    ath_value      result = result_of(c, node, &act);
    struct operand bias;
    float         *to;
    size_t         at = ath__c99_weights(c, (size_t)(taps * w[0]), &to);
    if (!to) return ath__fail_memory(c->err, "export");
    for (int64_t k = 0; k < w[0]; k++)
        for (int64_t t = 0; t < taps; t++) to[t * w[0] + k] = from[k * taps + t];
    ATH_TRY(put_bias(c, node, 2, &bias));
    c->parts[ATH_C99_DEPTHWISE] = c->parts[ATH_C99_ACTIVATE] = true;
    ath__str_printf(&c->calls, "    depthwise(%s, %s, weights.value + %zu, %s, &(const struct depthwise){",
                    operand(c, node->in[0], 0).text, operand(c, result, 0).text, at, bias.text);
    const int64_t numbers[] = {x[2],         x[3],         x[1],      y[2],      y[3],           w[2],           w[3],
                               a->stride[0], a->stride[1], a->pad[0], a->pad[1], a->dilation[0], a->dilation[1], act};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ath__str_printf(&c->calls, "%s%" PRId64, i ? ", " : "", numbers[i]);
    ath__str_append(&c->calls, "}");
    finish_call(c, result);
    return ATH_OK;
}

/* A convolution of any kind; a matrix product is one of an image of one place. */
struct product {
    int64_t h, w, c, p, q, k, r, s, stride[2], pad[2], dilation[2], groups;
    int64_t filter_step, channel_step, tap_step; /* of the weights as the graph has them */
};

/* [group][block][r][s][c / groups][16] */
static size_t pack_weights(struct ath__c99 *c, const struct product *g, const float *from, float **to) {
    int64_t channels = g->c / g->groups, each = g->k / g->groups, taps = g->r * g->s;
    int64_t blocks = (each + ATH_C99_BLOCK - 1) / ATH_C99_BLOCK, size = taps * channels * ATH_C99_BLOCK;
    size_t  at = ath__c99_weights(c, (size_t)(g->groups * blocks * size), to);
    for (int64_t k = 0; *to && k < g->k; k++) {
        int64_t group = k / each, filter = k % each;
        float  *block = *to + (group * blocks + filter / ATH_C99_BLOCK) * size + filter % ATH_C99_BLOCK;
        for (int64_t t = 0; t < taps; t++)
            for (int64_t i = 0; i < channels; i++)
                block[(t * channels + i) * ATH_C99_BLOCK] =
                    from[k * g->filter_step + i * g->channel_step + t * g->tap_step];
    }
    return at;
}

static ath_status put_product(struct ath__c99 *c, const struct ath__node *node, const struct product *g) {
    int64_t        act;
    ath_value      result = result_of(c, node, &act);
    struct operand bias;
    float         *to;
    size_t         at = pack_weights(c, g, ath__export_constant(c->net, node->in[1]), &to);
    if (!to) return ath__fail_memory(c->err, "export");
    ATH_TRY(put_bias(c, node, 2, &bias));
    if (g->c / g->groups > c->zeros) c->zeros = g->c / g->groups;
    c->parts[ATH_C99_CONV] = c->parts[ATH_C99_ACTIVATE] = true;
    ath__str_printf(&c->calls, "    conv2d(%s, %s, weights.value + %zu, %s, &(const struct conv){",
                    operand(c, node->in[0], 0).text, operand(c, result, 0).text, at, bias.text);
    const int64_t numbers[] = {g->h,           g->w,           g->c,         g->p,         g->q,      g->k,
                               g->r,           g->s,           g->stride[0], g->stride[1], g->pad[0], g->pad[1],
                               g->dilation[0], g->dilation[1], g->groups,    act};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ath__str_printf(&c->calls, "%s%" PRId64, i ? ", " : "", numbers[i]);
    ath__str_append(&c->calls, "}");
    finish_call(c, result);
    return ATH_OK;
}

static ath_status put_conv2d(struct ath__c99 *c, const struct ath__node *node) {
    const ath_conv2d_attrs *a = node->attrs;
    const int64_t          *x = shape_of(c, node->in[0])->dims, *w = shape_of(c, node->in[1])->dims;
    const int64_t          *y = shape_of(c, node->out[0])->dims;
    if (a->act != ATH_ACT_NONE || node->ins > 3)
        return ath__export_refuse(c->net, node, "C99", "something is fused into it", c->err);
    if (a->groups == x[1] && w[0] == x[1]) return put_depthwise(c, node, a);
    struct product g = {.h = x[2],
                        .w = x[3],
                        .c = x[1],
                        .p = y[2],
                        .q = y[3],
                        .k = w[0],
                        .r = w[2],
                        .s = w[3],
                        .stride = {a->stride[0], a->stride[1]},
                        .pad = {a->pad[0], a->pad[1]},
                        .dilation = {a->dilation[0], a->dilation[1]},
                        .groups = a->groups,
                        .filter_step = w[1] * w[2] * w[3],
                        .channel_step = w[2] * w[3],
                        .tap_step = 1};
    bool           pointwise = w[2] * w[3] == 1 && a->stride[0] * a->stride[1] == 1 && y[2] == x[2] && y[3] == x[3];
    if (pointwise && a->pad[0] + a->pad[1] == 0) { /* one long row */
        g.w = g.q = x[2] * x[3];
        g.h = g.p = 1;
    }
    return put_product(c, node, &g);
}

static ath_status put_matmul(struct ath__c99 *c, const struct ath__node *node) {
    const ath_matmul_attrs *a = node->attrs;
    const ath_shape        *x = shape_of(c, node->in[0]), *w = shape_of(c, node->in[1]);
    if (a->act != ATH_ACT_NONE || a->trans_a || x->rank != 2 || w->rank != 2)
        return ath__export_refuse(c->net, node, "C99", "only a vector times a matrix of weights is written", c->err);
    int64_t        in = x->dims[1], out = a->trans_b ? w->dims[0] : w->dims[1];
    struct product g = {.h = 1,
                        .w = x->dims[0],
                        .c = in,
                        .p = 1,
                        .q = x->dims[0],
                        .k = out,
                        .r = 1,
                        .s = 1,
                        .stride = {1, 1},
                        .dilation = {1, 1},
                        .groups = 1,
                        .filter_step = a->trans_b ? in : 1,
                        .channel_step = a->trans_b ? 1 : out};
    return put_product(c, node, &g);
}

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

static ath_status put_act(struct ath__c99 *c, const struct ath__node *node) {
    int64_t count = count_of(c, node->out[0]), kind = ((const ath_act_attrs *)node->attrs)->kind;
    int64_t size[6] = {1, 1, 1, 1, 1, count}, steps[6] = {0, 0, 0, 0, 0, 1};
    if (ath__c99_is_taken(c->net, node)) return ATH_OK;
    c->parts[ATH_C99_COPY] = c->parts[ATH_C99_ACTIVATE] = true;
    ath__str_printf(&c->calls, "    copy(%s, %s", operand(c, node->in[0], 0).text, operand(c, node->out[0], 0).text);
    put_list(c, size, 6);
    put_list(c, steps, 6);
    put_list(c, steps, 6);
    ath__str_printf(&c->calls, ");\n    activate(%s, %" PRId64 ", %" PRId64, operand(c, node->out[0], 0).text, count,
                    kind);
    finish_call(c, node->out[0]);
    return ATH_OK;
}

static ath_status put_unary(struct ath__c99 *c, const struct ath__node *node) {
    const ath_unary_attrs *a = node->attrs;
    c->parts[ATH_C99_UNARY] = true;
    ath__str_printf(&c->calls, "    unary(%s, %s, %" PRId64 ", %" PRId64 ", (float)%.17g, (float)%.17g",
                    operand(c, node->in[0], 0).text, operand(c, node->out[0], 0).text, count_of(c, node->out[0]),
                    a->kind, a->a, a->b);
    finish_call(c, node->out[0]);
    return ATH_OK;
}

/* Up to four dimensions in the order in which they lie in memory. */
static int memory_order(const ath_shape *shape, int order[4]) {
    static const int image[4] = {0, 2, 3, 1};
    for (int i = 0; i < shape->rank && i < 4; i++) order[i] = shape->rank == 4 ? image[i] : i;
    return shape->rank;
}

/* Steps of an operand along the dimensions of the result, 0 where it repeats. */
static void operand_steps(const ath_shape *shape, const ath_shape *result, int64_t steps[ATH_MAX_RANK]) {
    int64_t own[ATH_MAX_RANK];
    ath__c99_steps(shape, own);
    for (int d = 0; d < result->rank; d++) {
        int k = d - (result->rank - shape->rank);
        steps[d] = k < 0 || shape->dims[k] == 1 ? 0 : own[k];
    }
}

static ath_status put_binary(struct ath__c99 *c, const struct ath__node *node) {
    const ath_shape *y = shape_of(c, node->out[0]);
    int              order[4], rank = memory_order(y, order);
    int64_t          act, size[4] = {1, 1, 1, 1}, steps[2][4] = {{0}};
    ath_value        result = result_of(c, node, &act);
    if (rank > 4) return ath__export_refuse(c->net, node, "C99", "more than four dimensions", c->err);
    for (int side = 0; side < 2; side++) {
        int64_t along[ATH_MAX_RANK];
        if (ath__export_constant(c->net, node->in[side])) ATH_TRY(place_constant(c, node->in[side]));
        operand_steps(shape_of(c, node->in[side]), y, along);
        for (int i = 0; i < rank; i++) steps[side][4 - rank + i] = along[order[i]];
    }
    for (int i = 0; i < rank; i++) size[4 - rank + i] = y->dims[order[i]];
    c->parts[ATH_C99_BINARY] = c->parts[ATH_C99_ACTIVATE] = true;
    ath__str_printf(&c->calls, "    binary(%s, %s, %s", operand(c, node->in[0], 0).text,
                    operand(c, node->in[1], 0).text, operand(c, result, 0).text);
    put_list(c, size, 4);
    put_list(c, steps[0], 4);
    put_list(c, steps[1], 4);
    ath__str_printf(&c->calls, ", %" PRId64 ", %" PRId64, ((const ath_binary_attrs *)node->attrs)->kind, act);
    finish_call(c, result);
    return ATH_OK;
}

/* ---- pooling ---------------------------------------------------------------------------------------------------- */

static ath_status put_pool2d(struct ath__c99 *c, const struct ath__node *node) {
    const ath_pool2d_attrs *a = node->attrs;
    const int64_t          *x = shape_of(c, node->in[0])->dims, *y = shape_of(c, node->out[0])->dims;
    const int64_t           numbers[] = {x[2],
                                         x[3],
                                         x[1],
                                         y[2],
                                         y[3],
                                         a->kernel[0],
                                         a->kernel[1],
                                         a->stride[0],
                                         a->stride[1],
                                         a->pad[0],
                                         a->pad[1],
                                         a->pad[2],
                                         a->pad[3],
                                         a->kind == ATH_POOL_AVG,
                                         a->count_include_pad};
    c->parts[ATH_C99_POOL] = true;
    ath__str_printf(&c->calls, "    pool2d(%s, %s, &(const struct pool){", operand(c, node->in[0], 0).text,
                    operand(c, node->out[0], 0).text);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ath__str_printf(&c->calls, "%s%" PRId64, i ? ", " : "", numbers[i]);
    ath__str_append(&c->calls, "}");
    finish_call(c, node->out[0]);
    return ATH_OK;
}

static ath_status put_adaptive_pool(struct ath__c99 *c, const struct ath__node *node) {
    const ath_adaptive_pool_attrs *a = node->attrs;
    const int64_t                 *x = shape_of(c, node->in[0])->dims;
    c->parts[ATH_C99_ADAPTIVE_POOL] = true;
    ath__str_printf(&c->calls,
                    "    adaptive_pool(%s, %s, %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ", %d",
                    operand(c, node->in[0], 0).text, operand(c, node->out[0], 0).text, x[2], x[3], x[1], a->out[0],
                    a->out[1], a->kind == ATH_POOL_AVG);
    finish_call(c, node->out[0]);
    return ATH_OK;
}

static ath_status put_reduce(struct ath__c99 *c, const struct ath__node *node) {
    const ath_reduce_attrs *a = node->attrs;
    const ath_shape        *x = shape_of(c, node->in[0]), *y = shape_of(c, node->out[0]);
    int64_t                 size[4] = {1, 1, 1, 1}, from[4] = {0}, to[4] = {0}, in[ATH_MAX_RANK], out[ATH_MAX_RANK];
    int                     kept = 0;
    if (x->rank > 4) return ath__export_refuse(c->net, node, "C99", "more than four dimensions", c->err);
    ath__c99_steps(x, in);
    ath__c99_steps(y, out);
    for (int d = 0; d < x->rank; d++) {
        int  i = 4 - x->rank + d;
        bool reduced = (a->axes >> d) & 1;
        size[i] = x->dims[d];
        from[i] = in[d];
        if (!reduced) to[i] = out[a->keep ? d : kept];
        kept += !reduced;
    }
    c->parts[ATH_C99_REDUCE] = true;
    ath__str_printf(&c->calls, "    reduce(%s, %s", operand(c, node->in[0], 0).text, operand(c, node->out[0], 0).text);
    put_list(c, size, 4);
    put_list(c, from, 4);
    put_list(c, to, 4);
    ath__str_printf(&c->calls, ", %" PRId64 ", %" PRId64, count_of(c, node->out[0]), a->kind);
    finish_call(c, node->out[0]);
    return ATH_OK;
}

static ath_status put_softmax(struct ath__c99 *c, const struct ath__node *node) {
    const ath_shape *x = shape_of(c, node->in[0]);
    int64_t          count = x->rank > 0 ? x->dims[x->rank - 1] : 1;
    if (!ath__c99_is_plain(x)) return ath__export_refuse(c->net, node, "C99", "its operand is an image", c->err);
    c->parts[ATH_C99_SOFTMAX] = true;
    ath__str_printf(&c->calls, "    softmax(%s, %s, %" PRId64 ", %" PRId64 ", %d", operand(c, node->in[0], 0).text,
                    operand(c, node->out[0], 0).text, ath_shape_count(x) / count, count,
                    ((const ath_softmax_attrs *)node->attrs)->log != 0);
    finish_call(c, node->out[0]);
    return ATH_OK;
}

/* ---- moving elements -------------------------------------------------------------------------------------------- */

/* A box of `rank` dimensions from element `from_at` of x to element `to_at` of y. */
static void put_copy(struct ath__c99 *c, ath_value x, int64_t from_at, const int64_t *from, ath_value y, int64_t to_at,
                     const int64_t *to, const int64_t *dims, int rank) {
    int64_t size[6] = {1, 1, 1, 1, 1, 1}, steps[2][6] = {{0}};
    for (int i = 0; i < rank; i++) {
        size[6 - rank + i] = dims[i];
        steps[0][6 - rank + i] = from[i];
        steps[1][6 - rank + i] = to[i];
    }
    c->parts[ATH_C99_COPY] = true;
    ath__str_printf(&c->calls, "    copy(%s, %s", operand(c, x, from_at).text, operand(c, y, to_at).text);
    put_list(c, size, 6);
    put_list(c, steps[0], 6);
    put_list(c, steps[1], 6);
    finish_call(c, y);
}

/* Images lie in another order than they are written, so that a vector of all their elements is a transposition. */
static ath_status put_reshape(struct ath__c99 *c, const struct ath__node *node) {
    const ath_shape *x = shape_of(c, node->in[0]), *y = shape_of(c, node->out[0]);
    int64_t          count = ath_shape_count(x), one = 1;
    bool             same = ath_shape_equal(x, y) || (ath__c99_is_plain(x) && ath__c99_is_plain(y));
    if (same) {
        put_copy(c, node->in[0], 0, &one, node->out[0], 0, &one, &count, 1);
        return ATH_OK;
    }
    if (!ath__c99_is_plain(x) && !ath__c99_is_plain(y))
        return ath__export_refuse(c->net, node, "C99", "it makes an image into an image of another shape", c->err);
    const int64_t *image = ath__c99_is_plain(x) ? y->dims : x->dims;
    int64_t        lying[3] = {1, image[3] * image[1], image[1]}, plain[3] = {image[2] * image[3], image[3], 1};
    put_copy(c, node->in[0], 0, ath__c99_is_plain(x) ? plain : lying, node->out[0], 0,
             ath__c99_is_plain(x) ? lying : plain, (const int64_t[]){image[1], image[2], image[3]}, 3);
    return ATH_OK;
}

static ath_status put_permute(struct ath__c99 *c, const struct ath__node *node) {
    const ath_permute_attrs *a = node->attrs;
    const ath_shape         *y = shape_of(c, node->out[0]);
    int64_t                  in[ATH_MAX_RANK], from[ATH_MAX_RANK], to[ATH_MAX_RANK];
    ath__c99_steps(shape_of(c, node->in[0]), in);
    ath__c99_steps(y, to);
    for (int d = 0; d < y->rank; d++) from[d] = in[a->order[d]];
    put_copy(c, node->in[0], 0, from, node->out[0], 0, to, y->dims, y->rank);
    return ATH_OK;
}

static int64_t offset_of(const int64_t *index, const int64_t *steps, int rank) {
    int64_t at = 0;
    for (int d = 0; d < rank; d++) at += index[d] * steps[d];
    return at;
}

static ath_status put_slice(struct ath__c99 *c, const struct ath__node *node) {
    const ath_slice_attrs *a = node->attrs;
    const ath_shape       *y = shape_of(c, node->out[0]);
    int64_t                from[ATH_MAX_RANK], to[ATH_MAX_RANK];
    ath__c99_steps(shape_of(c, node->in[0]), from);
    ath__c99_steps(y, to);
    put_copy(c, node->in[0], offset_of(a->begin, from, y->rank), from, node->out[0], 0, to, y->dims, y->rank);
    return ATH_OK;
}

static ath_status put_pad(struct ath__c99 *c, const struct ath__node *node) {
    const ath_pad_attrs *a = node->attrs;
    const ath_shape     *x = shape_of(c, node->in[0]);
    int64_t              from[ATH_MAX_RANK], to[ATH_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        if (a->before[d] < 0 || a->after[d] < 0) return ath__export_refuse(c->net, node, "C99", "it cuts off", c->err);
    ath__c99_steps(x, from);
    ath__c99_steps(shape_of(c, node->out[0]), to);
    c->parts[ATH_C99_FILL] = true;
    ath__str_printf(&c->calls, "    fill(%s, %" PRId64 ", (float)%.17g", operand(c, node->out[0], 0).text,
                    count_of(c, node->out[0]), a->value);
    finish_call(c, node->out[0]);
    put_copy(c, node->in[0], 0, from, node->out[0], offset_of(a->before, to, x->rank), to, x->dims, x->rank);
    return ATH_OK;
}

static ath_status put_concat(struct ath__c99 *c, const struct ath__node *node) {
    const ath_concat_attrs *a = node->attrs;
    int64_t                 to[ATH_MAX_RANK], at = 0;
    ath__c99_steps(shape_of(c, node->out[0]), to);
    for (int i = 0; i < node->ins; i++) {
        const ath_shape *x = shape_of(c, node->in[i]);
        int64_t          from[ATH_MAX_RANK];
        if (ath__export_constant(c->net, node->in[i])) ATH_TRY(place_constant(c, node->in[i]));
        ath__c99_steps(x, from);
        put_copy(c, node->in[i], 0, from, node->out[0], at * to[a->axis], to, x->dims, x->rank);
        at += x->dims[a->axis];
    }
    return ATH_OK;
}

static ath_status put_expand(struct ath__c99 *c, const struct ath__node *node) {
    const ath_shape *y = shape_of(c, node->out[0]);
    int64_t          from[ATH_MAX_RANK], to[ATH_MAX_RANK];
    operand_steps(shape_of(c, node->in[0]), y, from);
    ath__c99_steps(y, to);
    put_copy(c, node->in[0], 0, from, node->out[0], 0, to, y->dims, y->rank);
    return ATH_OK;
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static const struct {
    const struct ath__op *op;
    ath_status (*put)(struct ath__c99 *c, const struct ath__node *node);
} rows[] = {
    {&ath__op_conv2d, put_conv2d},   {&ath__op_matmul, put_matmul},   {&ath__op_act, put_act},
    {&ath__op_unary, put_unary},     {&ath__op_binary, put_binary},   {&ath__op_pool2d, put_pool2d},
    {&ath__op_reduce, put_reduce},   {&ath__op_softmax, put_softmax}, {&ath__op_adaptive_pool, put_adaptive_pool},
    {&ath__op_reshape, put_reshape}, {&ath__op_permute, put_permute}, {&ath__op_slice, put_slice},
    {&ath__op_pad, put_pad},         {&ath__op_concat, put_concat},   {&ath__op_expand, put_expand},
};

static ath_status put_node(struct ath__c99 *c, const struct ath__node *node) {
    if (shape_of(c, node->out[0])->rank > 6)
        return ath__export_refuse(c->net, node, "C99", "more than six dimensions", c->err);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].op == node->op) return rows[i].put(c, node);
    return ath__export_refuse(c->net, node, "C99", "there is no such operator yet", c->err);
}

ath_status ath__c99_make(const struct ath__export *net, struct ath__c99 *c, ath_error *err) {
    *c = (struct ath__c99){.net = net, .zeros = 1, .err = err};
    c->place = ATH_NEW_ARRAY(size_t, net->graph->value_count + 1);
    if (!c->place) return ath__fail_memory(err, "export");
    ATH_TRY(ath__c99_place_values(c));
    for (int i = 0; i < net->graph->order_count; i++) ATH_TRY(put_node(c, ath__export_node(net, i)));
    return c->calls.failed ? ath__fail_memory(err, "export") : ATH_OK;
}

void ath__c99_free(struct ath__c99 *c) {
    ath__str_free(&c->calls);
    ath__free(c->weights);
    ath__free(c->place);
}
