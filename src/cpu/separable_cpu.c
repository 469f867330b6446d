/* Separable blocks in one pass over memory (see op/separable.c for the equation).
 *
 * An inverted residual's widest values, between its products, have six times the channels of what goes in and comes
 * out; written to memory they cost more time than the arithmetic. Here a task takes a band of the result's rows of one
 * image through all three steps, a few expanded channels at a time, all in the second-level cache:
 *
 *     wide   = act(x . w_expand)         `chunk` channel blocks, with a frame of zeros: the padding
 *     deep   = act(window(wide))         of the same channels
 *     y     += deep . w_project          starts from the bias; the last chunk adds the residual and applies act
 *
 * Rows of `wide` that two bands need are computed by both. Every element of y is summed in the same order however the
 * image is cut, so results do not depend on the number of threads. Activations are in channel blocks of one vector,
 * products' weights in panels of two or three vectors of filters, windows' in vectors.
 */
#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/simd/separable.h"

#include <stddef.h>
#include <string.h>

/* Operands. */
enum { X, W_DEPTH, B_DEPTH, W_EXPAND, B_EXPAND, W_PROJECT, B_PROJECT, RESIDUAL, OPERANDS };

/* More channels in hand spare loads and stores of y; where an image does not fit the cache, taller bands spare more. */
enum { MANY_CHANNELS = 96, FEW_CHANNELS = 48 };

struct separable {
    const struct ath__separable_kernels *kernels;
    bool                                 projects;
    int64_t                              acts[3]; /* of the three steps */
    int64_t                              images, from_channels, wide_channels, to_channels;
    int64_t                              from_size[2], to_size[2], taps[2], stride[2], pad[2];
    int64_t                              chunk;            /* blocks of expanded channels in hand */
    int64_t                              bands, band_rows; /* of the result */
    int64_t                              slots;            /* pieces of scratch, each one thread's */
    int64_t                              frame_columns, frame_rows;
    int64_t                              bias_floats[3], frame_floats, deep_floats;
    int32_t                             *frame_places, *flat_places;
};

static const struct ath__separable_kernels *kernels_of_processor(void) {
#if defined(__x86_64__)
    ath_cpu_tier tier = ath__cpuinfo()->tier;
    if (tier >= ATH_CPU_AVX512) return &ath__separable_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__separable_kernels_avx2;
#endif
    return NULL;
}

static int64_t pieces(int64_t count, int64_t size) {
    return (count + size - 1) / size;
}

static int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- what is taken ---------------------------------------------------------------------------------------------- */

static void layouts(struct ath__layout_wish *wish) {
    const struct ath__separable_kernels *kernels = kernels_of_processor();
    if (kernels == NULL) return;
    int                lanes = kernels->lanes;
    struct ath__layout blocks = ath__layout_channel_blocks(lanes);
    struct ath__layout panels = ath__layout_batch_blocks(kernels->panel * lanes);
    wish->in[X].layout = wish->in[RESIDUAL].layout = wish->out[0].layout = blocks;
    wish->in[W_EXPAND].layout = wish->in[W_PROJECT].layout = panels;
    wish->in[W_DEPTH].layout = ath__layout_batch_blocks(lanes);
}

/* Activations that the kernels know; each keeps the 0 of channels that pad the last block. */
static bool knows(int64_t act) {
    return act == ATH_ACT_NONE || act == ATH_ACT_RELU || act == ATH_ACT_RELU6 || act == ATH_ACT_HARD_SWISH;
}

static const char *refuse_layouts(const struct ath__problem *problem, int lanes, int panel) {
    for (int i = 0; i < problem->ins; i++) {
        const struct ath__desc *in = &problem->in[i];
        if (!in->present) continue;
        if (in->dtype != ATH_F32) return "needs f32";
        int dim = i == X || i == RESIDUAL ? 1 : 0,
            block = i == X || i == RESIDUAL || i == W_DEPTH ? lanes : panel * lanes;
        if (in->shape.rank == 1 ? !ath__layout_is_plain(&in->layout, 1)
                                : ath__layout_single_block(&in->layout, 4, dim) != block)
            return "needs activations in channel blocks of one vector, weights in panels, plain biases";
    }
    if (problem->out[0].dtype != ATH_F32) return "needs f32";
    return ath__layout_single_block(&problem->out[0].layout, 4, 1) == lanes ? NULL
                                                                            : "needs channel blocks of one vector";
}

/* Measured on AVX2 with MobileNetV2's blocks: on sources of 28x28 and more 11 to 30% faster than three separate
 * convolutions. Smaller images' wide values stay in the caches anyway, where it is as fast (0.94 to 1.1). Without an
 * expansion nothing wide is saved. */
