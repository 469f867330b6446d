/* Building ONNX messages: nodes, attributes and tensors in an arena, names of values. */
#ifndef ATH_FORMAT_ONNX_BUILD_H
#define ATH_FORMAT_ONNX_BUILD_H

#include "base/arena.h"
#include "format/export.h"
#include "onnx.pb-c.h"

struct ath__onnx_build {
    const struct ath__export *net;
    struct ath__arena         arena;
    Athanor__Onnx__Node     **nodes;
    Athanor__Onnx__Tensor   **tensors;
    size_t                    node_count, node_capacity, tensor_count, tensor_capacity;
    bool                     *kept;   /* per value: its constant is already among the tensors */
    int                       made;   /* names made so far */
    bool                      failed; /* memory ran out */
};

/* A node with one output, `to`, or a name made for it where `to` is NULL; returns the output's name. Operands are names;
 * "" stands for one that is missing. */
const char *ath__onnx_build_node(struct ath__onnx_build *b, const char *op, const char *const *in, int ins,
                                 const char *to, const struct ath__node *of);
/* Attributes of the node appended last. */
void ath__onnx_build_int(struct ath__onnx_build *b, const char *name, int64_t value);
void ath__onnx_build_real(struct ath__onnx_build *b, const char *name, double value);
void ath__onnx_build_ints(struct ath__onnx_build *b, const char *name, const int64_t *values, int count);
void ath__onnx_build_text(struct ath__onnx_build *b, const char *name, const char *value);
/* Tensors, which are not copied if `copy` is false; the name. */
const char *ath__onnx_build_tensor(struct ath__onnx_build *b, const char *name, int type, int rank, const int64_t *dims,
                                   const void *data, size_t bytes, bool copy);
const char *ath__onnx_build_shape(struct ath__onnx_build *b, const int64_t *values, int count); /* int64 (count) */
const char *ath__onnx_build_number(struct ath__onnx_build *b, double value);                    /* float, rank 0 */
/* A value's name; constants join the tensors. */
const char *ath__onnx_build_value(struct ath__onnx_build *b, ath_value value);

/* The operator of one node of the network, as ONNX's. ATH_UNSUPPORTED for one that ONNX cannot express. */
ath_status ath__onnx_build_operator(struct ath__onnx_build *b, const struct ath__node *node, ath_error *err);

#endif
