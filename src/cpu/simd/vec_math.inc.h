/* Elementary functions on vectors, written over the vocabulary of vec_*.h (include one of those first).
 *
 * Polynomials are near-minimax fits made for this library. Largest errors in units in the last place, against correctly
 * rounded results over their whole range: exp 2, log 2, tanh 3, sigmoid 3. Not-a-numbers come out as they went
 * in, infinities as the limits. (v_min and v_max return their second operand when one is not a number: the order of
 * operands below is chosen for that.)
 */

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2; ln 2 in two parts. This gives exp(r) and n. */
static inline vf v_exp_split(vf x, vf *n) {
    *n = v_round(v_mul(x, v_set(1.44269504f)));
    vf r = v_fma(*n, v_set(-0.693359375f), x);
    r = v_fma(*n, v_set(2.12194440e-4f), r);
    vf p = v_set(1.395048108e-03f);
    p = v_fma(p, r, v_set(8.368883282e-03f));
    p = v_fma(p, r, v_set(4.166620597e-02f));
    p = v_fma(p, r, v_set(1.666651815e-01f));
    p = v_fma(p, r, v_set(0.5f));
    return v_add(v_fma(v_mul(r, r), p, r), v_set(1.0f));
}

/* Results below the smallest normal number come out denormal or 0: 2^n is applied as two factors, of which each is
 * normal. */
static inline vf v_exp(vf x) {
    vf n, p = v_exp_split(v_min(v_set(89.0f), v_max(v_set(-104.5f), x)), &n);
    vf half = v_round(v_mul(n, v_set(0.5f)));
    vf y = v_mul(v_mul(p, v_pow2(half)), v_pow2(v_sub(n, half)));
    return v_select(v_nan(x), x, y);
}

/* log(m * 2^e) = log(1 + f) + e ln 2, f = m - 1: f - f^2/2 + f^3 P(f). */
static inline vf v_log(vf x) {
    vm tiny = v_lt(x, v_set(1.17549435e-38f));
    vf scaled = v_select(tiny, v_mul(x, v_set(8388608.0f)), x); /* denormal numbers times 2^23 */
    vf e, m = v_log_split(scaled, &e);
    e = v_sub(e, v_select(tiny, v_set(23.0f), v_set(0.0f)));
    vf f = v_sub(m, v_set(1.0f));
    vf p = v_set(6.915165484e-02f);
    p = v_fma(p, f, v_set(-1.178970486e-01f));
    p = v_fma(p, f, v_set(1.187301278e-01f));
    p = v_fma(p, f, v_set(-1.238436848e-01f));
    p = v_fma(p, f, v_set(1.421865523e-01f));
    p = v_fma(p, f, v_set(-1.666924953e-01f));
    p = v_fma(p, f, v_set(2.000222653e-01f));
    p = v_fma(p, f, v_set(-2.499998659e-01f));
    p = v_fma(p, f, v_set(3.333331048e-01f));
    vf square = v_mul(f, f);
    vf y = v_mul(v_mul(square, f), p);
    y = v_fma(e, v_set(-2.12194440e-4f), y);
    y = v_fma(square, v_set(-0.5f), y);
    y = v_fma(e, v_set(0.693359375f), v_add(f, y));
    vf infinity = v_set(__builtin_inff());
    y = v_select(v_lt(x, infinity), y, x);                               /* infinity, not a number */
    y = v_select(v_lt(x, v_set(1e-45f)), v_set(-__builtin_inff()), y);   /* zero                   */
    return v_select(v_lt(x, v_set(0.0f)), v_set(__builtin_nanf("")), y); /* negative               */
}

/* 1 / (1 + exp(-x)). One factor 2^n is enough: exp(-x) below 2^-126 changes nothing, and from n = 128 on the factor is
 * infinity (exponent bits all set), which gives 0 where the result would be denormal. */
static inline vf v_sigmoid(vf x) {
    vf n, p = v_exp_split(v_min(v_set(89.0f), v_max(v_set(-87.0f), v_sub(v_set(0.0f), x))), &n);
    return v_div(v_set(1.0f), v_fma(p, v_pow2(n), v_set(1.0f)));
}

