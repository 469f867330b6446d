/* Tensors as ONNX has them: more element types and ranks than Athanor computes with, on the host. */
#ifndef ATH_FORMAT_ONNX_TENSOR_H
#define ATH_FORMAT_ONNX_TENSOR_H

#include "athanor/tensor.h"
#include "base/arena.h"

#include <stdbool.h>

/* TensorProto.DataType: X(NAME, number, bytes, text, integer, signed). Texts and complex numbers are no part of it. Elements of
 * four and two bits, which lie packed in files, take a byte each here: integers as their values, floats as their codes. */
#define ATH_ONNX_TYPE_MAP(X)                                                                                           \
    X(FLOAT, 1, 4, "float", 0, 1)                                                                                      \
    X(UINT8, 2, 1, "uint8", 1, 0)                                                                                      \
    X(INT8, 3, 1, "int8", 1, 1)                                                                                        \
    X(UINT16, 4, 2, "uint16", 1, 0)                                                                                    \
    X(INT16, 5, 2, "int16", 1, 1)                                                                                      \
    X(INT32, 6, 4, "int32", 1, 1)                                                                                      \
    X(INT64, 7, 8, "int64", 1, 1)                                                                                      \
    X(BOOL, 9, 1, "bool", 1, 0)                                                                                        \
    X(FLOAT16, 10, 2, "float16", 0, 1)                                                                                 \
    X(DOUBLE, 11, 8, "double", 0, 1)                                                                                   \
    X(UINT32, 12, 4, "uint32", 1, 0)                                                                                   \
    X(UINT64, 13, 8, "uint64", 1, 0)                                                                                   \
    X(BFLOAT16, 16, 2, "bfloat16", 0, 1)                                                                               \
    X(FLOAT8E4M3FN, 17, 1, "float8e4m3fn", 0, 1)                                                                       \
    X(FLOAT8E4M3FNUZ, 18, 1, "float8e4m3fnuz", 0, 1)                                                                   \
    X(FLOAT8E5M2, 19, 1, "float8e5m2", 0, 1)                                                                           \
    X(FLOAT8E5M2FNUZ, 20, 1, "float8e5m2fnuz", 0, 1)                                                                   \
    X(UINT4, 21, 1, "uint4", 1, 0)                                                                                     \
    X(INT4, 22, 1, "int4", 1, 1)                                                                                       \
    X(FLOAT4E2M1, 23, 1, "float4e2m1", 0, 1)                                                                           \
    X(FLOAT8E8M0, 24, 1, "float8e8m0", 0, 0)                                                                           \
    X(UINT2, 25, 1, "uint2", 1, 0)                                                                                     \
    X(INT2, 26, 1, "int2", 1, 1)

enum ath__onnx_type {
#define ATH_ONNX_ENUM_(name, number, bytes, text, integer, is_signed) ATH_ONNX_##name = number,
    ATH_ONNX_TYPE_MAP(ATH_ONNX_ENUM_)
#undef ATH_ONNX_ENUM_
};

enum { ATH_ONNX_MAX_RANK = 8 };

struct ath__onnx_tensor {
    int     type; /* ath__onnx_type */
    int     rank;
    int64_t dims[ATH_ONNX_MAX_RANK]; /* zeros are allowed: an empty tensor */
    int64_t count;
    void   *data; /* row-major, aligned for its type */
};

/* "float"; also of the standard's other types. */
const char *ath__onnx_type_name(int type);
size_t      ath__onnx_type_size(int type); /* 0 for one that is not in the list */
int         ath__onnx_type_bits(int type); /* of an element in a file */
bool        ath__onnx_type_is_integer(int type);

/* The product of the dimensions; false if one is negative, the rank too large, or the bytes come to more than `limit`. */
bool ath__onnx_count(int type, int rank, const int64_t *dims, size_t limit, int64_t *count);

/* A zeroed tensor in the arena; NULL when memory runs out or its size is not possible. */
struct ath__onnx_tensor *ath__onnx_tensor_new(struct ath__arena *arena, int type, int rank, const int64_t *dims);

/* Element i as a double, and from one. Integers are cut towards zero and wrap at their width, as C's unsigned do; a
 * 64-bit integer beyond 2^53 is rounded. */
double ath__onnx_get(const struct ath__onnx_tensor *tensor, int64_t i);
void   ath__onnx_put(struct ath__onnx_tensor *tensor, int64_t i, double value);

#endif
