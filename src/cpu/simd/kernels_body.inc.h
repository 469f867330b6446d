/* The vector kernels (see kernels.h), over the vocabulary of the vec_*.h that the including file chose. Element-wise
 * steps come first, then sums and rows, then the panels of batch norm (kernels_norm.inc.h).
 */
#include "cpu/simd/kernels.h"
#include "cpu/simd/vec_math.inc.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* ---- element-wise functions of vectors; a not-a-number passes through -------------------------------------------- */

typedef vf (*vector_fn)(vf a, vf b, vf p, vf q);
#define FN(name) ALWAYS_INLINE vf name(vf a, vf b, vf p, vf q)
#define UNUSED_B_P_Q ((void)b, (void)p, (void)q)
#define UNUSED_P_Q ((void)p, (void)q)

ALWAYS_INLINE vf clamp(vf x, float low, float high) {
    return v_min(v_set(high), v_max(v_set(low), x));
}

FN(unary_SCALE) {
    return (void)b, v_fma(a, p, q);
}
FN(unary_SQUARE) {
    return UNUSED_B_P_Q, v_mul(a, a);
}
FN(unary_SQRT) {
    return UNUSED_B_P_Q, v_sqrt(a);
}
FN(unary_RECIPROCAL) {
    return UNUSED_B_P_Q, v_div(v_set(1.0f), a);
}
FN(unary_EXP) {
    return UNUSED_B_P_Q, v_exp(a);
}
FN(unary_LOG) {
    return UNUSED_B_P_Q, v_log(a);
}
FN(unary_ERF) {
    return UNUSED_B_P_Q, v_erf(a);
}
FN(unary_ABS) {
    return UNUSED_B_P_Q, v_abs(a);
}
FN(unary_SIGN) {
    UNUSED_B_P_Q;
    vf zero = v_set(0.0f), y = v_select(v_lt(zero, a), v_set(1.0f), zero);
    y = v_select(v_lt(a, zero), v_set(-1.0f), y);
    return v_select(v_nan(a), a, y);
}

FN(binary_ADD) {
    return UNUSED_P_Q, v_add(a, b);
}
FN(binary_SUB) {
    return UNUSED_P_Q, v_sub(a, b);
}
FN(binary_MUL) {
    return UNUSED_P_Q, v_mul(a, b);
}
FN(binary_DIV) {
    return UNUSED_P_Q, v_div(a, b);
}
FN(binary_MAX) {
    return UNUSED_P_Q, v_select(v_nan(a), a, v_max(a, b));
}
FN(binary_MIN) {
    return UNUSED_P_Q, v_select(v_nan(a), a, v_min(a, b));
}

FN(act_NONE) {
    return UNUSED_B_P_Q, a;
}
FN(act_RELU) {
    return UNUSED_B_P_Q, v_max(v_set(0.0f), a);
}
FN(act_RELU6) {
    return UNUSED_B_P_Q, clamp(a, 0.0f, 6.0f);
}
FN(act_SIGMOID) {
    return UNUSED_B_P_Q, v_sigmoid(a);
}
FN(act_TANH) {
    return UNUSED_B_P_Q, v_tanh(a);
}
FN(act_HARD_SIGMOID) {
    return UNUSED_B_P_Q, v_div(clamp(v_add(a, v_set(3.0f)), 0.0f, 6.0f), v_set(6.0f));
}
FN(act_GELU) {
    return UNUSED_B_P_Q, v_mul(a, v_phi(a));
}
FN(act_SILU) {
    return UNUSED_B_P_Q, v_mul(a, v_sigmoid(a));
}
FN(act_HARD_SWISH) {
    UNUSED_B_P_Q;
    return v_div(v_mul(a, clamp(v_add(a, v_set(3.0f)), 0.0f, 6.0f)), v_set(6.0f));
}

/* a = dy, b = y (first six) or x. Masks select dy where the derivative is 1, so that dy = infinity does not meet a 0.
 */
