/* conv2d and conv2d_dgrad by Winograd's method (see simd/winograd.h).
 *
 *     y  = act(conv(x, w) + bias + residual)
 *     dx = conv(dy, w'), w'[c,k,r,s] = w[k,c,2-r,2-s], with 2 - padding
 *
 * Three steps: transform tiles of the source, a matrix product with the transformed filters per frequency, transform
 * back. Two
 * orders of them, by where the bulk of the data is:
 *
 *     by tiles      (few channels) all filters are transformed first. Then each thread takes a block of tiles at a time
 *                   through all three steps, with transformed tiles in its second-level cache; the filters stream by.
 *     by channels   (many channels, whose filters would fill the cache) the tiles of a chunk are transformed first.
 *                 Then each thread takes a group of result channels at a time: it transforms their filters, multiplies
 *                 and transforms back; the tiles stream by.
 *
 * Nothing is summed across tasks, so results do not depend on the number of threads. Filters are transformed anew in
 * each run: they change in every step of training, and it costs few per cent.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/simd/kernels.h"
#include "cpu/winograd_common.h"

#include <stddef.h>
#include <string.h>

enum {
    MOST_TILES = 32, /* whose places a task lists at a time */
    MOST_AHEAD = 64, /* ... asks memory for */
    MOST_LANES = ATH_WINOGRAD_LANES,
};

struct conv {
    const struct ath__winograd_kernels *kernels;
    struct ath__winograd_shape          shape;
    bool                                turned;      /* data gradient */
    bool                                by_channels; /* else by tiles */
    int64_t                             act;
    int64_t                             from_blocks, to_blocks;
    int64_t                             tiles; /* in all                                       */
    int64_t                             chunk; /* tiles in hand: of a thread, or of all        */
    int64_t                             group; /* blocks of result channels multiplied at a time */
    int64_t                             slots; /* pieces of scratch, each one thread's         */
    int64_t                             source_frequency, result_frequency, filter_frequency; /* elements */
    int64_t                             source_bytes, result_bytes, filter_bytes;
};

struct conv_run {
    const struct conv *conv;
    const char        *from, *w, *residual;
    const float       *bias;
    char              *to, *shared, *slots;
    int64_t            first, count; /* the chunk's tiles */
};

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

enum { GROUP_LANES = 64 }; /* result channels in a group */

static int64_t pieces(int64_t whole, int64_t piece) {
    return (whole + piece - 1) / piece;
}

/* The group with which the busiest thread has least to do; among equals the largest. */
static int64_t fair_group(const struct conv *conv, int64_t largest) {
    int64_t best = largest, least = INT64_MAX;
    for (int64_t group = largest; group >= conv->kernels->panel; group -= conv->kernels->panel) {
        int64_t load = pieces(pieces(conv->to_blocks, group), conv->slots) * group;
        if (load >= least) continue;
        least = load;
        best = group;
    }
    return best;
}

/* Sizes were measured; they have wide optima. They may depend on the number of threads, since results do not depend on
 * them. */
static void set_order(struct conv *conv) {
    int64_t largest = min_i64(GROUP_LANES / conv->kernels->lanes, conv->to_blocks);
    conv->by_channels = conv->shape.from_channels >= conv->kernels->many_channels &&
                        pieces(conv->to_blocks, conv->kernels->panel) >= conv->slots;
    if (conv->by_channels) {
        conv->chunk = pieces(conv->tiles, pieces(conv->tiles, conv->kernels->chunk_tiles));
        conv->group = fair_group(conv, largest);
    } else {
        int64_t blocks = pieces(pieces(conv->tiles, conv->kernels->block_tiles), conv->slots) * conv->slots;
        conv->chunk = pieces(conv->tiles, blocks);
        conv->group = largest;
    }
}

static void set_areas(struct conv *conv) {
    const struct ath__winograd_kernels *kernels = conv->kernels;
    int64_t filters = (conv->by_channels ? conv->group : conv->to_blocks) * kernels->lanes, all = kernels->frequencies;
    conv->source_frequency = ath__winograd_frequency(conv->chunk * conv->shape.from_channels, kernels->size);
    conv->filter_frequency = ath__winograd_frequency(filters * conv->shape.from_channels, kernels->size);
    conv->result_frequency = ath__winograd_frequency(conv->chunk * conv->group * kernels->lanes, sizeof(float));
    conv->source_bytes = all * conv->source_frequency * kernels->size;
    conv->filter_bytes = all * conv->filter_frequency * kernels->size;
    conv->result_bytes = all * conv->result_frequency * (int64_t)sizeof(float);
}

