/* Rows of float32 or bfloat16 as float32, for kernels that know only the former: read in chunks where they must be
 * converted, in place where not.
 */
#ifndef ATH_CPU_ROWS_H
#define ATH_CPU_ROWS_H

#include "athanor/tensor.h"
#include "cpu/simd/kernels.h"

enum { ATH_ROW_CHUNK = 1024 };

/* Elements at .. at+n-1 (n <= ATH_ROW_CHUNK) as float32: a pointer into `data`, or `buffer` filled. */
static inline const float *ath__row_read(const struct ath__kernels *kernels, const void *data, ath_dtype dtype,
                                         int64_t at, int64_t n, float *buffer) {
    if (dtype == ATH_F32) return (const float *)data + at;
    kernels->from_bf16((const uint16_t *)data + at, buffer, n);
    return buffer;
}
/* Where to compute a result: the memory itself or `buffer`, which ath__row_write then stores. */
static inline float *ath__row_place(void *data, ath_dtype dtype, int64_t at, float *buffer) {
    return dtype == ATH_F32 ? (float *)data + at : buffer;
}
static inline void ath__row_write(const struct ath__kernels *kernels, void *data, ath_dtype dtype, int64_t at,
                                  int64_t n, const float *buffer) {
    if (dtype != ATH_F32) kernels->to_bf16(buffer, (uint16_t *)data + at, n);
}

/* Largest of a row of any length; its sum of exp(x - shift). */
float  ath__row_largest(const struct ath__kernels *kernels, const void *data, ath_dtype dtype, int64_t at, int64_t n);
double ath__row_sum_exp(const struct ath__kernels *kernels, const void *data, ath_dtype dtype, int64_t at, int64_t n,
                        float shift);

/* Rows per task, so that a task has some ten thousand elements; a function of the shape alone. */
static inline int64_t ath__rows_per_task(int64_t length) {
    int64_t rows = 16384 / (length > 0 ? length : 1);
    return rows > 0 ? rows : 1;
}

#endif
