/* Batch norm in training, with residual and activation behind it:
 *
 *     mean = sum x / M,  var = sum (x - mean)^2 / M,  invstd = 1 / sqrt(var + eps)          per channel, M = N*H*W
 *     y = act((x - mean) * invstd * gamma + beta + residual)
 *     running = (1 - momentum) * running + momentum * (mean or var * M / (M - 1))
 *
 * Statistics. Each panel of at most 128 x 16 elements gives, per lane, its own mean (as a sum of two float32) and the
 * squares around that mean, in float32, in two passes over memory that the first has brought into the cache. Panels,
 * chunks and lanes are then merged in double by
 *
 *     d = mean_b - mean_a;  mean = mean_a + d n_b / n;  squares = squares_a + squares_b + d^2 n_a n_b / n
 *
 * (Chan, Golub, LeVeque, 1979). No step subtracts two large sums, so a mean far above the deviation costs no digits; a
 * single pass over sums of x and x^2 would, and a second pass over memory would cost another read of the tensor.
 *
 * A few groups of channels are worked on at a time, as many as fit in the cache: statistics, then application, so that
 * the second reading of x is cheap. Chunks are fixed by the shape and merged in order.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/norm_view.h"

#include <math.h>
#include <string.h>

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, RESIDUAL };
enum { Y, MEAN, INVSTD, NEW_MEAN, NEW_VAR };

/* Statistics of a lane. */
struct moments {
    double n, mean, squares;
};

struct norm_work {
    const struct ath__kernels   *kernels;
    const struct ath__norm_view *view;
    const struct ath__exec      *exec;
    int64_t                      group, groups; /* those worked on now */
    bool                         low;
    struct moments              *partial;              /* [groups now][chunks][16] */
    float                       *mean, *scale, *shift; /* per channel */
};

static void merge(struct moments *a, double n, double mean, double squares) {
    double total = a->n + n, distance = mean - a->mean;
    if (n == 0.0) return;
    a->mean += distance * (n / total);
    a->squares += squares + distance * distance * (a->n * n / total);
    a->n = total;
}

static void stats_panel(const struct norm_work *work, int64_t local, int64_t index, struct moments *own) {
    struct ath__norm_panel panel = {.low = work->low};
    float                  mean[ATH_PANEL_LANES], rest[ATH_PANEL_LANES], squares[ATH_PANEL_LANES];
    bool                   valid[ATH_PANEL_LANES];
    int64_t                at = ath__norm_view_panel(work->view, work->group + local, index, &panel, valid);
    panel.x = (const char *)work->exec->in[X] + (size_t)at * (work->low ? 2 : 4);
    work->kernels->norm_stats(&panel, mean, rest, squares);
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++)
        if (valid[lane])
            merge(&own[lane], (double)(panel.pieces * panel.rows), (double)mean[lane] + (double)rest[lane],
                  (double)squares[lane]);
}

static void stats_task(int64_t task, void *context) {
    const struct norm_work      *work = context;
    const struct ath__norm_view *view = work->view;
    int64_t                      first, last, chunk = ath__norm_view_task(view, work->groups, task, &first, &last);
    int64_t                      end = (chunk + 1) * view->chunk;
    for (int64_t g = first; g < last; g++)
        memset(work->partial + (g * view->chunks + chunk) * ATH_PANEL_LANES, 0,
               ATH_PANEL_LANES * sizeof *work->partial);
    for (int64_t i = chunk * view->chunk; i < end && i < view->panels; i++)
        for (int64_t g = first; g < last; g++)
            stats_panel(work, g, i, work->partial + (g * view->chunks + chunk) * ATH_PANEL_LANES);
}

