/* The one-dimensional transforms of F(4, 3) (see winograd.h). The matrices interpolate polynomials at 0, +-a, +-b and
 * infinity:
 *
 *           |  1   0    0    0  |        | 1/(aabb)                |         | aabb   0   -(aa+bb)   0      1  0 |
 *           |  1   a   aa  aaa  |        | 1/n    a/n   aa/n       |         |  0   -abb   -bb       a      1  0 |
 *      A =  |  1  -a   aa -aaa  |    G = | 1/n   -a/n   aa/n       |   B^T = |  0    abb   -bb      -a      1  0 |
 *           |  1   b   bb  bbb  |        | 1/m    b/m   bb/m       |         |  0   -baa   -aa       b      1  0 |
 *           |  1  -b   bb -bbb  |        | 1/m   -b/m   bb/m       |         |  0    baa   -aa      -b      1  0 |
 *           |  0   0    0    1  |        |   0      0     1        |         |  0   aabb     0   -(aa+bb)   0  1 |
 *
 * with n = 2aa(aa-bb), m = 2bb(bb-aa). a = 11/16 and b = 23/16 amplify rounding least among multiples of 1/16 (by 7.3
 * where a = 1, b = 2 amplify by 31; tests/op/test_impl_cases.c defines the measure), and all of A and B is exact in
 * float32.
 */
enum { OUT = 4, IN = 6, STEP = 4, SIDE = 6, TAPS = 3 };

#include "cpu/simd/winograd_six.inc.h"

/* A d. */
static inline __attribute__((always_inline)) void gradient_1d(const vf d[OUT], vf v[SIDE]) {
    vf even_a = v_fma(d[2], v_set(PAA), d[0]), odd_a = v_fma(d[3], v_set(PAA), d[1]);
    vf even_b = v_fma(d[2], v_set(PBB), d[0]), odd_b = v_fma(d[3], v_set(PBB), d[1]);
    v[0] = d[0];
    v[1] = v_fma(odd_a, v_set(PA), even_a);
    v[2] = v_fma(odd_a, v_set(-PA), even_a);
    v[3] = v_fma(odd_b, v_set(PB), even_b);
    v[4] = v_fma(odd_b, v_set(-PB), even_b);
    v[5] = d[3];
}

/* A^T m. */
static inline __attribute__((always_inline)) void result_1d(const vf m[SIDE], vf y[OUT]) {
    vf sum_a = v_add(m[1], m[2]), sum_b = v_add(m[3], m[4]);
    vf difference_a = v_mul(v_sub(m[1], m[2]), v_set(PA)), difference_b = v_mul(v_sub(m[3], m[4]), v_set(PB));
    y[0] = v_add(m[0], v_add(sum_a, sum_b));
    y[1] = v_add(difference_a, difference_b);
    y[2] = v_fma(sum_a, v_set(PAA), v_mul(sum_b, v_set(PBB)));
    y[3] = v_fma(difference_a, v_set(PAA), v_fma(difference_b, v_set(PBB), m[5]));
}

/* G g. */
static inline __attribute__((always_inline)) void filter_1d(const vf g[3], vf u[SIDE]) {
    vf even_a = v_fma(g[2], v_set(PAA / PN), v_mul(g[0], v_set(1.0f / PN)));
    vf even_b = v_fma(g[2], v_set(PBB / PM), v_mul(g[0], v_set(1.0f / PM)));
    u[0] = v_mul(g[0], v_set(1.0f / (PAA * PBB)));
    u[1] = v_fma(g[1], v_set(PA / PN), even_a);
    u[2] = v_fma(g[1], v_set(-PA / PN), even_a);
    u[3] = v_fma(g[1], v_set(PB / PM), even_b);
    u[4] = v_fma(g[1], v_set(-PB / PM), even_b);
    u[5] = g[2];
}

/* G^T s. */
static inline __attribute__((always_inline)) void filter_back_1d(const vf s[SIDE], vf g[3]) {
    vf sum_a = v_add(s[1], s[2]), sum_b = v_add(s[3], s[4]);
    vf difference_a = v_sub(s[1], s[2]), difference_b = v_sub(s[3], s[4]);
    g[0] = v_fma(s[0], v_set(1.0f / (PAA * PBB)), v_fma(sum_a, v_set(1.0f / PN), v_mul(sum_b, v_set(1.0f / PM))));
    g[1] = v_fma(difference_a, v_set(PA / PN), v_mul(difference_b, v_set(PB / PM)));
    g[2] = v_fma(sum_a, v_set(PAA / PN), v_fma(sum_b, v_set(PBB / PM), s[5]));
}
