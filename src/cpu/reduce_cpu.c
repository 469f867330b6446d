/* Reductions (sum, mean, maximum) over any dimensions, in any layout.
 *
 * The input's memory is a set of loops, each over a dimension that is kept or one that is summed. Neighbouring loops of
 * one kind merge. What remains inside is a row that is summed to one number, or a row of numbers that are kept; the
 * latter is added row by row to a line of accumulators. Accumulators are doubles. Where the kept loops alone are too
 * few to keep the threads busy, the outermost summed loop is cut into parts by its size; parts are added in order, so
 * the result does not depend on the number of threads. Padding holds zeros and adds nothing; for a maximum a padded
 * input is refused.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/rows.h"

#include <math.h>

enum { MOST_PARTS = 64, PART_ELEMENTS = 16384, MOST_LINE = 512, ROWS_AT_ONCE = 64 };

struct loop {
    int64_t size, stride;
};

struct reduce_state {
    const struct ath__kernels *kernels;
    int                        kind;
    ath_dtype                  in_dtype;
    int                        kept, summed; /* outer loops of each kind, slowest first */
    struct loop                keep[ATH_MAX_PHYSICAL], sum[ATH_MAX_PHYSICAL];
    bool                       line_kept;             /* the innermost row is kept */
    bool                       pieces;                /* the summed row is cut into pieces of PART_ELEMENTS */
    int64_t                    line, line_stride;     /* the innermost row */
    int64_t                    results, terms;        /* positions of the kept outer loops, of the summed outer loops */
    int64_t                    parts, terms_per_part; /* parts of the summed loops */
    int64_t                    lines, line_piece;     /* pieces of a kept row */
    int64_t                    width;                 /* accumulators of one result: the row if kept, else 1 */
    double                     divisor;
};

static size_t reduce_scratch(const struct ath__problem *problem, const void *state) {
    (void)problem;
    const struct reduce_state *s = state;
    return (size_t)(s->results * s->parts * s->width) * sizeof(double);
}

static void add_loop(struct loop *loops, int *count, int64_t size, int64_t stride, bool neighbours) {
    if (neighbours && *count > 0 && loops[*count - 1].stride == stride * size) {
        loops[*count - 1].size *= size;
        loops[*count - 1].stride = stride;
    } else {
        loops[(*count)++] = (struct loop){size, stride};
    }
}

static ath_status reduce_prepare(const struct ath__problem *problem, void **result, ath_error *err) {
    struct reduce_state *s = ATH_NEW(struct reduce_state);
    if (!s) return ath__fail_memory(err, "reduce");
    const ath_reduce_attrs *attrs = problem->attrs;
    struct ath__physical    physical;
    int64_t                 stride[ATH_MAX_PHYSICAL];
    bool                    last_kept = false, any = false;
    ath__desc_physical(&problem->in[0], &physical);
    ath__physical_strides(&physical, stride);
    for (int i = 0; i < physical.count; i++) {
        if (physical.size[i] == 1) continue;
        bool kept = !(attrs->axes >> physical.dim[i] & 1);
        add_loop(kept ? s->keep : s->sum, kept ? &s->kept : &s->summed, physical.size[i], stride[i],
                 any && kept == last_kept);
        last_kept = kept;
        any = true;
    }
    s->kernels = ath__kernels();
    s->kind = (int)attrs->kind;
    s->in_dtype = problem->in[0].dtype;
    s->line = s->line_stride = 1;
    s->line_kept = any && last_kept;
    if (any) {
        struct loop inner = s->line_kept ? s->keep[--s->kept] : s->sum[--s->summed];
        s->line = inner.size;
        s->line_stride = inner.stride;
    }
    s->results = s->terms = 1;
    for (int i = 0; i < s->kept; i++) s->results *= s->keep[i].size;
    for (int i = 0; i < s->summed; i++) s->terms *= s->sum[i].size;
    if (!s->line_kept && s->summed == 0 && s->line > PART_ELEMENTS) {
        /* One long row: make an outer loop of its pieces, the last of which is shorter. */
        s->terms = (s->line + PART_ELEMENTS - 1) / PART_ELEMENTS;
        s->sum[s->summed++] = (struct loop){s->terms, PART_ELEMENTS};
        s->pieces = true;
    }
    s->width = s->line_kept ? s->line : 1;
    s->line_piece = s->line_kept && s->line > MOST_LINE ? MOST_LINE : s->line;
    s->lines = (s->line + s->line_piece - 1) / s->line_piece;
    int64_t parts = s->terms * s->line / PART_ELEMENTS;
    if (parts > MOST_PARTS) parts = MOST_PARTS;
    if (parts > s->terms) parts = s->terms;
    if (parts < 1 || s->results * s->lines >= MOST_PARTS) parts = 1;
    s->terms_per_part = (s->terms + parts - 1) / parts;
    s->parts = (s->terms + s->terms_per_part - 1) / s->terms_per_part;
    int64_t in = ath_shape_count(&problem->in[0].shape), out = ath_shape_count(&problem->out[0].shape);
    s->divisor = s->kind == ATH_REDUCE_MEAN ? (double)in / (double)out : 1.0;
    *result = s;
    return ATH_OK;
}

