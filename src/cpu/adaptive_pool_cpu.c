/* Adaptive pooling, maximum and average, and its gradient, on planes (see planes.h).
 *
 *     window i covers floor(i * in / out) <= h < ceil((i + 1) * in / out)
 *     input h lies in windows floor(h * out / in) <= i < ceil((h + 1) * out / in)
 *
 * The second line is the first turned around; with it the gradient gathers: each input reads the windows that hold it,
 * at most four in common nets, and threads never write the same place. The global average is the case of one window and
 * runs as a sum of rows.
 */
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/planes.h"
#include "cpu/rows.h"
#include "tensor/dtype.h"

#include <math.h>
#include <string.h>

enum { LANES = 64, ROWS_AT_ONCE = 64 };

struct pool_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    struct ath__planes         x, y;
    bool                       is_max;
    const int32_t             *workspace_in;
    int32_t                   *workspace_out; /* may be NULL */
};

static int64_t window_begin(int64_t i, int64_t in, int64_t out) {
    return i * in / out;
}
static int64_t window_end(int64_t i, int64_t in, int64_t out) {
    return ((i + 1) * in + out - 1) / out;
}

static double load(const void *data, ath_dtype dtype, int64_t at) {
    return dtype == ATH_F32 ? (double)((const float *)data)[at]
                            : (double)ath__bf16_to_f32(((const uint16_t *)data)[at]);
}

static void store(void *data, ath_dtype dtype, int64_t at, int64_t n, const double *values) {
    for (int64_t i = 0; i < n; i++) {
        if (dtype == ATH_F32) {
            ((float *)data)[at + i] = (float)values[i];
        } else {
            ((uint16_t *)data)[at + i] = ath__bf16_from_f64(values[i]);
        }
    }
}

/* acc[lane] += sum over `count` positions that follow each other. */
static void add_positions(const struct pool_work *work, int64_t at, int64_t count, int64_t inner, int64_t n,
                          double *acc) {
    const void *x = work->exec->in[0];
    ath_dtype   dtype = work->exec->problem->in[0].dtype;
    if (dtype == ATH_BF16 && inner == n) {
        float rows[ROWS_AT_ONCE * LANES];
        for (int64_t r = 0; r < count; r += ROWS_AT_ONCE) {
            int64_t next = count - r < ROWS_AT_ONCE ? count - r : ROWS_AT_ONCE;
            work->kernels->from_bf16((const uint16_t *)x + at + r * inner, rows, next * n);
            work->kernels->add_rows(rows, next, n, acc, n);
        }
    } else if (dtype != ATH_F32) {
        for (int64_t r = 0; r < count; r++)
            for (int64_t i = 0; i < n; i++) acc[i] += load(x, dtype, at + r * inner + i);
    } else if (inner == 1) {
        acc[0] += work->kernels->sum((const float *)x + at, count);
    } else {
        for (int64_t r = 0; r < count; r += ROWS_AT_ONCE) {
            int64_t rows = count - r < ROWS_AT_ONCE ? count - r : ROWS_AT_ONCE;
            work->kernels->add_rows((const float *)x + at + r * inner, rows, inner, acc, n);
        }
    }
}

struct window {
    int64_t h0, h1, w0, w1;
};

static void average(const struct pool_work *work, int64_t plane, const struct window *v, int64_t lane, int64_t n,
                    double *acc) {
    int64_t inner = work->x.inner, width = work->x.width, base = plane * work->x.height * width;
    bool    whole = v->w0 == 0 && v->w1 == width; /* whole rows follow each other */
    for (int64_t i = 0; i < n; i++) acc[i] = 0.0;
    if (whole) {
        add_positions(work, (base + v->h0 * width) * inner + lane, (v->h1 - v->h0) * width, inner, n, acc);
    } else {
        for (int64_t h = v->h0; h < v->h1; h++)
            add_positions(work, (base + h * width + v->w0) * inner + lane, v->w1 - v->w0, inner, n, acc);
    }
    for (int64_t i = 0; i < n; i++) acc[i] /= (double)((v->h1 - v->h0) * (v->w1 - v->w0));
}

