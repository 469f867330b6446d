/* pool2d and pool2d_grad on the CPU: planes and rows shared out over threads, kernels per instruction set.
 *
 * Every layout with height and width side by side is a stack of planes (H, W, inner):
 *
 *     plain           N * C planes of 1           channel blocks   N * ceil(C / b) planes of b
 *     channels last   N planes of C               batch blocks     ceil(N / b) * C planes of b
 *
 * Pooling is bound by memory, so what counts is that each value is read once, in order.
 */
#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/simd/pool2d_kernel.h"

struct pool_state {
    const struct ath__pool_kernels *kernels;
    struct ath__pool_plane          plane;
    ath_pool2d_attrs                attrs;
    int64_t                         planes;
    int64_t                         channel_blocks, batch_blocks; /* the block sizes, 0 for none */
    int64_t                         images, channels;
    int64_t                         pieces; /* row ranges per plane */
    size_t                          element;
};

static bool is_stack(const struct ath__desc *desc) {
    struct ath__layout last = ath__layout_channels_last(4);
    return ath__layout_is_plain(&desc->layout, 4) || ath__layout_equal(&desc->layout, &last, 4) ||
           ath__layout_single_block(&desc->layout, 4, 0) > 0 || ath__layout_single_block(&desc->layout, 4, 1) > 0;
}

/* All operands take the layout of the first; one that is no stack of planes becomes plain. */
static void layouts(struct ath__layout_wish *wish) {
    struct ath__layout layout = is_stack(&wish->in[0]) ? wish->in[0].layout : ath__layout_plain();
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = layout;
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = layout;
}

static const char *refuse(const struct ath__problem *problem) {
    const ath_pool2d_attrs *attrs = problem->attrs;
    const struct ath__desc *first = &problem->in[0];
    if (first->dtype != ATH_F32 && first->dtype != ATH_BF16) return "needs f32 or bf16";
    if (problem->out[0].dtype != first->dtype) return "the types of input and output differ";
    if (!is_stack(first)) return "height and width do not lie side by side";
    if (attrs->kernel[0] > INT32_MAX / attrs->kernel[1]) return "the window is too large";
    for (int i = 0; i < problem->ins; i++)
        if (problem->in[i].present && !ath__layout_equal(&problem->in[i].layout, &first->layout, 4))
            return "operands of different layouts";
    for (int i = 0; i < problem->outs; i++)
        if (problem->out[i].present && !ath__layout_equal(&problem->out[i].layout, &first->layout, 4))
            return "operands of different layouts";
    return NULL;
}

static const struct ath__pool_kernels *kernels_of(ath_cpu_tier tier) {
#if defined(__x86_64__)
    if (tier >= ATH_CPU_AVX512) return &ath__pool_kernels_avx512;
    if (tier >= ATH_CPU_AVX2) return &ath__pool_kernels_avx2;
#endif
    (void)tier;
    return &ath__pool_kernels_generic;
}

enum { ENOUGH_PLANES = 64 }; /* with fewer, single rows are shared out instead */

/* `x` has the input's spatial size, `y` the output's; `rows` are those that a run writes. */
static ath_status prepare(const struct ath__problem *problem, const ath_shape *x, const ath_shape *y, int64_t rows,
                          void **result, ath_error *err) {
    struct pool_state *state = ATH_NEW(struct pool_state);
    *result = state;
    if (state == NULL) return ath__fail_memory(err, problem->op);
    const struct ath__desc *desc = &problem->in[0];
    state->attrs = *(const ath_pool2d_attrs *)problem->attrs;
    state->kernels = kernels_of(ath__cpuinfo()->tier);
    state->element = ath_dtype_size(desc->dtype);
    state->images = x->dims[0];
    state->channels = x->dims[1];
    state->batch_blocks = ath__layout_single_block(&desc->layout, 4, 0);
    state->channel_blocks = ath__layout_single_block(&desc->layout, 4, 1);
    struct ath__pool_plane *plane = &state->plane;
    plane->attrs = &state->attrs;
    plane->dtype = desc->dtype;
    for (int i = 0; i < 2; i++) {
        plane->in[i] = x->dims[2 + i];
        plane->out[i] = y->dims[2 + i];
    }
    plane->inner = state->batch_blocks > 0                  ? state->batch_blocks
                   : state->channel_blocks > 0              ? state->channel_blocks
                   : ath__layout_is_plain(&desc->layout, 4) ? 1
                                                            : state->channels;
    state->planes = ath__desc_padded_count(desc) / (desc->shape.dims[2] * desc->shape.dims[3]) / plane->inner;
    state->pieces = state->planes >= ENOUGH_PLANES ? 1 : rows;
    return ATH_OK;
}