static void reduce_release(void *state) {
    ath__free(state);
}

static int64_t loops_offset(const struct loop *loops, int count, int64_t index) {
    int64_t offset = 0;
    for (int i = count - 1; i >= 0; i--) {
        offset += index % loops[i].size * loops[i].stride;
        index /= loops[i].size;
    }
    return offset;
}

struct reduce_work {
    const struct reduce_state *s;
    const void                *x;
    double                    *acc;
};

static double larger(double best, double value) {
    return value > best || isnan(value) ? value : best;
}

/* A row that is summed, or its maximum. */
static double row_value(const struct reduce_state *s, const void *x, int64_t at, int64_t n) {
    float  buffer[ATH_ROW_CHUNK];
    double total = s->kind == ATH_REDUCE_MAX ? -INFINITY : 0.0;
    if (s->kind != ATH_REDUCE_MAX && s->in_dtype == ATH_F32) return s->kernels->sum((const float *)x + at, n);
    for (int64_t i = 0; i < n; i += ATH_ROW_CHUNK) {
        int64_t      m = n - i < ATH_ROW_CHUNK ? n - i : ATH_ROW_CHUNK;
        const float *v = ath__row_read(s->kernels, x, s->in_dtype, at + i, m, buffer);
        total = s->kind == ATH_REDUCE_MAX ? larger(total, (double)s->kernels->largest(v, m))
                                          : total + s->kernels->sum(v, m);
    }
    return total;
}

static void row_task(const struct reduce_work *work, int64_t result, int64_t part) {
    const struct reduce_state *s = work->s;
    double                     total = s->kind == ATH_REDUCE_MAX ? -INFINITY : 0.0;
    int64_t                    base = loops_offset(s->keep, s->kept, result), end = (part + 1) * s->terms_per_part;
    for (int64_t term = part * s->terms_per_part; term < end && term < s->terms; term++) {
        int64_t at = base + loops_offset(s->sum, s->summed, term), n = s->line;
        if (s->pieces)
            n = s->line - term * PART_ELEMENTS < PART_ELEMENTS ? s->line - term * PART_ELEMENTS : PART_ELEMENTS;
        double value = row_value(s, work->x, at, n);
        total = s->kind == ATH_REDUCE_MAX ? larger(total, value) : total + value;
    }
    work->acc[result * s->parts + part] = total;
}

/* Rows term .. term+rows-1 lie one stride apart only inside the innermost summed loop. */
static int64_t rows_together(const struct reduce_state *s, int64_t term, int64_t end) {
    if (s->summed == 0) return 1;
    int64_t size = s->sum[s->summed - 1].size, left = size - term % size;
    if (left > end - term) left = end - term;
    return left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
}

static void line_task(const struct reduce_work *work, int64_t result, int64_t part, int64_t piece) {
    const struct reduce_state *s = work->s;
    int64_t first = piece * s->line_piece, n = s->line - first < s->line_piece ? s->line - first : s->line_piece;
    double *acc = work->acc + (result * s->parts + part) * s->width + first;
    int64_t base = loops_offset(s->keep, s->kept, result) + first, end = (part + 1) * s->terms_per_part;
    if (end > s->terms) end = s->terms;
    for (int64_t i = 0; i < n; i++) acc[i] = s->kind == ATH_REDUCE_MAX ? -INFINITY : 0.0;
    float buffer[MOST_LINE];
    for (int64_t term = part * s->terms_per_part; term < end;) {
        int64_t rows = rows_together(s, term, end), at = base + loops_offset(s->sum, s->summed, term);
        int64_t stride = s->summed > 0 ? s->sum[s->summed - 1].stride : 0;
        if (s->kind != ATH_REDUCE_MAX && s->in_dtype == ATH_F32) {
            s->kernels->add_rows((const float *)work->x + at, rows, stride, acc, n);
        } else {
            for (int64_t r = 0; r < rows; r++) {
                const float *v = ath__row_read(s->kernels, work->x, s->in_dtype, at + r * stride, n, buffer);
                for (int64_t i = 0; i < n; i++)
                    acc[i] = s->kind == ATH_REDUCE_MAX ? larger(acc[i], (double)v[i]) : acc[i] + (double)v[i];
            }
        }
        term += rows;
    }
}

static void reduce_task(int64_t task, void *context) {
    const struct reduce_work  *work = context;
    const struct reduce_state *s = work->s;
    if (s->line_kept) {
        line_task(work, task / s->lines / s->parts, task / s->lines % s->parts, task % s->lines);
    } else {
        row_task(work, task / s->parts, task % s->parts);
    }
}

