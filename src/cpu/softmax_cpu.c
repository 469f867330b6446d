/* Softmax and log-softmax over the last dimension, and their gradients.
 *
 *     y = exp(x - m) / s     or     y = x - m - log(s),     m = max x,  s = sum exp(x - m)
 *     dx = y * (dy - sum dy y)      dx = dy - exp(y) * sum dy
 *
 * Exponents are at most 0, so nothing overflows. Sums are carried in double (see kernels.h). Rows are independent; a
 * task is a number of rows.
 */
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/rows.h"

#include <math.h>

struct softmax_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    bool                       log;
    int64_t                    rows, length, rows_per_task;
};

static void softmax_row(const struct softmax_work *work, int64_t at) {
    const struct ath__kernels *k = work->kernels;
    const struct ath__problem *problem = work->exec->problem;
    ath_dtype                  sd = problem->in[0].dtype, dd = problem->out[0].dtype;
    const void                *x = work->exec->in[0];
    float                      in[ATH_ROW_CHUNK], out[ATH_ROW_CHUNK];
    float                      top = ath__row_largest(k, x, sd, at, work->length);
    double                     sum = ath__row_sum_exp(k, x, sd, at, work->length, top);
    float                      scale = (float)(1.0 / sum), low = (float)log(sum);
    for (int64_t i = 0; i < work->length; i += ATH_ROW_CHUNK) {
        int64_t      n = work->length - i < ATH_ROW_CHUNK ? work->length - i : ATH_ROW_CHUNK;
        const float *from = ath__row_read(k, x, sd, at + i, n, in);
        float       *to = ath__row_place(work->exec->out[0], dd, at + i, out);
        if (work->log) {
            k->unary[ATH_UNARY_SCALE](from, NULL, to, n, 1.0f, -top);
            k->unary[ATH_UNARY_SCALE](to, NULL, to, n, 1.0f, -low);
        } else {
            k->sum_exp(from, to, n, top);
            k->unary[ATH_UNARY_SCALE](to, NULL, to, n, scale, 0.0f);
        }
        ath__row_write(k, work->exec->out[0], dd, at + i, n, to);
    }
}

static void softmax_grad_row(const struct softmax_work *work, int64_t at) {
    const struct ath__kernels *k = work->kernels;
    const struct ath__problem *problem = work->exec->problem;
    ath_dtype                  gd = problem->in[0].dtype, yd = problem->in[1].dtype, dd = problem->out[0].dtype;
    const void                *dy = work->exec->in[0], *y = work->exec->in[1];
    float                      a[ATH_ROW_CHUNK], b[ATH_ROW_CHUNK], c[ATH_ROW_CHUNK], t[ATH_ROW_CHUNK];
    double                     sum = 0.0;
    for (int64_t i = 0; i < work->length; i += ATH_ROW_CHUNK) {
        int64_t      n = work->length - i < ATH_ROW_CHUNK ? work->length - i : ATH_ROW_CHUNK;
        const float *g = ath__row_read(k, dy, gd, at + i, n, a);
        sum += work->log ? k->sum(g, n) : k->dot(g, ath__row_read(k, y, yd, at + i, n, b), n);
    }
    for (int64_t i = 0; i < work->length; i += ATH_ROW_CHUNK) {
        int64_t      n = work->length - i < ATH_ROW_CHUNK ? work->length - i : ATH_ROW_CHUNK;
        const float *g = ath__row_read(k, dy, gd, at + i, n, a), *p = ath__row_read(k, y, yd, at + i, n, b);
        float       *to = ath__row_place(work->exec->out[0], dd, at + i, c);
        if (work->log) {
            k->unary[ATH_UNARY_EXP](p, NULL, t, n, 0.0f, 0.0f);
            k->unary[ATH_UNARY_SCALE](t, NULL, t, n, (float)sum, 0.0f);
            k->binary[ATH_BINARY_SUB](g, t, to, n, 0.0f, 0.0f);
        } else {
            k->unary[ATH_UNARY_SCALE](g, NULL, t, n, 1.0f, (float)-sum);
            k->binary[ATH_BINARY_MUL](p, t, to, n, 0.0f, 0.0f);
        }
        ath__row_write(k, work->exec->out[0], dd, at + i, n, to);
    }
}

static void softmax_task(int64_t task, void *context) {
    const struct softmax_work *work = context;
    int64_t                    end = (task + 1) * work->rows_per_task;
    for (int64_t row = task * work->rows_per_task; row < end && row < work->rows; row++) {
        if (work->exec->problem->ins == 2) {
            softmax_grad_row(work, row * work->length);
        } else {
            softmax_row(work, row * work->length);
        }
    }
}

static ath_status softmax_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const ath_shape    *shape = &exec->problem->out[0].shape;
    struct softmax_work work = {.kernels = ath__kernels(), .exec = exec};
    work.log = ((const ath_softmax_attrs *)exec->problem->attrs)->log != 0;
    work.length = shape->dims[shape->rank - 1];
    work.rows = work.length > 0 ? ath_shape_count(shape) / work.length : 0;
    work.rows_per_task = ath__rows_per_task(work.length);
    ath__parallel((work.rows + work.rows_per_task - 1) / work.rows_per_task, softmax_task, &work);
    return ATH_OK;
}

static void softmax_layouts(struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = ath__layout_plain();
    wish->out[0].layout = ath__layout_plain();
}

static const char *softmax_refuse(const struct ath__problem *problem) {
    for (int i = 0; i <= problem->ins; i++) {
        const struct ath__desc *desc = i < problem->ins ? &problem->in[i] : &problem->out[0];
        if (desc->dtype != ATH_F32 && desc->dtype != ATH_BF16) return "neither f32 nor bf16";
        if (desc->shape.rank < 1 || !ath__layout_is_plain(&desc->layout, desc->shape.rank)) return "not plain";
    }
    return NULL;
}

const struct ath__impl ath__impl_cpu_softmax = {.op = "softmax",
                                                .name = "cpu",
                                                .layouts = softmax_layouts,
                                                .refuse = softmax_refuse,
                                                .run = softmax_run,
                                                .in_place = 1u << 0};
const struct ath__impl ath__impl_cpu_softmax_grad = {.op = "softmax_grad",
                                                     .name = "cpu",
                                                     .layouts = softmax_layouts,
                                                     .refuse = softmax_refuse,
                                                     .run = softmax_run,
                                                     .in_place = 1u << 0 | 1u << 1};