FN(grad_NONE) {
    return UNUSED_B_P_Q, a;
}
FN(grad_RELU) {
    UNUSED_P_Q;
    vf dx = v_select(v_lt(v_set(0.0f), b), a, v_set(0.0f));
    return v_select(v_nan(b), b, dx);
}
FN(grad_RELU6) {
    UNUSED_P_Q;
    vf dx = v_select(v_both(v_lt(v_set(0.0f), b), v_lt(b, v_set(6.0f))), a, v_set(0.0f));
    return v_select(v_nan(b), b, dx);
}
FN(grad_SIGMOID) {
    return UNUSED_P_Q, v_mul(a, v_mul(b, v_sub(v_set(1.0f), b)));
}
FN(grad_TANH) {
    return UNUSED_P_Q, v_mul(a, v_mul(v_sub(v_set(1.0f), b), v_add(v_set(1.0f), b)));
}
FN(grad_HARD_SIGMOID) {
    UNUSED_P_Q;
    vf slope = v_div(a, v_set(6.0f));
    vf dx = v_select(v_both(v_lt(v_set(0.0f), b), v_lt(b, v_set(1.0f))), slope, v_set(0.0f));
    return v_select(v_nan(b), b, dx);
}
FN(grad_GELU) {
    return UNUSED_P_Q, v_mul(a, v_fma(b, v_phi_density(b), v_phi(b)));
}
FN(grad_SILU) {
    UNUSED_P_Q;
    vf s = v_sigmoid(b);
    return v_mul(a, v_mul(s, v_fma(b, v_sub(v_set(1.0f), s), v_set(1.0f))));
}
FN(grad_HARD_SWISH) {
    UNUSED_P_Q;
    vf slope = v_div(v_fma(v_set(2.0f), b, v_set(3.0f)), v_set(6.0f));
    slope = v_select(v_lt(v_set(-3.0f), b), slope, v_set(0.0f));
    slope = v_select(v_lt(b, v_set(3.0f)), slope, v_set(1.0f));
    return v_select(v_nan(b), b, v_mul(a, v_select(v_lt(v_set(-3.0f), b), slope, v_set(0.0f))));
}

/* One loop per function: whole vectors, then the rest. */
ALWAYS_INLINE void map1(vector_fn f, const float *a, float *y, int64_t n, float p, float q) {
    vf      vp = v_set(p), vq = v_set(q);
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        vf x = v_load(a + i);
        v_store(y + i, f(x, x, vp, vq));
    }
    if (i < n) {
        vf x = v_load_n(a + i, (int)(n - i));
        v_store_n(y + i, f(x, x, vp, vq), (int)(n - i));
    }
}
ALWAYS_INLINE void map2(vector_fn f, const float *a, const float *b, float *y, int64_t n, float p, float q) {
    vf      vp = v_set(p), vq = v_set(q);
    int64_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, f(v_load(a + i), v_load(b + i), vp, vq));
    if (i < n) {
        int rest = (int)(n - i);
        v_store_n(y + i, f(v_load_n(a + i, rest), v_load_n(b + i, rest), vp, vq), rest);
    }
}
#define MAP1(f)                                                                                                        \
    static void map_##f(const float *a, const float *b, float *y, int64_t n, float p, float q) {                       \
        (void)b;                                                                                                       \
        map1(f, a, y, n, p, q);                                                                                        \
    }
#define MAP2(f)                                                                                                        \
    static void map_##f(const float *a, const float *b, float *y, int64_t n, float p, float q) {                       \
        map2(f, a, b, y, n, p, q);                                                                                     \
    }
#define UNARY_LOOP(name, text) MAP1(unary_##name)
#define BINARY_LOOP(name, text) MAP2(binary_##name)
#define ACT_LOOP(name, text, from_output) MAP1(act_##name) MAP2(grad_##name)
ATH_UNARY_MAP(UNARY_LOOP)
ATH_BINARY_MAP(BINARY_LOOP)
ATH_ACT_MAP(ACT_LOOP)

/* ---- conversions
 * ----------------------------------------------------------------------------------------------------- */

static void from_bf16(const uint16_t *x, float *y, int64_t n) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, v_loadh(x + i));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(&y[i], &bits, sizeof bits);
    }
}

static void to_bf16(const float *x, uint16_t *y, int64_t n) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL) v_storeh(y + i, v_load(x + i));
    if (i < n) {
        uint16_t rest[VL];
        v_storeh(rest, v_load_n(x + i, (int)(n - i)));
        memcpy(y + i, rest, (size_t)(n - i) * sizeof rest[0]);
    }
}

/* ---- sums
 * ------------------------------------------------------------------------------------------------------------ */

enum { SUM_TERMS = 64, SUM_BLOCK = SUM_TERMS * 4 * VL };

/* Adding the lanes one after the other in double: the same order for every caller. */
static double lanes_total(vf v) {
    float  lane[VL];
    double total = 0.0;
    v_store(lane, v);
    for (int i = 0; i < VL; i++) total += (double)lane[i];
    return total;
}

