/* What the Winograd implementations share (see winograd_common.h). */
#include "cpu/winograd_common.h"

#include "base/cpuinfo.h"

#include <stddef.h>

const struct ath__winograd_kernels *ath__winograd_kernels(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__winograd_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__winograd_kernels_avx2;
#endif
    return NULL;
}

struct ath__winograd_shape ath__winograd_shape_of(const ath_conv2d_attrs *attrs, const ath_shape *x, const ath_shape *y,
                                                  bool turned) {
    const ath_shape           *from = turned ? y : x, *to = turned ? x : y;
    struct ath__winograd_shape shape = {from->dims[0], from->dims[1], to->dims[1], {0, 0}, {0, 0}, {0, 0}, {0, 0}};
    for (int i = 0; i < 2; i++) {
        shape.from_size[i] = from->dims[2 + i];
        shape.to_size[i] = to->dims[2 + i];
        shape.before[i] = turned ? 2 - attrs->pad[i] : attrs->pad[i];
        shape.tiles[i] = (shape.to_size[i] + ATH_WINOGRAD_OUT - 1) / ATH_WINOGRAD_OUT;
    }
    return shape;
}

int64_t ath__winograd_tile_count(const struct ath__winograd_shape *shape) {
    return shape->images * shape->tiles[0] * shape->tiles[1];
}

enum { FEWEST_CHANNELS = 32 };

static bool blocked(const struct ath__desc *desc, int lanes) {
    return ath__layout_single_block(&desc->layout, 4, 1) == lanes && desc->shape.dims[1] % lanes == 0;
}

const char *ath__winograd_refuse(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                 const struct ath__desc *weights, const struct ath__desc *y) {
    const struct ath__winograd_kernels *kernels = ath__winograd_kernels();
    if (kernels == NULL) return "needs AVX2";
    if (x->dtype != ATH_F32 || weights->dtype != ATH_F32 || y->dtype != ATH_F32) return "needs f32";
    if (weights->shape.dims[2] != 3 || weights->shape.dims[3] != 3) return "not 3x3";
    if (attrs->stride[0] != 1 || attrs->stride[1] != 1) return "strided";
    if (attrs->dilation[0] != 1 || attrs->dilation[1] != 1) return "dilated";
    if (attrs->groups != 1) return "grouped";
    for (int i = 0; i < 4; i++)
        if (attrs->pad[i] > 2) return "padded by more than 2";
    if (!ath__layout_is_plain(&weights->layout, 4)) return "the weights are not plain";
    if (!blocked(x, kernels->lanes) || !blocked(y, kernels->lanes))
        return "channels are not in whole blocks of the vector's length";
    if (x->shape.dims[1] < FEWEST_CHANNELS || y->shape.dims[1] < FEWEST_CHANNELS) return "few channels";
    return NULL;
}

/* Rows or columns of a tile of `size` from `begin` on that are inside 0 .. limit-1. */
static void clip(int64_t begin, int size, int64_t limit, int *first, int *end) {
    *first = begin < 0 ? (int)-begin : 0;
    *end = begin + size > limit ? (int)(limit - begin) : size;
}

static void list_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count, int tile_size,
                       const int64_t before[2], const int64_t size[2], int64_t channels,
                       struct ath__winograd_tile *tiles) {
    const struct ath__winograd_kernels *kernels = ath__winograd_kernels();
    int64_t lanes = kernels ? kernels->lanes : 1; /* without kernels the rows refuse, and nothing comes here */
    int64_t per_image = shape->tiles[0] * shape->tiles[1], image_floats = channels * size[0] * size[1];
    for (int64_t i = 0; i < count; i++) {
        struct ath__winograd_tile *tile = &tiles[i];
        int64_t                    image = (first + i) / per_image, rest = (first + i) % per_image;
        int64_t                    row = rest / shape->tiles[1] * ATH_WINOGRAD_OUT - before[0];
        int64_t                    column = rest % shape->tiles[1] * ATH_WINOGRAD_OUT - before[1];
        clip(row, tile_size, size[0], &tile->top, &tile->bottom);
        clip(column, tile_size, size[1], &tile->left, &tile->right);
        tile->at = image * image_floats + ((row + tile->top) * size[1] + column + tile->left) * lanes;
    }
}

void ath__winograd_source_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles) {
    list_tiles(shape, first, count, ATH_WINOGRAD_IN, shape->before, shape->from_size, shape->from_channels, tiles);
}

void ath__winograd_result_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles) {
    static const int64_t none[2] = {0, 0};
    list_tiles(shape, first, count, ATH_WINOGRAD_OUT, none, shape->to_size, shape->to_channels, tiles);
}
