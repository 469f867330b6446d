/* Softmax cross-entropy on logits, its gradient, and hits (is the label among the k largest logits).
 *
 *     t = (1 - smoothing) * target + smoothing / K,     m = max x,  s = sum exp(x - m)
 *     loss = T log(s) - sum_k t_k (x_k - m),            T = sum_k t_k
 *     dx_k = dloss * (T exp(x_k - m) / s - t_k)
 *
 * With m taken off, a confident right answer loses log(1 + small) and not the difference of two large numbers; sums run
 * in double over float32 exponentials. A label outside 0 .. K-1 makes the loss and the gradient not-a-number: data is
 * checked where it is read, and here memory beyond the row is never touched.
 */
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/rows.h"

#include <math.h>

struct entropy_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    double                     smoothing;
    int64_t                    rows, classes, rows_per_task, k;
    ath_dtype                  logits_type, labels_type;
    const void                *logits, *labels;
    bool                       soft;
};

static int64_t chunk_of(const struct entropy_work *work, int64_t i) {
    return work->classes - i < ATH_ROW_CHUNK ? work->classes - i : ATH_ROW_CHUNK;
}

/* x[label], or not-a-number. */
static float logit_at(const struct entropy_work *work, int64_t row, int64_t k) {
    float buffer[1];
    if (k < 0 || k >= work->classes) return NAN;
    return *ath__row_read(work->kernels, work->logits, work->logits_type, row * work->classes + k, 1, buffer);
}

static int64_t label_of(const struct entropy_work *work, int64_t row) {
    return ((const int32_t *)work->labels)[row];
}

/* sum t and sum t (x - m) for soft targets, before smoothing. */
static void soft_sums(const struct entropy_work *work, int64_t row, float top, double *mass, double *product) {
    const struct ath__kernels *k = work->kernels;
    float                      a[ATH_ROW_CHUNK], b[ATH_ROW_CHUNK], d[ATH_ROW_CHUNK];
    *mass = *product = 0.0;
    for (int64_t i = 0; i < work->classes; i += ATH_ROW_CHUNK) {
        int64_t      n = chunk_of(work, i), at = row * work->classes + i;
        const float *x = ath__row_read(k, work->logits, work->logits_type, at, n, a);
        const float *t = ath__row_read(k, work->labels, work->labels_type, at, n, b);
        k->unary[ATH_UNARY_SCALE](x, NULL, d, n, 1.0f, -top);
        *mass += k->sum(t, n);
        for (int64_t j = 0; j < n; j++)
            if (t[j] != 0.0f) *product += (double)t[j] * (double)d[j]; /* 0 * infinity counts as 0 */
    }
}

static double distances(const struct entropy_work *work, int64_t row, float top) {
    const struct ath__kernels *k = work->kernels;
    float                      a[ATH_ROW_CHUNK], d[ATH_ROW_CHUNK];
    double                     total = 0.0;
    for (int64_t i = 0; i < work->classes; i += ATH_ROW_CHUNK) {
        int64_t      n = chunk_of(work, i);
        const float *x = ath__row_read(k, work->logits, work->logits_type, row * work->classes + i, n, a);
        k->unary[ATH_UNARY_SCALE](x, NULL, d, n, 1.0f, -top);
        total += k->sum(d, n);
    }
    return total;
}

static void loss_row(const struct entropy_work *work, int64_t row) {
    int64_t at = row * work->classes;
    float   top = ath__row_largest(work->kernels, work->logits, work->logits_type, at, work->classes);
    double  log_sum = log(ath__row_sum_exp(work->kernels, work->logits, work->logits_type, at, work->classes, top));
    double  mass = 1.0, product, s = work->smoothing;
    if (work->soft) {
        soft_sums(work, row, top, &mass, &product);
    } else {
        product = (double)logit_at(work, row, label_of(work, row)) - (double)top;
    }
    double loss = (1.0 - s) * (mass * log_sum - product);
    if (s != 0.0) loss += s * (log_sum - distances(work, row, top) / (double)work->classes);
    ((float *)work->exec->out[0])[row] = (float)loss;
}