/* Of what all threads share, and of one thread's slot. */
static int64_t shared_bytes(const struct conv *conv) {
    return conv->by_channels ? conv->source_bytes : conv->filter_bytes;
}
static int64_t slot_bytes(const struct conv *conv) {
    return (conv->by_channels ? conv->filter_bytes : conv->source_bytes) + conv->result_bytes;
}

static ath_status prepare(const struct ath__problem *problem, bool turned, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    struct conv            *conv = ATH_NEW(struct conv);
    *state = conv;
    if (conv == NULL) return ath__fail_memory(err, problem->op);
    const struct ath__desc *in = &problem->in[0], *out = &problem->out[0];
    conv->shape = ath__winograd_shape_of(attrs, turned ? out : in, &problem->in[1], turned ? in : out, turned);
    conv->kernels = conv->shape.kernels;
    conv->turned = turned;
    conv->act = turned ? ATH_ACT_NONE : attrs->act;
    conv->from_blocks = conv->shape.from_channels / conv->kernels->lanes;
    conv->to_blocks = conv->shape.to_channels / conv->kernels->lanes;
    conv->tiles = ath__winograd_tile_count(&conv->shape);
    conv->slots = ath__threads();
    set_order(conv);
    set_areas(conv);
    return ATH_OK;
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    const struct conv *conv = state;
    (void)problem;
    return (size_t)(shared_bytes(conv) + conv->slots * slot_bytes(conv));
}

/* ---- the three steps --------------------------------------------------------------------------------------------- */

/* `lanes` rows of the weights, `stride` apart, of `valid` filters each and 0 up to `lanes`, in float32: the weights
 * themselves, or a copy in `rows`. */
static const float *weight_rows(const struct conv_run *run, int64_t at, int64_t *stride, int64_t valid, float *rows) {
    const struct ath__winograd_kernels *kernels = run->conv->kernels;
    bool                                low = kernels->size != sizeof(float);
    if (!low && valid >= kernels->lanes) return (const float *)(const void *)run->w + at;
    int64_t cells = ath__winograd_cells(kernels), count = kernels->lanes * cells;
    int64_t there = min_i64(valid, kernels->lanes) * cells;
    for (int64_t j = 0; j < kernels->lanes; j++) {
        const void *from = run->w + (at + j * *stride) * kernels->size;
        if (low)
            ath__kernels()->from_bf16(from, rows + j * count, there);
        else
            memcpy(rows + j * count, from, (size_t)there * sizeof(float));
        memset(rows + j * count + there, 0, (size_t)(count - there) * sizeof(float));
    }
    *stride = count;
    return rows;
}

/* Transforms the filters from one block of source channels to result blocks first .. first + count-1, a panel. */
static void transform_filters(const struct conv_run *run, int64_t source, int64_t first, int64_t count, char *to) {
    const struct conv                  *conv = run->conv;
    const struct ath__kernels          *plain = ath__kernels();
    const struct ath__winograd_kernels *kernels = conv->kernels;
    int64_t                             lanes = kernels->lanes, cells = ath__winograd_cells(kernels);
    int64_t                             across = conv->turned ? conv->shape.to_valid : conv->shape.from_valid;
    float turned[MOST_LANES * MOST_LANES * ATH_WINOGRAD_CELLS], rows[MOST_LANES * MOST_LANES * ATH_WINOGRAD_CELLS];
    for (int64_t i = 0; i < count; i++) {
        int64_t      result = (first + i) * lanes, stride = across * cells;
        int64_t      row = conv->turned ? source * lanes : result, column = conv->turned ? result : source * lanes;
        const float *w = weight_rows(run, row * stride + column * cells, &stride, across - column, rows);
        if (!conv->turned) plain->transpose(w, stride, turned, lanes, lanes, lanes * cells);
        for (int64_t j = 0; conv->turned && j < lanes; j++)
            plain->transpose(w + j * stride, cells, turned + j * cells * lanes, lanes, lanes, cells);
        kernels->filters(turned, lanes, conv->turned,
                         to + (source * lanes * count + i * kernels->pair) * lanes * kernels->size,
                         conv->filter_frequency, count * lanes);
    }
}

