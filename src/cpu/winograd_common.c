/* What the Winograd implementations share (see winograd_common.h). */
#include "cpu/winograd_common.h"

#include "base/cpuinfo.h"

#include <stddef.h>

const struct ath__winograd_kernels *ath__winograd_kernels(ath_dtype dtype, int64_t taps, int64_t stride, bool turned) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    bool         low = dtype == ATH_BF16;
    if (!low && dtype != ATH_F32) return NULL;
    if (low && tier < ATH_CPU_AVX512BF16) return NULL;
    if (taps == 5) return tier >= ATH_CPU_AVX512 && !low && stride == 1 ? &ath__winograd_f2x5_kernels_avx512 : NULL;
    if (taps != 3) return NULL;
    if (tier >= ATH_CPU_AVX512 && stride == 2 && turned)
        return low ? &ath__winograd_s2_turned_kernels_avx512bf16 : &ath__winograd_s2_turned_kernels_avx512;
    if (tier >= ATH_CPU_AVX512 && stride == 2)
        return low ? &ath__winograd_s2_kernels_avx512bf16 : &ath__winograd_s2_kernels_avx512;
    if (tier >= ATH_CPU_AVX2 && stride == 2)
        return turned ? &ath__winograd_s2_turned_kernels_avx2 : &ath__winograd_s2_kernels_avx2;
    if (stride != 1) return NULL;
    if (tier >= ATH_CPU_AVX512) return low ? &ath__winograd_kernels_avx512bf16 : &ath__winograd_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__winograd_kernels_avx2;
#endif
    (void)dtype, (void)taps, (void)stride, (void)turned;
    return NULL;
}

struct ath__winograd_shape ath__winograd_shape_of(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                                  const struct ath__desc *weights, const struct ath__desc *y,
                                                  bool turned) {
    const ath_shape           *from = turned ? &y->shape : &x->shape, *to = turned ? &x->shape : &y->shape;
    struct ath__winograd_shape shape = {
        .kernels = ath__winograd_kernels(x->dtype, weights->shape.dims[2], attrs->stride[0], turned),
        .images = from->dims[0],
        .from_valid = from->dims[1],
        .to_valid = to->dims[1]};
    int64_t out = shape.kernels->out, lanes = shape.kernels->lanes;
    shape.from_channels = (shape.from_valid + lanes - 1) / lanes * lanes;
    shape.to_channels = (shape.to_valid + lanes - 1) / lanes * lanes;
    for (int i = 0; i < 2; i++) {
        shape.from_size[i] = from->dims[2 + i];
        shape.to_size[i] = to->dims[2 + i];
        shape.before[i] = !turned ? attrs->pad[i] : attrs->stride[i] == 1 ? shape.kernels->taps - 1 - attrs->pad[i] : 0;
        shape.tiles[i] = (shape.to_size[i] + out - 1) / out;
    }
    return shape;
}

int64_t ath__winograd_tile_count(const struct ath__winograd_shape *shape) {
    return shape->images * shape->tiles[0] * shape->tiles[1];
}

enum { FEWEST_SOURCES = 24, FEWEST_CHANNELS = 32 };

static bool blocked(const struct ath__desc *desc, int lanes) {
    return ath__layout_single_block(&desc->layout, 4, 1) == lanes;
}

