/* The one-dimensional transforms of two results of a convolution of stride 2 (see winograd.h):
 *
 *     y0 = g0 d0 + g1 d1 + g2 d2,   y1 = g0 d2 + g1 d3 + g2 d4
 *
 * d1 and d3 meet g1 alone, in two products. d0, d2 and d4 meet g0 and g2 as in a convolution of stride 1, F(2, 2), whose
 * points are 0, 1 and infinity: three products instead of four.
 *
 *           |  1   0  |        |  1   0   0  |         |  1   0  -1   0   0  |
 *           |  1   1  |        |  1   0   1  |         |  0   0   1   0   0  |
 *      A =  |  0  -1  |    G = |  0   0   1  |   B^T = |  0   0   1   0  -1  |
 *           |  1   0  |        |  0   1   0  |         |  0   1   0   0   0  |
 *           |  0   1  |        |  0   1   0  |         |  0   0   0   1   0  |
 *
 * In two dimensions that is 25 products instead of 36.
 */
enum { OUT = 2, IN = 5, STEP = 4, SIDE = 5, TAPS = 3 };

/* B^T d. */
static inline __attribute__((always_inline)) void source_1d(const vf d[IN], vf v[SIDE]) {
    v[0] = v_sub(d[0], d[2]);
    v[1] = d[2];
    v[2] = v_sub(d[2], d[4]);
    v[3] = d[1];
    v[4] = d[3];
}

/* A d. */
static inline __attribute__((always_inline)) void gradient_1d(const vf d[OUT], vf v[SIDE]) {
    v[0] = v[3] = d[0];
    v[1] = v_add(d[0], d[1]);
    v[2] = v_sub(v_set(0), d[1]);
    v[4] = d[1];
}

/* A^T m. */
static inline __attribute__((always_inline)) void result_1d(const vf m[SIDE], vf y[OUT]) {
    y[0] = v_add(v_add(m[0], m[1]), m[3]);
    y[1] = v_add(v_sub(m[1], m[2]), m[4]);
}

/* G g. */
static inline __attribute__((always_inline)) void filter_1d(const vf g[3], vf u[SIDE]) {
    u[0] = g[0];
    u[1] = v_add(g[0], g[2]);
    u[2] = g[2];
    u[3] = u[4] = g[1];
}

/* G^T s. */
static inline __attribute__((always_inline)) void filter_back_1d(const vf s[SIDE], vf g[3]) {
    g[0] = v_add(s[0], s[1]);
    g[1] = v_add(s[3], s[4]);
    g[2] = v_add(s[1], s[2]);
}
