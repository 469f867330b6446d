/* What the Winograd implementations share: which problems they take, tiles of images, transformed filters. */
#ifndef ATH_CPU_WINOGRAD_COMMON_H
#define ATH_CPU_WINOGRAD_COMMON_H

#include "contract/impl.h"
#include "cpu/simd/winograd.h"

/* The kernels of this processor for activations of a type, filters of `taps` rows and a stride, of conv2d and conv2d_wgrad or, turned, of
 * conv2d_dgrad; NULL where there are none. */
const struct ath__winograd_kernels *ath__winograd_kernels(ath_dtype dtype, int64_t taps, int64_t stride, bool turned);

/* A convolution as tiles see it: results gather from a source that is padded by `before`. For the data gradient the
 * source is dy and the result dx. */
struct ath__winograd_shape {
    const struct ath__winograd_kernels *kernels;

    int64_t images;
    int64_t from_channels, to_channels; /* in whole blocks */
    int64_t from_valid, to_valid;       /* that are not padding */
    int64_t from_size[2], to_size[2];   /* height, width */
    int64_t before[2];                  /* rows above, columns to the left */
    int64_t tiles[2];                   /* of one image, down and across   */
};
/* of conv2d and conv2d_wgrad (x to y), or turned: of conv2d_dgrad (dy to dx); of types that have kernels. */
struct ath__winograd_shape ath__winograd_shape_of(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                                  const struct ath__desc *weights, const struct ath__desc *y,
                                                  bool turned);
int64_t                    ath__winograd_tile_count(const struct ath__winograd_shape *shape);

/* NULL, or why a convolution from x to y, whose weights or their gradient have this type, cannot be done this way. */
const char *ath__winograd_refuse(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                 const struct ath__desc *weights, ath_dtype weights_dtype, const struct ath__desc *y,
                                 bool turned);

/* Elements of one filter. */
static inline int64_t ath__winograd_cells(const struct ath__winograd_kernels *kernels) {
    return (int64_t)kernels->taps * kernels->taps;
}

/* Tiles first .. first + count-1 of the source and of the result. */
void ath__winograd_source_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles);
void ath__winograd_result_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles);

/* Tiles that will be gathered next. While products keep the processor busy, memory has time to bring them closer: a call
 * asks for one share of `steps`. Of a tile, the `rows` rows are asked for that its upper neighbour does not have, from row
 * `skip` on, and of each `wide` bytes. */
struct ath__winograd_ahead {
    const char                      *from;
    const struct ath__winograd_tile *tiles;
    int64_t                          count, channel_blocks, done;
    int64_t                          channel_bytes, row_bytes, wide;
    int                              size, rows, skip;
};
void ath__winograd_prefetch(struct ath__winograd_ahead *ahead, int64_t steps);

/* Elements of `size` bytes between frequencies that each hold `count`: one cache line more, so that the places of a tile
 * do not fall into one set of the cache. `count` fills whole lines but for odd counts of narrow blocks. */
static inline int64_t ath__winograd_frequency(int64_t count, int size) {
    int64_t line = 64 / size;
    return (count + line - 1) / line * line + line;
}

#endif
