/* Floating-point types of eight bits and fewer, as the ONNX standard describes them ("Float stored in 8 bits"):
 *
 *     value = (-1)^s 2^(e - bias) (1 + m / 2^M), and (-1)^s 2^(1 - bias) m / 2^M for e = 0
 *
 * The codes without their sign grow with their values, so a number's code is found by bisection.
 */
#include "format/onnx/onnx_small.h"

#include "format/onnx/onnx_tensor.h"

#include <math.h>

static const struct small {
    int     type, mantissa, bias;
    uint8_t sign, largest; /* the sign's bit, the code of the largest number */
    uint8_t infinity, nan; /* codes; 0 = the type has none */
} smalls[] = {
    {ATH_ONNX_FLOAT8E4M3FN, 3, 7, 0x80, 0x7E, 0, 0x7F},   {ATH_ONNX_FLOAT8E4M3FNUZ, 3, 8, 0x80, 0x7F, 0, 0x80},
    {ATH_ONNX_FLOAT8E5M2, 2, 15, 0x80, 0x7B, 0x7C, 0x7F}, {ATH_ONNX_FLOAT8E5M2FNUZ, 2, 16, 0x80, 0x7F, 0, 0x80},
    {ATH_ONNX_FLOAT4E2M1, 1, 1, 0x08, 0x07, 0, 0},
};

static const struct small *find(int type) {
    for (unsigned i = 0; i < sizeof smalls / sizeof smalls[0]; i++)
        if (smalls[i].type == type) return &smalls[i];
    return NULL;
}

bool ath__onnx_is_small(int type) {
    return find(type) || type == ATH_ONNX_FLOAT8E8M0;
}

/* Of a code without a sign, also of those behind the largest number, as if they went on. */
static double magnitude(const struct small *small, int code) {
    int exponent = code >> small->mantissa, fraction = code & ((1 << small->mantissa) - 1);
    if (exponent == 0) return ldexp(fraction, 1 - small->bias - small->mantissa);
    return ldexp(fraction + (1 << small->mantissa), exponent - small->bias - small->mantissa);
}

double ath__onnx_small_value(int type, uint8_t code) {
    const struct small *small = find(type);
    if (!small) return code == 0xFF ? (double)NAN : ldexp(1.0, code - 127);
    uint8_t bare = code & (uint8_t)(small->sign - 1);
    double  sign = code & small->sign ? -1.0 : 1.0;
    if (small->nan == small->sign && code == small->nan) return (double)NAN;
    if (small->infinity && bare == small->infinity) return sign * (double)INFINITY;
    if (bare > small->largest) return (double)NAN;
    return sign * magnitude(small, bare);
}

/* Powers of two, from 2^-127 to 2^127. */
static uint8_t power_code(double value, bool saturate, enum ath__onnx_round round) {
    int    exponent;
    double size = fabs(value);
    if (isnan(value)) return 0xFF;
    if (size == 0.0) return 0;
    if (isinf(value)) return saturate ? 0xFE : 0xFF;
    double fraction = frexp(size, &exponent); /* [1/2, 1) */
    exponent += 126;
    if (round == ATH_ONNX_ROUND_UP ? fraction > 0.5 : round == ATH_ONNX_ROUND_NEAREST && fraction >= 0.75) exponent++;
    if (exponent > 254) return saturate ? 0xFE : 0xFF;
    return exponent < 0 ? 0 : (uint8_t)exponent;
}

uint8_t ath__onnx_small_code(int type, double value, bool saturate, enum ath__onnx_round round) {
    const struct small *small = find(type);
    if (!small) return power_code(value, saturate, round);
    uint8_t sign = signbit(value) ? small->sign : 0;
    double  size = fabs(value);
    int     low = 0, high = small->largest + 1;
    bool    symmetric = small->nan == small->sign; /* no negative zero: its code is no number */
    if (isnan(value)) return symmetric || !small->nan ? small->nan : (uint8_t)(sign | small->nan);
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (magnitude(small, middle) <= size)
            low = middle;
        else
            high = middle;
    }
    double below = size - magnitude(small, low), above = magnitude(small, high) - size;
    int    code = above < below || (above == below && (high & 1) == 0) ? high : low;
    if (code > small->largest || isinf(value)) {
        if (saturate || (!small->infinity && !small->nan))
            code = small->largest;
        else if (!small->infinity)
            return symmetric ? small->nan : (uint8_t)(sign | small->nan);
        else
            code = small->infinity;
    }
    return code == 0 && symmetric ? 0 : (uint8_t)(sign | code);
}
