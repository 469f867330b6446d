/* oneDNN: engine, layouts, attributes, and primitives ready to run.
 *
 * Layouts. Unblocked ones are strides. Blocked ones have no constructor in oneDNN 3.x but a long list of tags, in which
 * the one that describes the same memory is searched, those first that served before; a search through all takes some
 * 0.1 ms and happens while a plan is built. The way back sorts the outer dimensions by stride.
 *
 * Running. The memory objects exist from the start and only their pointers change, the scratch memory is the plan's
 * (scratchpad mode "user"), so a run allocates nothing. Each primitive has a stream of its own, so that plans may run
 * in different threads.
 */
#include "cpu/onednn_common.h"

#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static dnnl_engine_t  engine;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

/* A tier below the hardware's (ATHANOR_CPU=...) holds for oneDNN's generated code too. */
static void limit_instructions(void) {
    const struct ath__cpuinfo *info = ath__cpuinfo();
    if (info->tier >= info->hardware) return;
    switch (info->tier) {
    case ATH_CPU_GENERIC: dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41); break;
    case ATH_CPU_AVX2: dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2); break;
    case ATH_CPU_AVX512: dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx512_core); break;
    case ATH_CPU_AVX512BF16: break;
    }
}

static void make_engine(void) {
    limit_instructions();
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) engine = NULL;
}

dnnl_engine_t ath__onednn_engine(void) {
    pthread_once(&engine_once, make_engine);
    return engine;
}

/* ---- layouts ---------------------------------------------------------------------------------------------------- */

static bool type_of(ath_dtype dtype, dnnl_data_type_t *type) {
    switch (dtype) {
    case ATH_F32: *type = dnnl_f32; return true;
    case ATH_BF16: *type = dnnl_bf16; return true;
    case ATH_F16: *type = dnnl_f16; return true;
    case ATH_I32: *type = dnnl_s32; return true;
    case ATH_U8: *type = dnnl_u8; return true;
    case ATH_F64:
    case ATH_I64: break;
    }
    return false;
}

static bool same_block(const struct ath__layout *layout, const struct ath__onednn_blocking *blocking) {
    if (blocking->blocks != layout->blocks) return false;
    for (int i = 0; i < layout->blocks; i++)
        if (blocking->block_dim[i] != layout->block_dim[i] || blocking->block_size[i] != layout->block_size[i])
            return false;
    return true;
}

/* Strides of the outer dimensions that the layout asks for. Dimensions with one step move nothing and count only where
 * `exact`: oneDNN's kernels want Ohwi16o for one input channel and refuse Oihw16o, the same memory. */
static bool same_strides(const struct ath__desc *desc, const struct ath__onednn_blocking *blocking, bool exact) {
    struct ath__physical physical;
    ath__desc_physical(desc, &physical);
    int64_t stride = 1;
    for (int i = physical.count - 1; i >= 0; i--) {
        if (i < desc->shape.rank) {
            if ((exact || physical.size[i] != 1) && blocking->strides[physical.dim[i]] != stride) return false;
            if (blocking->padded[physical.dim[i]] != physical.size[i] * physical.step[i]) return false;
        }
        stride *= physical.size[i];
    }
    return true;
}

static bool try_tag(const struct ath__desc *desc, dnnl_data_type_t type, int tag, bool exact,
                    struct ath__onednn_md *md) {
    struct ath__onednn_blocking blocking;
    int                         rank = desc->shape.rank;
    if (!ath__onednn_md_by_tag(md, rank, desc->shape.dims, type, (dnnl_format_tag_t)tag)) return false;
    if (ath__onednn_md_blocking(ath__onednn_md_use(md), rank, &blocking) && same_block(&desc->layout, &blocking) &&
        same_strides(desc, &blocking, exact))
        return true;
    ath__onednn_md_free(md);
    return false;
}

/* A net needs few of the hundreds of tags, so those that have served before are tried first: tags that fit exactly all
 * make the same descriptor, whichever is found. */
enum { KNOWN_TAGS = 16 };
static _Atomic int known_tags[KNOWN_TAGS]; /* 0 = none, which is no tag of a layout */

static void remember_tag(int tag) {
    for (int i = 0; i < KNOWN_TAGS; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&known_tags[i], &none, tag) || none == tag) return;
    }
}

