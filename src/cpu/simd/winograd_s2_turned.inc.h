/* The one-dimensional transforms of the data gradient of a convolution of stride 2 and padding 1 (see winograd.h and
 * winograd_s2.inc.h): four results from three sources, with the filter turned (g0 = w2, g1 = w1, g2 = w0):
 *
 *     y0 = g1 d0,   y1 = g0 d0 + g2 d1,   y2 = g1 d1,   y3 = g0 d1 + g2 d2
 *
 *           |  0   1   0   0  |                                     |  1  -1   0  |
 *           |  0   1   0   1  |                                     |  0   1   0  |
 *      A =  |  0   0   0  -1  |    G as in winograd_s2.inc.h  B^T = |  0   1  -1  |
 *           |  1   0   0   0  |                                     |  1   0   0  |
 *           |  0   0   1   0  |                                     |  0   1   0  |
 */
enum { OUT = 4, IN = 3, STEP = 2, SIDE = 5, TAPS = 3 };

/* B^T d. */
static inline __attribute__((always_inline)) void source_1d(const vf d[IN], vf v[SIDE]) {
    v[0] = v_sub(d[0], d[1]);
    v[1] = v[4] = d[1];
    v[2] = v_sub(d[1], d[2]);
    v[3] = d[0];
}

/* A d. */
static inline __attribute__((always_inline)) void gradient_1d(const vf d[OUT], vf v[SIDE]) {
    v[0] = d[1];
    v[1] = v_add(d[1], d[3]);
    v[2] = v_sub(v_set(0), d[3]);
    v[3] = d[0];
    v[4] = d[2];
}

/* A^T m. */
static inline __attribute__((always_inline)) void result_1d(const vf m[SIDE], vf y[OUT]) {
    y[0] = m[3];
    y[1] = v_add(m[0], m[1]);
    y[2] = m[4];
    y[3] = v_sub(m[1], m[2]);
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
