/* Element types of ONNX's tensors, element by element through doubles. */
#include "format/onnx/onnx_tensor.h"

#include "format/onnx/onnx_small.h"

#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30 };

static const struct type_info {
    int         type;
    size_t      size;
    const char *name;
    bool        integer, is_signed;
} types[] = {
#define ROW(name, number, bytes, text, integer, is_signed) {number, bytes, text, integer, is_signed},
    ATH_ONNX_TYPE_MAP(ROW)
#undef ROW
};

static const struct type_info *info_of(int type) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) return &types[i];
    return NULL;
}

const char *ath__onnx_type_name(int type) {
    /* Those that are only named, by number. */
    static const char *const others[] = {[8] = "string", [14] = "complex64", [15] = "complex128"};
    const struct type_info  *info = info_of(type);
    if (info) return info->name;
    enum { OTHERS = sizeof others / sizeof others[0] };
    const char *name = type >= 0 && type < OTHERS ? others[type] : NULL;
    return name ? name : "unknown type";
}

size_t ath__onnx_type_size(int type) {
    const struct type_info *info = info_of(type);
    return info ? info->size : 0;
}

int ath__onnx_type_bits(int type) {
    switch (type) {
    case ATH_ONNX_UINT4:
    case ATH_ONNX_INT4:
    case ATH_ONNX_FLOAT4E2M1: return 4;
    case ATH_ONNX_UINT2:
    case ATH_ONNX_INT2: return 2;
    default: return 8 * (int)ath__onnx_type_size(type);
    }
}

bool ath__onnx_type_is_integer(int type) {
    const struct type_info *info = info_of(type);
    return info && info->integer;
}

bool ath__onnx_count(int type, int rank, const int64_t *dims, size_t limit, int64_t *count) {
    size_t size = ath__onnx_type_size(type);
    bool   empty = false;
    if (size == 0 || rank < 0 || rank > ATH_ONNX_MAX_RANK) return false;
    *count = 1;
    for (int i = 0; i < rank; i++) {
        empty = empty || dims[i] == 0;
        /* Dimensions beside an empty one are bounded as well: products of some of them are taken. */
        if (dims[i] < 0 || __builtin_mul_overflow(*count, dims[i] ? dims[i] : 1, count) ||
            (uint64_t)*count > limit / size)
            return false;
    }
    if (empty) *count = 0;
    return true;
}

struct ath__onnx_tensor *ath__onnx_tensor_new(struct ath__arena *arena, int type, int rank, const int64_t *dims) {
    int64_t count;
    if (!ath__onnx_count(type, rank, dims, MOST_BYTES, &count)) return NULL;
    struct ath__onnx_tensor *made = ATH_ARENA_NEW(arena, struct ath__onnx_tensor);
    void                    *data = ath__arena_alloc(arena, ((size_t)count + 1) * ath__onnx_type_size(type));
    if (!made || !data) return NULL;
    *made = (struct ath__onnx_tensor){.type = type, .rank = rank, .count = count, .data = data};
    for (int i = 0; i < rank; i++) made->dims[i] = dims[i];
    return made;
}

double ath__onnx_get(const struct ath__onnx_tensor *tensor, int64_t i) {
    const void *data = tensor->data;
    switch ((enum ath__onnx_type)tensor->type) {
    case ATH_ONNX_FLOAT: return (double)((const float *)data)[i];
    case ATH_ONNX_UINT8:
    case ATH_ONNX_UINT4:
    case ATH_ONNX_UINT2:
    case ATH_ONNX_BOOL: return (double)((const uint8_t *)data)[i];
    case ATH_ONNX_INT8:
    case ATH_ONNX_INT4:
    case ATH_ONNX_INT2: return (double)((const int8_t *)data)[i];
    case ATH_ONNX_UINT16: return (double)((const uint16_t *)data)[i];
    case ATH_ONNX_INT16: return (double)((const int16_t *)data)[i];
    case ATH_ONNX_INT32: return (double)((const int32_t *)data)[i];
    case ATH_ONNX_INT64: return (double)((const int64_t *)data)[i];
    case ATH_ONNX_FLOAT16: return (double)ath__f16_to_f32(((const uint16_t *)data)[i]);
    case ATH_ONNX_DOUBLE: return ((const double *)data)[i];
    case ATH_ONNX_UINT32: return (double)((const uint32_t *)data)[i];
    case ATH_ONNX_UINT64: return (double)((const uint64_t *)data)[i];
    case ATH_ONNX_BFLOAT16: return (double)ath__bf16_to_f32(((const uint16_t *)data)[i]);
    case ATH_ONNX_FLOAT8E4M3FN:
    case ATH_ONNX_FLOAT8E4M3FNUZ:
    case ATH_ONNX_FLOAT8E5M2:
    case ATH_ONNX_FLOAT8E5M2FNUZ:
    case ATH_ONNX_FLOAT4E2M1:
    case ATH_ONNX_FLOAT8E8M0: return ath__onnx_small_value(tensor->type, ((const uint8_t *)data)[i]);
    }
    return 0.0;
}

