/* The sum over the micro-batches of an optimiser step: the first copies, the others add.
 *
 *     y = x             micro-batch 0
 *     y = y + x         micro-batch 1, 2 ...
 *
 * With a single micro-batch the planner may put y into x's memory; then nothing is left to do.
 */
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/rows.h"

enum { PIECE = 16 * ATH_ROW_CHUNK };

struct sum_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    int64_t                    count;
};

static void sum_task(int64_t task, void *context) {
    const struct sum_work     *work = context;
    const struct ath__kernels *k = work->kernels;
    ath_dtype                  sd = work->exec->problem->in[0].dtype, dd = work->exec->problem->out[0].dtype;
    void                      *y = work->exec->out[0];
    float                      a[ATH_ROW_CHUNK], b[ATH_ROW_CHUNK];
    int64_t                    end = (task + 1) * PIECE;
    for (int64_t i = task * PIECE; i < end && i < work->count; i += ATH_ROW_CHUNK) {
        int64_t      n = work->count - i < ATH_ROW_CHUNK ? work->count - i : ATH_ROW_CHUNK;
        const float *x = ath__row_read(k, work->exec->in[0], sd, i, n, a);
        const float *old = ath__row_read(k, y, dd, i, n, b);
        float       *to = ath__row_place(y, dd, i, b);
        k->binary[ATH_BINARY_ADD](old, x, to, n, 0.0f, 0.0f);
        ath__row_write(k, y, dd, i, n, to);
    }
}

static ath_status sum_run(const struct ath__exec *exec, void *state) {
    (void)state;
    if (exec->micro_batch == 0) {
        if (exec->in[0] != exec->out[0])
            ath__copy_desc(&exec->problem->in[0], exec->in[0], &exec->problem->out[0], exec->out[0]);
        return ATH_OK;
    }
    struct sum_work work = {ath__kernels(), exec, ath__desc_padded_count(&exec->problem->out[0])};
    ath__parallel((work.count + PIECE - 1) / PIECE, sum_task, &work);
    return ATH_OK;
}

static void sum_layouts(struct ath__layout_wish *wish) {
    wish->out[0].layout = wish->in[0].layout;
}

static const char *sum_refuse(const struct ath__problem *problem) {
    for (int i = 0; i < 2; i++) {
        ath_dtype dtype = i == 0 ? problem->in[0].dtype : problem->out[0].dtype;
        if (dtype != ATH_F32 && dtype != ATH_BF16) return "neither f32 nor bf16";
    }
    if (!ath__layout_equal(&problem->in[0].layout, &problem->out[0].layout, problem->in[0].shape.rank))
        return "two layouts";
    return NULL;
}

const struct ath__impl ath__impl_cpu_batch_sum = {.op = "batch_sum",
                                                  .name = "cpu",
                                                  .layouts = sum_layouts,
                                                  .refuse = sum_refuse,
                                                  .run = sum_run,
                                                  .in_place = 1u << 0};
