/* Rows in chunks (see rows.h). */
#include "cpu/rows.h"

float ath__row_largest(const struct ath__kernels *kernels, const void *data, ath_dtype dtype, int64_t at, int64_t n) {
    float buffer[ATH_ROW_CHUNK], best = 0.0f;
    for (int64_t i = 0; i < n; i += ATH_ROW_CHUNK) {
        int64_t m = n - i < ATH_ROW_CHUNK ? n - i : ATH_ROW_CHUNK;
        float   top = kernels->largest(ath__row_read(kernels, data, dtype, at + i, m, buffer), m);
        best = i > 0 && (best > top || best != best) ? best : top;
    }
    return best;
}

double ath__row_sum_exp(const struct ath__kernels *kernels, const void *data, ath_dtype dtype, int64_t at, int64_t n,
                        float shift) {
    float  buffer[ATH_ROW_CHUNK];
    double total = 0.0;
    for (int64_t i = 0; i < n; i += ATH_ROW_CHUNK) {
        int64_t m = n - i < ATH_ROW_CHUNK ? n - i : ATH_ROW_CHUNK;
        total += kernels->sum_exp(ath__row_read(kernels, data, dtype, at + i, m, buffer), NULL, m, shift);
    }
    return total;
}
