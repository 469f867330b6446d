/* conv2d and conv2d_dgrad on batch blocks (N/16, C, H, W, 16 images), for nets of few channels.
 *
 *     forward         y[k,p,q] = act(b[k] + sum_{c,r,s} x[c, p*st+r-pad, q*st+s-pad] * w[k,c,r,s])
 *     data gradient   dx[c,h,w] = sum_{k,r,s: h+pad-r = p*st, w+pad-s = q*st} dy[k,p,q] * w[k,c,r,s]
 *
 * Both gather, for each pixel of the result, from the pixels of the source that its kernel cells reach. Which cells
 * those are is known per row and per column ("reach"); neighbouring columns with the same cells form a run, which is
 * one call of the product kernel. Hence no padded copies, no multiplications with padding, and strided gradients
 * without holes.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/batch_blocks_common.h"

/* Kernel cells that reach from one row (or column) of the result into the source: tap, tap + tap_step, ... */
struct reach {
    int64_t tap, count;
    int64_t source; /* where the first of them reads */
};

/* Columns first, first + column_step, ... (count of them): the same cells, sources one source_column apart. */
struct run {
    int64_t      first, count;
    struct reach reach;
};

struct gather {
    const struct ath__batch_kernels *kernels;
    struct ath__batch_epilogue       epilogue;
    int64_t                          images, blocks, pieces;
    int64_t                          from_planes, to_planes; /* channels of source and result */
    int64_t                          from_size[2], to_size[2];
    int64_t       w_from, w_to, w_row; /* strides of the weights: source channel, result channel, row */
    int64_t       tap_step[2];         /* cells between neighbouring taps */
    int64_t       source_step;         /* source pixels between neighbouring taps: 1 or -1 */
    int64_t       column_step;         /* columns of the result between neighbours in a run */
    int64_t       source_column;       /* source columns between neighbours in a run */
    int64_t       run_count;
    struct reach *rows; /* to_size[0] */
    struct run   *runs;
};

/* ---- what is accepted -------------------------------------------------------------------------------------------- */

/* The activations are in[0] and out[0]; weights and bias are plain. */
static void layouts(struct ath__layout_wish *wish) {
    if (!ath__batch_blocked(&wish->in[0]) && !ath__batch_blocked(&wish->out[0])) return;
    for (int i = 1; i < wish->ins; i++) wish->in[i].layout = ath__layout_plain();
    wish->in[0].layout = wish->out[0].layout = ath__layout_batch_blocks(ATH_BATCH_BLOCK);
}

static const char *refuse(const struct ath__problem *problem) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    if (!ath__batch_blocked(&problem->in[0]) || !ath__batch_blocked(&problem->out[0]))
        return "activations are not in batch blocks";
    const char *reason = ath__batch_blocks_types(problem);
    if (reason != NULL) return reason;
    if (!ath__layout_is_plain(&problem->in[1].layout, 4)) return "weights are not plain";
    if (attrs->groups != 1) return "grouped";
    if (attrs->dilation[0] != 1 || attrs->dilation[1] != 1) return "dilated";
    if (problem->ins > 3 && problem->in[3].present) return "has a residual";
    return NULL;
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static struct reach reach_forward(int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
    int64_t      start = at * stride - pad;
    struct reach reach = {.tap = start < 0 ? -start : 0};
    int64_t      end = min_i64(kernel, size - start);
    reach.source = start + reach.tap;
    reach.count = end > reach.tap ? end - reach.tap : 0;
    return reach;
}

/* Cells tap with (at + pad - tap) = source * stride and 0 <= source < size. */
static struct reach reach_backward(int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t size) {
    struct reach reach = {.tap = (at + pad) % stride};
    reach.source = (at + pad - reach.tap) / stride;
    if (reach.source >= size) {
        reach.tap += (reach.source - size + 1) * stride;
        reach.source = size - 1;
    }
    if (reach.tap < kernel) reach.count = min_i64((kernel - 1 - reach.tap) / stride + 1, reach.source + 1);
    return reach;
}

typedef struct reach (*reach_fn)(int64_t at, int64_t stride, int64_t pad, int64_t kernel, int64_t size);

