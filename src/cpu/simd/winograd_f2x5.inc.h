/* The one-dimensional transforms of F(2, 5), for 5x5 filters, with the points and the B^T of winograd_f4.inc.h. Of A and G
 * a row is, with x one of 0, +-a, +-b and N(x) as there,
 *
 *      A: 1, x       G: (1, x, xx, xxx, xxxx) / N(x)       and in the end   A: 0, 1    G: 0, 0, 0, 0, 1
 *
 * In two dimensions that is 36 products instead of 100.
 */
enum { OUT = 2, IN = 6, STEP = 2, SIDE = 6, TAPS = 5 };

#include "cpu/simd/winograd_six.inc.h"

/* A d. */
static inline __attribute__((always_inline)) void gradient_1d(const vf d[OUT], vf v[SIDE]) {
    v[0] = d[0];
    v[1] = v_fma(d[1], v_set(PA), d[0]);
    v[2] = v_fma(d[1], v_set(-PA), d[0]);
    v[3] = v_fma(d[1], v_set(PB), d[0]);
    v[4] = v_fma(d[1], v_set(-PB), d[0]);
    v[5] = d[1];
}

/* A^T m. */
static inline __attribute__((always_inline)) void result_1d(const vf m[SIDE], vf y[OUT]) {
    vf difference_a = v_sub(m[1], m[2]), difference_b = v_sub(m[3], m[4]);
    y[0] = v_add(m[0], v_add(v_add(m[1], m[2]), v_add(m[3], m[4])));
    y[1] = v_fma(difference_a, v_set(PA), v_fma(difference_b, v_set(PB), m[5]));
}

/* G g. */
static inline __attribute__((always_inline)) void filter_1d(const vf g[TAPS], vf u[SIDE]) {
    vf even_a = v_fma(g[4], v_set(PAA * PAA / PN), v_fma(g[2], v_set(PAA / PN), v_mul(g[0], v_set(1.0f / PN))));
    vf even_b = v_fma(g[4], v_set(PBB * PBB / PM), v_fma(g[2], v_set(PBB / PM), v_mul(g[0], v_set(1.0f / PM))));
    vf odd_a = v_fma(g[3], v_set(PA * PAA / PN), v_mul(g[1], v_set(PA / PN)));
    vf odd_b = v_fma(g[3], v_set(PB * PBB / PM), v_mul(g[1], v_set(PB / PM)));
    u[0] = v_mul(g[0], v_set(1.0f / (PAA * PBB)));
    u[1] = v_add(even_a, odd_a);
    u[2] = v_sub(even_a, odd_a);
    u[3] = v_add(even_b, odd_b);
    u[4] = v_sub(even_b, odd_b);
    u[5] = g[4];
}

/* G^T s. */
static inline __attribute__((always_inline)) void filter_back_1d(const vf s[SIDE], vf g[TAPS]) {
    vf sum_a = v_mul(v_add(s[1], s[2]), v_set(1.0f / PN)), sum_b = v_mul(v_add(s[3], s[4]), v_set(1.0f / PM));
    vf difference_a = v_mul(v_sub(s[1], s[2]), v_set(PA / PN));
    vf difference_b = v_mul(v_sub(s[3], s[4]), v_set(PB / PM));
    g[0] = v_fma(s[0], v_set(1.0f / (PAA * PBB)), v_add(sum_a, sum_b));
    g[1] = v_add(difference_a, difference_b);
    g[2] = v_fma(sum_a, v_set(PAA), v_mul(sum_b, v_set(PBB)));
    g[3] = v_fma(difference_a, v_set(PAA), v_mul(difference_b, v_set(PBB)));
    g[4] = v_fma(sum_a, v_set(PAA * PAA), v_fma(sum_b, v_set(PBB * PBB), s[5]));
}
