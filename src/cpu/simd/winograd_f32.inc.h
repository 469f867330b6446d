/* What the Winograd kernels (winograd_body.inc.h) store, in float32: plain vectors, one number at a time. */
#define PAIR 1
typedef float element;

static inline vf e_load(const element *p) {
    return v_load(p);
}
static inline void e_store(element *p, vf v) {
    v_store(p, v);
}
static inline vf v_dot(vf a, vf b, vf sum) {
    return v_fma(a, b, sum);
}
