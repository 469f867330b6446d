/* Conversions between element types: round to nearest, ties to even, in one step (never through a third type).
 *
 * Integers from floating point: rounded the same way, saturated at the ends of the range, NaN becomes 0.
 */
#ifndef ATH_TENSOR_DTYPE_H
#define ATH_TENSOR_DTYPE_H

#include "athanor/tensor.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t ath__f32_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float ath__f32_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bfloat16 is the upper half of a float32. */
static inline float ath__bf16_to_f32(uint16_t value) {
    return ath__f32_from_bits((uint32_t)value << 16);
}

static inline uint16_t ath__bf16_from_f32(float value) {
    uint32_t bits = ath__f32_bits(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)(bits >> 16 | 0x40u); /* NaN stays NaN, made quiet */
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

float    ath__f16_to_f32(uint16_t value);
uint16_t ath__f16_from_f32(float value);
uint16_t ath__f16_from_f64(double value);
uint16_t ath__bf16_from_f64(double value);

/* dst[i] = src[i] for i < n, converted. The ranges must not overlap unless the types are equal. */
void ath__convert(void *dst, ath_dtype dd, const void *src, ath_dtype sd, size_t n);

/* One element read as a double (an int64 beyond 2^53 is rounded), or written from one. */
double ath__dtype_load(const void *src, ath_dtype dtype, size_t index);
void   ath__dtype_store(void *dst, ath_dtype dtype, size_t index, double value);

/* The type of this name ("f32"); -1 if there is none. */
int ath__dtype_of_name(const char *name);

#endif
