/* Element types: sizes, names, and conversions in bulk.
 *
 * Every pair of types converts through a double, which holds each value of each type exactly but for int64. An int64
 * beyond 2^53 is rounded "to odd" into the double: its lowest kept bit is set when anything was cut off. Rounding that
 * once more, to at most 24 bits, gives the same as rounding the integer directly (Boldo and Melquiond, "Emulation of
 * FMA and correctly rounded sums", IEEE TC 57, 2008), so that nothing is rounded twice. The pairs that training uses
 * have loops of their own.
 */
#include "tensor/dtype.h"

#include <math.h>

static const struct {
    size_t      size;
    const char *name;
} dtypes[] = {
#define ATH_DTYPE_ROW_(name, bytes, text) {bytes, text},
    ATH_DTYPE_MAP(ATH_DTYPE_ROW_)
#undef ATH_DTYPE_ROW_
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

size_t ath_dtype_size(ath_dtype dtype) {
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].size : 0;
}

const char *ath_dtype_name(ath_dtype dtype) {
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

int ath__dtype_of_name(const char *name) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name) == 0) return i;
    }
    return -1;
}

/* ---- 16-bit formats ---------------------------------------------------------------------------------------------- */

/* float16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. */
float ath__f16_to_f32(uint16_t value) {
    uint32_t sign = (uint32_t)(value & 0x8000u) << 16;
    uint32_t exponent = value >> 10 & 0x1Fu, mantissa = value & 0x3FFu;
    if (exponent == 31) return ath__f32_from_bits(sign | 0x7F800000u | mantissa << 13);
    if (exponent > 0) return ath__f32_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float magnitude = (float)mantissa * 0x1p-24f; /* zero and subnormals */
    return ath__f32_from_bits(sign | ath__f32_bits(magnitude));
}

/* Rounds a double to a 16-bit format with `fraction` mantissa bits and exponents from `lowest` (of the smallest normal
 * number) up to `highest`; `infinity` is the bit pattern without sign.
 *
 * The value is a whole number of steps, where a step is the spacing of the format near the value; steps are at most
 * 2^(fraction + 1), so that rounding them to an integer is exact ties-to-even arithmetic on doubles. The pattern is
 * then (exponent field, mantissa) read as one integer, in which a mantissa that rounds up carries into the exponent. */
static uint16_t narrow(double value, int fraction, int lowest, int highest, uint16_t infinity) {
    uint16_t sign = signbit(value) ? 0x8000u : 0;
    if (isnan(value)) return (uint16_t)(sign | infinity | 1u << (fraction - 1));
    double magnitude = fabs(value);
    if (isinf(magnitude)) return (uint16_t)(sign | infinity);
    int exponent = 0;
    frexp(magnitude, &exponent); /* magnitude in [2^(exponent-1), 2^exponent) */
    exponent -= 1;
    if (magnitude == 0.0 || exponent < lowest) exponent = lowest;
    if (exponent > highest) return (uint16_t)(sign | infinity);
    double steps = nearbyint(ldexp(magnitude, fraction - exponent));
    /* A normal number has steps in [2^fraction, 2^(fraction+1)], of which the leading one is the exponent's. */
    uint32_t pattern = (uint32_t)(exponent - lowest) << fraction;
    pattern += (uint32_t)steps;
    return (uint16_t)(sign | (pattern > infinity ? infinity : pattern));
}

uint16_t ath__f16_from_f64(double value) {
    return narrow(value, 10, -14, 15, 0x7C00u);
}

uint16_t ath__bf16_from_f64(double value) {
    return narrow(value, 7, -126, 127, 0x7F80u);
}

/* The common case in integer arithmetic: add half a step (less the tie), then shift the 13 surplus bits out. */
uint16_t ath__f16_from_f32(float value) {
    uint32_t bits = ath__f32_bits(value);
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    if (magnitude < 0x38800000u || magnitude >= 0x47800000u) return ath__f16_from_f64((double)value);
    magnitude += 0xFFFu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((magnitude - 0x38000000u) >> 13));
}

/* ---- one type to double, double to one type ---------------------------------------------------------------------- */

enum { CHUNK = 256 };

static void load_f32(double *dst, const void *src, size_t n) {
    const float *s = src;
    for (size_t i = 0; i < n; i++) dst[i] = (double)s[i];
}

static void load_bf16(double *dst, const void *src, size_t n) {
    const uint16_t *s = src;
    for (size_t i = 0; i < n; i++) dst[i] = (double)ath__bf16_to_f32(s[i]);
}

static void load_f64(double *dst, const void *src, size_t n) {
    memcpy(dst, src, n * sizeof *dst);
}

static void load_f16(double *dst, const void *src, size_t n) {
    const uint16_t *s = src;
    for (size_t i = 0; i < n; i++) dst[i] = (double)ath__f16_to_f32(s[i]);
}

static void load_i32(double *dst, const void *src, size_t n) {
    const int32_t *s = src;
    for (size_t i = 0; i < n; i++) dst[i] = (double)s[i];
}

static void load_i64(double *dst, const void *src, size_t n) {
    const int64_t *s = src;
    for (size_t i = 0; i < n; i++) {
        uint64_t magnitude = s[i] < 0 ? 0u - (uint64_t)s[i] : (uint64_t)s[i];
        /* 2^63 has 64 bits: 11 are more than a double keeps. */
        if (magnitude >> 53 != 0) magnitude = (magnitude & ~(uint64_t)0x7FF) | (magnitude & 0x7FF ? 0x800u : 0u);
        dst[i] = s[i] < 0 ? -(double)magnitude : (double)magnitude;
    }
}

static void load_u8(double *dst, const void *src, size_t n) {
    const uint8_t *s = src;
    for (size_t i = 0; i < n; i++) dst[i] = (double)s[i];
}

