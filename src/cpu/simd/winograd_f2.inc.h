/* The one-dimensional transforms of F(2, 3) (see winograd.h), which interpolate polynomials at 0, +-1 and infinity:
 *
 *           |  1   0  |        |  1              |         |  1   0  -1   0 |
 *      A =  |  1   1  |    G = | 1/2   1/2   1/2 |   B^T = |  0   1   1   0 |
 *           |  1  -1  |        | 1/2  -1/2   1/2 |         |  0  -1   1   0 |
 *           |  0  -1  |        |  0     0     1  |         |  0   1   0  -1 |
 *
 * They amplify rounding by 1.7 (tests/op/test_impl_cases.c defines the measure).
 */
enum { OUT = 2, IN = 4, STEP = 2, SIDE = 4, TAPS = 3 };

/* B^T d. */
static inline __attribute__((always_inline)) void source_1d(const vf d[IN], vf v[SIDE]) {
    v[0] = v_sub(d[0], d[2]);
    v[1] = v_add(d[1], d[2]);
    v[2] = v_sub(d[2], d[1]);
    v[3] = v_sub(d[1], d[3]);
}

/* A d. */
static inline __attribute__((always_inline)) void gradient_1d(const vf d[OUT], vf v[SIDE]) {
    v[0] = d[0];
    v[1] = v_add(d[0], d[1]);
    v[2] = v_sub(d[0], d[1]);
    v[3] = v_sub(v_set(0), d[1]);
}

/* A^T m. */
static inline __attribute__((always_inline)) void result_1d(const vf m[SIDE], vf y[OUT]) {
    y[0] = v_add(m[0], v_add(m[1], m[2]));
    y[1] = v_sub(v_sub(m[1], m[2]), m[3]);
}

/* G g. */
static inline __attribute__((always_inline)) void filter_1d(const vf g[3], vf u[SIDE]) {
    vf even = v_mul(v_add(g[0], g[2]), v_set(0.5f));
    u[0] = g[0];
    u[1] = v_fma(g[1], v_set(0.5f), even);
    u[2] = v_fma(g[1], v_set(-0.5f), even);
    u[3] = g[2];
}

/* G^T s. */
static inline __attribute__((always_inline)) void filter_back_1d(const vf s[SIDE], vf g[3]) {
    vf even = v_mul(v_add(s[1], s[2]), v_set(0.5f));
    g[0] = v_add(s[0], even);
    g[1] = v_mul(v_sub(s[1], s[2]), v_set(0.5f));
    g[2] = v_add(even, s[3]);
}