static void finish_channel(const struct norm_work *work, int64_t channel, const struct moments *m) {
    const ath_batch_norm_attrs *attrs = work->exec->problem->attrs;
    const void *const          *in = (const void *const *)work->exec->in;
    double                      var = m->squares / m->n, invstd = 1.0 / sqrt(var + attrs->eps), p = attrs->momentum;
    double                      running_mean = (double)((const float *)in[RUNNING_MEAN])[channel];
    double                      running_var = (double)((const float *)in[RUNNING_VAR])[channel];
    work->mean[channel] = (float)m->mean;
    work->scale[channel] = (float)(invstd * (double)((const float *)in[GAMMA])[channel]);
    /* What rounding the mean to float32 leaves is made good in the shift. */
    work->shift[channel] = (float)((double)((const float *)in[BETA])[channel] +
                                   ((double)work->mean[channel] - m->mean) * (double)work->scale[channel]);
    double result[5] = {0.0, m->mean, invstd, (1.0 - p) * running_mean + p * m->mean,
                        (1.0 - p) * running_var + p * var * m->n / (m->n - 1.0)};
    for (int o = MEAN; o <= NEW_VAR; o++)
        if (o < work->exec->problem->outs && work->exec->out[o])
            ((float *)work->exec->out[o])[channel] = (float)result[o];
}

static void finish_group(int64_t local, void *context) {
    const struct norm_work      *work = context;
    const struct ath__norm_view *view = work->view;
    struct moments               total[ATH_PANEL_LANES] = {{0.0, 0.0, 0.0}};
    const struct moments        *partial = work->partial + local * view->chunks * ATH_PANEL_LANES;
    for (int64_t i = 0; i < view->chunks * ATH_PANEL_LANES; i++)
        merge(&total[i % view->period], partial[i].n, partial[i].mean, partial[i].squares);
    for (int lane = 0; lane < view->period; lane++) {
        int64_t channel = ath__norm_view_channel(view, work->group + local, lane);
        if (channel < view->channels) finish_channel(work, channel, &total[lane]);
    }
}

static void apply_panel(const struct norm_work *work, int64_t group, int64_t index) {
    const void            *residual = work->exec->problem->ins > RESIDUAL ? work->exec->in[RESIDUAL] : NULL;
    int64_t                act = ((const ath_batch_norm_attrs *)work->exec->problem->attrs)->act;
    struct ath__norm_panel panel = {.low = work->low, .act = (int)act};
    bool                   valid[ATH_PANEL_LANES];
    size_t at = (work->low ? 2 : 4) * (size_t)ath__norm_view_panel(work->view, group, index, &panel, valid);
    panel.x = (const char *)work->exec->in[X] + at;
    panel.residual = residual ? (const char *)residual + at : NULL;
    panel.y = (char *)work->exec->out[Y] + at;
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++) {
        int64_t channel = ath__norm_view_channel(work->view, group, lane);
        panel.mean[lane] = valid[lane] ? work->mean[channel] : 0.0f;
        panel.a[lane] = valid[lane] ? work->scale[channel] : 0.0f;
        panel.b[lane] = valid[lane] ? work->shift[channel] : 0.0f;
    }
    work->kernels->norm_apply(&panel);
}

static void apply_task(int64_t task, void *context) {
    const struct norm_work      *work = context;
    const struct ath__norm_view *view = work->view;
    int64_t                      first, last, chunk = ath__norm_view_task(view, work->groups, task, &first, &last);
    if (view->interleaved) chunk = view->chunks - 1 - chunk; /* what was read last is still in the cache */
    int64_t end = (chunk + 1) * view->chunk;
    for (int64_t i = chunk * view->chunk; i < end && i < view->panels; i++)
        for (int64_t g = first; g < last; g++) apply_panel(work, work->group + g, i);
}

/* Doubles first, then floats: three doubles per lane and chunk of the groups at work, three floats per channel. */
static size_t norm_scratch(const struct ath__problem *problem, const void *state) {
    (void)problem;
    const struct ath__norm_view *view = state;
    return (size_t)(view->together * view->chunks * ATH_PANEL_LANES) * sizeof(struct moments) +
           3 * (size_t)view->channels * sizeof(float);
}

