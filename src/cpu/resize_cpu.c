/* Resizing, nearest and bilinear, and its gradient, on planes (see planes.h).
 *
 * Along one dimension, output i takes from at most two inputs:
 *
 *     nearest    at = floor(i * in / out)                                       weight 1
 *     bilinear   at = max((i + 1/2) * in / out - 1/2, 0),  floor and floor + 1  weights 1 - frac, frac
 *
 * The forward pass gathers y from x. The gradient gathers too: input h reads the outputs that took from it, which are
 * neighbours, so nothing is scattered, no two threads write the same place, and sums run in double in a fixed order.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/planes.h"
#include "tensor/dtype.h"

#include <math.h>

/* Inner elements at a time. */
enum { LANES = 64 };

struct taps {
    int64_t at[2];
    double  weight[2];
};

/* One dimension: taps of every output, and for every input the outputs first .. end-1 that may take from it. */
struct axis {
    int64_t      in, out;
    struct taps *taps;
    int64_t     *first, *end;
};

struct resize_state {
    struct ath__planes small, big; /* of x and of y (the wide side of the formulas above) */
    struct axis        rows, columns;
};

static struct taps taps_of(int64_t mode, int64_t i, int64_t in, int64_t out) {
    if (mode == ATH_RESIZE_NEAREST) return (struct taps){{i * in / out, 0}, {1.0, 0.0}};
    double      at = fmax(((double)i + 0.5) * (double)in / (double)out - 0.5, 0.0), low = floor(at);
    struct taps taps = {{(int64_t)low, (int64_t)low + 1}, {1.0 - (at - low), at - low}};
    for (int k = 0; k < 2; k++)
        if (taps.at[k] > in - 1) taps.at[k] = in - 1;
    return taps;
}

static bool axis_make(struct axis *axis, int64_t mode, int64_t in, int64_t out) {
    axis->in = in;
    axis->out = out;
    axis->taps = ATH_NEW_ARRAY(struct taps, out);
    axis->first = ATH_NEW_ARRAY(int64_t, in);
    axis->end = ATH_NEW_ARRAY(int64_t, in);
    if (!axis->taps || !axis->first || !axis->end) return false;
    for (int64_t i = 0; i < in; i++) axis->first[i] = out;
    for (int64_t i = 0; i < out; i++) {
        axis->taps[i] = taps_of(mode, i, in, out);
        for (int k = 0; k < 2; k++) {
            if (axis->taps[i].weight[k] == 0.0) continue;
            int64_t at = axis->taps[i].at[k];
            if (i < axis->first[at]) axis->first[at] = i;
            axis->end[at] = i + 1;
        }
    }
    return true;
}

static void resize_release(void *given) {
    struct resize_state *state = given;
    if (!state) return;
    struct axis *axes[] = {&state->rows, &state->columns};
    for (int i = 0; i < 2; i++) {
        ath__free(axes[i]->taps);
        ath__free(axes[i]->first);
        ath__free(axes[i]->end);
    }
    ath__free(state);
}

/* `x` and `y` are the operands of the forward operator. */
static ath_status make_state(const struct ath__desc *x, const struct ath__desc *y, const void *attrs, void **result,
                             ath_error *err) {
    struct resize_state *state = ATH_NEW(struct resize_state);
    int64_t              mode = ((const ath_resize_attrs *)attrs)->mode;
    if (!state) return ath__fail_memory(err, "resize");
    ath__planes_make(&state->small, x);
    ath__planes_make(&state->big, y);
    if (!axis_make(&state->rows, mode, state->small.height, state->big.height) ||
        !axis_make(&state->columns, mode, state->small.width, state->big.width)) {
        resize_release(state);
        return ath__fail_memory(err, "resize");
    }
    *result = state;
    return ATH_OK;
}

static ath_status resize_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    return make_state(&problem->in[0], &problem->out[0], problem->attrs, state, err);
}
static ath_status resize_grad_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    return make_state(&problem->out[0], &problem->in[0], problem->attrs, state, err);
}

struct resize_work {
    const struct resize_state *state;
    const struct ath__exec    *exec;
};

/* acc[lane] += weight * x[at + lane] */
static void add_weighted(double *acc, const void *x, ath_dtype dtype, int64_t at, int64_t n, double weight) {
    if (dtype == ATH_F32) {
        const float *v = (const float *)x + at;
        for (int64_t i = 0; i < n; i++) acc[i] += weight * (double)v[i];
    } else {
        const uint16_t *v = (const uint16_t *)x + at;
        for (int64_t i = 0; i < n; i++) acc[i] += weight * (double)ath__bf16_to_f32(v[i]);
    }
}

static void store(void *y, ath_dtype dtype, int64_t at, int64_t n, const double *acc) {
    for (int64_t i = 0; i < n; i++) {
        if (dtype == ATH_F32) {
            ((float *)y)[at + i] = (float)acc[i];
        } else {
            ((uint16_t *)y)[at + i] = ath__bf16_from_f64(acc[i]);
        }
    }
}