static ath_status forward_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_shape *x = &problem->in[0].shape, *y = &problem->out[0].shape;
    return prepare(problem, x, y, y->dims[2], state, err);
}

static ath_status backward_prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    const ath_shape *dx = &problem->out[0].shape, *dy = &problem->in[0].shape;
    return prepare(problem, dx, dy, dx->dims[2], state, err);
}

struct pool_run {
    const struct pool_state *state;
    const void              *from;
    void                    *to;
    const int32_t           *places_in;
    int32_t                 *places_out;
};

/* Values of plane number `index` that are not padding. */
static int64_t valid_of(const struct pool_state *state, int64_t index) {
    int64_t inner = state->plane.inner, rest = inner;
    if (state->channel_blocks > 0) rest = state->channels - index % ((state->channels + inner - 1) / inner) * inner;
    if (state->batch_blocks > 0) rest = state->images - index / state->channels * inner;
    return rest < inner ? rest : inner;
}

static void *at(const struct pool_state *state, const void *data, int64_t elements) {
    return (char *)data + (size_t)elements * state->element;
}

static void forward_task(int64_t task, void *context) {
    const struct pool_run   *run = context;
    const struct pool_state *state = run->state;
    struct ath__pool_plane   plane = state->plane;
    int64_t                  index = task / state->pieces, rows = plane.out[0] / state->pieces;
    int64_t                  first = task % state->pieces * rows;
    int64_t                  from = index * plane.in[0] * plane.in[1] * plane.inner;
    int64_t                  to = index * plane.out[0] * plane.out[1] * plane.inner;
    plane.valid = valid_of(state, index);
    state->kernels->forward(&plane, first, first + rows, at(state, run->from, from), at(state, run->to, to),
                            run->places_out != NULL ? run->places_out + to : NULL);
}

static void backward_task(int64_t task, void *context) {
    const struct pool_run   *run = context;
    const struct pool_state *state = run->state;
    struct ath__pool_plane   plane = state->plane;
    int64_t                  index = task / state->pieces, rows = plane.in[0] / state->pieces;
    int64_t                  first = task % state->pieces * rows;
    int64_t                  from = index * plane.out[0] * plane.out[1] * plane.inner;
    int64_t                  to = index * plane.in[0] * plane.in[1] * plane.inner;
    plane.valid = valid_of(state, index);
    state->kernels->backward(&plane, first, first + rows, at(state, run->from, from),
                             run->places_in != NULL ? run->places_in + from : NULL, at(state, run->to, to));
}

static ath_status forward_run(const struct ath__exec *exec, void *data) {
    struct pool_state *state = data;
    struct pool_run    run = {.state = state, .from = exec->in[0], .to = exec->out[0]};
    if (exec->problem->outs > 1 && exec->problem->out[1].present) run.places_out = exec->out[1];
    ath__parallel(state->planes * state->pieces, forward_task, &run);
    return ATH_OK;
}

static ath_status backward_run(const struct ath__exec *exec, void *data) {
    struct pool_state *state = data;
    struct pool_run    run = {.state = state, .from = exec->in[0], .to = exec->out[0]};
    if (state->attrs.kind == ATH_POOL_MAX) run.places_in = exec->in[1];
    ath__parallel(state->planes * state->pieces, backward_task, &run);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_pool2d = {
    .op = "pool2d",
    .name = "cpu",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = forward_prepare,
    .release = ath__free,
    .run = forward_run,
};

const struct ath__impl ath__impl_cpu_pool2d_grad = {
    .op = "pool2d_grad",
    .name = "cpu",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = backward_prepare,
    .release = ath__free,
    .run = backward_run,
};
