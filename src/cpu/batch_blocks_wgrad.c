/* conv2d_wgrad on batch blocks (N/16, C, H, W, 16 images).
 *
 *     dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] * x[n,c,p*st+r-pad,q*st+s-pad],   db[k] = sum_{n,p,q} dy[n,k,p,q]
 *
 * Image blocks are dealt out to a number of shares that depends on the shape alone. Each share keeps a vector of
 * partial sums (over images) per weight, goes through its blocks by strips of a few rows that fit the first-level
 * cache, and folds the vectors at the end; the shares are then added in order. So the result has the same bits for any
 * number of threads. Where there is padding, a share copies each block of x into a plane with a border of zeros first.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/batch_blocks_common.h"

#include <string.h>

enum {
    MOST_SHARES = 16,
    STRIP_FLOATS = 4096, /* of dy in a strip of 4 filters: 16 KiB, which leaves room for x in a cache of 32 KiB */
};

struct wgrad {
    const struct ath__batch_kernels *kernels;
    int64_t                          blocks, shares;
    int64_t                          channels, filters;
    int64_t                          x_size[2], y_size[2];
    int64_t                          bordered[2]; /* size of a plane of x with its border */
    int64_t                          stride[2], top, left;
    bool                             border, with_bias;
    int64_t                          taps, strip_rows;
    size_t                           sums, partial, plane; /* floats of each share's three areas */
    int64_t                         *tap;                  /* where each weight of a filter begins in x */
};

/* ---- what is accepted -------------------------------------------------------------------------------------------- */

static void layouts(struct ath__layout_wish *wish) {
    if (!ath__batch_blocked(&wish->in[0]) && !ath__batch_blocked(&wish->in[1])) return;
    wish->in[0].layout = wish->in[1].layout = ath__layout_batch_blocks(ATH_BATCH_BLOCK);
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = ath__layout_plain();
}