/* Four independent float32 accumulators over a block of at most 64 * 4 vectors, then double. */
#define SUM_BODY(PLUS, REST)                                                                                           \
    double total = 0.0;                                                                                                \
    for (int64_t begin = 0; begin < n; begin += SUM_BLOCK) {                                                           \
        int64_t end = n - begin < SUM_BLOCK ? n : begin + SUM_BLOCK, i = begin;                                        \
        vf      s0 = v_set(0.0f), s1 = s0, s2 = s0, s3 = s0;                                                           \
        for (; i + 4 * VL <= end; i += 4 * VL) {                                                                       \
            s0 = PLUS(s0, i);                                                                                          \
            s1 = PLUS(s1, i + VL);                                                                                     \
            s2 = PLUS(s2, i + 2 * VL);                                                                                 \
            s3 = PLUS(s3, i + 3 * VL);                                                                                 \
        }                                                                                                              \
        for (; i + VL <= end; i += VL) s0 = PLUS(s0, i);                                                               \
        if (i < end) s1 = REST(s1, i, (int)(end - i));                                                                 \
        total += lanes_total(v_add(v_add(s0, s1), v_add(s2, s3)));                                                     \
    }                                                                                                                  \
    return total;

static double sum(const float *x, int64_t n) {
#define PLUS(s, i) v_add(s, v_load(x + (i)))
#define REST(s, i, k) v_add(s, v_load_n(x + (i), (k)))
    SUM_BODY(PLUS, REST)
#undef PLUS
#undef REST
}

static double dot(const float *a, const float *b, int64_t n) {
#define PLUS(s, i) v_fma(v_load(a + (i)), v_load(b + (i)), s)
#define REST(s, i, k) v_fma(v_load_n(a + (i), (k)), v_load_n(b + (i), (k)), s)
    SUM_BODY(PLUS, REST)
#undef PLUS
#undef REST
}

static double sum_exp(const float *x, float *y, int64_t n, float shift) {
    vf     vs = v_set(shift);
    double total = 0.0;
    for (int64_t begin = 0; begin < n; begin += SUM_TERMS * VL) {
        int64_t end = n - begin < SUM_TERMS * VL ? n : begin + SUM_TERMS * VL, i = begin;
        vf      s = v_set(0.0f);
        for (; i + VL <= end; i += VL) {
            vf e = v_exp(v_sub(v_load(x + i), vs));
            if (y) v_store(y + i, e);
            s = v_add(s, e);
        }
        total += lanes_total(s);
        if (i < end) {
            int   rest = (int)(end - i);
            float lane[VL];
            v_store(lane, v_exp(v_sub(v_load_n(x + i, rest), vs)));
            for (int k = 0; k < rest; k++) total += (double)lane[k];
            if (y) memcpy(y + i, lane, (size_t)rest * sizeof lane[0]);
        }
    }
    return total;
}

static float largest(const float *x, int64_t n) {
    float   best = x[0];
    int64_t i = 0;
    if (n >= VL) {
        vf    m = v_load(x);
        float lane[VL];
        for (i = VL; i + VL <= n; i += VL) {
            vf v = v_load(x + i);
            m = v_select(v_nan(m), m, v_max(m, v));
        }
        v_store(lane, m);
        for (int k = 0; k < VL; k++) best = best > lane[k] || best != best ? best : lane[k];
    }
    for (; i < n; i++) best = best > x[i] || best != best ? best : x[i];
    return best;
}

static void add_rows(const float *x, int64_t rows, int64_t stride, double *acc, int64_t n) {
    int64_t i = 0;
    for (; i < n; i += VL) {
        int   lanes = n - i < VL ? (int)(n - i) : VL;
        vf    s0 = v_set(0.0f), s1 = s0;
        float lane[VL];
        if (lanes == VL) {
            int64_t r = 0;
            for (; r + 2 <= rows; r += 2) {
                s0 = v_add(s0, v_load(x + r * stride + i));
                s1 = v_add(s1, v_load(x + (r + 1) * stride + i));
            }
            if (r < rows) s0 = v_add(s0, v_load(x + r * stride + i));
        } else {
            for (int64_t r = 0; r < rows; r++) s0 = v_add(s0, v_load_n(x + r * stride + i, lanes));
        }
        v_store(lane, v_add(s0, s1));
        for (int k = 0; k < lanes; k++) acc[i + k] += (double)lane[k];
    }
}

/* ---- transposition
 * ----------------------------------------------------------------------------------------------------- */

