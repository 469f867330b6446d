/* The table of the imported operators, expanded from its list. */
#include "format/onnx/onnx_import.h"

static const struct ath__onnx_op ops[] = {
#define ATH_ONNX_OP(name, function, since, last) {#name, since, last, ath__onnx_##function},
#include "format/onnx/onnx_op_list.h"
#undef ATH_ONNX_OP
};

const struct ath__onnx_op *ath__onnx_op_at(int i) {
    return i >= 0 && (size_t)i < sizeof ops / sizeof ops[0] ? &ops[i] : NULL;
}