/* First maximum, or the first not-a-number, and its place. */
static void maximum(const struct pool_work *work, int64_t plane, const struct window *v, int64_t lane, int64_t n,
                    double *best, int32_t *place) {
    int64_t inner = work->x.inner, width = work->x.width, base = plane * work->x.height * width;
    for (int64_t h = v->h0; h < v->h1; h++)
        for (int64_t w = v->w0; w < v->w1; w++)
            for (int64_t i = 0; i < n; i++) {
                double value = load(work->exec->in[0], work->exec->problem->in[0].dtype,
                                    (base + h * width + w) * inner + lane + i);
                bool   first = h == v->h0 && w == v->w0;
                if (first || value > best[i] || (isnan(value) && !isnan(best[i]))) {
                    best[i] = value;
                    place[i] = (int32_t)(h * width + w);
                }
            }
}

/* One row of windows of one plane. */
static void pool_task(int64_t task, void *context) {
    const struct pool_work *work = context;
    int64_t                 plane = task / work->y.height, p = task % work->y.height, inner = work->x.inner;
    for (int64_t q = 0; q < work->y.width; q++) {
        struct window v = {window_begin(p, work->x.height, work->y.height),
                           window_end(p, work->x.height, work->y.height), window_begin(q, work->x.width, work->y.width),
                           window_end(q, work->x.width, work->y.width)};
        for (int64_t lane = 0; lane < inner; lane += LANES) {
            int64_t n = inner - lane < LANES ? inner - lane : LANES;
            int64_t at = ((plane * work->y.height + p) * work->y.width + q) * inner + lane;
            double  acc[LANES];
            int32_t place[LANES] = {0};
            if (work->is_max) {
                maximum(work, plane, &v, lane, n, acc, place);
            } else {
                average(work, plane, &v, lane, n, acc);
            }
            store(work->exec->out[0], work->exec->problem->out[0].dtype, at, n, acc);
            if (work->workspace_out)
                for (int64_t i = 0; i < n; i++) work->workspace_out[at + i] = place[i];
        }
    }
}

/* One plane of dx where one average covers all of it: the same share everywhere. */
static void share_task(int64_t plane, void *context) {
    const struct pool_work *work = context;
    int64_t                 inner = work->x.inner, area = work->x.height * work->x.width;
    ath_dtype               from = work->exec->problem->in[0].dtype, to = work->exec->problem->out[0].dtype;
    size_t                  size = ath_dtype_size(to);
    for (int64_t lane = 0; lane < inner; lane += LANES) {
        int64_t n = inner - lane < LANES ? inner - lane : LANES;
        double  share[LANES];
        char   *dx = (char *)work->exec->out[0] + (size_t)(plane * area * inner + lane) * size;
        for (int64_t i = 0; i < n; i++)
            share[i] = load(work->exec->in[0], from, plane * inner + lane + i) / (double)area;
        store(dx, to, 0, n, share);
        for (int64_t i = 1; i < area; i++) memcpy(dx + (size_t)(i * inner) * size, dx, (size_t)n * size);
    }
}

