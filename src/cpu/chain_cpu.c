/* Chains of element-wise steps, tile by tile: every step is one vector loop over at most 1024 elements that stay in the
 * first-level cache, so a chain of any length reads each input and writes each output once. An optimiser step is such a
 * chain with several outputs; act, act_grad, unary and binary are chains of one step.
 *
 *     v[i] = input i;   v[inputs + j] = step_j(v[a_j], v[b_j]);   output o = v[inputs + output_o]
 *
 * Operands of the output's shape share its layout and are read where they lie. The others are plain and broadcast; they
 * are written out tile by tile. Arithmetic is float32, whatever the operands are stored as. What only pads a blocked
 * layout is set to zero at the end, since some functions of zero are not zero and convolutions read padding.
 */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "contract/impl.h"
#include "cpu/copy.h"
#include "cpu/expand_tile.h"
#include "cpu/simd/kernels.h"

#include <string.h>

enum { TILE = 1024, TILES_PER_TASK = 16, MAX_VALUES = ATH_CHAIN_MAX_INPUTS + ATH_CHAIN_MAX_STEPS };

enum input_kind { INPUT_DIRECT, INPUT_WIDEN, INPUT_SCALAR, INPUT_EXPAND };

struct chain_input {
    enum input_kind       kind;
    int                   slot;
    int                   last_read; /* step that reads it last */
    struct ath__expansion expansion;
};

struct chain_step {
    ath__step_fn run;
    int          a, b, slot;
    float        p, q;
};

struct chain_state {
    const struct ath__kernels *kernels;
    int                        inputs, steps, outputs, slots;
    struct chain_input         input[ATH_CHAIN_MAX_INPUTS];
    struct chain_step          step[ATH_CHAIN_MAX_STEPS];
    int                        output[ATH_CHAIN_MAX_OUTPUTS];
    int64_t                    count; /* elements of an output's memory */
};

/* ---- the problem as a chain
 * --------------------------------------------------------------------------------------------- */

static ath_chain_attrs single_step(ath_chain_code code, int64_t kind, int inputs) {
    ath_chain_attrs chain;
    memset(&chain, 0, sizeof chain);
    chain.inputs = inputs;
    chain.steps = chain.outputs = 1;
    chain.step[0].code = code;
    chain.step[0].kind = kind;
    chain.step[0].b = inputs - 1;
    return chain;
}

static ath_chain_attrs chain_of(const struct ath__problem *problem) {
    if (strcmp(problem->op, "act") == 0)
        return single_step(ATH_CHAIN_ACT, ((const ath_act_attrs *)problem->attrs)->kind, 1);
    if (strcmp(problem->op, "act_grad") == 0)
        return single_step(ATH_CHAIN_ACT_GRAD, ((const ath_act_attrs *)problem->attrs)->kind, 2);
    if (strcmp(problem->op, "binary") == 0)
        return single_step(ATH_CHAIN_BINARY, ((const ath_binary_attrs *)problem->attrs)->kind, 2);
    if (strcmp(problem->op, "unary") == 0) {
        const ath_unary_attrs *unary = problem->attrs;
        ath_chain_attrs        chain = single_step(ATH_CHAIN_UNARY, unary->kind, 1);
        chain.step[0].p = unary->a;
        chain.step[0].q = unary->b;
        return chain;
    }
    return *(const ath_chain_attrs *)problem->attrs;
}

static ath__step_fn step_function(const struct ath__kernels *kernels, const ath_chain_step *step) {
    switch ((ath_chain_code)step->code) {
    case ATH_CHAIN_UNARY: return kernels->unary[step->kind];
    case ATH_CHAIN_BINARY: return kernels->binary[step->kind];
    case ATH_CHAIN_ACT: return kernels->act[step->kind];
    case ATH_CHAIN_ACT_GRAD: return kernels->act_grad[step->kind];
    }
    return NULL;
}

static bool reads_two(const ath_chain_step *step) {
    return step->code == ATH_CHAIN_BINARY || step->code == ATH_CHAIN_ACT_GRAD;
}

static const struct ath__desc *first_output(const struct ath__desc *out, int outs) {
    for (int i = 0; i < outs; i++)
        if (out[i].present) return &out[i];
    return NULL;
}

/* Operands of the output's shape take the layout of the first of them; the others are plain. */
static void chain_layouts(struct ath__layout_wish *wish) {
    const struct ath__desc *out = first_output(wish->out, wish->outs);
    if (!out) return;
    struct ath__layout layout = out->layout;
    ath_shape          shape = out->shape;
    for (int i = wish->ins - 1; i >= 0; i--)
        if (wish->in[i].present && ath_shape_equal(&wish->in[i].shape, &shape)) layout = wish->in[i].layout;
    for (int i = 0; i < wish->ins; i++)
        wish->in[i].layout = ath_shape_equal(&wish->in[i].shape, &shape) ? layout : ath__layout_plain();
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = layout;
}

