/* conv2d_wgrad by Winograd's method (see simd/winograd.h).
 *
 *     dw[k,c] = G^T [ sum_tiles (A dy A^T) . (B^T x B) ] G,   db[k] = sum_{n,p,q} dy[n,k,p,q]
 *
 * Tiles of x and dy are transformed some at a time; then come matrix products, one per frequency, whose sums run over
 * those tiles, and at the end the sums are transformed back. Three orders:
 *
 *     by shares        (few channels, many tiles) the tiles are dealt out to a number of shares that depends on the
 *                      shape alone. A thread takes a share through both steps with sums of its own; at the end the
 *                      shares are added in order. Threads wait for each other twice.
 *     by frequencies   (many channels, whose sums exist once) all threads transform a chunk of tiles; then a task is a
 *                      frequency and a range of filters, whose sums are kept from chunk to chunk.
 *     by blocks        (many channels and few tiles, which are all one chunk) a task is a block of filters and source
 *                      channels. It multiplies at all frequencies and transforms back at once, so that the sums of all
 *                      frequencies, which would fill the cache, exist for few weights at a time.
 *
 * By frequencies and by blocks, chunks follow one another and have whole segments of tiles: the same additions in the
 * same order, so threads may decide which it is. Results have the same bits for any number of threads.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/winograd_common.h"

#include <stddef.h>

enum {
    MOST_TILES = 32,  /* that a task transforms; its block of one chunk's channels is RANGE_BLOCKS wide */
    RANGE_BLOCKS = 8, /* in by frequencies and by blocks */
    MOST_LANES = ATH_WINOGRAD_LANES,
    SHARED_BYTES = 3 << 18, /* by shares: largest sums, and fewest tiles in a share */
    SHARED_TILES = 256,
    MOST_SHARES = 16,
    CHUNK_BYTES = 1 << 20, /* by frequencies: transformed tiles in hand, per thread up to MOST_SHARES (measured) */
    ONE_CHUNK_TILES = 160,
    BLOCK_FILTERS = 96, /* by blocks: channels of dy and of x to a task */
    BLOCK_SOURCES = 64,
    RANGE_FILTERS = 192, /* by frequencies: channels of dy to a task */
    BIAS_ROWS = 64,      /* pixels that are added up in float32 */
};

enum order { BY_SHARES, BY_FREQUENCIES, BY_BLOCKS };

struct wgrad {
    const struct ath__winograd_kernels *kernels;
    struct ath__winograd_shape          shape; /* x to y */
    enum order                          order;
    int64_t                             x_blocks, dy_blocks;
    int64_t                             tiles, chunk; /* in all, in hand */
    int64_t                             shares;
    int64_t                             slots; /* pieces of scratch, each one thread's */
    int64_t                             x_frequency, dy_frequency, sums_frequency; /* elements */
    int64_t                             hand_bytes, sums_floats;                   /* of one set of sums */
    bool                                with_bias;
};

struct wgrad_run {
    const struct wgrad *wgrad;
    const char         *x, *dy;
    float              *dw, *db;
    char               *hands;
    float              *sums;
    int64_t             first, count; /* the chunk's tiles */
};