const char *ath__winograd_refuse(const ath_conv2d_attrs *attrs, const struct ath__desc *x,
                                 const struct ath__desc *weights, ath_dtype weights_dtype, const struct ath__desc *y,
                                 bool turned) {
    const struct ath__winograd_kernels *kernels = ath__winograd_kernels(x->dtype, 3, 1, turned);
    if (kernels == NULL) return x->dtype == ATH_BF16 ? "bf16 needs AVX-512 with BF16" : "needs AVX2 and f32";
    if (y->dtype != x->dtype || weights->dtype != weights_dtype) return "mixed types";
    int64_t taps = weights->shape.dims[2];
    if (weights->shape.dims[3] != taps || (taps != 3 && taps != 5)) return "neither 3x3 nor 5x5";
    if (taps == 5 && x->dtype != ATH_F32) return "5x5 in bf16 would err too much";
    if (attrs->stride[0] != attrs->stride[1] || attrs->stride[0] > 2) return "strided";
    kernels = ath__winograd_kernels(x->dtype, taps, attrs->stride[0], turned);
    if (kernels == NULL) return "5x5 needs AVX-512 and stride 1";
    if (turned && attrs->stride[0] == 2 && (attrs->pad[0] != 1 || attrs->pad[1] != 1))
        return "strided, not padded by 1";
    if (attrs->dilation[0] != 1 || attrs->dilation[1] != 1) return "dilated";
    if (attrs->groups != 1) return "grouped";
    for (int i = 0; i < 4; i++)
        if (attrs->pad[i] >= taps) return "padded by a whole filter";
    if (!ath__layout_is_plain(&weights->layout, 4)) return "the weights are not plain";
    if (!blocked(x, kernels->lanes) || !blocked(y, kernels->lanes))
        return "channels are not in blocks of the vector's length";
    /* x may be padded: 0 times whatever. y's padding would need care in bias and activation. */
    if (y->shape.dims[1] % kernels->lanes != 0) return "the results' channels are not whole blocks";
    if (x->shape.dims[1] < FEWEST_SOURCES || y->shape.dims[1] < FEWEST_CHANNELS) return "few channels";
    return NULL;
}

/* Rows or columns of a tile of `size` from `begin` on that are inside 0 .. limit-1. */
static void clip(int64_t begin, int size, int64_t limit, int *first, int *end) {
    *first = begin < 0 ? (int)-begin : 0;
    *end = begin + size > limit ? (int)(limit - begin) : size;
    if (*end < *first) *end = *first;
}

static void list_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count, int tile_size, int step,
                       const int64_t before[2], const int64_t size[2], int64_t channels,
                       struct ath__winograd_tile *tiles) {
    int64_t per_image = shape->tiles[0] * shape->tiles[1];
    int64_t image = first / per_image, down = first % per_image / shape->tiles[1], across = first % shape->tiles[1];
    for (int64_t i = 0; i < count; i++) {
        struct ath__winograd_tile *tile = &tiles[i];
        int64_t                    row = down * step - before[0], column = across * step - before[1];
        clip(row, tile_size, size[0], &tile->top, &tile->bottom);
        clip(column, tile_size, size[1], &tile->left, &tile->right);
        tile->at = ((image * channels * size[0] + (row + tile->top) * shape->kernels->lanes) * size[1]) +
                   (column + tile->left) * shape->kernels->lanes;
        if (++across < shape->tiles[1]) continue;
        across = 0;
        if (++down < shape->tiles[0]) continue;
        down = 0;
        image++;
    }
}

void ath__winograd_source_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles) {
    list_tiles(shape, first, count, shape->kernels->in, shape->kernels->step, shape->before, shape->from_size,
               shape->from_channels, tiles);
}

void ath__winograd_result_tiles(const struct ath__winograd_shape *shape, int64_t first, int64_t count,
                                struct ath__winograd_tile *tiles) {
    static const int64_t none[2] = {0, 0};
    list_tiles(shape, first, count, shape->kernels->out, shape->kernels->out, none, shape->to_size, shape->to_channels,
               tiles);
}

void ath__winograd_prefetch(struct ath__winograd_ahead *ahead, int64_t steps) {
    int64_t whole = ahead->count * ahead->channel_blocks, share = (whole + steps - 1) / steps;
    for (; share > 0 && ahead->done < whole; share--, ahead->done++) {
        const struct ath__winograd_tile *tile = &ahead->tiles[ahead->done % ahead->count];
        const char *at = ahead->from + tile->at * ahead->size + ahead->done / ahead->count * ahead->channel_bytes;
        at += (ahead->skip > tile->top ? ahead->skip - tile->top : 0) * ahead->row_bytes;
        for (int row = 0; row < ahead->rows; row++)
            for (int64_t i = 0; i < ahead->wide; i += 64) __builtin_prefetch(at + row * ahead->row_bytes + i, 0, 2);
    }
}