static bool floating(ath_dtype dtype) {
    return dtype == ATH_F32 || dtype == ATH_BF16;
}

static const char *chain_refuse(const struct ath__problem *problem) {
    const struct ath__desc *out = first_output(problem->out, problem->outs);
    if (!out) return "no output";
    if (problem->ins > ATH_CHAIN_MAX_INPUTS || problem->outs > ATH_CHAIN_MAX_OUTPUTS) return "too many operands";
    for (int i = 0; i < problem->outs; i++) {
        if (!problem->out[i].present) continue;
        if (!floating(problem->out[i].dtype)) return "neither f32 nor bf16";
        if (!ath__layout_equal(&problem->out[i].layout, &out->layout, out->shape.rank)) return "outputs in two layouts";
    }
    for (int i = 0; i < problem->ins; i++) {
        const struct ath__desc *in = &problem->in[i];
        if (!floating(in->dtype)) return "neither f32 nor bf16";
        if (in->shape.rank > out->shape.rank) return "more dimensions than the output";
        bool same =
            ath_shape_equal(&in->shape, &out->shape) && ath__layout_equal(&in->layout, &out->layout, out->shape.rank);
        if (!same && !ath__layout_is_plain(&in->layout, in->shape.rank)) return "a broadcast operand that is not plain";
    }
    return NULL;
}

/* ---- preparation
 * --------------------------------------------------------------------------------------------------------- */

static void prepare_input(struct chain_state *state, int i, const struct ath__desc *in, const struct ath__desc *out) {
    struct chain_input *input = &state->input[i];
    input->last_read = -1;
    input->slot = -1;
    if (ath_shape_equal(&in->shape, &out->shape) && ath__layout_equal(&in->layout, &out->layout, out->shape.rank)) {
        input->kind = in->dtype == ATH_F32 ? INPUT_DIRECT : INPUT_WIDEN;
    } else if (ath_shape_count(&in->shape) == 1) {
        input->kind = INPUT_SCALAR;
        ath__expansion_make(&input->expansion, in, out);
    } else {
        input->kind = INPUT_EXPAND;
        ath__expansion_make(&input->expansion, in, out);
    }
    if (input->kind != INPUT_DIRECT) input->slot = state->slots++;
}

/* Gives each step's result a tile of memory; tiles of results that nobody reads any more are used again. */
static void assign_slots(struct chain_state *state) {
    int  last[ATH_CHAIN_MAX_STEPS];
    bool used[MAX_VALUES] = {false};
    int  first = state->slots;
    for (int j = 0; j < state->steps; j++) {
        last[j] = j;
        int operand[2] = {state->step[j].a, state->step[j].b};
        for (int k = 0; k < 2; k++) {
            if (operand[k] >= state->inputs) {
                last[operand[k] - state->inputs] = j;
            } else {
                state->input[operand[k]].last_read = j;
            }
        }
    }
    for (int o = 0; o < state->outputs; o++) last[state->output[o]] = state->steps;
    for (int j = 0; j < state->steps; j++) {
        /* Results read last by this very step may share its tile: steps read an element before they write it. */
        for (int k = 0; k < j; k++)
            if (last[k] == j) used[state->step[k].slot] = false;
        int slot = first;
        while (used[slot]) slot++;
        used[slot] = true;
        state->step[j].slot = slot;
        if (slot >= state->slots) state->slots = slot + 1;
    }
}

static ath_status chain_prepare(const struct ath__problem *problem, void **result, ath_error *err) {
    struct chain_state *state = ATH_NEW(struct chain_state);
    if (!state) return ath__fail_memory(err, "chain");
    ath_chain_attrs         chain = chain_of(problem);
    const struct ath__desc *out = first_output(problem->out, problem->outs);
    state->kernels = ath__kernels();
    state->inputs = (int)chain.inputs;
    state->steps = (int)chain.steps;
    state->outputs = (int)chain.outputs;
    state->count = ath__desc_padded_count(out);
    for (int i = 0; i < state->inputs; i++) prepare_input(state, i, &problem->in[i], out);
    for (int j = 0; j < state->steps; j++) {
        const ath_chain_step *step = &chain.step[j];
        state->step[j] = (struct chain_step){.run = step_function(state->kernels, step),
                                             .a = (int)step->a,
                                             .b = reads_two(step) ? (int)step->b : (int)step->a,
                                             .p = (float)step->p,
                                             .q = (float)step->q};
    }
    for (int o = 0; o < state->outputs; o++) state->output[o] = (int)chain.output[o];
    assign_slots(state);
    *result = state;
    return ATH_OK;
}

static void chain_release(void *state) {
    ath__free(state);
}

/* ---- running
 * ------------------------------------------------------------------------------------------------------------- */