/* |x| < 0.625: x + x^3 P(x^2); else the sign of x times 1 - 2 / (exp(2 |x|) + 1). */
static inline vf v_tanh(vf x) {
    vf u = v_mul(x, x), a = v_abs(x);
    vf p = v_set(-5.717044696e-03f);
    p = v_fma(p, u, v_set(2.065058611e-02f));
    p = v_fma(p, u, v_set(-5.374349654e-02f));
    p = v_fma(p, u, v_set(1.333149076e-01f));
    p = v_fma(p, u, v_set(-3.333328366e-01f));
    vf small = v_fma(v_mul(u, x), p, x);
    vf large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_exp(v_add(a, a)), v_set(1.0f))));
    return v_select(v_lt(a, v_set(0.625f)), small, v_sign_of(large, x));
}

/* exp(x) for -87 < x < 88, where one normal factor 2^n is enough. */
static inline vf v_exp_normal(vf x) {
    vf n, p = v_exp_split(x, &n);
    return v_mul(p, v_pow2(n));
}

/* The normal distribution function Phi(x) = (1 + erf(x / sqrt(2))) / 2: for a = |x| < 6 the tail Phi(-a) is
 * exp(-a P(a)) / 2, beyond it is 0 (1e-9); above 0 Phi is 1 less the tail. Largest error 5e-8; the tail's is 1e-4 of it. */
static inline vf v_phi(vf x) {
    vf six = v_set(6.0f), a = v_min(six, v_abs(x));
    vf p = v_set(-1.512611363e-07f);
    p = v_fma(p, a, v_set(3.579265120e-06f));
    p = v_fma(p, a, v_set(-3.371072570e-05f));
    p = v_fma(p, a, v_set(1.405243887e-04f));
    p = v_fma(p, a, v_set(8.716699845e-05f));
    p = v_fma(p, a, v_set(-4.898168413e-03f));
    p = v_fma(p, a, v_set(3.639278869e-02f));
    p = v_fma(p, a, v_set(3.182968310e-01f));
    p = v_fma(p, a, v_set(7.978855361e-01f));
    vf tail = v_mul(v_set(0.5f), v_exp_normal(v_mul(v_sub(v_set(0.0f), a), p)));
    tail = v_select(v_lt(six, v_abs(x)), v_set(0.0f), tail);
    return v_select(v_lt(x, v_set(0.0f)), tail, v_sub(v_set(1.0f), tail));
}

/* The error function: |x| < 0.625: x P(x^2), the Taylor series up to x^15 (largest relative error 2e-8); else the sign of
 * x times 2 Phi(sqrt(2) |x|) - 1 (largest error 1e-7). */
static inline vf v_erf(vf x) {
    vf u = v_mul(x, x), a = v_abs(x);
    vf p = v_set(-1.492565035e-05f);
    p = v_fma(p, u, v_set(1.205533298e-04f));
    p = v_fma(p, u, v_set(-8.548327024e-04f));
    p = v_fma(p, u, v_set(5.223977625e-03f));
    p = v_fma(p, u, v_set(-2.686617064e-02f));
    p = v_fma(p, u, v_set(1.128379167e-01f));
    p = v_fma(p, u, v_set(-3.761263890e-01f));
    p = v_fma(p, u, v_set(1.128379167e+00f));
    vf phi = v_phi(v_mul(a, v_set(1.41421356f)));
    vf large = v_sub(v_add(phi, phi), v_set(1.0f));
    vf y = v_select(v_lt(a, v_set(0.625f)), v_mul(x, p), v_sign_of(large, x));
    return v_select(v_nan(x), x, y);
}

/* Its density exp(-x^2 / 2) / sqrt(2 pi), 0 from 13 on (1e-37). */
static inline vf v_phi_density(vf x) {
    vf a = v_min(v_set(13.0f), v_abs(x));
    vf y = v_mul(v_set(0.398942280f), v_exp_normal(v_mul(v_mul(v_set(-0.5f), a), a)));
    return v_select(v_lt(v_abs(x), v_set(13.0f)), y, v_select(v_nan(x), x, v_set(0.0f)));
}