/* One row of one plane of dx. */
static void grad_task(int64_t task, void *context) {
    const struct pool_work *work = context;
    int64_t                 plane = task / work->x.height, h = task % work->x.height, inner = work->x.inner;
    int64_t                 height = work->x.height, width = work->x.width, oh = work->y.height, ow = work->y.width;
    const void             *dy = work->exec->in[0];
    ath_dtype               sd = work->exec->problem->in[0].dtype, dd = work->exec->problem->out[0].dtype;
    for (int64_t w = 0; w < width; w++)
        for (int64_t lane = 0; lane < inner; lane += LANES) {
            int64_t n = inner - lane < LANES ? inner - lane : LANES;
            double  acc[LANES] = {0.0};
            for (int64_t p = h * oh / height; p < ((h + 1) * oh + height - 1) / height; p++)
                for (int64_t q = w * ow / width; q < ((w + 1) * ow + width - 1) / width; q++) {
                    int64_t at = ((plane * oh + p) * ow + q) * inner + lane;
                    if (work->is_max) {
                        for (int64_t i = 0; i < n; i++)
                            if (work->workspace_in[at + i] == h * width + w) acc[i] += load(dy, sd, at + i);
                    } else {
                        double area = (double)((window_end(p, height, oh) - window_begin(p, height, oh)) *
                                               (window_end(q, width, ow) - window_begin(q, width, ow)));
                        for (int64_t i = 0; i < n; i++) acc[i] += load(dy, sd, at + i) / area;
                    }
                }
            store(work->exec->out[0], dd, ((plane * height + h) * width + w) * inner + lane, n, acc);
        }
}

static ath_status pool_run(const struct ath__exec *exec, void *state) {
    (void)state;
    struct pool_work work = {.kernels = ath__kernels(), .exec = exec};
    work.is_max = ((const ath_adaptive_pool_attrs *)exec->problem->attrs)->kind == ATH_POOL_MAX;
    work.workspace_out = exec->problem->outs > 1 ? exec->out[1] : NULL;
    ath__planes_make(&work.x, &exec->problem->in[0]);
    ath__planes_make(&work.y, &exec->problem->out[0]);
    ath__parallel(work.y.planes * work.y.height, pool_task, &work);
    if (work.workspace_out) ath__zero_padding(&exec->problem->out[1], work.workspace_out);
    return ATH_OK;
}

static ath_status pool_grad_run(const struct ath__exec *exec, void *state) {
    (void)state;
    struct pool_work work = {.kernels = ath__kernels(), .exec = exec};
    work.is_max = ((const ath_adaptive_pool_attrs *)exec->problem->attrs)->kind == ATH_POOL_MAX;
    work.workspace_in = exec->problem->ins > 1 ? exec->in[1] : NULL;
    ath__planes_make(&work.x, &exec->problem->out[0]);
    ath__planes_make(&work.y, &exec->problem->in[0]);
    if (!work.is_max && work.y.height == 1 && work.y.width == 1)
        ath__parallel(work.x.planes, share_task, &work);
    else
        ath__parallel(work.x.planes * work.x.height, grad_task, &work);
    return ATH_OK;
}

static void pool_layouts(struct ath__layout_wish *wish) {
    struct ath__planes planes;
    if (!ath__planes_make(&planes, &wish->in[0])) wish->in[0].layout = ath__layout_plain();
    for (int i = 1; i < wish->ins; i++) wish->in[i].layout = wish->in[0].layout;
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = wish->in[0].layout;
}

static const char *pool_refuse(const struct ath__problem *problem) {
    const struct ath__desc *x = &problem->in[0];
    struct ath__planes      planes;
    if (!ath__planes_make(&planes, x)) return "a layout that is not made of planes";
    for (int i = 0; i < problem->ins + problem->outs; i++) {
        const struct ath__desc *desc = i < problem->ins ? &problem->in[i] : &problem->out[i - problem->ins];
        bool                    workspace = i < problem->ins ? i == 1 : i - problem->ins == 1;
        if (!desc->present) continue;
        if (workspace ? desc->dtype != ATH_I32 : desc->dtype != ATH_F32 && desc->dtype != ATH_BF16)
            return "neither f32 nor bf16";
        if (!ath__layout_equal(&desc->layout, &x->layout, 4)) return "two layouts";
    }
    return NULL;
}

const struct ath__impl ath__impl_cpu_adaptive_pool = {
    .op = "adaptive_pool", .name = "cpu", .layouts = pool_layouts, .refuse = pool_refuse, .run = pool_run};
const struct ath__impl ath__impl_cpu_adaptive_pool_grad = {
    .op = "adaptive_pool_grad", .name = "cpu", .layouts = pool_layouts, .refuse = pool_refuse, .run = pool_grad_run};
