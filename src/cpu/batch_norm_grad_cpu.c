/* The gradient of batch norm with residual and activation:
 *
 *     g = (dy + dy2) * act'(y)                                   also the residual's gradient
 *     dbeta = sum g,   dgamma = sum g (x - mean) * invstd        per channel
 *     dx = gamma * invstd * (g - dbeta / M - xhat dgamma / M),   xhat = (x - mean) * invstd, M = N*H*W
 *
 * One pass sums, one pass applies, over a few groups of channels at a time so that the second finds the operands in the
 * cache. Panels of at most 128 rows are summed in float32 and carried on in double; the split is fixed by the shape. g
 * is computed twice instead of stored. x - mean is formed before it is multiplied, so large means cost no digits.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/norm_view.h"

#include <string.h>

enum { DY, X, GAMMA, MEAN, INVSTD, Y, DY2 };
enum { DX, DGAMMA, DBETA, DRESIDUAL };

struct sums {
    double g, gx;
};

struct grad_work {
    const struct ath__kernels   *kernels;
    const struct ath__norm_view *view;
    const struct ath__exec      *exec;
    int64_t                      group, groups;
    bool                         low;
    int                          act;
    struct sums                 *partial;   /* [groups now][chunks][16] */
    float                       *a, *b, *c; /* per channel: dx = a g + b (x - mean) + c */
};

static const void *operand(const struct grad_work *work, int i, size_t at) {
    const void *data = i < work->exec->problem->ins ? work->exec->in[i] : NULL;
    return data ? (const char *)data + at : NULL;
}

static size_t place_panel(const struct grad_work *work, int64_t group, int64_t index, struct ath__norm_panel *panel,
                          bool *valid) {
    size_t at = (work->low ? 2 : 4) * (size_t)ath__norm_view_panel(work->view, group, index, panel, valid);
    panel->dy = operand(work, DY, at);
    panel->dy2 = operand(work, DY2, at);
    panel->x = operand(work, X, at);
    panel->y_in = operand(work, Y, at);
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++)
        panel->mean[lane] =
            valid[lane] ? ((const float *)work->exec->in[MEAN])[ath__norm_view_channel(work->view, group, lane)] : 0.0f;
    return at;
}

static void sums_panel(const struct grad_work *work, int64_t group, int64_t index, struct sums *own) {
    struct ath__norm_panel panel = {.low = work->low, .act = work->act};
    float                  g[ATH_PANEL_LANES], gx[ATH_PANEL_LANES];
    bool                   valid[ATH_PANEL_LANES];
    place_panel(work, group, index, &panel, valid);
    work->kernels->norm_grad_sums(&panel, g, gx);
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++) {
        if (!valid[lane]) continue;
        own[lane].g += (double)g[lane];
        own[lane].gx += (double)gx[lane];
    }
}

static void sums_task(int64_t task, void *context) {
    const struct grad_work      *work = context;
    const struct ath__norm_view *view = work->view;
    int64_t                      first, last, chunk = ath__norm_view_task(view, work->groups, task, &first, &last);
    int64_t                      end = (chunk + 1) * view->chunk;
    for (int64_t g = first; g < last; g++)
        memset(work->partial + (g * view->chunks + chunk) * ATH_PANEL_LANES, 0,
               ATH_PANEL_LANES * sizeof *work->partial);
    for (int64_t i = chunk * view->chunk; i < end && i < view->panels; i++)
        for (int64_t g = first; g < last; g++)
            sums_panel(work, work->group + g, i, work->partial + (g * view->chunks + chunk) * ATH_PANEL_LANES);
}

static void finish_group(int64_t local, void *context) {
    const struct grad_work      *work = context;
    const struct ath__norm_view *view = work->view;
    struct sums                  total[ATH_PANEL_LANES] = {{0.0, 0.0}};
    const struct sums           *partial = work->partial + local * view->chunks * ATH_PANEL_LANES;
    double                       count = (double)view->per_channel;
    for (int64_t i = 0; i < view->chunks * ATH_PANEL_LANES; i++) {
        total[i % view->period].g += partial[i].g;
        total[i % view->period].gx += partial[i].gx;
    }
    for (int lane = 0; lane < view->period; lane++) {
        int64_t channel = ath__norm_view_channel(view, work->group + local, lane);
        if (channel >= view->channels) continue;
        double invstd = (double)((const float *)work->exec->in[INVSTD])[channel];
        double scale = (double)((const float *)work->exec->in[GAMMA])[channel] * invstd;
        double dgamma = total[lane].gx * invstd, dbeta = total[lane].g;
        work->a[channel] = (float)scale;
        work->b[channel] = (float)(-scale * invstd * dgamma / count);
        work->c[channel] = (float)(-scale * dbeta / count);
        if (work->exec->out[DGAMMA]) ((float *)work->exec->out[DGAMMA])[channel] = (float)dgamma;
        if (work->exec->out[DBETA]) ((float *)work->exec->out[DBETA])[channel] = (float)dbeta;
    }
}

static void apply_panel(const struct grad_work *work, int64_t group, int64_t index) {
    struct ath__norm_panel panel = {.low = work->low, .act = work->act};
    void                  *dresidual = work->exec->problem->outs > DRESIDUAL ? work->exec->out[DRESIDUAL] : NULL;
    bool                   valid[ATH_PANEL_LANES];
    size_t                 at = place_panel(work, group, index, &panel, valid);
    panel.dx = (char *)work->exec->out[DX] + at;
    panel.dresidual = dresidual ? (char *)dresidual + at : NULL;
    for (int lane = 0; lane < ATH_PANEL_LANES; lane++) {
        int64_t channel = ath__norm_view_channel(work->view, group, lane);
        panel.a[lane] = valid[lane] ? work->a[channel] : 0.0f;
        panel.b[lane] = valid[lane] ? work->b[channel] : 0.0f;
        panel.c[lane] = valid[lane] ? work->c[channel] : 0.0f;
    }
    work->kernels->norm_grad_apply(&panel);
}

