/* Pack: many tensors one after the other in one flat float32 array, each padded with zeros to 16 elements, so that an
 * optimiser step is one chain over all parameters. A piece that its producer has already written to its place (the
 * planner can arrange that) is left alone but for its padding.
 */
#include "contract/impl.h"
#include "cpu/copy.h"

#include <string.h>

enum { PACK_MULTIPLE = 16 };

static ath_status pack_run(const struct ath__exec *exec, void *state) {
    (void)state;
    float  *y = exec->out[0];
    int64_t at = 0;
    for (int i = 0; i < exec->problem->ins; i++) {
        const struct ath__desc *in = &exec->problem->in[i];
        int64_t                 count = ath_shape_count(&in->shape),
                padded = (count + PACK_MULTIPLE - 1) / PACK_MULTIPLE * PACK_MULTIPLE;
        if (exec->in[i] != y + at) {
            struct ath__copy copy;
            ath__copy_start(&copy, in->dtype, ATH_F32);
            ath__copy_loop(&copy, count, 1, 1);
            ath__copy_run(&copy, exec->in[i], y + at);
        }
        memset(y + at + count, 0, (size_t)(padded - count) * sizeof *y);
        at += padded;
    }
    return ATH_OK;
}

static void pack_layouts(struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = ath__layout_plain();
    wish->out[0].layout = ath__layout_plain();
}

static const char *pack_refuse(const struct ath__problem *problem) {
    if (problem->out[0].dtype != ATH_F32) return "result not f32";
    for (int i = 0; i < problem->ins; i++) {
        if (problem->in[i].dtype != ATH_F32 && problem->in[i].dtype != ATH_BF16) return "neither f32 nor bf16";
        if (!ath__layout_is_plain(&problem->in[i].layout, problem->in[i].shape.rank)) return "not plain";
    }
    return NULL;
}

const struct ath__impl ath__impl_cpu_pack = {
    .op = "pack", .name = "cpu", .layouts = pack_layouts, .refuse = pack_refuse, .run = pack_run};
