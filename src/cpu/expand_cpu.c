/* Expand: a plain tensor repeated to a larger shape, in any layout; tile by tile as in chains (expand_tile.h). */
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/expand_tile.h"
#include "cpu/rows.h"

enum { PIECE = 16 * ATH_ROW_CHUNK };

struct expand_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    struct ath__expansion      expansion;
    int64_t                    count;
};

static void expand_task(int64_t task, void *context) {
    const struct expand_work *work = context;
    float                     buffer[ATH_ROW_CHUNK];
    ath_dtype                 dtype = work->exec->problem->out[0].dtype;
    int64_t                   end = (task + 1) * PIECE;
    for (int64_t at = task * PIECE; at < end && at < work->count; at += ATH_ROW_CHUNK) {
        int64_t n = work->count - at < ATH_ROW_CHUNK ? work->count - at : ATH_ROW_CHUNK;
        float  *to = ath__row_place(work->exec->out[0], dtype, at, buffer);
        ath__expansion_read(&work->expansion, work->exec->in[0], at, n, to);
        ath__row_write(work->kernels, work->exec->out[0], dtype, at, n, to);
    }
}

static ath_status expand_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc *out = &exec->problem->out[0];
    struct expand_work      work = {.kernels = ath__kernels(), .exec = exec, .count = ath__desc_padded_count(out)};
    ath__expansion_make(&work.expansion, &exec->problem->in[0], out);
    ath__parallel((work.count + PIECE - 1) / PIECE, expand_task, &work);
    ath__zero_padding(out, exec->out[0]);
    return ATH_OK;
}

static void expand_layouts(struct ath__layout_wish *wish) {
    wish->in[0].layout = ath__layout_plain();
}

static const char *expand_refuse(const struct ath__problem *problem) {
    const struct ath__desc *in = &problem->in[0], *out = &problem->out[0];
    if (in->shape.rank > out->shape.rank || !ath__layout_is_plain(&in->layout, in->shape.rank))
        return "input not plain";
    if ((in->dtype != ATH_F32 && in->dtype != ATH_BF16) || (out->dtype != ATH_F32 && out->dtype != ATH_BF16))
        return "neither f32 nor bf16";
    return NULL;
}

const struct ath__impl ath__impl_cpu_expand = {
    .op = "expand", .name = "cpu", .layouts = expand_layouts, .refuse = expand_refuse, .run = expand_run};