/* Transforms tiles first .. first + count-1 of a range of channel blocks; they are tiles at .. of the transformed. */
static void transform_source(const struct conv_run *run, int64_t first, int64_t count, int64_t channel,
                             int64_t channels, int64_t capacity, char *to) {
    const struct conv          *conv = run->conv;
    int64_t                     lanes = conv->kernels->lanes, size = conv->kernels->size;
    int64_t                     plane = conv->shape.from_size[0] * conv->shape.from_size[1];
    struct ath__winograd_tile   tiles[MOST_TILES];
    struct ath__winograd_gather gather = {.from = run->from + channel * plane * lanes * size,
                                          .tiles = tiles,
                                          .channel_blocks = channels,
                                          .from_channel = plane * lanes,
                                          .from_row = conv->shape.from_size[1] * lanes,
                                          .to_frequency = conv->source_frequency,
                                          .to_channel = capacity * lanes};
    for (int64_t i = 0; i < count; i += MOST_TILES) {
        gather.count = min_i64(MOST_TILES, count - i);
        gather.to = to + (channel * capacity + i) * lanes * size;
        ath__winograd_source_tiles(&conv->shape, first + i, gather.count, tiles);
        conv->kernels->gather_source(&gather);
    }
}

/* Transforms a group's products back and writes them. */
static void transform_result(const struct conv_run *run, int64_t first, int64_t count, int64_t block, int64_t blocks,
                             const float *from) {
    const struct conv           *conv = run->conv;
    int64_t                      lanes = conv->kernels->lanes, plane = conv->shape.to_size[0] * conv->shape.to_size[1];
    int64_t                      offset = block * plane * lanes * conv->kernels->size;
    struct ath__winograd_tile    tiles[MOST_TILES];
    struct ath__winograd_scatter scatter = {.tiles = tiles,
                                            .to = run->to + offset,
                                            .bias = run->bias != NULL ? run->bias + block * lanes : NULL,
                                            .residual = run->residual != NULL ? run->residual + offset : NULL,
                                            .channel_blocks = blocks,
                                            .from_frequency = conv->result_frequency,
                                            .from_channel = count * lanes,
                                            .to_channel = plane * lanes,
                                            .to_row = conv->shape.to_size[1] * lanes,
                                            .relu = conv->act == ATH_ACT_RELU};
    if (conv->act != ATH_ACT_NONE && conv->act != ATH_ACT_RELU) scatter.act = ath__kernels()->act[conv->act];
    for (int64_t i = 0; i < count; i += MOST_TILES) {
        scatter.count = min_i64(MOST_TILES, count - i);
        scatter.from = from + i * lanes;
        ath__winograd_result_tiles(&conv->shape, first + i, scatter.count, tiles);
        conv->kernels->scatter(&scatter);
    }
}

/* Bytes of a block's filters before those of block `block`. */
static int64_t filter_offset(const struct conv *conv, int64_t block) {
    return block * conv->kernels->lanes * conv->shape.from_channels * conv->kernels->size;
}

/* The products and results of one group of result blocks. */
static void multiply_group(const struct conv_run *run, int64_t first, int64_t count, int64_t block, int64_t blocks,
                           const char *source, const char *filters, float *products,
                           struct ath__winograd_ahead *ahead) {
    const struct conv           *conv = run->conv;
    int64_t                      lanes = conv->kernels->lanes;
    struct ath__winograd_product product = {.tiles = count,
                                            .channels = conv->shape.from_channels,
                                            .to_blocks = blocks,
                                            .from_channel = count * lanes,
                                            .to_channel = count * lanes};
    for (int64_t f = 0; f < conv->kernels->frequencies; f++) {
        product.from = source + f * conv->source_frequency * conv->kernels->size;
        product.weights = filters + f * conv->filter_frequency * conv->kernels->size;
        product.to = products + f * conv->result_frequency;
        conv->kernels->product(&product);
        if (ahead != NULL) ath__winograd_prefetch(ahead, conv->kernels->frequencies * pieces(conv->to_blocks, blocks));
    }
    transform_result(run, first, count, block, blocks, products);
}

/* ---- by tiles --------------------------------------------------------------------------------------------------- */

/* One panel of result channels from one block of source channels. */
static void filters_task(int64_t task, void *context) {
    const struct conv_run *run = context;
    const struct conv     *conv = run->conv;
    int64_t                panel = task / conv->from_blocks, source = task % conv->from_blocks;
    int64_t                first = panel * conv->kernels->panel;
    int64_t                count = min_i64(conv->kernels->panel, conv->to_blocks - first);
    transform_filters(run, source, first, count, run->shared + filter_offset(conv, first));
}