enum { FEWEST_PIXELS = 28 * 28 };

static const char *refuse(const struct ath__problem *problem) {
    const struct ath__separable_kernels *kernels = kernels_of_processor();
    const ath_separable_attrs           *attrs = problem->attrs;
    if (kernels == NULL) return "needs AVX2";
    const char *reason = refuse_layouts(problem, kernels->lanes, kernels->panel);
    if (reason != NULL) return reason;
    if (!knows(attrs->expand_act) || !knows(attrs->depth_act) || !knows(attrs->act))
        return "activations are none, relu, relu6 and hard_swish";
    const int64_t *x = problem->in[X].shape.dims, *y = problem->out[0].shape.dims;
    if (!problem->in[W_EXPAND].present) return "separate kernels are as fast without an expansion";
    if (x[2] * x[3] < FEWEST_PIXELS) return "separate kernels are as fast on small images";
    for (int i = 2; i < 4; i++)
        if (max_i64(x[i], y[i]) > 1 << 14 || attrs->pad[i - 2] > 1 << 10 || attrs->stride[i - 2] > 1 << 6 ||
            problem->in[W_DEPTH].shape.dims[i] > 1 << 6)
            return "images are too large";
    return NULL;
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t frame_rows_of(const struct separable *s, int64_t rows) {
    return (rows - 1) * s->stride[0] + s->taps[0];
}

/* Bytes that a band of `rows` rows of the result works on. */
static int64_t working_set(const struct separable *s, int64_t rows) {
    int64_t in_rows = frame_rows_of(s, rows), wide = s->chunk * s->kernels->lanes;
    int64_t floats = s->from_channels * in_rows * s->from_size[1] + wide * in_rows * s->frame_columns +
                     (wide + s->to_channels) * rows * s->to_size[1];
    return floats * (int64_t)sizeof(float);
}

static void choose_chunk(struct separable *s, int64_t channels) {
    int64_t panel = s->kernels->panel, lanes = s->kernels->lanes;
    s->chunk = min_i64(channels / (panel * lanes) * panel, pieces(s->wide_channels, lanes));
}

/* The tallest bands that stay in five eighths of the second-level cache; more of them where threads would be idle. */
static void choose_bands(struct separable *s) {
    int64_t cache = (int64_t)ath__cpuinfo()->l2_bytes, threads = ath__threads(), rows = s->to_size[0];
    if (cache < 1 << 18) cache = 1 << 18;
    choose_chunk(s, MANY_CHANNELS);
    if (working_set(s, rows) > cache / 8 * 5) choose_chunk(s, FEW_CHANNELS);
    while (rows > 1 && working_set(s, rows) > cache / 8 * 5) rows--;
    s->bands = pieces(s->to_size[0], rows);
    if (s->images * s->bands < 4 * threads && s->images * s->bands % threads != 0)
        s->bands = min_i64(pieces(s->bands, threads) * threads, s->to_size[0]);
    s->band_rows = pieces(s->to_size[0], s->bands);
    s->bands = pieces(s->to_size[0], s->band_rows);
    s->slots = min_i64(threads, s->images * s->bands);
}

/* Where pixels go: row by row into the frame, and one after the other. */
static ath_status list_places(struct separable *s, ath_error *err) {
    int64_t lanes = s->kernels->lanes, framed = s->frame_rows * s->from_size[1], flat = s->band_rows * s->to_size[1];
    s->frame_places = ath__alloc_array((size_t)(framed + flat), sizeof(int32_t));
    if (s->frame_places == NULL) return ath__fail_memory(err, "separable");
    s->flat_places = s->frame_places + framed;
    for (int64_t i = 0; i < framed; i++)
        s->frame_places[i] =
            (int32_t)((i / s->from_size[1] * s->frame_columns + s->pad[1] + i % s->from_size[1]) * lanes);
    for (int64_t i = 0; i < flat; i++) s->flat_places[i] = (int32_t)(i * lanes);
    return ATH_OK;
}

static void release(void *state) {
    struct separable *s = state;
    if (s == NULL) return;
    ath__free(s->frame_places);
    ath__free(s);
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_separable_attrs *attrs = problem->attrs;
    struct separable          *s = ATH_NEW(struct separable);
    if (s == NULL) return ath__fail_memory(err, "separable");
    s->kernels = kernels_of_processor();
    s->projects = problem->in[W_PROJECT].present;
    s->acts[0] = attrs->expand_act;
    s->acts[1] = s->projects ? attrs->depth_act : attrs->act;
    s->acts[2] = attrs->act;
    s->images = problem->in[X].shape.dims[0];
    s->from_channels = problem->in[X].shape.dims[1];
    s->wide_channels = problem->in[W_DEPTH].shape.dims[0];
    s->to_channels = problem->out[0].shape.dims[1];
    for (int i = 0; i < 2; i++) {
        s->from_size[i] = problem->in[X].shape.dims[2 + i];
        s->to_size[i] = problem->out[0].shape.dims[2 + i];
        s->taps[i] = problem->in[W_DEPTH].shape.dims[2 + i];
        s->stride[i] = attrs->stride[i];
        s->pad[i] = attrs->pad[i];
    }
    s->frame_columns = max_i64((s->to_size[1] - 1) * s->stride[1] + s->taps[1], s->pad[1] + s->from_size[1]);
    choose_bands(s);
    int64_t lanes = s->kernels->lanes;
    s->frame_rows = frame_rows_of(s, s->band_rows);
    s->bias_floats[0] = s->bias_floats[1] = pieces(s->wide_channels, lanes) * lanes;
    s->bias_floats[2] = pieces(s->to_channels, lanes) * lanes;
    s->frame_floats = s->chunk * s->frame_rows * s->frame_columns * lanes;
    s->deep_floats = s->projects ? s->chunk * s->band_rows * s->to_size[1] * lanes : 0;
    ath_status status = list_places(s, err);
    if (status != ATH_OK) {
        release(s);
        return status;
    }
    *state = s;
    return ATH_OK;
}

static int64_t shared_floats(const struct separable *s) {
    return s->bias_floats[0] + s->bias_floats[1] + s->bias_floats[2];
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    (void)problem;
    const struct separable *s = state;
    return (size_t)(shared_floats(s) + s->slots * (s->frame_floats + s->deep_floats)) * sizeof(float);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

struct run {
    const struct separable *s;
    const float            *x, *w[3], *bias[3], *residual;
    float                  *y, *slots;
};

/* One band of one image. */
struct band {
    const struct run *run;
    int64_t           image, first, rows;    /* of the result */
    int64_t           from_first, from_rows; /* of the source, as far as they exist */
    int64_t           above;                 /* rows of the frame before those */
    float            *frame, *deep;
};

static int64_t blocks_of(const struct separable *s, int64_t channels) {
    return pieces(channels, s->kernels->lanes);
}

static int64_t frame_block(const struct separable *s) {
    return s->frame_rows * s->frame_columns * s->kernels->lanes;
}

/* The frame's rows above and below the image; the columns beside it stay 0 throughout a run. */
static void clear_outside(const struct band *band, int64_t count) {
    const struct separable *s = band->run->s;
    int64_t                 row = s->frame_columns * s->kernels->lanes, below = band->above + band->from_rows;
    for (int64_t b = 0; b < count; b++) {
        float *frame = band->frame + b * frame_block(s);
        memset(frame, 0, (size_t)(band->above * row) * sizeof(float));
        memset(frame + below * row, 0, (size_t)((s->frame_rows - below) * row) * sizeof(float));
    }
}

/* Source rows of channel blocks [first, first + count) through the product into the frame. */
static void fill_frame(const struct band *band, int64_t first, int64_t count) {
    const struct run       *run = band->run;
    const struct separable *s = run->s;
    int64_t                 lanes = s->kernels->lanes, width = s->from_size[1] * lanes, plane = s->from_size[0] * width;
    const float *from = run->x + band->image * blocks_of(s, s->from_channels) * plane + band->from_first * width;
    float       *to = band->frame + band->above * s->frame_columns * lanes;
    struct ath__separable_product product = {.from = from,
                                             .weights = run->w[0] + first * lanes * s->from_channels,
                                             .bias = run->bias[0] + first * lanes,
                                             .to = to,
                                             .places = s->frame_places,
                                             .pixels = band->from_rows * s->from_size[1],
                                             .channels = s->from_channels,
                                             .to_blocks = count,
                                             .from_block = plane,
                                             .weights_panel = s->from_channels * s->kernels->panel * lanes,
                                             .to_block = frame_block(s),
                                             .act = s->acts[0]};
    s->kernels->product(&product);
}

/* Windows over the frame: into `to`, blocks to_block apart. */
static void filter(const struct band *band, int64_t first, int64_t count, float *to, int64_t to_block) {
    const struct run       *run = band->run;
    const struct separable *s = run->s;
    int64_t                 lanes = s->kernels->lanes;
    for (int64_t b = 0; b < count; b++) {
        struct ath__separable_window window = {.from = band->frame + b * frame_block(s),
                                               .weights = run->w[1] + (first + b) * s->taps[0] * s->taps[1] * lanes,
                                               .bias = run->bias[1] + (first + b) * lanes,
                                               .to = to + b * to_block,
                                               .rows = band->rows,
                                               .columns = s->to_size[1],
                                               .from_row = s->frame_columns * lanes,
                                               .taps = {s->taps[0], s->taps[1]},
                                               .stride = {s->stride[0], s->stride[1]},
                                               .act = s->acts[1]};
        s->kernels->window(&window);
    }
}

/* Adds the chunk's part of the projection to y. */
static void project(const struct band *band, int64_t first, int64_t count, int64_t at, int64_t plane) {
    const struct run             *run = band->run;
    const struct separable       *s = run->s;
    int64_t                       lanes = s->kernels->lanes, pixels = band->rows * s->to_size[1];
    int64_t                       left = s->wide_channels - first * lanes;
    bool                          last = left <= count * lanes;
    struct ath__separable_product product = {.from = band->deep,
                                             .weights = run->w[2] + first * lanes * s->kernels->panel * lanes,
                                             .bias = first == 0 ? run->bias[2] : NULL,
                                             .residual = last && run->residual != NULL ? run->residual + at : NULL,
                                             .to = run->y + at,
                                             .places = s->flat_places,
                                             .pixels = pixels,
                                             .channels = min_i64(left, count * lanes),
                                             .to_blocks = blocks_of(s, s->to_channels),
                                             .from_block = pixels * lanes,
                                             .weights_panel = s->wide_channels * s->kernels->panel * lanes,
                                             .to_block = plane,
                                             .act = last ? s->acts[2] : ATH_ACT_NONE};
    s->kernels->product(&product);
}

static void run_band(const struct band *band) {
    const struct separable *s = band->run->s;
    int64_t                 lanes = s->kernels->lanes, blocks = blocks_of(s, s->wide_channels);
    int64_t                 width = s->to_size[1] * lanes, plane = s->to_size[0] * width;
    int64_t                 at = band->image * blocks_of(s, s->to_channels) * plane + band->first * width;
    clear_outside(band, s->chunk);
    for (int64_t first = 0, count; first < blocks; first += count) {
        count = min_i64(s->chunk, blocks - first);
        fill_frame(band, first, count);
        if (s->projects) {
            filter(band, first, count, band->deep, band->rows * width);
            project(band, first, count, at, plane);
        } else {
            filter(band, first, count, band->run->y + at + first * plane, plane);
        }
    }
}

static void slot_task(int64_t slot, void *context) {
    const struct run       *run = context;
    const struct separable *s = run->s;
    int64_t                 tasks = s->images * s->bands;
    struct band             band = {.run = run, .frame = run->slots + slot * (s->frame_floats + s->deep_floats)};
    band.deep = band.frame + s->frame_floats;
    memset(band.frame, 0, (size_t)s->frame_floats * sizeof(float));
    for (int64_t task = slot * tasks / s->slots; task < (slot + 1) * tasks / s->slots; task++) {
        band.image = task / s->bands;
        band.first = task % s->bands * s->band_rows;
        band.rows = min_i64(s->band_rows, s->to_size[0] - band.first);
        int64_t begin = band.first * s->stride[0] - s->pad[0], end = begin + frame_rows_of(s, band.rows);
        band.from_first = min_i64(max_i64(begin, 0), s->from_size[0]);
        band.from_rows = max_i64(min_i64(end, s->from_size[0]) - band.from_first, 0);
        band.above = min_i64(band.from_first - begin, s->frame_rows);
        run_band(&band);
    }
}

static ath_status run_all(const struct ath__exec *exec, void *state) {
    const struct separable *s = state;
    float                  *bias = exec->scratch;
    static const int        weights[3] = {W_EXPAND, W_DEPTH, W_PROJECT};
    struct run              run = {.s = s, .x = exec->in[X], .residual = exec->in[RESIDUAL], .y = exec->out[0]};
    int64_t                 channels[3] = {s->wide_channels, s->wide_channels, s->to_channels};
    for (int i = 0; i < 3; i++) {
        const float *given = exec->in[weights[i] + 1];
        run.w[i] = exec->in[weights[i]];
        run.bias[i] = bias;
        memset(bias, 0, (size_t)s->bias_floats[i] * sizeof(float));
        if (given != NULL) memcpy(bias, given, (size_t)channels[i] * sizeof(float));
        bias += s->bias_floats[i];
    }
    run.slots = bias;
    ath__parallel(s->slots, slot_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_separable = {
    .op = "separable",
    .name = "cpu",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare,
    .release = release,
    .scratch = scratch,
    .run = run_all,
};