static void apply_task(int64_t task, void *context) {
    const struct grad_work      *work = context;
    const struct ath__norm_view *view = work->view;
    int64_t                      first, last, chunk = ath__norm_view_task(view, work->groups, task, &first, &last);
    if (view->interleaved) chunk = view->chunks - 1 - chunk; /* what was read last is still in the cache */
    int64_t end = (chunk + 1) * view->chunk;
    for (int64_t i = chunk * view->chunk; i < end && i < view->panels; i++)
        for (int64_t g = first; g < last; g++) apply_panel(work, work->group + g, i);
}

static size_t grad_scratch(const struct ath__problem *problem, const void *state) {
    (void)problem;
    const struct ath__norm_view *view = state;
    return (size_t)(view->together * view->chunks * ATH_PANEL_LANES) * sizeof(struct sums) +
           3 * (size_t)view->channels * sizeof(float);
}

static ath_status grad_run(const struct ath__exec *exec, void *state) {
    const struct ath__norm_view *view = state;
    struct grad_work             work = {.kernels = ath__kernels(), .view = view, .exec = exec};
    work.low = exec->problem->in[X].dtype == ATH_BF16;
    work.act = (int)((const ath_batch_norm_grad_attrs *)exec->problem->attrs)->act;
    work.partial = exec->scratch;
    work.a = (float *)(void *)(work.partial + view->together * view->chunks * ATH_PANEL_LANES);
    work.b = work.a + view->channels;
    work.c = work.b + view->channels;
    for (work.group = 0; work.group < view->groups; work.group += view->together) {
        work.groups = view->groups - work.group < view->together ? view->groups - work.group : view->together;
        ath__parallel(ath__norm_view_tasks(view, work.groups), sums_task, &work);
        ath__parallel(work.groups, finish_group, &work);
        ath__parallel(ath__norm_view_tasks(view, work.groups), apply_task, &work);
    }
    return ATH_OK;
}

static bool full(int i) {
    return i == DY || i == X || i == Y || i == DY2;
}

static ath_status grad_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    struct ath__norm_view *view = ATH_NEW(struct ath__norm_view);
    if (!view) return ath__fail_memory(err, "batch_norm_grad");
    int operands = 1;
    for (int i = 0; i < problem->ins; i++) operands += full(i) && problem->in[i].present;
    ath__norm_view_make(view, &problem->in[X], operands * (int64_t)ath_dtype_size(problem->in[X].dtype));
    *state = view;
    return ATH_OK;
}

static void grad_release(void *state) {
    ath__free(state);
}

static void grad_layouts(struct ath__layout_wish *wish) {
    struct ath__norm_view view;
    if (ath__norm_view_make(&view, &wish->in[X], 4) != NULL) wish->in[X].layout = ath__layout_plain();
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = full(i) ? wish->in[X].layout : ath__layout_plain();
    for (int i = 0; i < wish->outs; i++)
        wish->out[i].layout = i == DX || i == DRESIDUAL ? wish->in[X].layout : ath__layout_plain();
}

static const char *grad_refuse(const struct ath__problem *problem) {
    const struct ath__desc *x = &problem->in[X];
    int64_t                 act = ((const ath_batch_norm_grad_attrs *)problem->attrs)->act;
    struct ath__norm_view   view;
    if (act < 0 || act > ATH_ACT_HARD_SIGMOID) return "an activation whose derivative needs x";
    if (x->dtype != ATH_F32 && x->dtype != ATH_BF16) return "neither f32 nor bf16";
    if (act != ATH_ACT_NONE && (problem->ins <= Y || !problem->in[Y].present)) return "y is missing";
    for (int i = 0; i < problem->ins + problem->outs; i++) {
        bool                    in = i < problem->ins;
        int                     at = in ? i : i - problem->ins;
        const struct ath__desc *desc = in ? &problem->in[at] : &problem->out[at];
        bool                    whole = in ? full(at) : at == DX || at == DRESIDUAL;
        if (!desc->present) continue;
        if (!whole) {
            if (desc->dtype != ATH_F32) return "statistics not f32";
        } else if (desc->dtype != x->dtype) {
            return "mixed types";
        } else if (!ath__layout_equal(&desc->layout, &x->layout, x->shape.rank)) {
            return "mixed layouts";
        }
    }
    return ath__norm_view_make(&view, x, 4);
}

#define MAY_SHARE(out, in) ((uint64_t)1 << ((out)*8 + (in)))
/* Each element of every operand is read before the results of that element are written. */
const struct ath__impl ath__impl_cpu_batch_norm_grad = {
    .op = "batch_norm_grad",
    .name = "cpu",
    .layouts = grad_layouts,
    .refuse = grad_refuse,
    .prepare = grad_prepare,
    .release = grad_release,
    .scratch = grad_scratch,
    .run = grad_run,
    .in_place = MAY_SHARE(DX, DY) | MAY_SHARE(DX, X) | MAY_SHARE(DX, Y) | MAY_SHARE(DX, DY2) |
                MAY_SHARE(DRESIDUAL, DY) | MAY_SHARE(DRESIDUAL, X) | MAY_SHARE(DRESIDUAL, Y) |
                MAY_SHARE(DRESIDUAL, DY2),
};
