/* Operators element by element.
 *
 *     Add, Sub, Mul, Div, Pow, Max, Min, Sum, Mean, Neg, Abs, Sqrt, Exp, Log, Reciprocal, Erf
 *
 * A constant number beside a value becomes the a*x + b of the value.
 */
#include "format/onnx/onnx_import.h"

#include <math.h>

/* ---- two values ------------------------------------------------------------------------------------------------------ */

static double add(double a, double b) {
    return a + b;
}
static double sub(double a, double b) {
    return a - b;
}
static double mul(double a, double b) {
    return a * b;
}
static double div_real(double a, double b) {
    return a / b;
}
static double div_whole(double a, double b) {
    return trunc(a / b);
}
static double larger(double a, double b) {
    return a > b || isnan(a) ? a : b;
}
static double smaller(double a, double b) {
    return a < b || isnan(a) ? a : b;
}

/* Below opset 7 `broadcast` aligns b at dimension `axis` of a: b gets ones behind it. */
static struct ath__onnx_value *aligned(struct ath__onnx_node *n) {
    int64_t dims_a[ATH_ONNX_MAX_RANK], dims[ATH_ONNX_MAX_RANK], axis = ath__onnx_attr_int(n, "axis", -1);
    int     rank_a = ath__onnx_dims(n->im, n->in[0], dims_a), rank = ath__onnx_dims(n->im, n->in[1], dims);
    if (n->opset >= 7 || axis < 0 || axis + rank >= rank_a || rank_a > ATH_MAX_RANK) return n->in[1];
    for (int64_t d = rank; d < rank_a - axis; d++) dims[d] = 1;
    return ath__onnx_reshape_to(n, n->in[1], (int)(rank_a - axis), dims);
}

/* Whether v is one constant number that does not widen the other's shape. */
static bool is_number(struct ath__onnx_node *n, const struct ath__onnx_value *v, const struct ath__onnx_value *other) {
    int64_t dims[ATH_ONNX_MAX_RANK];
    return v->fixed && v->host->count == 1 && !other->fixed && v->host->rank <= ath__onnx_dims(n->im, other, dims);
}

static struct ath__onnx_value *combined(struct ath__onnx_node *n, struct ath__onnx_value *a, struct ath__onnx_value *b,
                                        ath_binary kind, double (*host)(double, double)) {
    if (!a || !b || ath__onnx_failed(n)) return NULL;
    if (a->fixed && b->fixed) return ath__onnx_host_binary(n, a, b, a->type, host);
    bool      left = is_number(n, a, b), right = is_number(n, b, a);
    double    c = left ? ath__onnx_get(a->host, 0) : right ? ath__onnx_get(b->host, 0) : 0.0;
    ath_value x = left || right ? ath__onnx_graph(n, left ? b : a) : ATH_NONE, y = ATH_NONE;
    if (x != ATH_NONE && kind == ATH_BINARY_ADD) y = ath_scale(n->graph, x, 1.0, c);
    if (x != ATH_NONE && kind == ATH_BINARY_SUB) y = ath_scale(n->graph, x, left ? -1.0 : 1.0, left ? c : -c);
    if (x != ATH_NONE && kind == ATH_BINARY_MUL) y = ath_scale(n->graph, x, c, 0.0);
    if (x != ATH_NONE && kind == ATH_BINARY_DIV && right && c != 0.0) y = ath_scale(n->graph, x, 1.0 / c, 0.0);
    if (y == ATH_NONE) y = ath_binary_op(n->graph, ath__onnx_graph(n, a), ath__onnx_graph(n, b), kind);
    return ath__onnx_computed(n, y, a->type);
}

static void two(struct ath__onnx_node *n, ath_binary kind, double (*host)(double, double)) {
    if (!ath__onnx_has(n, 0) || !ath__onnx_has(n, 1)) {
        ath__onnx_fail(n, ATH_DATA, "it takes two inputs");
        return;
    }
    ath__onnx_set_value(n, 0, combined(n, n->in[0], aligned(n), kind, host));
}

void ath__onnx_add(struct ath__onnx_node *n) {
    two(n, ATH_BINARY_ADD, add);
}
void ath__onnx_sub(struct ath__onnx_node *n) {
    two(n, ATH_BINARY_SUB, sub);
}
void ath__onnx_mul(struct ath__onnx_node *n) {
    two(n, ATH_BINARY_MUL, mul);
}
void ath__onnx_div(struct ath__onnx_node *n) {
    bool whole = ath__onnx_has(n, 0) && ath__onnx_type_is_integer(n->in[0]->type);
    two(n, ATH_BINARY_DIV, whole ? div_whole : div_real);
}

/* ---- any number of values -------------------------------------------------------------------------------------------- */

static struct ath__onnx_value *many(struct ath__onnx_node *n, ath_binary kind, double (*host)(double, double)) {
    if (n->ins < 1 || !n->in[0]) ath__onnx_fail(n, ATH_DATA, "its inputs are missing");
    if (ath__onnx_failed(n)) return NULL;
    struct ath__onnx_value *y = n->in[0];
    for (int i = 1; i < n->ins && y; i++) y = combined(n, y, n->in[i], kind, host);
    return y;
}

