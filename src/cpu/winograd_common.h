/* What the Winograd implementations share: which problems they take, tiles of images, transformed filters. */
#ifndef ATH_CPU_WINOGRAD_COMMON_H
#define ATH_CPU_WINOGRAD_COMMON_H

#include "contract/impl.h"
#include "cpu/simd/winograd.h"

/* The kernels for this processor; NULL where there are none. */
const struct ath__winograd_kernels *ath__winograd_kernels(void);

/* A convolution as tiles see it: results gather from a source that is padded by `before`. For the data gradient the
 * source is dy and the result dx. */
struct ath__winograd_shape {
    int64_t images;
    int64_t from_channels, to_channels;
    int64_t from_size[2], to_size[2]; /* height, width */
    int64_t before[2];                /* rows above, columns to the left */
    int64_t tiles[2];                 /* of one image, down and across   */
};
/* of conv2d and conv2d_wgrad (x to y), or turned: of conv2d_dgrad (dy to dx). */
struct ath__winograd_shape ath__winograd_shape_of(const ath_conv2d_attrs *attrs, const ath_shape *x, const ath_shape *y,
                                                  bool turned);
int64_t                    ath__winograd_tile_count(const struct ath__winograd_shape *shape);

/* NULL, or why a convolution from x to y cannot be done this way. */
const char *ath__winograd_refuse(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                 const struct ath__desc *weights, const struct ath__desc *y);

/* Tiles first .. first + count-1 of the source (6x6) and of the result (4x4). */
void ath__winograd_source_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles);
void ath__winograd_result_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles);

/* Floats between frequencies that each hold `floats`: one cache line more, so that the 36 places of a tile do not fall
 * into one set of the cache. `floats` is a multiple of 16 but for odd counts of blocks of 8. */
static inline int64_t ath__winograd_frequency(int64_t floats) {
    return (floats + 15) / 16 * 16 + 16;
}

#endif
