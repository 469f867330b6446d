/* Reading the window of a convolution or pooling. */
#include "format/onnx/onnx_window.h"

#include "op/op_util.h"

#include <string.h>

/* A list of one number per spatial dimension; `fallback` where there is none. */
static bool list_of(struct ath__onnx_node *n, const char *name, int count, int64_t fallback, int64_t *list) {
    int64_t given[2 * ATH_ONNX_SPATIAL];
    int     found = ath__onnx_attr_ints(n, name, given, 2 * ATH_ONNX_SPATIAL);
    for (int i = 0; i < count; i++) list[i] = fallback;
    if (found < 0) return true;
    if (found != count) {
        ath__onnx_fail(n, ATH_DATA, "'%s' has %d numbers, not %d", name, found, count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        list[i] = given[i];
        if (given[i] >= 0 && given[i] <= ATH_WINDOW_LIMIT) continue;
        ath__onnx_refuse(n, "%lld in '%s'", (long long)given[i], name);
        return false;
    }
    return true;
}

/* SAME: the output is as large as the input divided by the stride; an odd row goes behind (UPPER) or in front. */
static void same_padding(struct ath__onnx_window *w, const ath_shape *x, bool upper) {
    for (int i = 0; i < w->spatial; i++) {
        int64_t in = x->dims[2 + i], out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t total = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - in;
        if (total < 0) total = 0;
        w->before[i] = upper ? total / 2 : total - total / 2;
        w->after[i] = total - w->before[i];
    }
}

bool ath__onnx_window_read(struct ath__onnx_node *n, const ath_shape *x, const int64_t *kernel,
                           struct ath__onnx_window *w) {
    int64_t     pads[2 * ATH_ONNX_SPATIAL];
    const char *how = ath__onnx_attr_text(n, "auto_pad", "NOTSET");
    *w = (struct ath__onnx_window){.spatial = x->rank - 2};
    if (w->spatial < 1 || w->spatial > ATH_ONNX_SPATIAL) {
        ath__onnx_refuse(n, "%d spatial dimensions; 1 to %d are possible", x->rank - 2, (int)ATH_ONNX_SPATIAL);
        return false;
    }
    if (!how || !list_of(n, "kernel_shape", w->spatial, 0, w->kernel) ||
        !list_of(n, "strides", w->spatial, 1, w->stride) || !list_of(n, "dilations", w->spatial, 1, w->dilation) ||
        !list_of(n, "pads", 2 * w->spatial, 0, pads))
        return false;
    bool ceil = ath__onnx_attr_int(n, "ceil_mode", 0) != 0, own = false;
    for (int i = 0; i < w->spatial; i++) {
        if (kernel) w->kernel[i] = kernel[i];
        w->before[i] = pads[i];
        w->after[i] = pads[w->spatial + i];
        if (w->kernel[i] >= 1 && w->stride[i] >= 1 && w->dilation[i] >= 1) continue;
        ath__onnx_fail(n, ATH_DATA, "its kernel, strides and dilations must be at least 1");
        return false;
    }
    if (strncmp(how, "SAME", 4) == 0)
        same_padding(w, x, strcmp(how, "SAME_LOWER") != 0);
    else if (strcmp(how, "VALID") == 0)
        for (int i = 0; i < w->spatial; i++) w->before[i] = w->after[i] = 0;
    else
        own = true;
    for (int i = 0; i < w->spatial; i++) {
        struct ath__window one = {x->dims[2 + i], w->before[i],   w->after[i], w->kernel[i],
                                  w->stride[i],   w->dilation[i], ceil && own};
        w->out[i] = ath__window_count(&one);
        if (w->out[i] >= 1) continue;
        ath__onnx_fail(n, ATH_DATA, "its window is larger than the padded image");
        return false;
    }
    return true;
}
