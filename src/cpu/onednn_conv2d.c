/* conv2d through oneDNN.
 *
 *     y = act(conv(x, w) + bias + residual)
 *
 * The residual is added by the primitive to what the destination holds, so it is copied there first, in parallel,
 * unless the plan already gave both the same memory.
 */
#include "cpu/onednn_conv.h"

#include "base/parallel.h"

#include <string.h>

static void layouts(struct ath__layout_wish *wish) {
    ath__onednn_conv_layouts(ATH_ONEDNN_FORWARD, wish);
}

static const char *refuse(const struct ath__problem *problem) {
    return ath__onednn_conv_refuse(ATH_ONEDNN_FORWARD, problem);
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    return ath__onednn_conv_prepare(ATH_ONEDNN_FORWARD, problem, state, err);
}

enum { COPY_BYTES = 1 << 18 }; /* one task's share: a piece that fits the second-level cache */

struct copy {
    const char *from;
    char       *to;
    size_t      bytes;
};

static void copy_piece(int64_t task, void *context) {
    const struct copy *copy = context;
    size_t             begin = (size_t)task * COPY_BYTES;
    size_t             bytes = copy->bytes - begin < COPY_BYTES ? copy->bytes - begin : COPY_BYTES;
    memcpy(copy->to + begin, copy->from + begin, bytes);
}

static ath_status run(const struct ath__exec *exec, void *state) {
    const struct ath__problem *problem = exec->problem;
    if (problem->ins > 3 && problem->in[3].present && exec->in[3] != exec->out[0]) {
        struct copy copy = {exec->in[3], exec->out[0], ath__desc_bytes(&problem->out[0])};
        ath__parallel((int64_t)((copy.bytes + COPY_BYTES - 1) / COPY_BYTES), copy_piece, &copy);
    }
    return ath__onednn_state_run(exec, state);
}

const struct ath__impl ath__impl_onednn_conv2d = {
    .op = "conv2d",
    .name = "onednn",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare,
    .release = ath__onednn_state_free,
    .scratch = ath__onednn_state_scratch,
    .run = run,
    .in_place = UINT64_C(1) << 3, /* the residual */
};