static bool make_blocked(const struct ath__desc *desc, dnnl_data_type_t type, struct ath__onednn_md *md) {
    for (int i = 0, tag; i < KNOWN_TAGS && (tag = atomic_load(&known_tags[i])) != 0; i++)
        if (try_tag(desc, type, tag, true, md)) return true;
    for (int exact = 1; exact >= 0; exact--) {
        for (int tag = dnnl_format_tag_any + 1; tag < dnnl_format_tag_last; tag++) {
            if (!try_tag(desc, type, tag, exact != 0, md)) continue;
            if (exact) remember_tag(tag);
            return true;
        }
    }
    return false;
}

static bool make_strided(const struct ath__desc *desc, dnnl_data_type_t type, struct ath__onednn_md *md) {
    int64_t strides[ATH_MAX_RANK], stride = 1;
    for (int i = desc->shape.rank - 1; i >= 0; i--) {
        int dim = desc->layout.order[i];
        strides[dim] = stride;
        stride *= desc->shape.dims[dim];
    }
    return ath__onednn_md_by_strides(md, desc->shape.rank, desc->shape.dims, type, strides);
}

bool ath__onednn_md_make(const struct ath__desc *desc, bool any, struct ath__onednn_md *md) {
    dnnl_data_type_t type;
    md->set = false;
    if (!desc->present || desc->shape.rank < 1 || ath_shape_count(&desc->shape) < 1) return false;
    if (ath__onednn_engine() == NULL || !type_of(desc->dtype, &type)) return false;
    if (any) return ath__onednn_md_by_tag(md, desc->shape.rank, desc->shape.dims, type, dnnl_format_tag_any);
    return desc->layout.blocks > 0 ? make_blocked(desc, type, md) : make_strided(desc, type, md);
}

bool ath__onednn_layout_read(ath__onednn_md_ref md, struct ath__desc *desc) {
    struct ath__onednn_blocking blocking;
    int                         rank = desc->shape.rank;
    if (!ath__onednn_md_blocking(md, rank, &blocking) || blocking.blocks > ATH_LAYOUT_MAX_BLOCKS) return false;

    struct ath__layout layout = ath__layout_plain();
    layout.blocks = (int8_t)blocking.blocks;
    for (int i = 0; i < blocking.blocks; i++) {
        if (blocking.block_size[i] > INT8_MAX) return false;
        layout.block_dim[i] = (int8_t)blocking.block_dim[i];
        layout.block_size[i] = (int8_t)blocking.block_size[i];
    }
    /* Stable insertion sort, largest stride first; of equal ones, a dimension with a single step lies inside. */
    for (int i = 1; i < rank; i++) {
        int8_t dim = layout.order[i];
        int    at = i;
        for (; at > 0; at--) {
            int8_t  before = layout.order[at - 1];
            int64_t further = blocking.strides[dim] - blocking.strides[before];
            if (further < 0 || (further == 0 && (desc->shape.dims[before] != 1 || desc->shape.dims[dim] == 1))) break;
            layout.order[at] = before;
        }
        layout.order[at] = dim;
    }
    struct ath__desc found = *desc;
    found.layout = layout;
    if (!same_strides(&found, &blocking, false)) return false;

    struct ath__layout known[3] = {desc->layout, ath__layout_plain(), ath__layout_channels_last(rank)};
    for (int i = 0; i < 3; i++)
        if (ath__layout_same_memory(&desc->shape, &known[i], &layout)) {
            layout = known[i];
            break;
        }
    desc->layout = layout;
    return true;
}

bool ath__onednn_weights_split(const struct ath__desc *weights, int64_t groups, struct ath__desc *split) {
    const ath_shape *from = &weights->shape;
    if (from->rank != 4 || groups < 1 || from->dims[0] % groups != 0) return false;
    int64_t filters = from->dims[0] / groups; /* per group */
    *split = *weights;
    split->shape = (ath_shape){.rank = 5, .dims = {groups, filters, from->dims[1], from->dims[2], from->dims[3]}};
    split->layout = ath__layout_plain();

    /* Depth-wise: a block on K is one on G. Else it lies inside the group, which must be a multiple of it. */
    int64_t total = 1;
    int     block_on = filters == 1 ? 0 : 1;
    split->layout.blocks = weights->layout.blocks;
    for (int i = 0; i < weights->layout.blocks; i++) {
        int dim = weights->layout.block_dim[i];
        split->layout.block_dim[i] = (int8_t)(dim == 0 ? block_on : dim + 1);
        split->layout.block_size[i] = weights->layout.block_size[i];
        if (dim == 0) total *= weights->layout.block_size[i];
    }
    if (block_on == 1 && filters % total != 0) return false;
    int at = 0;
    for (int i = 0; i < 4; i++) {
        int dim = weights->layout.order[i];
        if (dim == 0) split->layout.order[at++] = 0;
        split->layout.order[at++] = (int8_t)(dim + 1);
    }
    return true;
}