static void grad_row(const struct entropy_work *work, int64_t row) {
    const struct ath__kernels *k = work->kernels;
    float                      a[ATH_ROW_CHUNK], b[ATH_ROW_CHUNK], e[ATH_ROW_CHUNK];
    ath_dtype                  dd = work->exec->problem->out[0].dtype;
    void                      *dx = work->exec->out[0];
    int64_t                    at = row * work->classes, label = work->soft ? -1 : label_of(work, row);
    float                      top = ath__row_largest(k, work->logits, work->logits_type, at, work->classes);
    double                     sum = ath__row_sum_exp(k, work->logits, work->logits_type, at, work->classes, top);
    double                     dloss = (double)((const float *)work->exec->in[0])[row], mass = 1.0, product;
    double                     s = work->smoothing, even = s / (double)work->classes;
    bool                       wrong = !work->soft && (label < 0 || label >= work->classes);
    if (work->soft) {
        soft_sums(work, row, top, &mass, &product);
        mass = (1.0 - s) * mass + s;
    }
    float scale = wrong ? NAN : (float)(dloss * mass / sum), shift = (float)(-dloss * even);
    float target = (float)(-dloss * (1.0 - s));
    for (int64_t i = 0; i < work->classes; i += ATH_ROW_CHUNK) {
        int64_t      n = chunk_of(work, i);
        const float *x = ath__row_read(k, work->logits, work->logits_type, at + i, n, a);
        k->sum_exp(x, e, n, top);
        k->unary[ATH_UNARY_SCALE](e, NULL, e, n, scale, shift);
        if (work->soft) {
            const float *t = ath__row_read(k, work->labels, work->labels_type, at + i, n, b);
            for (int64_t j = 0; j < n; j++) e[j] += t[j] * target;
        } else if (label >= i && label < i + n) {
            /* p - 1 for a confident right answer is minus the sum of the other probabilities: in double. */
            double p = exp((double)logit_at(work, row, label) - (double)top) / sum;
            e[label - i] = (float)(dloss * (p - (1.0 - s) - even));
        }
        float *to = ath__row_place(dx, dd, at + i, b);
        for (int64_t j = 0; j < n; j++) to[j] = e[j];
        ath__row_write(k, dx, dd, at + i, n, to);
    }
}

static int64_t best_target(const struct entropy_work *work, int64_t row) {
    int64_t best = 0;
    float   top = 0.0f, buffer[1];
    for (int64_t j = 0; j < work->classes; j++) {
        float t = *ath__row_read(work->kernels, work->labels, work->labels_type, row * work->classes + j, 1, buffer);
        if (j == 0 || t > top) {
            best = j;
            top = t;
        }
    }
    return best;
}

static void hits_row(const struct entropy_work *work, int64_t row) {
    int64_t label = work->soft ? best_target(work, row) : label_of(work, row), larger = 0;
    float   own = logit_at(work, row, label), buffer[ATH_ROW_CHUNK];
    for (int64_t i = 0; i < work->classes; i += ATH_ROW_CHUNK) {
        int64_t      n = chunk_of(work, i);
        const float *x =
            ath__row_read(work->kernels, work->logits, work->logits_type, row * work->classes + i, n, buffer);
        for (int64_t j = 0; j < n; j++)
            larger += x[j] > own || (x[j] == own && i + j < label) || (x[j] != x[j] && i + j != label);
    }
    ((float *)work->exec->out[0])[row] = own == own && larger < work->k ? 1.0f : 0.0f;
}

struct entropy_loop {
    struct entropy_work work;
    void (*row)(const struct entropy_work *work, int64_t row);
};

static void entropy_task(int64_t task, void *context) {
    const struct entropy_loop *loop = context;
    int64_t                    end = (task + 1) * loop->work.rows_per_task;
    for (int64_t row = task * loop->work.rows_per_task; row < end && row < loop->work.rows; row++)
        loop->row(&loop->work, row);
}

