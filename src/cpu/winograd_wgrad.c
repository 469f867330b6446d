/* conv2d_wgrad by Winograd's F(4x4, 3x3) (see simd/winograd.h).
 *
 *     dw[k,c] = G^T [ sum_tiles (A dy A^T) . (B^T x B) ] G,   db[k] = sum_{n,p,q} dy[n,k,p,q]
 *
 * The tiles of x and dy are transformed a chunk at a time and stay in the last cache; then come 36 matrix products
 * whose sums run over the chunk's tiles, and at the end the sums are transformed back. Two orders:
 *
 *     by blocks        (one chunk: deep layers of few tiles and many channels) a task is a block of filters and source
 *                      channels. It multiplies at all frequencies and transforms back at once, so that the 36 sums per
 *                      weight, which would fill the cache, exist for few weights at a time.
 *     by frequencies   a task is a frequency and a range of filters; all sums are kept from chunk to chunk.
 *
 * Every sum is one task's in each chunk, chunks follow one another and have whole segments of tiles: these are added up
 * in the same order whatever the chunks and the threads, so results have the same bits for any number of threads.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/winograd_common.h"

#include <stddef.h>

enum {
    MOST_TILES = 32, /* that a task transforms; its block of one chunk's channels is RANGE_BLOCKS wide */
    RANGE_BLOCKS = 8,
    MOST_LANES = 16,
    CHUNK_BYTES = 1 << 20, /* transformed tiles in hand, per thread up to MOST_SHARES: measured, with a wide optimum */
    MOST_SHARES = 16,
    ONE_CHUNK_TILES = 160,
    BLOCK_FILTERS = 96, /* by blocks: channels of dy and of x to a task */
    BLOCK_SOURCES = 64,
    RANGE_FILTERS = 192, /* by frequencies: channels of dy to a task */
    BIAS_ROWS = 64,      /* pixels that are added up in float32 */
};

struct wgrad {
    const struct ath__winograd_kernels *kernels;
    struct ath__winograd_shape          shape; /* x to y */
    int64_t                             x_blocks, dy_blocks;
    int64_t                             tiles, chunk; /* in all, in hand */
    bool                                by_blocks;
    int64_t                             slots; /* by blocks: pieces of scratch for sums, each one thread's */
    int64_t                             x_frequency, dy_frequency, sums_frequency;
    int64_t                             tile_floats, sums_floats;
    bool                                with_bias;
};

struct wgrad_run {
    const struct wgrad *wgrad;
    const float        *x, *dy;
    float              *dw, *db;
    float              *x_tiles, *dy_tiles, *sums;
    int64_t             first, count; /* the chunk's tiles */
};

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

/* How many blocks of weights there are, across and down. */
static int64_t blocks_across(const struct wgrad *wgrad) {
    return pieces(wgrad->x_blocks, BLOCK_SOURCES / wgrad->kernels->lanes);
}
static int64_t blocks_down(const struct wgrad *wgrad) {
    return pieces(wgrad->dy_blocks, BLOCK_FILTERS / wgrad->kernels->lanes);
}

