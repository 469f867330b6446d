/* Antialiased resizing of 8-bit images, equal to Pillow's. */
#ifndef ATH_DATA_RESIZE_H
#define ATH_DATA_RESIZE_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of ATH_FILTER_CHOICES. */
enum ath__filter { ATH_FILTER_BILINEAR, ATH_FILTER_BICUBIC, ATH_FILTER_NEAREST, ATH_FILTER_BOX };
#define ATH_FILTER_CHOICES "bilinear|bicubic|nearest|box"

/* Rows top .. top + height - 1, columns left .. left + width - 1. */
struct ath__part {
    int top, left, height, width;
};

/* Part of an image in its coordinates, where pixel (y, x) covers y .. y + 1 and x .. x + 1; edges may cut pixels. */
struct ath__region {
    float left, top, right, bottom;
};

struct ath__resize_task {
    int              in_height, in_width, out_height, out_width;
    enum ath__filter filter;
    const struct ath__region
                           *region; /* the part that is resized, as Pillow's `box`: the filter reaches beyond it; NULL:
                                         all */
    const struct ath__part *window; /* the part of the result that is computed; NULL: all */
};

/* Weights of one axis: output i is a sum over `count[i]` inputs from `low` + `first[i]`, weights at i * taps. */
struct ath__resize_axis {
    int      in, out, taps;
    int      low, span; /* the inputs that are looked at: low .. low + span - 1 */
    bool     copies;    /* output i is input low + i */
    int32_t *first, *count, *weights;
};

/* A plan; read-only after it was made, so threads may share it. */
struct ath__resize {
    struct ath__resize_axis x, y;
    bool                    columns_first;
};

/* Sizes from 1 to 65535; region and window lie inside. ATH_USAGE, ATH_MEMORY. */
ath_status ath__resize_plan(struct ath__resize *resize, const struct ath__resize_task *task, ath_error *err);
/* Whole images, bilinear. */
ath_status ath__resize_open(struct ath__resize *resize, int in_height, int in_width, int out_height, int out_width,
                            ath_error *err);
void       ath__resize_close(struct ath__resize *resize);

/* Bytes of scratch that one ath__resize_apply needs; each thread has its own. */
size_t ath__resize_scratch(const struct ath__resize *resize);

/* One plane: src (in height, in width) -> dst (window's height, window's width). Rows of src are `stride` bytes apart. */
void ath__resize_rows(const struct ath__resize *resize, const unsigned char *src, size_t stride, unsigned char *dst,
                      void *scratch);
void ath__resize_apply(const struct ath__resize *resize, const unsigned char *src, unsigned char *dst, void *scratch);

#endif