/* Transformed tiles first .. first + count-1. */
struct hand {
    char   *x, *dy;
    int64_t first, count;
    bool    add; /* not the first of their sums */
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

/* Places for so many tiles, which stand in pairs. */
static int64_t even(const struct wgrad *wgrad, int64_t tiles) {
    return pieces(tiles, wgrad->kernels->pair) * wgrad->kernels->pair;
}

static void set_order(struct wgrad *wgrad) {
    int64_t filters = wgrad->shape.to_channels, sources = wgrad->shape.from_channels;
    int64_t sums_bytes = wgrad->kernels->frequencies * filters * sources * (int64_t)sizeof(float);
    wgrad->shares = 1;
    if (sums_bytes <= SHARED_BYTES && wgrad->tiles >= 2 * SHARED_TILES) {
        wgrad->shares = min_i64(wgrad->tiles / SHARED_TILES, MOST_SHARES);
        wgrad->order = BY_SHARES;
        wgrad->chunk = wgrad->kernels->segment;
        return;
    }
    int64_t per_tile = wgrad->kernels->frequencies * (filters + sources) * wgrad->kernels->size;
    int64_t segment = wgrad->kernels->segment;
    int64_t segments = min_i64(wgrad->slots, MOST_SHARES) * CHUNK_BYTES / per_tile / segment;
    wgrad->chunk = max_i64(segments, 2) * segment;
    if (wgrad->tiles <= ONE_CHUNK_TILES || wgrad->tiles <= wgrad->chunk) wgrad->chunk = wgrad->tiles;
    bool enough = blocks_across(wgrad) * blocks_down(wgrad) >= 2 * wgrad->slots;
    wgrad->order = wgrad->chunk == wgrad->tiles && enough ? BY_BLOCKS : BY_FREQUENCIES;
}

static void set_areas(struct wgrad *wgrad) {
    int64_t lanes = wgrad->kernels->lanes, all = wgrad->kernels->frequencies, size = wgrad->kernels->size;
    int64_t filters = wgrad->shape.to_channels, sources = wgrad->shape.from_channels;
    int64_t places = even(wgrad, wgrad->chunk);
    wgrad->x_frequency = ath__winograd_frequency(places * sources, (int)size);
    wgrad->dy_frequency = ath__winograd_frequency(places * filters, (int)size);
    wgrad->hand_bytes = all * (wgrad->x_frequency + wgrad->dy_frequency) * size;
    if (wgrad->order == BY_BLOCKS) {
        filters = min_i64(filters, BLOCK_FILTERS / lanes * lanes);
        sources = min_i64(sources, BLOCK_SOURCES / lanes * lanes);
    }
    wgrad->sums_frequency = ath__winograd_frequency(filters * sources, sizeof(float));
    wgrad->sums_floats = all * wgrad->sums_frequency;
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    struct wgrad           *wgrad = ATH_NEW(struct wgrad);
    *state = wgrad;
    if (wgrad == NULL) return ath__fail_memory(err, problem->op);
    wgrad->shape = ath__winograd_shape_of(attrs, &problem->in[0], &problem->out[0], &problem->in[1], false);
    wgrad->kernels = wgrad->shape.kernels;
    wgrad->x_blocks = wgrad->shape.from_channels / wgrad->kernels->lanes;
    wgrad->dy_blocks = wgrad->shape.to_channels / wgrad->kernels->lanes;
    wgrad->tiles = ath__winograd_tile_count(&wgrad->shape);
    wgrad->slots = ath__threads();
    wgrad->with_bias = attrs->with_bias != 0;
    set_order(wgrad);
    set_areas(wgrad);
    return ATH_OK;
}

/* How many hands of tiles there are at once. */
static int64_t hands(const struct wgrad *wgrad) {
    return wgrad->order == BY_SHARES ? wgrad->slots : 1;
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    const struct wgrad *wgrad = state;
    int64_t             sums = wgrad->order == BY_BLOCKS ? wgrad->slots : wgrad->shares;
    (void)problem;
    return (size_t)(hands(wgrad) * wgrad->hand_bytes) + (size_t)(sums * wgrad->sums_floats) * sizeof(float);
}

static struct hand hand_of(const struct wgrad_run *run, int64_t index) {
    const struct wgrad *wgrad = run->wgrad;
    char               *x = run->hands + index * wgrad->hand_bytes;
    int64_t             x_bytes = wgrad->kernels->frequencies * wgrad->x_frequency * wgrad->kernels->size;
    return (struct hand){x, x + x_bytes, run->first, run->count, run->first > 0};
}

/* ---- tiles ------------------------------------------------------------------------------------------------------ */

/* Transforms up to MOST_TILES tiles of x or dy from tile `begin` of the hand on, in a range of channel blocks. */
static void transform_tiles(const struct wgrad_run *run, const struct hand *hand, bool of_x, int64_t begin,
                            int64_t channel, int64_t channels) {
    const struct wgrad         *wgrad = run->wgrad;
    int64_t                     lanes = wgrad->kernels->lanes, bytes = lanes * wgrad->kernels->size;
    const int64_t              *size = of_x ? wgrad->shape.from_size : wgrad->shape.to_size;
    int64_t                     plane = size[0] * size[1], places = even(wgrad, hand->count);
    struct ath__winograd_tile   tiles[MOST_TILES];
    struct ath__winograd_gather gather = {.from = (of_x ? run->x : run->dy) + channel * plane * bytes,
                                          .tiles = tiles,
                                          .to = (of_x ? hand->x : hand->dy) + (channel * places + begin) * bytes,
                                          .count = min_i64(MOST_TILES, hand->count - begin),
                                          .channel_blocks = channels,
                                          .from_channel = plane * lanes,
                                          .from_row = size[1] * lanes,
                                          .to_frequency = of_x ? wgrad->x_frequency : wgrad->dy_frequency,
                                          .to_channel = places * lanes};
    if (of_x) {
        ath__winograd_source_tiles(&wgrad->shape, hand->first + begin, gather.count, tiles);
        wgrad->kernels->gather_x(&gather);
    } else {
        ath__winograd_result_tiles(&wgrad->shape, hand->first + begin, gather.count, tiles);
        wgrad->kernels->gather_dy(&gather);
    }
}

static void tiles_task(int64_t task, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 x_ranges = pieces(wgrad->x_blocks, RANGE_BLOCKS);
    int64_t                 ranges = x_ranges + pieces(wgrad->dy_blocks, RANGE_BLOCKS), range = task % ranges;
    bool                    of_x = range < x_ranges;
    int64_t                 channel = (of_x ? range : range - x_ranges) * RANGE_BLOCKS;
    struct hand             hand = hand_of(run, 0);
    transform_tiles(run, &hand, of_x, task / ranges * MOST_TILES, channel,
                    min_i64(RANGE_BLOCKS, (of_x ? wgrad->x_blocks : wgrad->dy_blocks) - channel));
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* The sums of one frequency for a range of blocks of x and dy, in the place that holds `sources` channels of x. */
static void add_tiles(const struct wgrad *wgrad, const struct hand *hand, int64_t frequency, int64_t x_block,
                      int64_t x_blocks, int64_t dy_block, int64_t dy_blocks, int64_t sources, float *sums) {
    int64_t                       row = even(wgrad, hand->count) * wgrad->kernels->lanes, size = wgrad->kernels->size;
    struct ath__winograd_gradient gradient = {.x = hand->x + (frequency * wgrad->x_frequency + x_block * row) * size,
                                              .dy =
                                                  hand->dy + (frequency * wgrad->dy_frequency + dy_block * row) * size,
                                              .sums = sums,
                                              .tiles = hand->count,
                                              .x_blocks = x_blocks,
                                              .dy_blocks = dy_blocks,
                                              .x_channel = row,
                                              .dy_channel = row,
                                              .sums_block = sources * wgrad->kernels->lanes,
                                              .add = hand->add};
    wgrad->kernels->gradient(&gradient);
}

/* Transforms one block of channels of x by one of dy back into weights. */
static void write_weights(const struct wgrad_run *run, const float *sums, int64_t x_block, int64_t dy_block) {
    const struct wgrad *wgrad = run->wgrad;
    int64_t             lanes = wgrad->kernels->lanes, cells = ath__winograd_cells(wgrad->kernels);
    int64_t             row = wgrad->shape.from_valid * cells;
    int64_t             valid = min_i64(lanes, wgrad->shape.from_valid - x_block * lanes);
    float               turned[MOST_LANES * MOST_LANES * ATH_WINOGRAD_CELLS];
    wgrad->kernels->filters_back(sums, wgrad->sums_frequency, valid, turned);
    ath__kernels()->transpose(turned, lanes, run->dw + dy_block * lanes * row + x_block * lanes * cells, row,
                              valid * cells, lanes);
}

/* What comes behind a hand: tiles of x or dy from `first` on, which are listed in `tiles`. */
static struct ath__winograd_ahead look_ahead(const struct wgrad_run *run, bool of_x, int64_t first, int64_t end,
                                             struct ath__winograd_tile *tiles) {
    const struct wgrad                 *wgrad = run->wgrad;
    const struct ath__winograd_kernels *kernels = wgrad->kernels;
    const int64_t                      *size = of_x ? wgrad->shape.from_size : wgrad->shape.to_size;
    int64_t                             pixel = kernels->lanes * kernels->size;
    struct ath__winograd_ahead          ahead = {.from = of_x ? run->x : run->dy,
                                                 .tiles = tiles,
                                                 .count = min_i64(kernels->segment, end - first),
                                                 .channel_blocks = of_x ? wgrad->x_blocks : wgrad->dy_blocks,
                                                 .channel_bytes = size[0] * size[1] * pixel,
                                                 .row_bytes = size[1] * pixel,
                                                 .wide = (of_x ? kernels->step : kernels->out) * pixel,
                                                 .size = kernels->size,
                                                 .rows = of_x ? kernels->step : kernels->out,
                                                 .skip = of_x ? kernels->in - kernels->step : 0};
    if (of_x)
        ath__winograd_source_tiles(&wgrad->shape, first, ahead.count, tiles);
    else
        ath__winograd_result_tiles(&wgrad->shape, first, ahead.count, tiles);
    return ahead;
}

/* By shares: one slot's shares. */
static void shares_slot(int64_t slot, void *context) {
    const struct wgrad_run   *run = context;
    const struct wgrad       *wgrad = run->wgrad;
    struct hand               hand = hand_of(run, slot);
    struct ath__winograd_tile x_tiles[ATH_WINOGRAD_SEGMENT], dy_tiles[ATH_WINOGRAD_SEGMENT];
    for (int64_t i = slot * wgrad->shares / wgrad->slots; i < (slot + 1) * wgrad->shares / wgrad->slots; i++) {
        int64_t begin = i * wgrad->tiles / wgrad->shares, end = (i + 1) * wgrad->tiles / wgrad->shares;
        float  *sums = run->sums + i * wgrad->sums_floats;
        for (hand.first = begin; hand.first < end; hand.first += wgrad->chunk) {
            hand.count = min_i64(wgrad->chunk, end - hand.first);
            hand.add = hand.first > begin;
            for (int64_t tile = 0; tile < hand.count; tile += MOST_TILES) {
                transform_tiles(run, &hand, true, tile, 0, wgrad->x_blocks);
                transform_tiles(run, &hand, false, tile, 0, wgrad->dy_blocks);
            }
            struct ath__winograd_ahead x = look_ahead(run, true, hand.first + hand.count, end, x_tiles);
            struct ath__winograd_ahead dy = look_ahead(run, false, hand.first + hand.count, end, dy_tiles);
            for (int64_t f = 0; f < wgrad->kernels->frequencies; f++) {
                add_tiles(wgrad, &hand, f, 0, wgrad->x_blocks, 0, wgrad->dy_blocks, wgrad->shape.from_channels,
                          sums + f * wgrad->sums_frequency);
                ath__winograd_prefetch(&x, wgrad->kernels->frequencies);
                ath__winograd_prefetch(&dy, wgrad->kernels->frequencies);
            }
        }
    }
}

/* By frequencies: one frequency's sums for a range of filters. */
static void sums_task(int64_t task, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 range = RANGE_FILTERS / wgrad->kernels->lanes, ranges = pieces(wgrad->dy_blocks, range);
    int64_t                 f = task / ranges, dy_block = task % ranges * range, sources = wgrad->shape.from_channels;
    struct hand             hand = hand_of(run, 0);
    add_tiles(wgrad, &hand, f, 0, wgrad->x_blocks, dy_block, min_i64(range, wgrad->dy_blocks - dy_block), sources,
              run->sums + f * wgrad->sums_frequency + dy_block * sources * wgrad->kernels->lanes);
}

/* By shares and by frequencies, at the end: one block of filters, of which all shares are added to the first. */
static void weights_task(int64_t dy_block, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes, floats = wgrad->shape.from_channels * lanes;
    ath__step_fn            add = ath__kernels()->binary[ATH_BINARY_ADD];
    for (int64_t f = 0; f < wgrad->kernels->frequencies; f++)
        for (int64_t share = 1; share < wgrad->shares; share++) {
            float *sums = run->sums + f * wgrad->sums_frequency + dy_block * floats;
            add(sums, sums + share * wgrad->sums_floats, sums, floats, 0.0f, 0.0f);
        }
    for (int64_t c = 0; c < wgrad->x_blocks; c++)
        write_weights(run, run->sums + dy_block * floats + c * lanes * lanes, c, dy_block);
}

/* By blocks: the blocks of weights of one slot. */
static void blocks_slot(int64_t slot, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes;
    int64_t                 wide = BLOCK_SOURCES / lanes, high = BLOCK_FILTERS / lanes;
    int64_t                 across = blocks_across(wgrad), blocks = across * blocks_down(wgrad);
    float                  *sums = run->sums + slot * wgrad->sums_floats;
    struct hand             hand = hand_of(run, 0);
    for (int64_t i = slot * blocks / wgrad->slots; i < (slot + 1) * blocks / wgrad->slots; i++) {
        int64_t x_block = i % across * wide, x_blocks = min_i64(wide, wgrad->x_blocks - x_block);
        int64_t dy_block = i / across * high, dy_blocks = min_i64(high, wgrad->dy_blocks - dy_block);
        for (int64_t f = 0; f < wgrad->kernels->frequencies; f++)
            add_tiles(wgrad, &hand, f, x_block, x_blocks, dy_block, dy_blocks, x_blocks * lanes,
                      sums + f * wgrad->sums_frequency);
        for (int64_t k = 0; k < dy_blocks; k++)
            for (int64_t c = 0; c < x_blocks; c++)
                write_weights(run, sums + (k * x_blocks + c) * lanes * lanes, x_block + c, dy_block + k);
    }
}

static void bias_task(int64_t dy_block, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t                 lanes = wgrad->kernels->lanes, plane = wgrad->shape.to_size[0] * wgrad->shape.to_size[1];
    double                  sums[MOST_LANES] = {0};
    float                   floats[BIAS_ROWS * MOST_LANES];
    for (int64_t image = 0; image < wgrad->shape.images; image++)
        for (int64_t i = 0; i < plane; i += BIAS_ROWS) {
            int64_t     rows = min_i64(BIAS_ROWS, plane - i);
            int64_t     at = ((image * wgrad->dy_blocks + dy_block) * plane + i) * lanes;
            const void *dy = run->dy + at * wgrad->kernels->size;
            if (wgrad->kernels->size != sizeof(float)) ath__kernels()->from_bf16(dy, floats, rows * lanes);
            ath__kernels()->add_rows(wgrad->kernels->size == sizeof(float) ? dy : floats, rows, lanes, sums, lanes);
        }
    for (int64_t lane = 0; lane < lanes; lane++) run->db[dy_block * lanes + lane] = (float)sums[lane];
}

static void run_chunks(struct wgrad_run *run) {
    const struct wgrad *wgrad = run->wgrad;
    int64_t             ranges = pieces(wgrad->x_blocks, RANGE_BLOCKS) + pieces(wgrad->dy_blocks, RANGE_BLOCKS);
    int64_t             sums = pieces(wgrad->dy_blocks, RANGE_FILTERS / wgrad->kernels->lanes);
    for (run->first = 0; run->first < wgrad->tiles; run->first += wgrad->chunk) {
        run->count = min_i64(wgrad->chunk, wgrad->tiles - run->first);
        ath__parallel(pieces(run->count, MOST_TILES) * ranges, tiles_task, run);
        if (wgrad->order == BY_BLOCKS)
            ath__parallel(wgrad->slots, blocks_slot, run);
        else
            ath__parallel(wgrad->kernels->frequencies * sums, sums_task, run);
    }
}

static ath_status run_all(const struct ath__exec *exec, void *state) {
    const struct wgrad *wgrad = state;
    struct wgrad_run    run = {.wgrad = wgrad,
                               .x = exec->in[0],
                               .dy = exec->in[1],
                               .dw = exec->out[0],
                               .db = wgrad->with_bias ? exec->out[1] : NULL,
                               .hands = exec->scratch};
    run.sums = (float *)(void *)(run.hands + hands(wgrad) * wgrad->hand_bytes);
    if (wgrad->order == BY_SHARES)
        ath__parallel(wgrad->slots, shares_slot, &run);
    else
        run_chunks(&run);
    if (wgrad->order != BY_BLOCKS) ath__parallel(wgrad->dy_blocks, weights_task, &run);
    if (run.db != NULL) ath__parallel(wgrad->dy_blocks, bias_task, &run);
    return ATH_OK;
}

/* ---- the row ---------------------------------------------------------------------------------------------------- */

enum { LEAST_TILES = 8 }; /* measured: with 4 tiles half to 1.5 times a direct kernel's speed, from 8 on 1.1 and more */

static const char *refuse(const struct ath__problem *problem) {
    const char *reason =
        ath__winograd_refuse(problem->attrs, &problem->in[0], &problem->out[0], ATH_F32, &problem->in[1], false);
    if (reason != NULL) return reason;
    struct ath__winograd_shape shape =
        ath__winograd_shape_of(problem->attrs, &problem->in[0], &problem->out[0], &problem->in[1], false);
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