void ath__onnx_max(struct ath__onnx_node *n) {
    ath__onnx_set_value(n, 0, many(n, ATH_BINARY_MAX, larger));
}
void ath__onnx_min(struct ath__onnx_node *n) {
    ath__onnx_set_value(n, 0, many(n, ATH_BINARY_MIN, smaller));
}
void ath__onnx_sum(struct ath__onnx_node *n) {
    ath__onnx_set_value(n, 0, many(n, ATH_BINARY_ADD, add));
}
void ath__onnx_mean(struct ath__onnx_node *n) {
    struct ath__onnx_value *y = many(n, ATH_BINARY_ADD, add);
    if (y) ath__onnx_set(n, 0, ath_scale(n->graph, ath__onnx_graph(n, y), 1.0 / n->ins, 0.0));
}

/* ---- powers ---------------------------------------------------------------------------------------------------------- */

/* The one number that all exponents are, if there is one. */
static bool one_exponent(const struct ath__onnx_value *v, double *exponent) {
    if (!v->host || v->host->count < 1) return false;
    *exponent = ath__onnx_get(v->host, 0);
    for (int64_t i = 1; i < v->host->count; i++)
        if (ath__onnx_get(v->host, i) != *exponent) return false;
    return true;
}

/* x^p of a constant p: products for small whole numbers, roots, else exp(p log x), which is not a number below 0 as the
 * power is. */
static ath_value power(ath_graph *g, ath_value x, double p) {
    if (p == 0.5) return ath_unary_op(g, x, ATH_UNARY_SQRT);
    if (p == -0.5) return ath_unary_op(g, ath_unary_op(g, x, ATH_UNARY_SQRT), ATH_UNARY_RECIPROCAL);
    if (p != trunc(p) || fabs(p) > 64.0)
        return ath_unary_op(g, ath_scale(g, ath_unary_op(g, x, ATH_UNARY_LOG), p, 0.0), ATH_UNARY_EXP);
    if (p == 0.0) return ath_scale(g, x, 0.0, 1.0);
    ath_value y = ATH_NONE;
    for (int left = (int)fabs(p); left > 0; left /= 2) {
        if (left % 2 == 1) y = y == ATH_NONE ? x : ath_mul(g, y, x);
        if (left > 1) x = ath_unary_op(g, x, ATH_UNARY_SQUARE);
    }
    return p < 0.0 ? ath_unary_op(g, y, ATH_UNARY_RECIPROCAL) : y;
}

void ath__onnx_pow(struct ath__onnx_node *n) {
    double exponent = 0.0;
    if (!ath__onnx_has(n, 0) || !ath__onnx_has(n, 1)) {
        ath__onnx_fail(n, ATH_DATA, "it takes two inputs");
        return;
    }
    struct ath__onnx_value *a = n->in[0], *b = aligned(n);
    if (!b) return;
    int64_t dims[ATH_ONNX_MAX_RANK];
    bool    uniform = one_exponent(b, &exponent);
    if (a->fixed || (!uniform && n->im->batch == 0 && a->host && b->host)) {
        ath__onnx_set_value(n, 0, ath__onnx_host_binary(n, a, b, a->type, pow));
        return;
    }
    if (!uniform || b->host->rank > ath__onnx_dims(n->im, a, dims)) {
        ath__onnx_refuse(n, "its exponent must be one constant number");
        return;
    }
    ath_value x = ath__onnx_graph(n, a), y = power(n->graph, x, exponent);
    if (b->host->count > 1) { /* the exponents may be more than the bases */
        ath_shape shape = ath_value_shape(n->graph, x);
        for (int d = 0; d < b->host->rank; d++) {
            int at = d + shape.rank - b->host->rank;
            if (shape.dims[at] == 1) shape.dims[at] = b->host->dims[d];
        }
        y = ath_expand(n->graph, y, shape);
    }
    ath__onnx_set(n, 0, y);
}

/* ---- one value ------------------------------------------------------------------------------------------------------- */

static double negative(double x) {
    return -x;
}
static double inverse(double x) {
    return 1.0 / x;
}

static bool on_host(struct ath__onnx_node *n, double (*host)(double)) {
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return true;
    }
    if (!n->in[0]->fixed) return false;
    ath__onnx_set_value(n, 0, ath__onnx_host_unary(n, n->in[0], n->in[0]->type, host));
    return true;
}

static void one(struct ath__onnx_node *n, ath_unary kind, double (*host)(double)) {
    if (!on_host(n, host)) ath__onnx_set(n, 0, ath_unary_op(n->graph, ath__onnx_x(n, 0), kind));
}

void ath__onnx_neg(struct ath__onnx_node *n) {
    if (!on_host(n, negative)) ath__onnx_set(n, 0, ath_scale(n->graph, ath__onnx_x(n, 0), -1.0, 0.0));
}
void ath__onnx_abs(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_ABS, fabs);
}
void ath__onnx_sqrt(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_SQRT, sqrt);
}
void ath__onnx_exp(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_EXP, exp);
}
void ath__onnx_log(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_LOG, log);
}
void ath__onnx_reciprocal(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_RECIPROCAL, inverse);
}
void ath__onnx_erf(struct ath__onnx_node *n) {
    one(n, ATH_UNARY_ERF, erf);
}