/* Adding up the parts and writing the results to their places: `index` counts in the order of the input's memory. */
struct finish_work {
    const struct reduce_work *reduce;
    const struct ath__exec   *exec;
    struct ath__physical      kept; /* the kept physical dimensions */
    int64_t                   limit[ATH_MAX_RANK], out_stride[ATH_MAX_RANK];
};

enum { RESULTS_PER_TASK = 1024 };

static void finish_one(const struct finish_work *work, int64_t index) {
    const struct reduce_state *s = work->reduce->s;
    int64_t                    position[ATH_MAX_RANK] = {0}, rest = index, offset = 0;
    for (int i = work->kept.count - 1; i >= 0; i--) {
        position[work->kept.dim[i]] += rest % work->kept.size[i] * work->kept.step[i];
        rest /= work->kept.size[i];
    }
    for (int i = 0; i < ATH_MAX_RANK; i++) {
        if (position[i] > work->limit[i]) return; /* padding */
        offset += position[i] * work->out_stride[i];
    }
    const double *acc = work->reduce->acc + index / s->width * s->parts * s->width + index % s->width;
    double        total = acc[0];
    for (int64_t part = 1; part < s->parts; part++)
        total = s->kind == ATH_REDUCE_MAX ? larger(total, acc[part * s->width]) : total + acc[part * s->width];
    float final = (float)(total / s->divisor);
    if (work->exec->problem->out[0].dtype == ATH_F32) {
        ((float *)work->exec->out[0])[offset] = final;
    } else {
        s->kernels->to_bf16(&final, (uint16_t *)work->exec->out[0] + offset, 1);
    }
}

static void finish_task(int64_t task, void *context) {
    const struct finish_work *work = context;
    int64_t count = work->reduce->s->results * work->reduce->s->width, end = (task + 1) * RESULTS_PER_TASK;
    for (int64_t index = task * RESULTS_PER_TASK; index < end && index < count; index++) finish_one(work, index);
}

static void finish(const struct reduce_work *reduce, const struct ath__exec *exec) {
    const ath_shape     *in = &exec->problem->in[0].shape;
    int64_t              axes = ((const ath_reduce_attrs *)exec->problem->attrs)->axes, stride = 1;
    struct ath__physical physical;
    struct finish_work   work = {.reduce = reduce, .exec = exec};
    ath__desc_physical(&exec->problem->in[0], &physical);
    for (int i = 0; i < physical.count; i++) {
        if (axes >> physical.dim[i] & 1) continue;
        int at = work.kept.count++;
        work.kept.size[at] = physical.size[i];
        work.kept.dim[at] = physical.dim[i];
        work.kept.step[at] = physical.step[i];
    }
    for (int i = in->rank - 1; i >= 0; i--) {
        work.limit[i] = in->dims[i] - 1;
        if (axes >> i & 1) continue;
        work.out_stride[i] = stride;
        stride *= in->dims[i];
    }
    int64_t count = reduce->s->results * reduce->s->width;
    ath__parallel((count + RESULTS_PER_TASK - 1) / RESULTS_PER_TASK, finish_task, &work);
}

static ath_status reduce_run(const struct ath__exec *exec, void *state) {
    struct reduce_work work = {.s = state, .x = exec->in[0], .acc = exec->scratch};
    int64_t            tasks = work.s->results * work.s->parts * (work.s->line_kept ? work.s->lines : 1);
    ath__parallel(tasks, reduce_task, &work);
    finish(&work, exec);
    return ATH_OK;
}

/* Any input as it comes; the result is small and plain. A maximum wants a layout without padding. */
static void reduce_layouts(struct ath__layout_wish *wish) {
    bool is_max = ((const ath_reduce_attrs *)wish->attrs)->kind == ATH_REDUCE_MAX;
    if (is_max && ath__desc_is_padded(&wish->in[0])) wish->in[0].layout = ath__layout_plain();
    wish->out[0].layout = ath__layout_plain();
}

static const char *reduce_refuse(const struct ath__problem *problem) {
    const struct ath__desc *in = &problem->in[0], *out = &problem->out[0];
    if (in->dtype != ATH_F32 && in->dtype != ATH_BF16) return "neither f32 nor bf16";
    if (out->dtype != ATH_F32 && out->dtype != ATH_BF16) return "result neither f32 nor bf16";
    if (!ath__layout_is_plain(&out->layout, out->shape.rank)) return "result not plain";
    if (((const ath_reduce_attrs *)problem->attrs)->kind == ATH_REDUCE_MAX && ath__desc_is_padded(in))
        return "maximum over padding";
    return NULL;
}

const struct ath__impl ath__impl_cpu_reduce = {.op = "reduce",
                                               .name = "cpu",
                                               .layouts = reduce_layouts,
                                               .refuse = reduce_refuse,
                                               .prepare = reduce_prepare,
                                               .release = reduce_release,
                                               .scratch = reduce_scratch,
                                               .run = reduce_run};