static const char *refuse(const struct ath__problem *problem) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    if (!ath__batch_blocked(&problem->in[0]) || !ath__batch_blocked(&problem->in[1]))
        return "activations are not in batch blocks";
    const char *reason = ath__batch_blocks_types(problem);
    if (reason != NULL) return reason;
    if (!ath__layout_is_plain(&problem->out[0].layout, 4)) return "the weight gradient is not plain";
    if (attrs->groups != 1) return "grouped";
    if (attrs->dilation[0] != 1 || attrs->dilation[1] != 1) return "dilated";
    return NULL;
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t max_i64(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A multiple of 16 floats, so that every area begins on a cache line. */
static size_t whole_lines(int64_t floats) {
    return (size_t)(floats + 15) / 16 * 16;
}

static void set_areas(struct wgrad *wgrad) {
    int64_t weights = wgrad->filters * wgrad->taps, biases = wgrad->with_bias ? wgrad->filters : 0;
    wgrad->sums = whole_lines((weights + biases) * wgrad->kernels->lanes);
    wgrad->partial = whole_lines(weights + biases);
    wgrad->plane =
        wgrad->border ? whole_lines(wgrad->channels * wgrad->bordered[0] * wgrad->bordered[1] * ATH_BATCH_BLOCK) : 0;
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    const int64_t          *x = problem->in[0].shape.dims, *dy = problem->in[1].shape.dims;
    struct wgrad           *wgrad = ATH_NEW(struct wgrad);
    *state = wgrad;
    if (wgrad == NULL) return ath__fail_memory(err, problem->op);
    wgrad->kernels = ath__batch_kernels();
    wgrad->blocks = ath__batch_blocks_count(x[0]);
    wgrad->shares = min_i64(wgrad->blocks, MOST_SHARES);
    wgrad->channels = x[1];
    wgrad->filters = dy[1];
    wgrad->with_bias = attrs->with_bias != 0;
    wgrad->top = attrs->pad[0];
    wgrad->left = attrs->pad[1];
    for (int i = 0; i < 2; i++) {
        wgrad->x_size[i] = x[2 + i];
        wgrad->y_size[i] = dy[2 + i];
        wgrad->stride[i] = attrs->stride[i];
        /* As far as any kernel cell reaches: less than the padded size where the stride leaves a rest. */
        int64_t reach = (dy[2 + i] - 1) * attrs->stride[i] + attrs->kernel[i];
        wgrad->bordered[i] = max_i64(reach, x[2 + i] + attrs->pad[i]);
        if (attrs->pad[i] > 0 || reach > x[2 + i]) wgrad->border = true;
    }
    if (!wgrad->border)
        for (int i = 0; i < 2; i++) wgrad->bordered[i] = x[2 + i];
    wgrad->taps = x[1] * attrs->kernel[0] * attrs->kernel[1];
    /* Strips of like height, as few as the cache allows. */
    int64_t floats = min_i64(dy[1], 4) * dy[2] * dy[3] * ATH_BATCH_BLOCK;
    int64_t strips = min_i64(dy[2], (floats + STRIP_FLOATS - 1) / STRIP_FLOATS);
    wgrad->strip_rows = (dy[2] + strips - 1) / strips;
    set_areas(wgrad);
    wgrad->tap = ATH_NEW_ARRAY(int64_t, wgrad->taps);
    if (wgrad->tap == NULL) return ath__fail_memory(err, problem->op);
    int64_t count = 0;
    for (int64_t c = 0; c < x[1]; c++)
        for (int64_t r = 0; r < attrs->kernel[0]; r++)
            for (int64_t s = 0; s < attrs->kernel[1]; s++)
                wgrad->tap[count++] = ((c * wgrad->bordered[0] + r) * wgrad->bordered[1] + s) * ATH_BATCH_BLOCK;
    return ATH_OK;
}

static void release(void *state) {
    struct wgrad *wgrad = state;
    if (wgrad == NULL) return;
    ath__free(wgrad->tap);
    ath__free(wgrad);
}

static size_t scratch(const struct ath__problem *problem, const void *state) {
    const struct wgrad *wgrad = state;
    (void)problem;
    return (size_t)wgrad->shares * (wgrad->sums + wgrad->partial + wgrad->plane) * sizeof(float);
}

/* ---- run -------------------------------------------------------------------------------------------------------- */

struct wgrad_run {
    const struct wgrad *wgrad;
    const float        *x, *dy;
    float              *dw, *dbias;
    float              *sums, *partial, *plane; /* those of share 0; others follow */
};

/* Writes a block of x with its border of zeros. */
static void fill_plane(const struct wgrad *wgrad, const float *x, float *plane) {
    size_t  image = ATH_BATCH_BLOCK * sizeof(float);
    int64_t columns = min_i64(wgrad->x_size[1], wgrad->bordered[1] - wgrad->left);
    int64_t right = wgrad->bordered[1] - wgrad->left - columns;
    for (int64_t c = 0; c < wgrad->channels; c++)
        for (int64_t row = 0; row < wgrad->bordered[0]; row++) {
            float  *to = plane + (c * wgrad->bordered[0] + row) * wgrad->bordered[1] * ATH_BATCH_BLOCK;
            int64_t h = row - wgrad->top;
            if (h < 0 || h >= wgrad->x_size[0]) {
                memset(to, 0, (size_t)wgrad->bordered[1] * image);
                continue;
            }
            memset(to, 0, (size_t)wgrad->left * image);
            to += wgrad->left * ATH_BATCH_BLOCK;
            memcpy(to, x + (c * wgrad->x_size[0] + h) * wgrad->x_size[1] * ATH_BATCH_BLOCK, (size_t)columns * image);
            memset(to + columns * ATH_BATCH_BLOCK, 0, (size_t)right * image);
        }
}

static void add_block(const struct wgrad *wgrad, const float *x, const float *dy, float *sums) {
    int64_t                    lanes = wgrad->kernels->lanes, dy_row = wgrad->y_size[1] * ATH_BATCH_BLOCK;
    int64_t                    x_row = wgrad->bordered[1] * ATH_BATCH_BLOCK * wgrad->stride[0];
    struct ath__batch_gradient gradient = {.tap = wgrad->tap,
                                           .taps = wgrad->taps,
                                           .columns = wgrad->y_size[1],
                                           .dy_filter = wgrad->y_size[0] * dy_row,
                                           .dy_row = dy_row,
                                           .dy_column = ATH_BATCH_BLOCK,
                                           .x_row = x_row,
                                           .x_column = wgrad->stride[1] * ATH_BATCH_BLOCK,
                                           .sums_filter = wgrad->taps * lanes};
    gradient.filters = wgrad->filters;
    gradient.sums = sums;
    gradient.bias_sums = wgrad->with_bias ? sums + wgrad->filters * wgrad->taps * lanes : NULL;
    for (int64_t row = 0; row < wgrad->y_size[0]; row += wgrad->strip_rows) {
        gradient.rows = min_i64(wgrad->strip_rows, wgrad->y_size[0] - row);
        gradient.x = x + row * x_row;
        gradient.dy = dy + row * dy_row;
        wgrad->kernels->gradient(&gradient);
    }
}

static void share_task(int64_t share, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    float                  *sums = run->sums + (size_t)share * wgrad->sums;
    float                  *plane = run->plane + (size_t)share * wgrad->plane;
    int64_t                 x_block = wgrad->channels * wgrad->x_size[0] * wgrad->x_size[1] * ATH_BATCH_BLOCK;
    int64_t                 dy_block = wgrad->filters * wgrad->y_size[0] * wgrad->y_size[1] * ATH_BATCH_BLOCK;
    memset(sums, 0, wgrad->sums * sizeof(float));
    for (int64_t block = share * wgrad->blocks / wgrad->shares; block < (share + 1) * wgrad->blocks / wgrad->shares;
         block++) {
        const float *x = run->x + block * x_block;
        if (wgrad->border) {
            fill_plane(wgrad, x, plane);
            x = plane;
        }
        add_block(wgrad, x, run->dy + block * dy_block, sums);
    }
    wgrad->kernels->fold(sums, run->partial + (size_t)share * wgrad->partial,
                         wgrad->filters * wgrad->taps + (wgrad->with_bias ? wgrad->filters : 0));
}

enum { PIECE = 2048 }; /* results that one task of the last step adds up */

/* Results first .. last-1 of the weights followed by the biases: the sum over the shares, in order. */
static void finish_task(int64_t piece, void *context) {
    const struct wgrad_run *run = context;
    const struct wgrad     *wgrad = run->wgrad;
    int64_t weights = wgrad->filters * wgrad->taps, all = weights + (wgrad->with_bias ? wgrad->filters : 0);
    int64_t first = piece * PIECE, last = min_i64(all, first + PIECE);
    for (int64_t share = 1; share < wgrad->shares; share++) {
        const float *from = run->partial + (size_t)share * wgrad->partial;
        for (int64_t i = first; i < last; i++) run->partial[i] += from[i];
    }
    for (int64_t i = first; i < min_i64(last, weights); i++) run->dw[i] = run->partial[i];
    for (int64_t i = max_i64(first, weights); i < last; i++) run->dbias[i - weights] = run->partial[i];
}

static ath_status run_wgrad(const struct ath__exec *exec, void *state) {
    const struct wgrad *wgrad = state;
    size_t              shares = (size_t)wgrad->shares;
    struct wgrad_run    run = {.wgrad = wgrad, .x = exec->in[0], .dy = exec->in[1], .dw = exec->out[0]};
    run.dbias = wgrad->with_bias ? exec->out[1] : NULL;
    run.sums = exec->scratch;
    run.partial = run.sums + shares * wgrad->sums;
    run.plane = run.partial + shares * wgrad->partial;
    ath__parallel(wgrad->shares, share_task, &run);
    int64_t all = wgrad->filters * wgrad->taps + (wgrad->with_bias ? wgrad->filters : 0);
    ath__parallel((all + PIECE - 1) / PIECE, finish_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_batch_blocks_conv2d_wgrad = {
    .op = "conv2d_wgrad",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare,
    .release = release,
    .scratch = scratch,
    .run = run_wgrad,
};
