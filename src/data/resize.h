/* Antialiased bilinear resizing of 8-bit images, equal to Pillow's. */
#ifndef ATH_DATA_RESIZE_H
#define ATH_DATA_RESIZE_H

#include "athanor/status.h"

#include <stddef.h>
#include <stdint.h>

/* Weights of one axis: output i is a sum over `count[i]` inputs from `first[i]`, weights at i * taps. */
struct ath__resize_axis {
    int      in, out, taps;
    int32_t *first, *count, *weights;
};

/* A plan for one pair of sizes; read-only after it was made, so threads may share it. */
struct ath__resize {
    struct ath__resize_axis x, y;
};

/* Sizes from 1 to 65535. ATH_USAGE, ATH_MEMORY. */
ath_status ath__resize_open(struct ath__resize *resize, int in_height, int in_width, int out_height, int out_width,
                            ath_error *err);
void       ath__resize_close(struct ath__resize *resize);

/* Bytes of scratch that one ath__resize_apply needs; each thread has its own. */
size_t ath__resize_scratch(const struct ath__resize *resize);

/* One plane: src (in height, in width) -> dst (out height, out width). */
void ath__resize_apply(const struct ath__resize *resize, const unsigned char *src, unsigned char *dst, void *scratch);

#endif