struct chain_work {
    const struct chain_state *state;
    const struct ath__exec   *exec;
    int                       direct[ATH_CHAIN_MAX_STEPS]; /* output whose memory the step writes itself, or -1 */
};

/* A step may write a float32 output in place of a tile, unless an input in the same memory is read by a later step. */
static void choose_direct(struct chain_work *work) {
    const struct chain_state *state = work->state;
    const struct ath__exec   *exec = work->exec;
    for (int j = 0; j < state->steps; j++) work->direct[j] = -1;
    for (int o = 0; o < state->outputs; o++) {
        int  j = state->output[o];
        bool safe = exec->out[o] && exec->problem->out[o].dtype == ATH_F32 && work->direct[j] < 0;
        for (int i = 0; i < state->inputs; i++)
            if (exec->in[i] == exec->out[o] && state->input[i].last_read > j) safe = false;
        if (safe) work->direct[j] = o;
    }
}

static const float *load_input(const struct chain_work *work, int i, int64_t at, int64_t n, float *tile) {
    const struct chain_input *input = &work->state->input[i];
    const void               *data = work->exec->in[i];
    switch (input->kind) {
    case INPUT_DIRECT: return (const float *)data + at;
    case INPUT_WIDEN: work->state->kernels->from_bf16((const uint16_t *)data + at, tile, n); break;
    case INPUT_EXPAND: ath__expansion_read(&input->expansion, data, at, n, tile); break;
    case INPUT_SCALAR: break; /* filled once per task */
    }
    return tile;
}

static void run_tile(const struct chain_work *work, int64_t at, int64_t n, float (*tiles)[TILE]) {
    const struct chain_state *state = work->state;
    const float              *value[MAX_VALUES];
    for (int i = 0; i < state->inputs; i++)
        value[i] = load_input(work, i, at, n, state->input[i].slot < 0 ? NULL : tiles[state->input[i].slot]);
    for (int j = 0; j < state->steps; j++) {
        const struct chain_step *step = &state->step[j];
        float *to = work->direct[j] >= 0 ? (float *)work->exec->out[work->direct[j]] + at : tiles[step->slot];
        step->run(value[step->a], value[step->b], to, n, step->p, step->q);
        value[state->inputs + j] = to;
    }
    for (int o = 0; o < state->outputs; o++) {
        void *out = work->exec->out[o];
        int   j = state->output[o];
        if (!out || work->direct[j] == o) continue;
        if (work->exec->problem->out[o].dtype == ATH_BF16) {
            state->kernels->to_bf16(value[state->inputs + j], (uint16_t *)out + at, n);
        } else {
            memcpy((float *)out + at, value[state->inputs + j], (size_t)n * sizeof(float));
        }
    }
}

static void run_task(int64_t task, void *context) {
    const struct chain_work  *work = context;
    const struct chain_state *state = work->state;
    _Alignas(64) float        tiles[MAX_VALUES][TILE];
    int64_t                   at = task * TILE * TILES_PER_TASK, end = at + TILE * TILES_PER_TASK;
    if (end > state->count) end = state->count;
    int64_t longest = end - at < TILE ? end - at : TILE;
    for (int i = 0; i < state->inputs; i++)
        if (state->input[i].kind == INPUT_SCALAR) {
            float *tile = tiles[state->input[i].slot];
            ath__expansion_read(&state->input[i].expansion, work->exec->in[i], 0, 1, tile);
            for (int64_t k = 1; k < longest; k++) tile[k] = tile[0];
        }
    for (; at < end; at += TILE) run_tile(work, at, end - at < TILE ? end - at : TILE, tiles);
}

static ath_status chain_run(const struct ath__exec *exec, void *state) {
    struct chain_work work = {.state = state, .exec = exec};
    choose_direct(&work);
    int64_t piece = (int64_t)TILE * TILES_PER_TASK;
    ath__parallel((work.state->count + piece - 1) / piece, run_task, &work);
    for (int o = 0; o < exec->problem->outs; o++)
        if (exec->out[o]) ath__zero_padding(&exec->problem->out[o], exec->out[o]);
    return ATH_OK;
}

/* Any output may take the memory of any of the first eight inputs (in_place has eight bits for each output). */
#define CHAIN_IMPL(operator)                                                                                           \
    const struct ath__impl ath__impl_cpu_##operator= {                                                                 \
        .op = #operator, .name = "cpu", .layouts = chain_layouts, .refuse = chain_refuse, .prepare = chain_prepare,    \
        .release = chain_release, .run = chain_run, .in_place = 0xFFFFFFFFu                                            \
    }
CHAIN_IMPL(chain);
CHAIN_IMPL(act);
CHAIN_IMPL(act_grad);
CHAIN_IMPL(unary);
CHAIN_IMPL(binary);