bool ath__onednn_weights_join(const struct ath__desc *split, struct ath__desc *weights) {
    const struct ath__layout *from = &split->layout;
    int64_t                   filters = split->shape.dims[1], inside = 1;
    struct ath__layout        layout = ath__layout_plain();
    layout.blocks = from->blocks;
    for (int i = 0; i < from->blocks; i++) {
        int dim = from->block_dim[i];
        if (dim == 0 && filters != 1) return false;
        if (dim == 1) inside *= from->block_size[i];
        layout.block_dim[i] = (int8_t)(dim <= 1 ? 0 : dim - 1);
        layout.block_size[i] = from->block_size[i];
    }
    if (filters % inside != 0) return false;
    /* G directly in front of K makes them one dimension; a dimension of one step may stand anywhere. */
    int at = 0;
    for (int i = 0; i < 5; i++) {
        int  dim = from->order[i];
        bool leads = filters == 1 ? dim == 0 : dim == 1;
        if (leads) {
            if (filters != 1 && split->shape.dims[0] != 1 && (i == 0 || from->order[i - 1] != 0)) return false;
            layout.order[at++] = 0;
        } else if (dim >= 2) {
            layout.order[at++] = (int8_t)(dim - 1);
        }
    }
    weights->layout = layout;
    return true;
}

/* ---- primitive descriptors -------------------------------------------------------------------------------------- */

ath__onednn_quality ath__onednn_quality_of(dnnl_primitive_desc_t pd) {
    const char *name = NULL;
    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) != dnnl_success || name == NULL)
        return ATH_ONEDNN_NONE;
    if (strstr(name, "brg") != NULL) return ATH_ONEDNN_JIT;
    if (strstr(name, "ref") != NULL || strstr(name, "simple") != NULL) return ATH_ONEDNN_REF;
    if (strstr(name, "gemm") != NULL) return ATH_ONEDNN_GEMM;
    return ATH_ONEDNN_JIT;
}

static dnnl_status_t append_act(dnnl_post_ops_t ops, int64_t act) {
    dnnl_status_t status;
    switch ((ath_act)act) {
    case ATH_ACT_NONE: return dnnl_success;
    case ATH_ACT_RELU: return ath__onednn_append_eltwise(ops, dnnl_eltwise_relu, 0.0F, 0.0F);
    case ATH_ACT_RELU6: return ath__onednn_append_eltwise(ops, dnnl_eltwise_clip, 0.0F, 6.0F);
    case ATH_ACT_SIGMOID: return ath__onednn_append_eltwise(ops, dnnl_eltwise_logistic, 0.0F, 0.0F);
    case ATH_ACT_TANH: return ath__onednn_append_eltwise(ops, dnnl_eltwise_tanh, 0.0F, 0.0F);
    case ATH_ACT_GELU: return ath__onednn_append_eltwise(ops, dnnl_eltwise_gelu_erf, 0.0F, 0.0F);
    case ATH_ACT_SILU: return ath__onednn_append_eltwise(ops, dnnl_eltwise_swish, 1.0F, 0.0F);
    case ATH_ACT_HARD_SWISH: return ath__onednn_append_hard_swish(ops);
    case ATH_ACT_HARD_SIGMOID: /* clip(x / 6 + 1 / 2, 0, 1) */
        status = ath__onednn_append_eltwise(ops, dnnl_eltwise_linear, 1.0F / 6.0F, 0.5F);
        if (status != dnnl_success) return status;
        return ath__onednn_append_eltwise(ops, dnnl_eltwise_clip, 0.0F, 1.0F);
    }
    return dnnl_unimplemented;
}