/* The 64 low bits of a whole number, in two's complement. Beyond 64 bits it is held at the end of the range. */
static uint64_t whole_bits(double value) {
    if (isnan(value)) return 0;
    value = trunc(value);
    if (value >= 18446744073709551616.0) return UINT64_MAX;
    if (value >= 9223372036854775808.0) return (uint64_t)value;
    if (value < -9223372036854775808.0) return (uint64_t)INT64_MIN;
    return (uint64_t)(int64_t)value;
}

void ath__onnx_put(struct ath__onnx_tensor *tensor, int64_t i, double value) {
    void    *data = tensor->data;
    uint64_t bits = whole_bits(value);
    switch ((enum ath__onnx_type)tensor->type) {
    case ATH_ONNX_FLOAT: ((float *)data)[i] = (float)value; break;
    case ATH_ONNX_BOOL: ((uint8_t *)data)[i] = value != 0.0; break;
    case ATH_ONNX_UINT8:
    case ATH_ONNX_INT8: ((uint8_t *)data)[i] = (uint8_t)bits; break;
    case ATH_ONNX_UINT4: ((uint8_t *)data)[i] = (uint8_t)(bits & 15); break;
    case ATH_ONNX_INT4: ((int8_t *)data)[i] = (int8_t)((int)((bits + 8) & 15) - 8); break;
    case ATH_ONNX_UINT2: ((uint8_t *)data)[i] = (uint8_t)(bits & 3); break;
    case ATH_ONNX_INT2: ((int8_t *)data)[i] = (int8_t)((int)((bits + 2) & 3) - 2); break;
    case ATH_ONNX_UINT16:
    case ATH_ONNX_INT16: ((uint16_t *)data)[i] = (uint16_t)bits; break;
    case ATH_ONNX_INT32:
    case ATH_ONNX_UINT32: ((uint32_t *)data)[i] = (uint32_t)bits; break;
    case ATH_ONNX_INT64:
        /* 2^63 stands for the largest int64, which doubles cannot say. */
        ((int64_t *)data)[i] = value >= 9223372036854775808.0 ? INT64_MAX : (int64_t)bits;
        break;
    case ATH_ONNX_UINT64: ((uint64_t *)data)[i] = bits; break;
    case ATH_ONNX_FLOAT16: ((uint16_t *)data)[i] = ath__f16_from_f64(value); break;
    case ATH_ONNX_BFLOAT16: ((uint16_t *)data)[i] = ath__bf16_from_f64(value); break;
    case ATH_ONNX_DOUBLE: ((double *)data)[i] = value; break;
    case ATH_ONNX_FLOAT8E4M3FN:
    case ATH_ONNX_FLOAT8E4M3FNUZ:
    case ATH_ONNX_FLOAT8E5M2:
    case ATH_ONNX_FLOAT8E5M2FNUZ:
    case ATH_ONNX_FLOAT4E2M1:
    case ATH_ONNX_FLOAT8E8M0:
        ((uint8_t *)data)[i] = ath__onnx_small_code(tensor->type, value, true, ATH_ONNX_ROUND_UP);
        break;
    }
}
