/* pool2d and pool2d_grad on batch blocks (N/16, C, H, W, 16 images).
 *
 *     y[p,q] = max or mean over the window's cells inside the input;   dx[h,w] = sum over windows of their share of dy
 *
 * In a row of windows, neighbours that are clipped alike by the border form a run: one call of a kernel that knows
 * nothing of borders. The gradient writes the cells of each window; where windows overlap or leave cells out, the plane
 * is zeroed first. A plane is one task, so the order of additions is fixed.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "cpu/batch_blocks_common.h"

#include <string.h>

/* The cells of a window inside the input, along one dimension. */
struct reach {
    int64_t start;   /* of the unclipped window; may be negative */
    int64_t begin;   /* first cell inside */
    int64_t count;   /* cells inside */
    int64_t divisor; /* what an average divides by */
};

/* Windows first .. first + count - 1 of a row, clipped alike. */
struct run {
    int64_t      first, count;
    struct reach reach;
};

struct pool {
    const struct ath__batch_kernels *kernels;
    bool                             max;
    bool                             add, zero; /* gradient: windows overlap; the plane is to be zeroed first */
    int64_t                          images, channels, planes;
    int64_t                          x_size[2], y_size[2];
    int64_t                          kernel_w, stride_w;
    int64_t                          run_count;
    struct reach                    *rows; /* y_size[0] */
    struct run                      *runs;
};

/* ---- what is accepted -------------------------------------------------------------------------------------------- */

static void layouts(struct ath__layout_wish *wish) {
    if (!ath__batch_blocked(&wish->in[0])) return;
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = wish->in[0].layout;
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = wish->in[0].layout;
}

static const char *refuse(const struct ath__problem *problem) {
    const ath_pool2d_attrs *attrs = problem->attrs;
    for (int i = 0; i < problem->ins; i++)
        if (problem->in[i].present && !ath__batch_blocked(&problem->in[i]))
            return "activations are not in batch blocks";
    for (int i = 0; i < problem->outs; i++)
        if (problem->out[i].present && !ath__batch_blocked(&problem->out[i]))
            return "activations are not in batch blocks";
    if (problem->in[0].dtype != ATH_F32 || problem->out[0].dtype != ATH_F32) return "needs f32";
    if (attrs->kernel[0] > INT32_MAX / attrs->kernel[1]) return "the window is too large";
    return NULL;
}

/* ---- preparation ------------------------------------------------------------------------------------------------ */

static int64_t min_i64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static struct reach reach_of(const ath_pool2d_attrs *attrs, int dim, int64_t window, int64_t size) {
    struct reach reach = {.start = window * attrs->stride[dim] - attrs->pad[dim]};
    int64_t      padded_end = min_i64(reach.start + attrs->kernel[dim], size + attrs->pad[2 + dim]);
    reach.begin = reach.start > 0 ? reach.start : 0;
    reach.count = min_i64(padded_end, size) - reach.begin;
    reach.divisor = attrs->count_include_pad ? padded_end - reach.start : reach.count;
    return reach;
}

static void find_runs(struct pool *pool, const ath_pool2d_attrs *attrs) {
    struct run *run = NULL;
    for (int64_t q = 0; q < pool->y_size[1]; q++) {
        struct reach reach = reach_of(attrs, 1, q, pool->x_size[1]);
        bool         alike = run != NULL && reach.count == run->reach.count && reach.divisor == run->reach.divisor &&
                     reach.begin - reach.start == run->reach.begin - run->reach.start;
        if (!alike) {
            run = &pool->runs[pool->run_count++];
            *run = (struct run){.first = q, .reach = reach};
        }
        run->count++;
    }
}

static ath_status prepare(const struct ath__problem *problem, const ath_shape *x, const ath_shape *y, void **state,
                          ath_error *err) {
    const ath_pool2d_attrs *attrs = problem->attrs;
    struct pool            *pool = ATH_NEW(struct pool);
    *state = pool;
    if (pool == NULL) return ath__fail_memory(err, problem->op);
    pool->kernels = ath__batch_kernels();
    pool->max = attrs->kind == ATH_POOL_MAX;
    pool->images = x->dims[0];
    pool->channels = x->dims[1];
    pool->planes = ath__batch_blocks_count(x->dims[0]) * x->dims[1];
    pool->kernel_w = attrs->kernel[1];
    pool->stride_w = attrs->stride[1];
    bool tiled = true;
    for (int i = 0; i < 2; i++) {
        pool->x_size[i] = x->dims[2 + i];
        pool->y_size[i] = y->dims[2 + i];
        if (attrs->kernel[i] > attrs->stride[i]) pool->add = true;
        tiled = tiled && attrs->kernel[i] == attrs->stride[i] &&
                pool->y_size[i] * attrs->stride[i] - attrs->pad[i] >= pool->x_size[i];
    }
    pool->zero = !tiled;
    pool->rows = ATH_NEW_ARRAY(struct reach, pool->y_size[0]);
    pool->runs = ATH_NEW_ARRAY(struct run, pool->y_size[1]);
    if (pool->rows == NULL || pool->runs == NULL) return ath__fail_memory(err, problem->op);
    for (int64_t p = 0; p < pool->y_size[0]; p++) pool->rows[p] = reach_of(attrs, 0, p, pool->x_size[0]);
    find_runs(pool, attrs);
    return ATH_OK;
}

