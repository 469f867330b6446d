/* A tensor N,C,... as batch norm reads it: groups of channels, each a fixed list of panels (see simd/kernels.h), under
 * any of the layouts plain, channels last, channels in blocks, images in blocks.
 *
 * A group's memory is `segments` pieces of `length` elements, `segment_stride` apart. Element e of a segment belongs to
 * channel `group * group_channels + e % period`. A panel is up to 128 rows of 16 neighbours: a part of a long segment,
 * or several short ones. What is left of each segment, less than a row, makes panels of its own.
 *
 *     layout          group            segment                       period
 *     plain           one channel      one image: H*W elements       1
 *     channels last   16 channels      one position: 16 elements     16
 *     nChw8c          one block        one image: H*W*8 elements     8
 *     16 images       one channel      16 images: H*W*16 elements    1
 */
#ifndef ATH_CPU_NORM_VIEW_H
#define ATH_CPU_NORM_VIEW_H

#include "cpu/simd/kernels.h"
#include "tensor/layout.h"

#include <stdbool.h>

struct ath__norm_view {
    int64_t channels, groups, group_channels, group_stride;
    int64_t segments, segment_stride, length, period;
    int64_t image_block, images; /* images in blocks: block size; else 0 */
    bool    interleaved;         /* channels last: groups share lines of memory */
    int64_t rows, tiles;         /* whole rows of a segment; panels that a long segment makes, else 1 or 0 */
    int64_t bundle, bundles;     /* short segments of a panel; panels that they make */
    int64_t body, panels;        /* panels of whole rows; of all */
    int64_t chunk, chunks;       /* panels of a task; tasks of a group */
    int64_t per_channel;         /* elements of one channel, N*H*W */
    int64_t together;            /* groups that are worked on at a time, to find in the cache what was just read */
};

/* NULL, or why not. `bytes`: of all operands per element, for `together`. */
const char *ath__norm_view_make(struct ath__norm_view *view, const struct ath__desc *desc, int64_t bytes);

/* Where panel `index` of a group lies: sets pieces, rows, strides and lanes, returns its offset in elements.
 * `valid`[lane]: it is an element of the tensor and not padding. */
int64_t ath__norm_view_panel(const struct ath__norm_view *view, int64_t group, int64_t index,
                             struct ath__norm_panel *panel, bool *valid);

/* The channel of a lane; may be padding (>= channels). */
static inline int64_t ath__norm_view_channel(const struct ath__norm_view *view, int64_t group, int lane) {
    return group * view->group_channels + lane % view->period;
}

/* Tasks over `groups` groups that are worked on together, and what one of them does: chunk `chunk` of the groups *first
 * .. *end-1. Groups that share lines of memory go together, panel by panel. */
static inline int64_t ath__norm_view_tasks(const struct ath__norm_view *view, int64_t groups) {
    return view->interleaved ? view->chunks : groups * view->chunks;
}
static inline int64_t ath__norm_view_task(const struct ath__norm_view *view, int64_t groups, int64_t task,
                                          int64_t *first, int64_t *end) {
    *first = view->interleaved ? 0 : task % groups;
    *end = view->interleaved ? groups : *first + 1;
    return view->interleaved ? task : task / groups;
}

#endif
