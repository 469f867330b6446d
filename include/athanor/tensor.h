/* Element types, shapes and host tensors.
 *
 * Shapes are written N,C,H,W (batch, channels, height, width), row-major: the last dimension is contiguous.
 */
#ifndef ATHANOR_TENSOR_H
#define ATHANOR_TENSOR_H

#include "athanor/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { ATH_MAX_RANK = 6 };

/* X(NAME, bytes, text) */
#define ATH_DTYPE_MAP(X)                                                                                               \
    X(F32, 4, "f32")                                                                                                   \
    X(BF16, 2, "bf16")                                                                                                 \
    X(F64, 8, "f64")                                                                                                   \
    X(F16, 2, "f16")                                                                                                   \
    X(I32, 4, "i32")                                                                                                   \
    X(I64, 8, "i64")                                                                                                   \
    X(U8, 1, "u8")

typedef enum ath_dtype {
#define ATH_DTYPE_ENUM_(name, bytes, text) ATH_##name,
    ATH_DTYPE_MAP(ATH_DTYPE_ENUM_)
#undef ATH_DTYPE_ENUM_
} ath_dtype;

typedef struct ath_shape {
    int     rank; /* 0 (a scalar) to ATH_MAX_RANK */
    int64_t dims[ATH_MAX_RANK];
} ath_shape;

/* A host tensor: plain row-major data. `data` belongs to whoever the function that hands it out says. */
typedef struct ath_tensor {
    ath_dtype dtype;
    ath_shape shape;
    void     *data;
} ath_tensor;

ATH_API size_t      ath_dtype_size(ath_dtype dtype);
ATH_API const char *ath_dtype_name(ath_dtype dtype);

/* ath_shape_of(4, n, c, h, w): every dimension an int64_t or int. */
ATH_API ath_shape ath_shape_make(int rank, const int64_t *dims);
#define ath_shape_of(...)                                                                                              \
    ath_shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

/* Number of elements: the product of the dimensions, 1 for a scalar. */
ATH_API int64_t ath_shape_count(const ath_shape *shape);
ATH_API int     ath_shape_equal(const ath_shape *a, const ath_shape *b);

#ifdef __cplusplus
}
#endif
#endif
