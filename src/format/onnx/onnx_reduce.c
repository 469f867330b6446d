/* Reductions over dimensions.
 *
 *     ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceSumSquare
 *
 * The axes are an attribute at first and an input later (ReduceSum from opset 13, the others from 18).
 */
#include "format/onnx/onnx_import.h"

#include <math.h>

struct reduction {
    int     rank, since; /* since: opset from which the axes are an input */
    int64_t dims[ATH_ONNX_MAX_RANK], to[ATH_ONNX_MAX_RANK];
    bool    over[ATH_ONNX_MAX_RANK], keep, nothing; /* nothing: noop_with_empty_axes */
    int     to_rank;
};

static bool read_reduction(struct ath__onnx_node *n, int since, struct reduction *r) {
    int64_t axes[ATH_ONNX_MAX_RANK];
    int     axis, count = -1;
    *r = (struct reduction){.since = since};
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return false;
    }
    r->rank = ath__onnx_dims(n->im, n->in[0], r->dims);
    r->keep = ath__onnx_attr_int(n, "keepdims", 1) != 0;
    if (n->opset < since)
        count = ath__onnx_attr_ints(n, "axes", axes, ATH_ONNX_MAX_RANK);
    else if (ath__onnx_has(n, 1))
        count = ath__onnx_ints(n, 1, "axes", axes, ATH_ONNX_MAX_RANK);
    if (ath__onnx_failed(n)) return false;
    if (count <= 0 && ath__onnx_attr_int(n, "noop_with_empty_axes", 0)) r->nothing = true;
    for (int i = 0; i < r->rank; i++) r->over[i] = count <= 0 && !r->nothing;
    for (int k = 0; k < count; k++) {
        if (!ath__onnx_axis(n, axes[k], r->rank, &axis)) return false;
        r->over[axis] = true;
    }
    for (int i = 0; i < r->rank; i++)
        if (!r->over[i] || r->keep) r->to[r->to_rank++] = r->over[i] ? 1 : r->dims[i];
    return true;
}

/* ---- on the host ------------------------------------------------------------------------------------------------------ */

/* acc = step(acc, x) from `start` on, then end(acc, count). */
struct host_reduction {
    double start;
    double (*step)(double acc, double x);
    double (*end)(double acc, double count);
};

static void reduce_fixed(struct ath__onnx_node *n, const struct reduction *r, const struct host_reduction *h) {
    const struct ath__onnx_tensor *x = n->in[0]->host;
    struct ath__onnx_tensor       *y = ath__onnx_host_new(n, x->type, r->to_rank, r->to);
    int64_t                        at[ATH_ONNX_MAX_RANK] = {0};
    double                        *acc = y ? ATH_ARENA_ARRAY(&n->im->arena, double, y->count + 1) : NULL;
    if (!acc) return;
    for (int64_t i = 0; i < y->count; i++) acc[i] = h->start;
    for (int64_t i = 0; i < x->count; i++) {
        int64_t to = 0;
        for (int d = 0; d < r->rank; d++)
            if (!r->over[d]) to = to * r->dims[d] + at[d];
        acc[to] = h->step(acc[to], ath__onnx_get(x, i));
        for (int d = r->rank - 1; d >= 0; d--) {
            if (++at[d] < r->dims[d]) break;
            at[d] = 0;
        }
    }
    double count = y->count > 0 ? (double)x->count / (double)y->count : 0.0;
    for (int64_t i = 0; i < y->count; i++) ath__onnx_put(y, i, h->end(acc[i], count));
    ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
}

static double step_sum(double acc, double x) {
    return acc + x;
}
static double step_max(double acc, double x) {
    return x > acc || isnan(x) ? x : acc;
}
static double step_min(double acc, double x) {
    return x < acc || isnan(x) ? x : acc;
}
static double step_l1(double acc, double x) {
    return acc + fabs(x);
}
static double step_square(double acc, double x) {
    return acc + x * x;
}
static double step_exp(double acc, double x) {
    return acc + exp(x);
}
static double end_plain(double acc, double count) {
    return (void)count, acc;
}
static double end_mean(double acc, double count) {
    return acc / count;
}
static double end_root(double acc, double count) {
    return (void)count, sqrt(acc);
}
static double end_log(double acc, double count) {
    return (void)count, log(acc);
}

/* ---- in the graph ------------------------------------------------------------------------------------------------------ */