static ath_status prepare_forward(const struct ath__problem *problem, void **state, ath_error *err) {
    return prepare(problem, &problem->in[0].shape, &problem->out[0].shape, state, err);
}

static ath_status prepare_backward(const struct ath__problem *problem, void **state, ath_error *err) {
    return prepare(problem, &problem->out[0].shape, &problem->in[0].shape, state, err);
}

static void release(void *state) {
    struct pool *pool = state;
    if (pool == NULL) return;
    ath__free(pool->rows);
    ath__free(pool->runs);
    ath__free(pool);
}

/* ---- run -------------------------------------------------------------------------------------------------------- */

struct pool_run {
    const struct pool *pool;
    const float       *from;
    float             *to;
    int32_t           *places;
    const int32_t     *places_in;
};

/* All that both directions share of one run of windows in row p. */
static struct ath__batch_pool windows_of(const struct pool *pool, int64_t p, const struct run *run) {
    const struct reach *h = &pool->rows[p], *w = &run->reach;
    return (struct ath__batch_pool){
        .windows = run->count,
        .rows = h->count,
        .columns = w->count,
        .row = pool->x_size[1] * ATH_BATCH_BLOCK,
        .window = pool->stride_w * ATH_BATCH_BLOCK,
        .place = (int32_t)((h->begin - h->start) * pool->kernel_w + w->begin - w->start),
        .place_row = (int32_t)pool->kernel_w,
        .scale = 1.0f / (float)(h->divisor * w->divisor),
    };
}

static void forward_task(int64_t plane, void *context) {
    const struct pool_run *run = context;
    const struct pool     *pool = run->pool;
    int64_t                y_plane = pool->y_size[0] * pool->y_size[1] * ATH_BATCH_BLOCK;
    const float           *x = run->from + plane * pool->x_size[0] * pool->x_size[1] * ATH_BATCH_BLOCK;
    float                 *y = run->to + plane * y_plane;
    int32_t               *places = run->places != NULL ? run->places + plane * y_plane : NULL;
    for (int64_t p = 0; p < pool->y_size[0]; p++)
        for (int64_t i = 0; i < pool->run_count; i++) {
            const struct run      *columns = &pool->runs[i];
            struct ath__batch_pool work = windows_of(pool, p, columns);
            int64_t                at = (p * pool->y_size[1] + columns->first) * ATH_BATCH_BLOCK;
            work.from = x + (pool->rows[p].begin * pool->x_size[1] + columns->reach.begin) * ATH_BATCH_BLOCK;
            work.to = y + at;
            work.places = places != NULL ? places + at : NULL;
            if (pool->max)
                pool->kernels->pool_max(&work);
            else
                pool->kernels->pool_avg(&work);
        }
    /* Padding images name the first cell inside the input as their maximum; padding holds zeros. */
    int64_t valid = ath__batch_blocks_valid(pool->images, plane / pool->channels);
    if (places == NULL || valid == ATH_BATCH_BLOCK) return;
    for (int64_t i = 0; i < y_plane; i += ATH_BATCH_BLOCK)
        memset(places + i + valid, 0, (size_t)(ATH_BATCH_BLOCK - valid) * sizeof *places);
}

static void backward_task(int64_t plane, void *context) {
    const struct pool_run *run = context;
    const struct pool     *pool = run->pool;
    int64_t                x_plane = pool->x_size[0] * pool->x_size[1] * ATH_BATCH_BLOCK;
    int64_t                y_plane = pool->y_size[0] * pool->y_size[1] * ATH_BATCH_BLOCK;
    float                 *dx = run->to + plane * x_plane;
    if (pool->zero) memset(dx, 0, (size_t)x_plane * sizeof *dx);
    for (int64_t p = 0; p < pool->y_size[0]; p++)
        for (int64_t i = 0; i < pool->run_count; i++) {
            const struct run      *columns = &pool->runs[i];
            struct ath__batch_pool work = windows_of(pool, p, columns);
            int64_t                at = plane * y_plane + (p * pool->y_size[1] + columns->first) * ATH_BATCH_BLOCK;
            work.from = run->from + at;
            work.places_in = run->places_in != NULL ? run->places_in + at : NULL;
            work.to = dx + (pool->rows[p].begin * pool->x_size[1] + columns->reach.begin) * ATH_BATCH_BLOCK;
            work.add = pool->add;
            pool->kernels->pool_grad(&work);
        }
}

static ath_status run_forward(const struct ath__exec *exec, void *state) {
    const struct pool *pool = state;
    struct pool_run    run = {.pool = pool, .from = exec->in[0], .to = exec->out[0]};
    if (exec->problem->outs > 1 && exec->problem->out[1].present) run.places = exec->out[1];
    ath__parallel(pool->planes, forward_task, &run);
    return ATH_OK;
}

static ath_status run_backward(const struct ath__exec *exec, void *state) {
    const struct pool *pool = state;
    struct pool_run    run = {.pool = pool, .from = exec->in[0], .to = exec->out[0]};
    if (pool->max) run.places_in = exec->in[1];
    ath__parallel(pool->planes, backward_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_batch_blocks_pool2d = {
    .op = "pool2d",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare_forward,
    .release = release,
    .run = run_forward,
};

const struct ath__impl ath__impl_batch_blocks_pool2d_grad = {
    .op = "pool2d_grad",
    .name = "batch_blocks",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare_backward,
    .release = release,
    .run = run_backward,
};
