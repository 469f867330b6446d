/* Dropout: y = x / (1 - p) where the element's draw is at least p, else 0. Its gradient is the same on dy.
 *
 * The draw of element i (row-major inside sample n) is word i % 4 of the Philox block with
 *
 *     key = (rng[0] ^ rng[3], rng[1]),   counter = (i / 4, n, rng[2], ATH_RNG_DROPOUT + 256 * id)
 *
 * so it depends on the sample and not on layout, threads or batch split. `draw * 2^-32 >= p` is tested in whole
 * numbers: draw >= ceil(p * 2^32), which is exact. With per_sample the draw of element 0 decides for all; a piece then
 * has one draw repeated.
 */
#include "base/parallel.h"
#include "base/rng.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/simd/kernels.h"
#include "tensor/dtype.h"

#include <math.h>

enum { PIECE = 4096 };

struct dropout_work {
    const struct ath__kernels *kernels;
    const struct ath__exec    *exec;
    uint32_t                   key[2], step, stream;
    uint64_t                   threshold;
    float                      scale;
    bool                       per_sample;
    int64_t                    sample, pieces; /* elements of a sample; pieces of it */
    int64_t                    row;            /* last dimension, or the whole sample where it is contiguous */
    int64_t                    stride;         /* along a row, in elements */
};

/* n elements with the given stride. */
static void apply(const struct dropout_work *work, int64_t at, int64_t n, const uint32_t *draws) {
    ath_dtype dtype = work->exec->problem->in[0].dtype;
    int64_t   s = work->stride;
    if (dtype == ATH_F32) {
        const float *x = (const float *)work->exec->in[0] + at;
        float       *y = (float *)work->exec->out[0] + at;
        if (s == 1 && work->threshold <= UINT32_MAX) {
            work->kernels->drop(x, draws, (uint32_t)work->threshold, work->scale, y, n);
        } else {
            for (int64_t i = 0; i < n; i++) y[i * s] = draws[i] >= work->threshold ? x[i * s] * work->scale : 0.0f;
        }
    } else {
        const uint16_t *x = (const uint16_t *)work->exec->in[0] + at;
        uint16_t       *y = (uint16_t *)work->exec->out[0] + at;
        for (int64_t i = 0; i < n; i++)
            y[i * s] = draws[i] >= work->threshold ? ath__bf16_from_f32(ath__bf16_to_f32(x[i * s]) * work->scale) : 0;
    }
}

/* Where element i of sample n begins a row, or lies in it. */
static int64_t offset_of(const struct dropout_work *work, int64_t n, int64_t i) {
    const struct ath__desc *desc = &work->exec->problem->in[0];
    int64_t                 index[ATH_MAX_RANK] = {0};
    if (work->row == work->sample && work->stride == 1) return n * work->sample + i;
    for (int d = desc->shape.rank - 1; d > 0; d--) {
        index[d] = i % desc->shape.dims[d];
        i /= desc->shape.dims[d];
    }
    index[0] = n;
    return ath__desc_offset(desc, index);
}

static void dropout_task(int64_t task, void *context) {
    const struct dropout_work *work = context;
    int64_t                    n = task / work->pieces, begin = task % work->pieces * PIECE;
    int64_t                    end = begin + PIECE < work->sample ? begin + PIECE : work->sample;
    uint32_t                   draws[PIECE];
    const uint32_t counter[4] = {work->per_sample ? 0 : (uint32_t)(begin / 4), (uint32_t)n, work->step, work->stream};
    work->kernels->philox(work->key, counter, draws, work->per_sample ? 1 : (end - begin + 3) / 4);
    for (int64_t i = 1; work->per_sample && i < end - begin; i++) draws[i] = draws[0];
    for (int64_t i = begin; i < end;) {
        int64_t run = work->row - i % work->row;
        if (run > end - i) run = end - i;
        apply(work, offset_of(work, n, i), run, draws + (i - begin));
        i += run;
    }
}

static ath_status dropout_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc  *desc = &exec->problem->in[0];
    const ath_dropout_attrs *attrs = exec->problem->attrs;
    const int32_t           *rng = exec->in[1];
    struct dropout_work      work = {.kernels = ath__kernels(), .exec = exec};
    int                      rank = desc->shape.rank;
    work.key[0] = (uint32_t)rng[0] ^ (uint32_t)rng[3];
    work.key[1] = (uint32_t)rng[1];
    work.step = (uint32_t)rng[2];
    work.stream = (uint32_t)(ATH_RNG_DROPOUT + 256 * attrs->id);
    work.threshold = (uint64_t)ceil(attrs->p * 4294967296.0);
    work.scale = (float)(1.0 / (1.0 - attrs->p));
    work.per_sample = attrs->per_sample != 0;
    work.sample = ath_shape_count(&desc->shape) / desc->shape.dims[0];
    work.pieces = (work.sample + PIECE - 1) / PIECE;
    work.row = work.sample;
    work.stride = 1;
    if (!ath__layout_is_plain(&desc->layout, rank)) {
        struct ath__physical physical;
        int64_t              stride[ATH_MAX_PHYSICAL];
        ath__desc_physical(desc, &physical);
        ath__physical_strides(&physical, stride);
        work.row = rank > 1 ? desc->shape.dims[rank - 1] : 1;
        for (int i = 0; i < physical.count; i++)
            if (physical.dim[i] == rank - 1) work.stride = stride[i];
    }
    ath__parallel(desc->shape.dims[0] * work.pieces, dropout_task, &work);
    ath__zero_padding(&exec->problem->out[0], exec->out[0]);
    return ATH_OK;
}

static bool last_is_blocked(const struct ath__desc *desc) {
    for (int i = 0; i < desc->layout.blocks; i++)
        if (desc->layout.block_dim[i] == desc->shape.rank - 1) return true;
    return false;
}

static void dropout_layouts(struct ath__layout_wish *wish) {
    if (last_is_blocked(&wish->in[0])) wish->in[0].layout = ath__layout_plain();
    wish->in[1].layout = ath__layout_plain();
    wish->out[0].layout = wish->in[0].layout;
}

static const char *dropout_refuse(const struct ath__problem *problem) {
    const struct ath__desc *in = &problem->in[0], *out = &problem->out[0];
    if ((in->dtype != ATH_F32 && in->dtype != ATH_BF16) || out->dtype != in->dtype) return "neither f32 nor bf16";
    if (problem->in[1].dtype != ATH_I32) return "random state not i32";
    if (!ath__layout_equal(&in->layout, &out->layout, in->shape.rank)) return "two layouts";
    if (in->shape.rank < 1 || last_is_blocked(in)) return "blocks on the last dimension";
    return NULL;
}

const struct ath__impl ath__impl_cpu_dropout = {.op = "dropout",
                                                .name = "cpu",
                                                .layouts = dropout_layouts,
                                                .refuse = dropout_refuse,
                                                .run = dropout_run,
                                                .in_place = 1u << 0};