/* One row of one plane of y. */
static void forward_task(int64_t task, void *context) {
    const struct resize_work  *work = context;
    const struct resize_state *s = work->state;
    int64_t                    plane = task / s->rows.out, p = task % s->rows.out, inner = s->small.inner;
    ath_dtype                  sd = work->exec->problem->in[0].dtype, dd = work->exec->problem->out[0].dtype;
    const struct taps         *rows = &s->rows.taps[p];
    for (int64_t q = 0; q < s->columns.out; q++) {
        const struct taps *columns = &s->columns.taps[q];
        for (int64_t l = 0; l < inner; l += LANES) {
            int64_t n = inner - l < LANES ? inner - l : LANES;
            double  acc[LANES] = {0.0};
            for (int k = 0; k < 4; k++) {
                double weight = rows->weight[k / 2] * columns->weight[k % 2];
                if (rows->weight[k / 2] == 0.0 || columns->weight[k % 2] == 0.0) continue;
                int64_t from = (plane * s->rows.in + rows->at[k / 2]) * s->columns.in + columns->at[k % 2];
                add_weighted(acc, work->exec->in[0], sd, from * inner + l, n, weight);
            }
            store(work->exec->out[0], dd, ((plane * s->rows.out + p) * s->columns.out + q) * inner + l, n, acc);
        }
    }
}

static double weight_on(const struct taps *taps, int64_t at) {
    double weight = 0.0;
    for (int k = 0; k < 2; k++)
        if (taps->at[k] == at) weight += taps->weight[k];
    return weight;
}

/* One row of one plane of dx. */
static void backward_task(int64_t task, void *context) {
    const struct resize_work  *work = context;
    const struct resize_state *s = work->state;
    int64_t                    plane = task / s->rows.in, h = task % s->rows.in, inner = s->small.inner;
    ath_dtype                  sd = work->exec->problem->in[0].dtype, dd = work->exec->problem->out[0].dtype;
    for (int64_t w = 0; w < s->columns.in; w++)
        for (int64_t l = 0; l < inner; l += LANES) {
            int64_t n = inner - l < LANES ? inner - l : LANES;
            double  acc[LANES] = {0.0};
            for (int64_t p = s->rows.first[h]; p < s->rows.end[h]; p++)
                for (int64_t q = s->columns.first[w]; q < s->columns.end[w]; q++) {
                    double weight = weight_on(&s->rows.taps[p], h) * weight_on(&s->columns.taps[q], w);
                    if (weight == 0.0) continue;
                    int64_t from = (plane * s->rows.out + p) * s->columns.out + q;
                    add_weighted(acc, work->exec->in[0], sd, from * inner + l, n, weight);
                }
            store(work->exec->out[0], dd, ((plane * s->rows.in + h) * s->columns.in + w) * inner + l, n, acc);
        }
}

static ath_status resize_run(const struct ath__exec *exec, void *state) {
    struct resize_work work = {state, exec};
    ath__parallel(work.state->small.planes * work.state->rows.out, forward_task, &work);
    return ATH_OK;
}

static ath_status resize_grad_run(const struct ath__exec *exec, void *state) {
    struct resize_work work = {state, exec};
    ath__parallel(work.state->small.planes * work.state->rows.in, backward_task, &work);
    return ATH_OK;
}

static void resize_layouts(struct ath__layout_wish *wish) {
    struct ath__planes planes;
    if (!ath__planes_make(&planes, &wish->in[0])) wish->in[0].layout = ath__layout_plain();
    wish->out[0].layout = wish->in[0].layout;
}

static const char *resize_refuse(const struct ath__problem *problem) {
    struct ath__planes planes;
    for (int i = 0; i < 2; i++) {
        const struct ath__desc *desc = i == 0 ? &problem->in[0] : &problem->out[0];
        if (desc->dtype != ATH_F32 && desc->dtype != ATH_BF16) return "neither f32 nor bf16";
        if (!ath__planes_make(&planes, desc)) return "a layout that is not made of planes";
    }
    if (!ath__layout_equal(&problem->in[0].layout, &problem->out[0].layout, 4)) return "two layouts";
    return NULL;
}

const struct ath__impl ath__impl_cpu_resize = {.op = "resize",
                                               .name = "cpu",
                                               .layouts = resize_layouts,
                                               .refuse = resize_refuse,
                                               .prepare = resize_prepare,
                                               .release = resize_release,
                                               .run = resize_run};
const struct ath__impl ath__impl_cpu_resize_grad = {.op = "resize_grad",
                                                    .name = "cpu",
                                                    .layouts = resize_layouts,
                                                    .refuse = resize_refuse,
                                                    .prepare = resize_grad_prepare,
                                                    .release = resize_release,
                                                    .run = resize_grad_run};