static bool continues(const struct gather *gather, const struct run *run, const struct reach *reach) {
    if (run->count == 0 || reach->count != run->reach.count) return false;
    return reach->count == 0 ||
           (reach->tap == run->reach.tap && reach->source == run->reach.source + run->count * gather->source_column);
}

static void find_runs(struct gather *gather, const ath_conv2d_attrs *attrs, reach_fn reach_of, int64_t kernel) {
    for (int64_t phase = 0; phase < gather->column_step; phase++) {
        struct run *run = NULL;
        for (int64_t at = phase; at < gather->to_size[1]; at += gather->column_step) {
            struct reach reach = reach_of(at, attrs->stride[1], attrs->pad[1], kernel, gather->from_size[1]);
            if (run == NULL || !continues(gather, run, &reach)) {
                run = &gather->runs[gather->run_count++];
                *run = (struct run){.first = at, .reach = reach};
            }
            run->count++;
        }
    }
}

enum { ENOUGH_TASKS = 64 };

/* Fills all that does not depend on the direction. */
static ath_status prepare(const struct ath__problem *problem, struct gather *gather, reach_fn reach_of,
                          ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    const int64_t          *from = problem->in[0].shape.dims, *to = problem->out[0].shape.dims;
    const int64_t          *w = problem->in[1].shape.dims;
    gather->kernels = ath__batch_kernels();
    gather->epilogue = ath__batch_epilogue_of(attrs->act);
    gather->images = to[0];
    gather->blocks = ath__batch_blocks_count(to[0]);
    gather->from_planes = from[1];
    gather->to_planes = to[1];
    for (int i = 0; i < 2; i++) {
        gather->from_size[i] = from[2 + i];
        gather->to_size[i] = to[2 + i];
    }
    gather->w_row = w[3];
    gather->pieces = min_i64(to[2], (ENOUGH_TASKS + gather->blocks - 1) / gather->blocks);
    gather->rows = ATH_NEW_ARRAY(struct reach, to[2]);
    gather->runs = ATH_NEW_ARRAY(struct run, to[3]);
    if (gather->rows == NULL || gather->runs == NULL) return ath__fail_memory(err, problem->op);
    for (int64_t row = 0; row < to[2]; row++)
        gather->rows[row] = reach_of(row, attrs->stride[0], attrs->pad[0], w[2], from[2]);
    find_runs(gather, attrs, reach_of, w[3]);
    return ATH_OK;
}

static void release(void *state) {
    struct gather *gather = state;
    if (gather == NULL) return;
    ath__free(gather->rows);
    ath__free(gather->runs);
    ath__free(gather);
}

static ath_status prepare_forward(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    const int64_t          *w = problem->in[1].shape.dims;
    struct gather          *gather = ATH_NEW(struct gather);
    *state = gather;
    if (gather == NULL) return ath__fail_memory(err, problem->op);
    gather->w_from = w[2] * w[3];
    gather->w_to = w[1] * w[2] * w[3];
    gather->tap_step[0] = gather->tap_step[1] = 1;
    gather->source_step = 1;
    gather->column_step = 1;
    gather->source_column = attrs->stride[1];
    return prepare(problem, gather, reach_forward, err);
}

static ath_status prepare_backward(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    const int64_t          *w = problem->in[1].shape.dims;
    struct gather          *gather = ATH_NEW(struct gather);
    *state = gather;
    if (gather == NULL) return ath__fail_memory(err, problem->op);
    gather->w_from = w[1] * w[2] * w[3];
    gather->w_to = w[2] * w[3];
    gather->tap_step[0] = attrs->stride[0];
    gather->tap_step[1] = attrs->stride[1];
    gather->source_step = -1;
    gather->column_step = attrs->stride[1];
    gather->source_column = 1;
    return prepare(problem, gather, reach_backward, err);
}

/* ---- run -------------------------------------------------------------------------------------------------------- */

struct gather_run {
    const struct gather *gather;
    const float         *from, *w, *bias;
    float               *to;
};

/* The taps of a product in three loops: channel, row, column; the longest loop goes innermost where cells are single.
 */