static void set_areas(struct wgrad *wgrad) {
    int64_t lanes = wgrad->kernels->lanes, all = ATH_WINOGRAD_FREQUENCIES;
    int64_t filters = wgrad->shape.to_channels, sources = wgrad->shape.from_channels;
    int64_t per_tile = all * (filters + sources) * (int64_t)sizeof(float);
    int64_t segments = min_i64(wgrad->slots, MOST_SHARES) * CHUNK_BYTES / per_tile / ATH_WINOGRAD_SEGMENT;
    wgrad->chunk = max_i64(segments, 2) * ATH_WINOGRAD_SEGMENT;
    if (wgrad->tiles <= ONE_CHUNK_TILES || wgrad->tiles <= wgrad->chunk) wgrad->chunk = wgrad->tiles;
    wgrad->by_blocks = wgrad->chunk == wgrad->tiles && blocks_across(wgrad) * blocks_down(wgrad) >= 2 * wgrad->slots;
    wgrad->x_frequency = ath__winograd_frequency(wgrad->chunk * sources);
    wgrad->dy_frequency = ath__winograd_frequency(wgrad->chunk * filters);
    wgrad->tile_floats = all * (wgrad->x_frequency + wgrad->dy_frequency);
    if (wgrad->by_blocks) {
        filters = min_i64(filters, BLOCK_FILTERS / lanes * lanes);
        sources = min_i64(sources, BLOCK_SOURCES / lanes * lanes);
    }
    wgrad->sums_frequency = ath__winograd_frequency(filters * sources);
    wgrad->sums_floats = all * wgrad->sums_frequency * (wgrad->by_blocks ? wgrad->slots : 1);
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    struct wgrad           *wgrad = ATH_NEW(struct wgrad);
    *state = wgrad;
    if (wgrad == NULL) return ath__fail_memory(err, problem->op);
    wgrad->kernels = ath__winograd_kernels();
    wgrad->shape = ath__winograd_shape_of(attrs, &problem->in[0].shape, &problem->in[1].shape, false);
    wgrad->x_blocks = wgrad->shape.from_channels / wgrad->kernels->lanes;
    wgrad->dy_blocks = wgrad->shape.to_channels / wgrad->kernels->lanes;
    wgrad->tiles = ath__winograd_tile_count(&wgrad->shape);
    wgrad->slots = ath__threads();
    wgrad->with_bias = attrs->with_bias != 0;
    set_areas(wgrad);
    return ATH_OK;
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    const struct wgrad *wgrad = state;
    (void)problem;
    return (size_t)(wgrad->tile_floats + wgrad->sums_floats) * sizeof(float);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------ */

static void tiles_task(int64_t task, void *context) {
    const struct wgrad_run     *run = context;
    const struct wgrad         *wgrad = run->wgrad;
    int64_t                     x_ranges = pieces(wgrad->x_blocks, RANGE_BLOCKS);
    int64_t                     ranges = x_ranges + pieces(wgrad->dy_blocks, RANGE_BLOCKS);
    int64_t                     first = task / ranges * MOST_TILES, range = task % ranges;
    int64_t                     lanes = wgrad->kernels->lanes;
    bool                        of_x = range < x_ranges;
    const int64_t              *size = of_x ? wgrad->shape.from_size : wgrad->shape.to_size;
    int64_t                     channel = (of_x ? range : range - x_ranges) * RANGE_BLOCKS;
    int64_t                     plane = size[0] * size[1] * lanes;
    struct ath__winograd_tile   tiles[MOST_TILES];
    struct ath__winograd_gather gather = {
        .from = (of_x ? run->x : run->dy) + channel * plane,
        .tiles = tiles,
        .to = (of_x ? run->x_tiles : run->dy_tiles) + (channel * run->count + first) * lanes,
        .count = min_i64(MOST_TILES, run->count - first),
        .channel_blocks = min_i64(RANGE_BLOCKS, (of_x ? wgrad->x_blocks : wgrad->dy_blocks) - channel),
        .from_channel = plane,
        .from_row = size[1] * lanes,
        .to_frequency = of_x ? wgrad->x_frequency : wgrad->dy_frequency,
        .to_channel = run->count * lanes};
    if (of_x) {
        ath__winograd_source_tiles(&wgrad->shape, run->first + first, gather.count, tiles);
        wgrad->kernels->gather_source(&gather);
    } else {
        ath__winograd_result_tiles(&wgrad->shape, run->first + first, gather.count, tiles);
        wgrad->kernels->gather_gradient(&gather);
    }
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* The sums of one frequency for a range of blocks of x and dy, in the place that holds `sources` channels of x. */
static void add_tiles(const struct wgrad_run *run, int64_t frequency, int64_t x_block, int64_t x_blocks,
                      int64_t dy_block, int64_t dy_blocks, int64_t sources, float *sums) {
    const struct wgrad           *wgrad = run->wgrad;
    int64_t                       lanes = wgrad->kernels->lanes;
    struct ath__winograd_gradient gradient = {
        .x = run->x_tiles + frequency * wgrad->x_frequency + x_block * run->count * lanes,
        .dy = run->dy_tiles + frequency * wgrad->dy_frequency + dy_block * run->count * lanes,
        .sums = sums,
        .tiles = run->count,
        .x_blocks = x_blocks,
        .dy_blocks = dy_blocks,
        .x_channel = run->count * lanes,
        .dy_channel = run->count * lanes,
        .sums_block = sources * lanes,
        .add = run->first > 0};
    wgrad->kernels->gradient(&gradient);
}

/* Transforms one block of channels of x by one of dy back into weights. */
static void write_weights(const struct wgrad_run *run, const float *sums, int64_t x_block, int64_t dy_block) {
    const struct wgrad *wgrad = run->wgrad;
    int64_t             lanes = wgrad->kernels->lanes, row = wgrad->shape.from_channels * ATH_WINOGRAD_CELLS;
    float               turned[MOST_LANES * MOST_LANES * ATH_WINOGRAD_CELLS];
    wgrad->kernels->filters_back(sums, wgrad->sums_frequency, lanes, turned);
    ath__kernels()->transpose(turned, lanes, run->dw + dy_block * lanes * row + x_block * lanes * ATH_WINOGRAD_CELLS,
                              row, lanes * ATH_WINOGRAD_CELLS, lanes);
}

/* By blocks: the blocks of weights of one slot. */
static void blocks_slot(int64_t slot, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes;
    int64_t                 wide = BLOCK_SOURCES / lanes, high = BLOCK_FILTERS / lanes;
    int64_t                 across = blocks_across(wgrad), blocks = across * blocks_down(wgrad);
    float                  *sums = run->sums + slot * ATH_WINOGRAD_FREQUENCIES * wgrad->sums_frequency;
    for (int64_t i = slot * blocks / wgrad->slots; i < (slot + 1) * blocks / wgrad->slots; i++) {
        int64_t x_block = i % across * wide, x_blocks = min_i64(wide, wgrad->x_blocks - x_block);
        int64_t dy_block = i / across * high, dy_blocks = min_i64(high, wgrad->dy_blocks - dy_block);
        for (int64_t f = 0; f < ATH_WINOGRAD_FREQUENCIES; f++)
            add_tiles(run, f, x_block, x_blocks, dy_block, dy_blocks, x_blocks * lanes,
                      sums + f * wgrad->sums_frequency);
        for (int64_t k = 0; k < dy_blocks; k++)
            for (int64_t c = 0; c < x_blocks; c++)
                write_weights(run, sums + (k * x_blocks + c) * lanes * lanes, x_block + c, dy_block + k);
    }
}

/* By frequencies: one frequency's sums for a range of filters; and at the end one block of filters. */
static void sums_task(int64_t task, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 range = RANGE_FILTERS / wgrad->kernels->lanes, ranges = pieces(wgrad->dy_blocks, range);
    int64_t                 f = task / ranges, dy_block = task % ranges * range, sources = wgrad->shape.from_channels;
    add_tiles(run, f, 0, wgrad->x_blocks, dy_block, min_i64(range, wgrad->dy_blocks - dy_block), sources,
              run->sums + f * wgrad->sums_frequency + dy_block * sources * wgrad->kernels->lanes);
}

static void weights_task(int64_t dy_block, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes;
    for (int64_t c = 0; c < wgrad->x_blocks; c++)
        write_weights(run, run->sums + (dy_block * wgrad->x_blocks + c) * lanes * lanes, c, dy_block);
}

static void bias_task(int64_t dy_block, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes, plane = wgrad->shape.to_size[0] * wgrad->shape.to_size[1];
    double                  sums[MOST_LANES] = {0};
    for (int64_t image = 0; image < wgrad->shape.images; image++) {
        const float *dy = run->dy + (image * wgrad->dy_blocks + dy_block) * plane * lanes;
        for (int64_t i = 0; i < plane; i += BIAS_ROWS)
            ath__kernels()->add_rows(dy + i * lanes, min_i64(BIAS_ROWS, plane - i), lanes, sums, lanes);
    }
    for (int64_t lane = 0; lane < lanes; lane++) run->db[dy_block * lanes + lane] = (float)sums[lane];
}

static ath_status run_all(const struct ath__exec *exec, void *state) {
    const struct wgrad *wgrad = state;
    struct wgrad_run    run = {.wgrad = wgrad,
                               .x = exec->in[0],
                               .dy = exec->in[1],
                               .dw = exec->out[0],
                               .db = wgrad->with_bias ? exec->out[1] : NULL,
                               .x_tiles = exec->scratch};
    int64_t             ranges = pieces(wgrad->x_blocks, RANGE_BLOCKS) + pieces(wgrad->dy_blocks, RANGE_BLOCKS);
    run.dy_tiles = run.x_tiles + ATH_WINOGRAD_FREQUENCIES * wgrad->x_frequency;
    run.sums = run.x_tiles + wgrad->tile_floats;
    for (run.first = 0; run.first < wgrad->tiles; run.first += wgrad->chunk) {
        run.count = min_i64(wgrad->chunk, wgrad->tiles - run.first);
        ath__parallel(pieces(run.count, MOST_TILES) * ranges, tiles_task, &run);
        if (wgrad->by_blocks)
            ath__parallel(wgrad->slots, blocks_slot, &run);
        else
            ath__parallel(ATH_WINOGRAD_FREQUENCIES * pieces(wgrad->dy_blocks, RANGE_FILTERS / wgrad->kernels->lanes),
                          sums_task, &run);
    }
    if (!wgrad->by_blocks) ath__parallel(wgrad->dy_blocks, weights_task, &run);
    if (run.db != NULL) ath__parallel(wgrad->dy_blocks, bias_task, &run);
    return ATH_OK;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

enum { LEAST_TILES = 8 }; /* measured: with 4 tiles half to 1.5 times a direct kernel's speed, from 8 on 1.1 and more */

static const char *refuse(const struct ath__problem *problem) {
    const char *reason = ath__winograd_refuse(problem->attrs, &problem->in[0], &problem->out[0], &problem->in[1]);
    if (reason != NULL) return reason;
    struct ath__winograd_shape shape =
        ath__winograd_shape_of(problem->attrs, &problem->in[0].shape, &problem->in[1].shape, false);
    return ath__winograd_tile_count(&shape) < LEAST_TILES ? "direct is faster here: few tiles" : NULL;
}

const struct ath__impl ath__impl_winograd_conv2d_wgrad = {
    .op = "conv2d_wgrad",
    .name = "winograd",
    .refuse = refuse,
    .prepare = prepare,
    .release = ath__free,
    .scratch = scratch,
    .run = run_all,
};