static ath_value reduced(struct ath__onnx_node *n, ath_value x, ath_reduce kind, const struct reduction *r) {
    uint32_t axes = 0;
    for (int i = 0; i < r->rank; i++)
        if (r->over[i]) axes |= 1u << i;
    return axes ? ath_reduce_op(n->graph, x, kind, axes, r->keep) : x;
}

static bool start(struct ath__onnx_node *n, int since, struct reduction *r, const struct host_reduction *h) {
    if (!read_reduction(n, since, r)) return false;
    if (!n->in[0]->fixed) return true;
    reduce_fixed(n, r, h);
    return false;
}

void ath__onnx_reduce_mean(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 18, &r, &(struct host_reduction){0.0, step_sum, end_mean}))
        ath__onnx_set(n, 0, reduced(n, ath__onnx_x(n, 0), ATH_REDUCE_MEAN, &r));
}

void ath__onnx_reduce_sum(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 13, &r, &(struct host_reduction){0.0, step_sum, end_plain}))
        ath__onnx_set(n, 0, reduced(n, ath__onnx_x(n, 0), ATH_REDUCE_SUM, &r));
}

void ath__onnx_reduce_max(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 18, &r, &(struct host_reduction){-INFINITY, step_max, end_plain}))
        ath__onnx_set(n, 0, reduced(n, ath__onnx_x(n, 0), ATH_REDUCE_MAX, &r));
}

void ath__onnx_reduce_min(struct ath__onnx_node *n) {
    struct reduction r;
    if (!start(n, 18, &r, &(struct host_reduction){INFINITY, step_min, end_plain})) return;
    ath_value y = reduced(n, ath_scale(n->graph, ath__onnx_x(n, 0), -1.0, 0.0), ATH_REDUCE_MAX, &r);
    ath__onnx_set(n, 0, ath_scale(n->graph, y, -1.0, 0.0));
}

void ath__onnx_reduce_l1(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 18, &r, &(struct host_reduction){0.0, step_l1, end_plain}))
        ath__onnx_set(n, 0, reduced(n, ath_unary_op(n->graph, ath__onnx_x(n, 0), ATH_UNARY_ABS), ATH_REDUCE_SUM, &r));
}

void ath__onnx_reduce_sum_square(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 18, &r, &(struct host_reduction){0.0, step_square, end_plain}))
        ath__onnx_set(n, 0,
                      reduced(n, ath_unary_op(n->graph, ath__onnx_x(n, 0), ATH_UNARY_SQUARE), ATH_REDUCE_SUM, &r));
}

void ath__onnx_reduce_l2(struct ath__onnx_node *n) {
    struct reduction r;
    if (!start(n, 18, &r, &(struct host_reduction){0.0, step_square, end_root})) return;
    ath_value y = reduced(n, ath_unary_op(n->graph, ath__onnx_x(n, 0), ATH_UNARY_SQUARE), ATH_REDUCE_SUM, &r);
    ath__onnx_set(n, 0, ath_unary_op(n->graph, y, ATH_UNARY_SQRT));
}

void ath__onnx_reduce_log_sum(struct ath__onnx_node *n) {
    struct reduction r;
    if (start(n, 18, &r, &(struct host_reduction){0.0, step_sum, end_log}))
        ath__onnx_set(n, 0, ath_unary_op(n->graph, reduced(n, ath__onnx_x(n, 0), ATH_REDUCE_SUM, &r), ATH_UNARY_LOG));
}

/* max + log(sum(exp(x - max))) */
void ath__onnx_reduce_log_sum_exp(struct ath__onnx_node *n) {
    struct reduction r, kept;
    if (!start(n, 18, &r, &(struct host_reduction){0.0, step_exp, end_log})) return;
    ath_value x = ath__onnx_x(n, 0);
    kept = r;
    kept.keep = true;
    ath_value top = reduced(n, x, ATH_REDUCE_MAX, &kept), e = ath_binary_op(n->graph, x, top, ATH_BINARY_SUB);
    ath_value sum = reduced(n, ath_unary_op(n->graph, e, ATH_UNARY_EXP), ATH_REDUCE_SUM, &r);
    if (!r.keep) top = ath_reshape(n->graph, top, ath_value_shape(n->graph, sum));
    ath__onnx_set(n, 0, ath_add(n->graph, ath_unary_op(n->graph, sum, ATH_UNARY_LOG), top));
}