static void set_taps(const struct gather *gather, const struct reach *row, const struct reach *column,
                     struct ath__batch_product *product) {
    int64_t plane = gather->from_size[0] * gather->from_size[1] * ATH_BATCH_BLOCK;
    int64_t row_step = gather->source_step * gather->from_size[1] * ATH_BATCH_BLOCK;
    bool    single = row->count == 1 && column->count == 1;
    int     channel = single ? 2 : 0, vertical = single ? 0 : 1, horizontal = single ? 1 : 2;
    product->taps[channel] = gather->from_planes;
    product->x_tap[channel] = plane;
    product->w_tap[channel] = gather->w_from;
    product->taps[vertical] = row->count;
    product->x_tap[vertical] = row_step;
    product->w_tap[vertical] = gather->tap_step[0] * gather->w_row;
    product->taps[horizontal] = column->count;
    product->x_tap[horizontal] = gather->source_step * ATH_BATCH_BLOCK;
    product->w_tap[horizontal] = gather->tap_step[1];
}

static void gather_row(const struct gather_run *run, int64_t block, int64_t at) {
    const struct gather      *gather = run->gather;
    const struct reach       *row = &gather->rows[at];
    int64_t                   from_plane = gather->from_size[0] * gather->from_size[1] * ATH_BATCH_BLOCK;
    int64_t                   to_plane = gather->to_size[0] * gather->to_size[1] * ATH_BATCH_BLOCK;
    const float              *from = run->from + block * gather->from_planes * from_plane;
    float                    *to = run->to + block * gather->to_planes * to_plane;
    struct ath__batch_product product = {.bias = run->bias,
                                         .filters = gather->to_planes,
                                         .x_position = gather->source_column * ATH_BATCH_BLOCK,
                                         .w_filter = gather->w_to,
                                         .y_filter = to_plane,
                                         .y_position = gather->column_step * ATH_BATCH_BLOCK};
    to += at * gather->to_size[1] * ATH_BATCH_BLOCK;
    for (int64_t i = 0; i < gather->run_count; i++) {
        const struct run *columns = &gather->runs[i];
        set_taps(gather, row, &columns->reach, &product);
        bool reaches = row->count > 0 && columns->reach.count > 0;
        product.x =
            reaches ? from + (row->source * gather->from_size[1] + columns->reach.source) * ATH_BATCH_BLOCK : from;
        product.w = reaches ? run->w + row->tap * gather->w_row + columns->reach.tap : run->w;
        product.y = to + columns->first * ATH_BATCH_BLOCK;
        product.positions = columns->count;
        if (!reaches) product.x_position = 0;
        gather->kernels->product(&product);
        product.x_position = gather->source_column * ATH_BATCH_BLOCK;
    }
    int64_t valid = ath__batch_blocks_valid(gather->images, block);
    if (gather->epilogue.act == NULL && valid == ATH_BATCH_BLOCK) return;
    for (int64_t plane = 0; plane < gather->to_planes; plane++)
        ath__batch_epilogue_run(&gather->epilogue, to + plane * to_plane, gather->to_size[1], valid);
}

static void gather_task(int64_t task, void *context) {
    const struct gather_run *run = context;
    const struct gather     *gather = run->gather;
    int64_t                  block = task / gather->pieces, piece = task % gather->pieces;
    int64_t                  rows = gather->to_size[0];
    for (int64_t row = piece * rows / gather->pieces; row < (piece + 1) * rows / gather->pieces; row++)
        gather_row(run, block, row);
}

static ath_status gather_all(const struct ath__exec *exec, void *state) {
    const struct gather *gather = state;
    bool                 bias = exec->problem->ins > 2 && exec->problem->in[2].present;
    struct gather_run    run = {gather, exec->in[0], exec->in[1], bias ? exec->in[2] : NULL, exec->out[0]};
    ath__parallel(gather->blocks * gather->pieces, gather_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_batch_blocks_conv2d = {
    .op = "conv2d",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare_forward,
    .release = release,
    .run = gather_all,
};

const struct ath__impl ath__impl_batch_blocks_conv2d_dgrad = {
    .op = "conv2d_dgrad",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare_backward,
    .release = release,
    .run = gather_all,
};
