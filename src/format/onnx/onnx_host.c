/* Arithmetic on fixed values, in double precision. */
#include "format/onnx/onnx_import.h"

struct ath__onnx_value *ath__onnx_host_unary(struct ath__onnx_node *n, const struct ath__onnx_value *a, int type,
                                             double (*f)(double)) {
    if (!a || !a->host) return NULL;
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, type, a->host->rank, a->host->dims);
    for (int64_t i = 0; y && i < y->count; i++) ath__onnx_put(y, i, f(ath__onnx_get(a->host, i)));
    return ath__onnx_fixed(n, y);
}

/* Aligned at the right; sizes agree or one of them is 1. */
static bool broadcast_dims(const struct ath__onnx_tensor *a, const struct ath__onnx_tensor *b, int rank,
                           int64_t *dims) {
    for (int d = 0; d < rank; d++) {
        int     in_a = d - (rank - a->rank), in_b = d - (rank - b->rank);
        int64_t size_a = in_a >= 0 ? a->dims[in_a] : 1, size_b = in_b >= 0 ? b->dims[in_b] : 1;
        if (size_a != size_b && size_a != 1 && size_b != 1) return false;
        dims[d] = size_a == 1 ? size_b : size_a;
    }
    return true;
}

struct ath__onnx_value *ath__onnx_host_binary(struct ath__onnx_node *n, const struct ath__onnx_value *a,
                                              const struct ath__onnx_value *b, int type, double (*f)(double, double)) {
    int64_t dims[ATH_ONNX_MAX_RANK] = {0};
    if (!a || !b || !a->host || !b->host) return NULL;
    int rank = a->host->rank > b->host->rank ? a->host->rank : b->host->rank;
    if (!broadcast_dims(a->host, b->host, rank, dims)) {
        ath__onnx_fail(n, ATH_DATA, "its shapes do not broadcast");
        return NULL;
    }
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, type, rank, dims);
    if (!y) return NULL;
    int64_t at[ATH_ONNX_MAX_RANK] = {0};
    for (int64_t i = 0; i < y->count; i++) {
        int64_t from_a = 0, from_b = 0;
        for (int d = 0; d < a->host->rank; d++)
            from_a = from_a * a->host->dims[d] + (a->host->dims[d] == 1 ? 0 : at[d + rank - a->host->rank]);
        for (int d = 0; d < b->host->rank; d++)
            from_b = from_b * b->host->dims[d] + (b->host->dims[d] == 1 ? 0 : at[d + rank - b->host->rank]);
        ath__onnx_put(y, i, f(ath__onnx_get(a->host, from_a), ath__onnx_get(b->host, from_b)));
        for (int d = rank - 1; d >= 0; d--) {
            if (++at[d] < dims[d]) break;
            at[d] = 0;
        }
    }
    return ath__onnx_fixed(n, y);
}