static ath_status norm_run(const struct ath__exec *exec, void *state) {
    const struct ath__norm_view *view = state;
    struct norm_work             work = {.kernels = ath__kernels(), .view = view, .exec = exec};
    work.low = exec->problem->in[X].dtype == ATH_BF16;
    work.partial = exec->scratch;
    work.mean = (float *)(void *)(work.partial + view->together * view->chunks * ATH_PANEL_LANES);
    work.scale = work.mean + view->channels;
    work.shift = work.scale + view->channels;
    for (work.group = 0; work.group < view->groups; work.group += view->together) {
        work.groups = view->groups - work.group < view->together ? view->groups - work.group : view->together;
        ath__parallel(ath__norm_view_tasks(view, work.groups), stats_task, &work);
        ath__parallel(work.groups, finish_group, &work);
        ath__parallel(ath__norm_view_tasks(view, work.groups), apply_task, &work);
    }
    int64_t act = ((const ath_batch_norm_attrs *)exec->problem->attrs)->act;
    if (act == ATH_ACT_SIGMOID || act == ATH_ACT_HARD_SIGMOID) /* those that are not 0 at 0 */
        ath__zero_padding(&exec->problem->out[Y], exec->out[Y]);
    return ATH_OK;
}

static ath_status norm_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    struct ath__norm_view *view = ATH_NEW(struct ath__norm_view);
    if (!view) return ath__fail_memory(err, "batch_norm");
    ath__norm_view_make(view, &problem->in[X], 2 * (int64_t)ath_dtype_size(problem->in[X].dtype));
    *state = view;
    return ATH_OK;
}

static void norm_release(void *state) {
    ath__free(state);
}

static void norm_layouts(struct ath__layout_wish *wish) {
    struct ath__norm_view view;
    if (ath__norm_view_make(&view, &wish->in[X], 4) != NULL) wish->in[X].layout = ath__layout_plain();
    for (int i = GAMMA; i < wish->ins; i++)
        wish->in[i].layout = i == RESIDUAL ? wish->in[X].layout : ath__layout_plain();
    for (int i = Y; i < wish->outs; i++) wish->out[i].layout = i == Y ? wish->in[X].layout : ath__layout_plain();
}

static const char *norm_refuse(const struct ath__problem *problem) {
    const struct ath__desc *x = &problem->in[X], *y = &problem->out[Y];
    int64_t                 act = ((const ath_batch_norm_attrs *)problem->attrs)->act;
    struct ath__norm_view   view;
    if (act < 0 || act > ATH_ACT_HARD_SIGMOID) return "an activation whose derivative needs x";
    if (x->dtype != ATH_F32 && x->dtype != ATH_BF16) return "neither f32 nor bf16";
    bool residual = problem->ins > RESIDUAL && problem->in[RESIDUAL].present;
    if (y->dtype != x->dtype || (residual && problem->in[RESIDUAL].dtype != x->dtype)) return "mixed types";
    if (!ath__layout_equal(&y->layout, &x->layout, x->shape.rank) ||
        (residual && !ath__layout_equal(&problem->in[RESIDUAL].layout, &x->layout, x->shape.rank)))
        return "mixed layouts";
    for (int i = GAMMA; i <= RUNNING_VAR; i++)
        if (problem->in[i].dtype != ATH_F32) return "statistics not f32";
    return ath__norm_view_make(&view, x, 4);
}

/* y may take x's or the residual's memory, the new running statistics those of the old. */
const struct ath__impl ath__impl_cpu_batch_norm = {
    .op = "batch_norm",
    .name = "cpu",
    .layouts = norm_layouts,
    .refuse = norm_refuse,
    .prepare = norm_prepare,
    .release = norm_release,
    .scratch = norm_scratch,
    .run = norm_run,
    .in_place = (uint64_t)1 << (Y * 8 + X) | (uint64_t)1 << (Y * 8 + RESIDUAL) |
                (uint64_t)1 << (NEW_MEAN * 8 + RUNNING_MEAN) | (uint64_t)1 << (NEW_VAR * 8 + RUNNING_VAR),
};