/* `first`: which operand holds the logits; the labels follow. */
static ath_status entropy_run(const struct ath__exec *exec, int first, double smoothing, int64_t k,
                              void (*row)(const struct entropy_work *work, int64_t row)) {
    const struct ath__desc *logits = &exec->problem->in[first], *labels = &exec->problem->in[first + 1];
    struct entropy_loop     loop = {.work = {.kernels = ath__kernels(),
                                             .exec = exec,
                                             .smoothing = smoothing,
                                             .rows = logits->shape.dims[0],
                                             .classes = logits->shape.dims[1],
                                             .k = k,
                                             .logits_type = logits->dtype,
                                             .labels_type = labels->dtype,
                                             .logits = exec->in[first],
                                             .labels = exec->in[first + 1],
                                             .soft = labels->shape.rank == 2},
                                    .row = row};
    loop.work.rows_per_task = ath__rows_per_task(loop.work.classes);
    ath__parallel((loop.work.rows + loop.work.rows_per_task - 1) / loop.work.rows_per_task, entropy_task, &loop);
    return ATH_OK;
}

static ath_status loss_run(const struct ath__exec *exec, void *state) {
    (void)state;
    return entropy_run(exec, 0, ((const ath_cross_entropy_attrs *)exec->problem->attrs)->smoothing, 0, loss_row);
}
static ath_status grad_run(const struct ath__exec *exec, void *state) {
    (void)state;
    return entropy_run(exec, 1, ((const ath_cross_entropy_attrs *)exec->problem->attrs)->smoothing, 0, grad_row);
}
static ath_status hits_run(const struct ath__exec *exec, void *state) {
    (void)state;
    return entropy_run(exec, 0, 0.0, ((const ath_hits_attrs *)exec->problem->attrs)->k, hits_row);
}

static void entropy_layouts(struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = ath__layout_plain();
    wish->out[0].layout = ath__layout_plain();
}

static const char *operands_refuse(const struct ath__desc *logits, const struct ath__desc *labels) {
    if (logits->dtype != ATH_F32 && logits->dtype != ATH_BF16) return "logits neither f32 nor bf16";
    if (!ath__layout_is_plain(&logits->layout, 2) || !ath__layout_is_plain(&labels->layout, labels->shape.rank))
        return "not plain";
    bool known =
        labels->shape.rank == 1 ? labels->dtype == ATH_I32 : labels->dtype == ATH_F32 || labels->dtype == ATH_BF16;
    return known ? NULL : "labels neither i32 nor soft targets";
}

static const char *loss_refuse(const struct ath__problem *problem) {
    if (problem->out[0].dtype != ATH_F32) return "result not f32";
    return operands_refuse(&problem->in[0], &problem->in[1]);
}

static const char *grad_refuse(const struct ath__problem *problem) {
    if (problem->in[0].dtype != ATH_F32) return "gradient of the loss not f32";
    if (problem->out[0].dtype != ATH_F32 && problem->out[0].dtype != ATH_BF16) return "result neither f32 nor bf16";
    if (!ath__layout_is_plain(&problem->out[0].layout, 2)) return "not plain";
    return operands_refuse(&problem->in[1], &problem->in[2]);
}

const struct ath__impl ath__impl_cpu_cross_entropy = {
    .op = "cross_entropy", .name = "cpu", .layouts = entropy_layouts, .refuse = loss_refuse, .run = loss_run};
/* dx may take the logits' memory: a chunk is read before it is written. The label's own logit is
 * read after its chunk's exponentials and before the chunk is written. */
const struct ath__impl ath__impl_cpu_cross_entropy_grad = {.op = "cross_entropy_grad",
                                                           .name = "cpu",
                                                           .layouts = entropy_layouts,
                                                           .refuse = grad_refuse,
                                                           .run = grad_run,
                                                           .in_place = 1u << 1};
const struct ath__impl ath__impl_cpu_hits = {
    .op = "hits", .name = "cpu", .layouts = entropy_layouts, .refuse = loss_refuse, .run = hits_run};