static void store_f32(void *dst, const double *src, size_t n) {
    float *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = (float)src[i];
}

static void store_bf16(void *dst, const double *src, size_t n) {
    uint16_t *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = ath__bf16_from_f64(src[i]);
}

static void store_f64(void *dst, const double *src, size_t n) {
    memcpy(dst, src, n * sizeof *src);
}

static void store_f16(void *dst, const double *src, size_t n) {
    uint16_t *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = ath__f16_from_f64(src[i]);
}

/* Rounded and held within [low, high]; NaN becomes 0. */
static double hold(double value, double low, double high) {
    if (isnan(value)) return 0.0;
    double whole = nearbyint(value);
    if (whole < low) return low;
    return whole > high ? high : whole;
}

static void store_i32(void *dst, const double *src, size_t n) {
    int32_t *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = (int32_t)hold(src[i], INT32_MIN, INT32_MAX);
}

static void store_i64(void *dst, const double *src, size_t n) {
    int64_t *d = dst;
    for (size_t i = 0; i < n; i++) {
        /* INT64_MAX is no double: what reaches 2^63 is saturated by hand. */
        double whole = hold(src[i], -0x1p63, 0x1p63);
        d[i] = whole >= 0x1p63 ? INT64_MAX : (int64_t)whole;
    }
}

static void store_u8(void *dst, const double *src, size_t n) {
    uint8_t *d = dst;
    for (size_t i = 0; i < n; i++) d[i] = (uint8_t)hold(src[i], 0.0, 255.0);
}

static void (*const loads[DTYPE_COUNT])(double *, const void *, size_t) = {
    [ATH_F32] = load_f32, [ATH_BF16] = load_bf16, [ATH_F64] = load_f64, [ATH_F16] = load_f16,
    [ATH_I32] = load_i32, [ATH_I64] = load_i64,   [ATH_U8] = load_u8,
};

static void (*const stores[DTYPE_COUNT])(void *, const double *, size_t) = {
    [ATH_F32] = store_f32, [ATH_BF16] = store_bf16, [ATH_F64] = store_f64, [ATH_F16] = store_f16,
    [ATH_I32] = store_i32, [ATH_I64] = store_i64,   [ATH_U8] = store_u8,
};

double ath__dtype_load(const void *src, ath_dtype dtype, size_t index) {
    double value;
    if (dtype == ATH_I64) return (double)((const int64_t *)src)[index];
    loads[dtype](&value, (const char *)src + index * dtypes[dtype].size, 1);
    return value;
}

void ath__dtype_store(void *dst, ath_dtype dtype, size_t index, double value) {
    stores[dtype]((char *)dst + index * dtypes[dtype].size, &value, 1);
}

/* ---- bulk -------------------------------------------------------------------------------------------------------- */

static void f32_to_bf16(void *dst, const void *src, size_t n) {
    uint16_t    *d = dst;
    const float *s = src;
    for (size_t i = 0; i < n; i++) d[i] = ath__bf16_from_f32(s[i]);
}

static void bf16_to_f32(void *dst, const void *src, size_t n) {
    float          *d = dst;
    const uint16_t *s = src;
    for (size_t i = 0; i < n; i++) d[i] = ath__bf16_to_f32(s[i]);
}

static void f32_to_f16(void *dst, const void *src, size_t n) {
    uint16_t    *d = dst;
    const float *s = src;
    for (size_t i = 0; i < n; i++) d[i] = ath__f16_from_f32(s[i]);
}

static void f16_to_f32(void *dst, const void *src, size_t n) {
    float          *d = dst;
    const uint16_t *s = src;
    for (size_t i = 0; i < n; i++) d[i] = ath__f16_to_f32(s[i]);
}

static void u8_to_f32(void *dst, const void *src, size_t n) {
    float         *d = dst;
    const uint8_t *s = src;
    for (size_t i = 0; i < n; i++) d[i] = (float)s[i];
}

/* Pairs of integers never leave the integers. */
static void i64_to_i32(void *dst, const void *src, size_t n) {
    int32_t       *d = dst;
    const int64_t *s = src;
    for (size_t i = 0; i < n; i++) {
        int64_t low = s[i] < INT32_MIN ? INT32_MIN : s[i];
        d[i] = (int32_t)(low > INT32_MAX ? INT32_MAX : low);
    }
}

/* One rounding, by the processor: the odd rounding is only right for targets narrower than a double. */
static void i64_to_f64(void *dst, const void *src, size_t n) {
    double        *d = dst;
    const int64_t *s = src;
    for (size_t i = 0; i < n; i++) d[i] = (double)s[i];
}

static void (*const direct[DTYPE_COUNT][DTYPE_COUNT])(void *, const void *, size_t) = {
    [ATH_BF16][ATH_F32] = f32_to_bf16, [ATH_F32][ATH_BF16] = bf16_to_f32, [ATH_F16][ATH_F32] = f32_to_f16,
    [ATH_F32][ATH_F16] = f16_to_f32,   [ATH_F32][ATH_U8] = u8_to_f32,     [ATH_I32][ATH_I64] = i64_to_i32,
    [ATH_F64][ATH_I64] = i64_to_f64,
};

void ath__convert(void *dst, ath_dtype dd, const void *src, ath_dtype sd, size_t n) {
    if (n == 0) return;
    size_t to = dtypes[dd].size, from = dtypes[sd].size;
    if (dd == sd) {
        memmove(dst, src, n * to);
        return;
    }
    if (direct[dd][sd]) {
        direct[dd][sd](dst, src, n);
        return;
    }
    double wide[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        loads[sd](wide, (const char *)src + i * from, count);
        stores[dd]((char *)dst + i * to, wide, count);
    }
}
