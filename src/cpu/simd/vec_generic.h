/* The vector vocabulary on the compiler's own four-lane vectors: any processor that gcc or clang compile for.
 *
 * All three vec_*.h offer the same names: VL lanes of float32 (vf), a mask of lanes (vm), and the functions below. What
 * they mean where the instruction sets differ:
 *
 *     v_min(a, b) = a < b ? a : b and v_max(a, b) = a > b ? a : b: not-a-number in either gives b
 *     v_load_n / v_store_n touch n lanes only, 0 < n < VL; the others read as 0
 *     v_loadh / v_storeh: bfloat16, rounded to nearest even, not-a-number kept
 *     v_log_split(x, &e): x = m * 2^e with sqrt(1/2) <= m < sqrt(2), for normal x > 0
 *     v_pow2(n) = 2^n for whole -126 <= n <= 127
 *     v_at_least(p, t): the lanes whose whole number p[lane] >= t
 *
 * and UL unsigned 64-bit lanes (vu) for Philox: u_mul multiplies the lower halves of its lanes to 64 bits, u_high moves
 * the upper half down, u_pair(a, b) is the lower half of a below the lower half of b.
 */
#ifndef ATH_CPU_SIMD_VEC_GENERIC_H
#define ATH_CPU_SIMD_VEC_GENERIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/dtype.h"

typedef float    vf __attribute__((vector_size(16)));
typedef int32_t  vm __attribute__((vector_size(16)));
typedef uint32_t vw __attribute__((vector_size(16)));
typedef uint64_t vu __attribute__((vector_size(16)));
enum { VL = 4, UL = 2 };

static inline vf v_set(float x) {
    return (vf){x, x, x, x};
}
static inline vf v_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void v_store(float *p, vf v) {
    memcpy(p, &v, sizeof v);
}
static inline vf v_load_n(const float *p, int n) {
    vf v = v_set(0.0f);
    for (int i = 0; i < n && i < VL; i++) v[i] = p[i];
    return v;
}
static inline void v_store_n(float *p, vf v, int n) {
    for (int i = 0; i < n && i < VL; i++) p[i] = v[i];
}
static inline vf v_loadh(const uint16_t *p) {
    return (vf){ath__bf16_to_f32(p[0]), ath__bf16_to_f32(p[1]), ath__bf16_to_f32(p[2]), ath__bf16_to_f32(p[3])};
}
static inline void v_storeh(uint16_t *p, vf v) {
    for (int i = 0; i < VL; i++) p[i] = ath__bf16_from_f32(v[i]);
}
static inline vf v_add(vf a, vf b) {
    return a + b;
}
static inline vf v_sub(vf a, vf b) {
    return a - b;
}
static inline vf v_mul(vf a, vf b) {
    return a * b;
}
static inline vf v_div(vf a, vf b) {
    return a / b;
}
static inline vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
static inline vm v_lt(vf a, vf b) {
    return a < b;
}
static inline vm v_nan(vf a) {
    return a != a;
}
static inline vm v_both(vm a, vm b) {
    return a & b;
}
static inline vf v_select(vm m, vf a, vf b) {
    return (vf)(((vm)a & m) | ((vm)b & ~m));
}
static inline vf v_min(vf a, vf b) {
    return v_select(a < b, a, b);
}
static inline vf v_max(vf a, vf b) {
    return v_select(a > b, a, b);
}
static inline vf v_abs(vf a) {
    return (vf)((vm)a & (vm){0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF});
}
/* |a| with the sign of b. */
static inline vf v_sign_of(vf a, vf b) {
    vm sign = (vm)v_set(-0.0f);
    return (vf)(((vm)a & ~sign) | ((vm)b & sign));
}
static inline vf v_sqrt(vf a) {
    return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}
/* Adding and taking away 1.5 * 2^23 leaves the nearest whole number, for |a| < 2^22 (no value-changing optimisation is
 * enabled, so the compiler keeps both). */
static inline vf v_round(vf a) {
    return (a + v_set(12582912.0f)) - v_set(12582912.0f);
}
/* The same sum holds n in its lowest bits, which need no conversion: that of a not-a-number would be undefined. */
static inline vf v_pow2(vf n) {
    vw bits = (vw)(n + v_set(12582912.0f));
    return (vf)((bits - 0x4B400000u + 127u) << 23);
}
static inline vf v_log_split(vf x, vf *e) {
    vm bits = (vm)x - 0x3F3504F3, k = bits >> 23;
    *e = (vf){(float)k[0], (float)k[1], (float)k[2], (float)k[3]};
    return (vf)((bits & 0x007FFFFF) + 0x3F3504F3);
}
static inline vm v_at_least(const uint32_t *p, uint32_t t) {
    return (vm){-(p[0] >= t), -(p[1] >= t), -(p[2] >= t), -(p[3] >= t)};
}

static inline vu u_set(uint64_t x) {
    return (vu){x, x};
}
static inline vu u_load(const uint64_t *p) {
    return (vu){p[0], p[1]};
}
static inline void u_store(uint64_t *p, vu v) {
    p[0] = v[0], p[1] = v[1];
}
static inline vu u_xor(vu a, vu b) {
    return a ^ b;
}
static inline vu u_high(vu a) {
    return a >> 32;
}
static inline vu u_mul(vu a, vu b) {
    return (vu){(uint64_t)(uint32_t)a[0] * (uint32_t)b[0], (uint64_t)(uint32_t)a[1] * (uint32_t)b[1]};
}
static inline vu u_pair(vu a, vu b) {
    return (a & 0xFFFFFFFFu) | b << 32;
}

#endif
