/* Running an ONNX graph as it stands: tensors in, tensors out. */
#ifndef ATH_FORMAT_ONNX_RUN_H
#define ATH_FORMAT_ONNX_RUN_H

#include "format/onnx/onnx_import.h"

struct ath__onnx_result {
    const char             *name;
    struct ath__onnx_tensor tensor;
};

/* The graph's inputs that have no value in the file: name i, or NULL past the end. */
const char *ath__onnx_input_name(const struct ath__onnx_file *file, int i);

/* Computes all outputs of the graph in float32; they live in the arena. The feeds are converted to the element type that
 * the file declares. */
ath_status ath__onnx_run(struct ath__onnx_file *file, const struct ath__onnx_feed *feeds, int feed_count,
                         struct ath__arena *arena, struct ath__onnx_result **results, int *count, ath_error *err);

#endif