/* What comes behind a block: the source tiles from `first` on, which are listed in `tiles`. */
static struct ath__winograd_ahead look_ahead(const struct conv_run *run, int64_t first, int64_t end,
                                             struct ath__winograd_tile *tiles) {
    const struct conv                  *conv = run->conv;
    const struct ath__winograd_kernels *kernels = conv->kernels;
    int64_t                             pixel = kernels->lanes * kernels->size;
    struct ath__winograd_ahead          ahead = {.from = run->from,
                                                 .tiles = tiles,
                                                 .count = min_i64(min_i64(conv->chunk, MOST_AHEAD), end - first),
                                                 .channel_blocks = conv->from_blocks,
                                                 .channel_bytes = conv->shape.from_size[0] * conv->shape.from_size[1] * pixel,
                                                 .row_bytes = conv->shape.from_size[1] * pixel,
                                                 .wide = kernels->step * pixel,
                                                 .size = kernels->size,
                                                 .rows = kernels->step,
                                                 .skip = kernels->in - kernels->step};
    ath__winograd_source_tiles(&conv->shape, first, ahead.count, tiles);
    return ahead;
}

static void tiles_slot(int64_t slot, void *context) {
    const struct conv_run    *run = context;
    const struct conv        *conv = run->conv;
    int64_t                   blocks = pieces(conv->tiles, conv->chunk);
    char                     *source = run->slots + slot * slot_bytes(conv);
    float                    *products = (float *)(void *)(source + conv->source_bytes);
    struct ath__winograd_tile tiles[MOST_AHEAD];
    int64_t                   end = min_i64((slot + 1) * blocks / conv->slots * conv->chunk, conv->tiles);
    for (int64_t first = slot * blocks / conv->slots * conv->chunk, count; first < end; first += count) {
        count = min_i64(conv->chunk, end - first);
        struct ath__winograd_ahead ahead = look_ahead(run, first + count, end, tiles);
        transform_source(run, first, count, 0, conv->from_blocks, count, source);
        for (int64_t block = 0; block < conv->to_blocks; block += conv->group)
            multiply_group(run, first, count, block, min_i64(conv->group, conv->to_blocks - block), source,
                           run->shared + filter_offset(conv, block), products, &ahead);
    }
}

static void run_by_tiles(struct conv_run *run) {
    const struct conv *conv = run->conv;
    int64_t            panels = pieces(conv->to_blocks, conv->kernels->panel);
    ath__parallel(panels * conv->from_blocks, filters_task, run);
    ath__parallel(conv->slots, tiles_slot, run);
}

/* ---- by channels ------------------------------------------------------------------------------------------------ */

enum { SOURCE_BLOCKS = 8 }; /* of channels in one task of the first step */

static int64_t source_ranges(const struct conv *conv) {
    return pieces(conv->from_blocks, SOURCE_BLOCKS);
}

static void source_task(int64_t task, void *context) {
    const struct conv_run *run = context;
    const struct conv     *conv = run->conv;
    int64_t                ranges = source_ranges(conv), tile_bytes = conv->kernels->lanes * conv->kernels->size;
    int64_t                channel = task % ranges * SOURCE_BLOCKS, tile = task / ranges * MOST_TILES;
    transform_source(run, run->first + tile, min_i64(MOST_TILES, run->count - tile), channel,
                     min_i64(SOURCE_BLOCKS, conv->from_blocks - channel), run->count, run->shared + tile * tile_bytes);
}

static void channels_slot(int64_t slot, void *context) {
    const struct conv_run *run = context;
    const struct conv     *conv = run->conv;
    int64_t                groups = pieces(conv->to_blocks, conv->group);
    char                  *filters = run->slots + slot * slot_bytes(conv);
    float                 *products = (float *)(void *)(filters + conv->filter_bytes);
    for (int64_t i = slot * groups / conv->slots; i < (slot + 1) * groups / conv->slots; i++) {
        int64_t first = i * conv->group, blocks = min_i64(conv->group, conv->to_blocks - first);
        for (int64_t block = 0; block < blocks; block += conv->kernels->panel)
            for (int64_t source = 0; source < conv->from_blocks; source++)
                transform_filters(run, source, first + block, min_i64(conv->kernels->panel, blocks - block),
                                  filters + filter_offset(conv, block));
        multiply_group(run, run->first, run->count, first, blocks, run->shared, filters, products, NULL);
    }
}

static void run_by_channels(struct conv_run *run) {
    const struct conv *conv = run->conv;
    int64_t            chunks = pieces(conv->tiles, conv->chunk);
    for (int64_t i = 0; i < chunks; i++) {
        run->first = i * conv->chunk;
        run->count = min_i64(conv->chunk, conv->tiles - run->first);
        ath__parallel(pieces(run->count, MOST_TILES) * source_ranges(conv), source_task, run);
        ath__parallel(conv->slots, channels_slot, run);
    }
}

