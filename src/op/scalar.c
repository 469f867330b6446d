/* Element-wise functions on one number (see scalar.h): small tables of functions, indexed by the lists of
 * include/athanor/ops.h, so that a new row there without a function here does not compile.
 */
#include "op/scalar.h"

#include "athanor/ops.h"

#include <math.h>

static const double sqrt_half = 0.70710678118654752440;       /* 1 / sqrt(2)      */
static const double inv_sqrt_two_pi = 0.39894228040143267794; /* 1 / sqrt(2 * pi) */

static double logistic(double x) {
    if (x >= 0.0) return 1.0 / (1.0 + exp(-x));
    double e = exp(x); /* the other form would overflow for large negative x */
    return e / (1.0 + e);
}

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double act_NONE(double x) {
    return x;
}
static double act_RELU(double x) {
    return x < 0.0 ? 0.0 : x;
}
static double act_RELU6(double x) {
    return clamp(x, 0.0, 6.0);
}
static double act_SIGMOID(double x) {
    return logistic(x);
}
static double act_TANH(double x) {
    return tanh(x);
}
static double act_HARD_SIGMOID(double x) {
    return clamp(x + 3.0, 0.0, 6.0) / 6.0;
}
static double act_GELU(double x) {
    return 0.5 * x * (1.0 + erf(x * sqrt_half));
}
static double act_SILU(double x) {
    return x * logistic(x);
}
static double act_HARD_SWISH(double x) {
    return x * clamp(x + 3.0, 0.0, 6.0) / 6.0;
}

/* Derivatives from y (first six) or x. A not-a-number yields itself where a comparison would swallow it. */
static double slope_NONE(double y) {
    return (void)y, 1.0;
}
static double slope_RELU(double y) {
    return isnan(y) ? y : y > 0.0 ? 1.0 : 0.0;
}
static double slope_RELU6(double y) {
    return isnan(y) ? y : y > 0.0 && y < 6.0 ? 1.0 : 0.0;
}
static double slope_SIGMOID(double y) {
    return y * (1.0 - y);
}
static double slope_TANH(double y) {
    return 1.0 - y * y;
}
static double slope_HARD_SIGMOID(double y) {
    return isnan(y) ? y : y > 0.0 && y < 1.0 ? 1.0 / 6.0 : 0.0;
}
static double slope_GELU(double x) {
    return 0.5 * (1.0 + erf(x * sqrt_half)) + x * inv_sqrt_two_pi * exp(-0.5 * x * x);
}
static double slope_SILU(double x) {
    double s = logistic(x);
    return s * (1.0 + x * (1.0 - s));
}
static double slope_HARD_SWISH(double x) {
    return isnan(x) ? x : x <= -3.0 ? 0.0 : x >= 3.0 ? 1.0 : (2.0 * x + 3.0) / 6.0;
}

static double unary_SCALE(double x, double a, double b) {
    return a * x + b;
}
static double unary_SQUARE(double x, double a, double b) {
    return (void)a, (void)b, x * x;
}
static double unary_SQRT(double x, double a, double b) {
    return (void)a, (void)b, sqrt(x);
}
static double unary_RECIPROCAL(double x, double a, double b) {
    return (void)a, (void)b, 1.0 / x;
}
static double unary_EXP(double x, double a, double b) {
    return (void)a, (void)b, exp(x);
}
static double unary_LOG(double x, double a, double b) {
    return (void)a, (void)b, log(x);
}
static double unary_ERF(double x, double a, double b) {
    return (void)a, (void)b, erf(x);
}
static double unary_ABS(double x, double a, double b) {
    return (void)a, (void)b, fabs(x);
}
static double unary_SIGN(double x, double a, double b) {
    return (void)a, (void)b, isnan(x) ? x : (double)((x > 0.0) - (x < 0.0));
}

static double binary_ADD(double a, double b) {
    return a + b;
}
static double binary_SUB(double a, double b) {
    return a - b;
}
static double binary_MUL(double a, double b) {
    return a * b;
}
static double binary_DIV(double a, double b) {
    return a / b;
}
static double binary_MAX(double a, double b) {
    return a > b || isnan(a) ? a : b;
}
static double binary_MIN(double a, double b) {
    return a < b || isnan(a) ? a : b;
}

double ath__scalar_act(int64_t kind, double x) {
    static double (*const table[])(double) = {
#define ROW(name, text, from_output) act_##name,
        ATH_ACT_MAP(ROW)
#undef ROW
    };
    return table[kind](x);
}

double ath__scalar_act_slope(int64_t kind, double ref) {
    static double (*const table[])(double) = {
#define ROW(name, text, from_output) slope_##name,
        ATH_ACT_MAP(ROW)
#undef ROW
    };
    return table[kind](ref);
}

double ath__scalar_unary(int64_t kind, double x, double a, double b) {
    static double (*const table[])(double, double, double) = {
#define ROW(name, text) unary_##name,
        ATH_UNARY_MAP(ROW)
#undef ROW
    };
    return table[kind](x, a, b);
}

double ath__scalar_binary(int64_t kind, double a, double b) {
    static double (*const table[])(double, double) = {
#define ROW(name, text) binary_##name,
        ATH_BINARY_MAP(ROW)
#undef ROW
    };
    return table[kind](a, b);
}
