/* A fused chain of element-wise steps: a small straight-line program run on every element.
 *
 *     chain  inputs... -> outputs..., all outputs of the broadcast shape of the inputs
 *     v[i] = input i for i < inputs;  v[inputs + j] = step j applied to v[a], v[b];  output o = v[inputs + output[o]]
 *
 * The fusion pass makes chains after the gradients were taken, so that a chain needs none of its own.
 */
#include "op/op_util.h"
#include "op/scalar.h"
#include "op/walk.h"

/* code, kind, a, b and then p, q of one step. */
#define STEP(i)                                                                                                        \
    {"step" #i, ATH_ATTR_INT, offsetof(ath_chain_attrs, step[i].code), 4, NULL},                                       \
        {"step" #i "_pq", ATH_ATTR_REAL, offsetof(ath_chain_attrs, step[i].p), 2, NULL},

static const struct ath__attr chain_attrs[] = {
    ATH_ATTR_I(ath_chain_attrs, inputs, 1),
    ATH_ATTR_I(ath_chain_attrs, steps, 1),
    ATH_ATTR_I(ath_chain_attrs, outputs, 1),
    ATH_ATTR_I(ath_chain_attrs, output, ATH_CHAIN_MAX_OUTPUTS),
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11) STEP(12) STEP(13)
        STEP(14) STEP(15) STEP(16) STEP(17) STEP(18) STEP(19) ATH_ATTR_END,
};
_Static_assert(ATH_CHAIN_MAX_STEPS == 20, "one STEP row per possible step");

/* What each code may hold: number of kinds and of operands. */
static const struct {
    int kinds, operands;
} codes[] = {
    [ATH_CHAIN_UNARY] = {ATH_UNARY_COUNT, 1},
    [ATH_CHAIN_BINARY] = {ATH_BINARY_COUNT, 2},
    [ATH_CHAIN_ACT] = {ATH_ACT_COUNT, 1},
    [ATH_CHAIN_ACT_GRAD] = {ATH_ACT_COUNT, 2},
};

static ath_status step_check(struct ath__infer *infer, const ath_chain_attrs *attrs, int64_t i) {
    const ath_chain_step *step = &attrs->step[i];
    ATH_TRY(ath__infer_choice(infer, "step code", step->code, (int)(sizeof codes / sizeof *codes)));
    ATH_TRY(ath__infer_choice(infer, "step function", step->kind, codes[step->code].kinds));
    if (step->a < 0 || step->a >= attrs->inputs + i ||
        (codes[step->code].operands == 2 && (step->b < 0 || step->b >= attrs->inputs + i)))
        return ath__infer_fail(infer, "step %lld reads %lld and %lld, of which not both are made before it",
                               (long long)i, (long long)step->a, (long long)step->b);
    return ATH_OK;
}

static ath_status chain_infer(struct ath__infer *infer) {
    const ath_chain_attrs *attrs = infer->attrs;
    ath_shape              shape = {0};
    ath_dtype              dtype = ATH_F32;
    if (attrs->inputs < 1 || attrs->inputs > ATH_CHAIN_MAX_INPUTS || attrs->inputs != infer->ins)
        return ath__infer_fail(infer, "the program has %lld inputs, %d are given (1 to %d are possible)",
                               (long long)attrs->inputs, infer->ins, ATH_CHAIN_MAX_INPUTS);
    if (attrs->steps < 1 || attrs->steps > ATH_CHAIN_MAX_STEPS)
        return ath__infer_fail(infer, "a program of %lld steps is not possible (1 to %d)", (long long)attrs->steps,
                               ATH_CHAIN_MAX_STEPS);
    if (attrs->outputs < 1 || attrs->outputs > ATH_CHAIN_MAX_OUTPUTS)
        return ath__infer_fail(infer, "%lld outputs are not possible (1 to %d)", (long long)attrs->outputs,
                               ATH_CHAIN_MAX_OUTPUTS);
    for (int i = 0; i < infer->ins; i++) {
        ATH_TRY(ath__infer_float(infer, i, "input"));
        if (!ath__shape_broadcast(&shape, &infer->in[i].shape))
            return ath__infer_fail(infer, "input %d %s does not broadcast to %s", i,
                                   ath__shape_text(&infer->in[i].shape).text, ath__shape_text(&shape).text);
        dtype = i == 0 ? infer->in[0].dtype : ath__dtype_join(dtype, infer->in[i].dtype);
    }
    for (int64_t i = 0; i < attrs->steps; i++) ATH_TRY(step_check(infer, attrs, i));
    for (int o = 0; o < attrs->outputs; o++) {
        if (attrs->output[o] < 0 || attrs->output[o] >= attrs->steps)
            return ath__infer_fail(infer, "output %d is step %lld of %lld", o, (long long)attrs->output[o],
                                   (long long)attrs->steps);
        ATH_TRY(ath__infer_result(infer, o, dtype, &shape));
    }
    return ATH_OK;
}

static double step_run(const ath_chain_step *step, const double *v) {
    if (step->code == ATH_CHAIN_UNARY) return ath__scalar_unary(step->kind, v[step->a], step->p, step->q);
    if (step->code == ATH_CHAIN_BINARY) return ath__scalar_binary(step->kind, v[step->a], v[step->b]);
    if (step->code == ATH_CHAIN_ACT) return ath__scalar_act(step->kind, v[step->a]);
    return v[step->a] * ath__scalar_act_slope(step->kind, v[step->b]);
}

static void chain_ref(const struct ath__ref *ref) {
    const ath_chain_attrs *attrs = ref->attrs;
    double                 v[ATH_CHAIN_MAX_INPUTS + ATH_CHAIN_MAX_STEPS];
    struct ath__walk       walk;
    int64_t                at = 0;
    ath__walk_start(&walk, &ref->out[0].shape);
    for (int i = 0; i < ref->ins; i++) ath__walk_broadcast(&walk, &ref->in[i].shape);
    do {
        for (int i = 0; i < ref->ins; i++) v[i] = ref->in[i].data[walk.offset[i]];
        for (int64_t j = 0; j < attrs->steps; j++) v[attrs->inputs + j] = step_run(&attrs->step[j], v);
        for (int o = 0; o < ref->outs; o++)
            if (ref->out[o].data != NULL) ref->out[o].data[at] = v[attrs->inputs + attrs->output[o]];
        at++;
    } while (ath__walk_next(&walk));
}

const struct ath__op ath__op_chain = {
    .name = "chain",
    .traits = ATH_OP_ELEMENTWISE | ATH_OP_LOW_ALL,
    .attrs_size = sizeof(ath_chain_attrs),
    .attrs = chain_attrs,
    .min_ins = 1,
    .max_ins = ATH_CHAIN_MAX_INPUTS,
    .infer = chain_infer,
    .ref = chain_ref,
};