static ath_status run_all(const struct ath__exec *exec, void *state) {
    const struct conv         *conv = state;
    const struct ath__problem *problem = exec->problem;
    struct conv_run            run = {.conv = conv,
                                      .from = exec->in[0],
                                      .w = exec->in[1],
                                      .bias = problem->ins > 2 && problem->in[2].present ? exec->in[2] : NULL,
                                      .residual = problem->ins > 3 && problem->in[3].present ? exec->in[3] : NULL,
                                      .to = exec->out[0],
                                      .shared = exec->scratch};
    run.slots = run.shared + shared_bytes(conv);
    if (conv->by_channels)
        run_by_channels(&run);
    else
        run_by_tiles(&run);
    return ATH_OK;
}

/* ---- the rows --------------------------------------------------------------------------------------------------- */

static ath_status prepare_forward(const struct ath__problem *problem, void **state, ath_error *err) {
    return prepare(problem, false, state, err);
}

static ath_status prepare_backward(const struct ath__problem *problem, void **state, ath_error *err) {
    return prepare(problem, true, state, err);
}

enum {
    FEWEST_STRIDED = 128,  /* sources of a forward pass of stride 2 in bfloat16, and pixels of an image: with less */
    SMALLEST_STRIDED = 64, /* ... it is as fast as direct, which skips what is multiplied with padding */
    FEWEST_PIXELS = 256,   /* of the result, below which the filters' transform costs more than is saved */
    SMALLEST_SIDE = 4,
};

/* The cost goes by tiles, a direct kernel's by pixels: where tiles are less than half full it is no slower (5x5 images,
 * measured: 0.8 to 1.4 times as fast; 6x6 1.2 to 1.7, 7x7 1.7 to 2.4, whole tiles 2 to 3 times). */
static const char *refuse_size(const struct ath__winograd_shape *shape, int64_t stride) {
    int64_t pixels = shape->to_size[0] * shape->to_size[1], out = shape->kernels->out;
    int64_t places = shape->tiles[0] * shape->tiles[1] * out * out;
    if (stride == 2 && pixels * 6 < places * 5) return "direct is faster here: tiles partly empty"; /* 25 of 36 */
    if (shape->to_size[0] < SMALLEST_SIDE || shape->to_size[1] < SMALLEST_SIDE || pixels * 2 < places)
        return "direct is faster here: tiles mostly empty";
    if (pixels * shape->images < FEWEST_PIXELS) return "direct is faster here: few pixels";
    return NULL;
}

static const char *refuse_forward(const struct ath__problem *problem) {
    const struct ath__desc *y = &problem->out[0];
    const char *reason = ath__winograd_refuse(problem->attrs, &problem->in[0], &problem->in[1], y->dtype, y, false);
    if (reason != NULL) return reason;
    if (problem->ins > 2 && problem->in[2].present && problem->in[2].dtype != ATH_F32) return "the bias is not f32";
    if (problem->ins > 3 && problem->in[3].present &&
        (problem->in[3].dtype != y->dtype || !ath__layout_same_memory(&y->shape, &problem->in[3].layout, &y->layout)))
        return "the residual must have the type and layout of the output";
    struct ath__winograd_shape shape =
        ath__winograd_shape_of(problem->attrs, &problem->in[0], &problem->in[1], y, false);
    int64_t stride = ((const ath_conv2d_attrs *)problem->attrs)->stride[0];
    if (stride == 2 && y->dtype == ATH_BF16 &&
        (shape.from_valid < FEWEST_STRIDED || shape.to_size[0] * shape.to_size[1] < SMALLEST_STRIDED))
        return "direct is as fast here: few channels or pixels";
    return refuse_size(&shape, stride);
}

static const char *refuse_backward(const struct ath__problem *problem) {
    const struct ath__desc *dx = &problem->out[0], *dy = &problem->in[0];
    const char             *reason = ath__winograd_refuse(problem->attrs, dx, &problem->in[1], dx->dtype, dy, true);
    if (reason != NULL) return reason;
    struct ath__winograd_shape shape = ath__winograd_shape_of(problem->attrs, dx, &problem->in[1], dy, true);
    return refuse_size(&shape, ((const ath_conv2d_attrs *)problem->attrs)->stride[0]);
}

const struct ath__impl ath__impl_winograd_conv2d = {
    .op = "conv2d",
    .name = "winograd",
    .refuse = refuse_forward,
    .prepare = prepare_forward,
    .release = ath__free,
    .scratch = scratch,
    .run = run_all,
    .in_place = UINT64_C(1) << 3, /* the residual */
};

const struct ath__impl ath__impl_winograd_conv2d_dgrad = {
    .op = "conv2d_dgrad",
    .name = "winograd",
    .refuse = refuse_backward,
    .prepare = prepare_backward,
    .release = ath__free,
    .scratch = scratch,
    .run = run_all,
};
