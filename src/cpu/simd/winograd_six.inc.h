/* What F(4, 3) and F(2, 5) share: six points, and so the transform of the source (see winograd_f4.inc.h). */
/* The points and what the matrices hold of them. */
#define PA 0.6875f
#define PB 1.4375f
#define PAA (PA * PA)
#define PBB (PB * PB)
#define PN (2.0f * PAA * (PAA - PBB))
#define PM (2.0f * PBB * (PBB - PAA))

/* B^T d. */
static inline __attribute__((always_inline)) void source_1d(const vf d[IN], vf v[SIDE]) {
    vf even_a = v_fma(d[2], v_set(-PBB), d[4]), odd_a = v_fma(d[1], v_set(-PBB), d[3]);
    vf even_b = v_fma(d[2], v_set(-PAA), d[4]), odd_b = v_fma(d[1], v_set(-PAA), d[3]);
    v[0] = v_fma(d[0], v_set(PAA * PBB), v_fma(d[2], v_set(-(PAA + PBB)), d[4]));
    v[1] = v_fma(odd_a, v_set(PA), even_a);
    v[2] = v_fma(odd_a, v_set(-PA), even_a);
    v[3] = v_fma(odd_b, v_set(PB), even_b);
    v[4] = v_fma(odd_b, v_set(-PB), even_b);
    v[5] = v_fma(d[1], v_set(PAA * PBB), v_fma(d[3], v_set(-(PAA + PBB)), d[5]));
}