/* Blocks of 8 x 8 through a small array that the compiler keeps close; the rest element by element. */
static void transpose(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r += 8) {
        int64_t high = rows - r < 8 ? rows - r : 8;
        for (int64_t c = 0; c < columns; c += 8) {
            int64_t wide = columns - c < 8 ? columns - c : 8;
            if (high == 8 && wide == 8) {
                transpose_8x8(x + r * x_stride + c, x_stride, y + c * y_stride + r, y_stride);
            } else {
                for (int64_t j = 0; j < wide; j++)
                    for (int64_t i = 0; i < high; i++) y[(c + j) * y_stride + r + i] = x[(r + i) * x_stride + c + j];
            }
        }
    }
}

/* ---- Philox 4x32-10 (see base/rng.h), a lane per block; only the lower halves of the lanes count
 * ---------------------- */

enum { PHILOX_VECTORS = 2, PHILOX_SIDE = PHILOX_VECTORS * UL };

static void philox_side(const uint32_t key[2], const uint32_t counter[4], uint32_t first, uint32_t *words) {
    vu       c[4][PHILOX_VECTORS], m0 = u_set(0xD2511F53u), m1 = u_set(0xCD9E8D57u);
    uint32_t k0 = key[0], k1 = key[1];
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        uint64_t lane[UL];
        for (int i = 0; i < UL; i++) lane[i] = (uint32_t)(counter[0] + first + (uint32_t)(v * UL + i));
        c[0][v] = u_load(lane);
        for (int j = 1; j < 4; j++) c[j][v] = u_set(counter[j]);
    }
    for (int round = 0; round < 10; round++) {
        vu key0 = u_set(k0), key1 = u_set(k1);
        for (int v = 0; v < PHILOX_VECTORS; v++) {
            vu p0 = u_mul(c[0][v], m0), p1 = u_mul(c[2][v], m1);
            c[0][v] = u_xor(u_xor(u_high(p1), c[1][v]), key0);
            c[2][v] = u_xor(u_xor(u_high(p0), c[3][v]), key1);
            c[1][v] = p1;
            c[3][v] = p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int v = 0; v < PHILOX_VECTORS; v++) {
        uint64_t low[UL], high[UL];
        u_store(low, u_pair(c[0][v], c[1][v]));
        u_store(high, u_pair(c[2][v], c[3][v]));
        for (int i = 0; i < UL; i++) {
            uint32_t *out = words + (v * UL + i) * 4;
            out[0] = (uint32_t)low[i], out[1] = (uint32_t)(low[i] >> 32);
            out[2] = (uint32_t)high[i], out[3] = (uint32_t)(high[i] >> 32);
        }
    }
}

static void philox(const uint32_t key[2], const uint32_t counter[4], uint32_t *words, int64_t blocks) {
    int64_t i = 0;
    for (; i + PHILOX_SIDE <= blocks; i += PHILOX_SIDE) philox_side(key, counter, (uint32_t)i, words + i * 4);
    if (i < blocks) {
        uint32_t rest[PHILOX_SIDE * 4];
        philox_side(key, counter, (uint32_t)i, rest);
        memcpy(words + i * 4, rest, (size_t)(blocks - i) * 4 * sizeof rest[0]);
    }
}

static void drop(const float *x, const uint32_t *draws, uint32_t threshold, float scale, float *y, int64_t n) {
    vf      vs = v_set(scale), zero = v_set(0.0f);
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        v_store(y + i, v_select(v_at_least(draws + i, threshold), v_mul(v_load(x + i), vs), zero));
    for (; i < n; i++) y[i] = draws[i] >= threshold ? x[i] * scale : 0.0f;
}

#include "cpu/simd/kernels_norm.inc.h"

/* ---- the table
 * --------------------------------------------------------------------------------------------------------- */

#define UNARY_ROW(name, text) map_unary_##name,
#define BINARY_ROW(name, text) map_binary_##name,
#define ACT_ROW(name, text, from_output) map_act_##name,
#define GRAD_ROW(name, text, from_output) map_grad_##name,
#define ATH_KERNELS_TABLE(isa)                                                                                         \
    {                                                                                                                  \
        .name = isa, .unary = {ATH_UNARY_MAP(UNARY_ROW)}, .binary = {ATH_BINARY_MAP(BINARY_ROW)},                      \
        .act = {ATH_ACT_MAP(ACT_ROW)}, .act_grad = {ATH_ACT_MAP(GRAD_ROW)}, .from_bf16 = from_bf16,                    \
        .to_bf16 = to_bf16, .sum = sum, .dot = dot, .sum_exp = sum_exp, .largest = largest, .add_rows = add_rows,      \
        .transpose = transpose, .norm_stats = norm_stats, .norm_apply = norm_apply, .norm_grad_sums = norm_grad_sums,  \
        .norm_grad_apply = norm_grad_apply, .philox = philox, .drop = drop,                                            \
    }