dnnl_primitive_attr_t ath__onednn_attr_make(bool sum, int64_t act) {
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t       ops = NULL;
    bool                  good = dnnl_primitive_attr_create(&attr) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success &&
                dnnl_post_ops_create(&ops) == dnnl_success;
    if (good && sum) good = ath__onednn_append_sum(ops) == dnnl_success;
    if (good) good = append_act(ops, act) == dnnl_success;
    if (good) good = dnnl_primitive_attr_set_post_ops(attr, ops) == dnnl_success;
    if (ops != NULL) dnnl_post_ops_destroy(ops);
    if (!good && attr != NULL) {
        dnnl_primitive_attr_destroy(attr);
        attr = NULL;
    }
    return attr;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

enum { SCRATCH = INT16_MIN }; /* the operand that stands for exec->scratch */

struct ath__onednn_state {
    dnnl_primitive_t primitive;
    dnnl_stream_t    stream;
    size_t           scratch;
    int              count;
    dnnl_exec_arg_t  args[ATH_ONEDNN_MAX_ARGS];
    int              operand[ATH_ONEDNN_MAX_ARGS];
};

static dnnl_status_t add_arg(struct ath__onednn_state *state, int arg, int operand, ath__onednn_md_ref md) {
    dnnl_memory_t memory;
    dnnl_status_t status = dnnl_memory_create(&memory, md, ath__onednn_engine(), DNNL_MEMORY_NONE);
    if (status != dnnl_success) return status;
    state->args[state->count] = (dnnl_exec_arg_t){arg, memory};
    state->operand[state->count++] = operand;
    return dnnl_success;
}

static ath_status failed(dnnl_status_t code, const char *where, const char *what, ath_error *err) {
    if (code == dnnl_out_of_memory) return ath__fail_memory(err, where);
    return ath__fail(err, ATH_DEVICE, where,
                     "oneDNN could not %s (its status %d); please report this with the model's name", what, (int)code);
}

ath_status ath__onednn_state_make(dnnl_primitive_desc_t pd, const struct ath__onednn_arg *args, int count,
                                  const char *where, void **result, ath_error *err) {
    *result = NULL;
    struct ath__onednn_state *state = ATH_NEW(struct ath__onednn_state);
    if (state == NULL) return ath__fail_memory(err, where);
    dnnl_status_t code = dnnl_primitive_create(&state->primitive, pd);
    if (code == dnnl_success)
        code = dnnl_stream_create(&state->stream, ath__onednn_engine(), dnnl_stream_default_flags);
    for (int i = 0; i < count && code == dnnl_success; i++)
        code = add_arg(state, args[i].arg, args[i].operand, args[i].md);
    if (code == dnnl_success) {
        ath__onednn_md_ref scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
        state->scratch = scratch != NULL ? dnnl_memory_desc_get_size(scratch) : 0;
        if (state->scratch > 0) code = add_arg(state, DNNL_ARG_SCRATCHPAD, SCRATCH, scratch);
    }
    if (code != dnnl_success) {
        ath__onednn_state_free(state);
        return failed(code, where, "build a primitive that it offered", err);
    }
    *result = state;
    return ATH_OK;
}

void ath__onednn_state_free(void *data) {
    struct ath__onednn_state *state = data;
    if (state == NULL) return;
    for (int i = 0; i < state->count; i++) dnnl_memory_destroy(state->args[i].memory);
    if (state->stream != NULL) dnnl_stream_destroy(state->stream);
    if (state->primitive != NULL) dnnl_primitive_destroy(state->primitive);
    ath__free(state);
}

size_t ath__onednn_state_scratch(const struct ath__problem *problem, const void *data) {
    (void)problem;
    const struct ath__onednn_state *state = data;
    return state->scratch;
}

ath_status ath__onednn_state_run(const struct ath__exec *exec, void *data) {
    struct ath__onednn_state *state = data;
    dnnl_status_t             code = dnnl_success;
    for (int i = 0; i < state->count && code == dnnl_success; i++) {
        int   operand = state->operand[i];
        void *pointer = operand == SCRATCH ? exec->scratch : operand >= 0 ? exec->in[operand] : exec->out[-1 - operand];
        code = dnnl_memory_set_data_handle(state->args[i].memory, pointer);
    }
    if (code == dnnl_success) code = dnnl_primitive_execute(state->primitive, state->stream, state->count, state->args);
    if (code == dnnl_success) code = dnnl_stream_wait(state->stream);
    return code == dnnl_success ? ATH_OK : ATH_DEVICE;
}
