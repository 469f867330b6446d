/* Windows of convolutions and poolings over one to three spatial dimensions. */
#ifndef ATH_FORMAT_ONNX_WINDOW_H
#define ATH_FORMAT_ONNX_WINDOW_H

#include "format/onnx/onnx_import.h"

enum { ATH_ONNX_SPATIAL = 3 };

struct ath__onnx_window {
    int     spatial; /* 1 to 3 dimensions behind (N,C) */
    int64_t kernel[ATH_ONNX_SPATIAL], stride[ATH_ONNX_SPATIAL], dilation[ATH_ONNX_SPATIAL];
    int64_t before[ATH_ONNX_SPATIAL], after[ATH_ONNX_SPATIAL];
    int64_t out[ATH_ONNX_SPATIAL];
};

/* Reads kernel_shape (or takes `kernel`, the weights' own), strides, dilations, pads and auto_pad, and finds the output
 * sizes. False with an error set. */
bool ath__onnx_window_read(struct ath__onnx_node *n, const ath_shape *x, const int64_t *kernel,
                           struct ath__onnx_window *window);

#endif
