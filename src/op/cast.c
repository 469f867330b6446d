/* Storage conversions: another element type (cast), another layout and possibly another type (reorder).
 *
 *     cast, reorder  x -> y of the same shape and the type `dtype`
 *
 * Passes insert both; a reorder's layouts are on its operands' descriptions. The reference works on plain doubles:
 * between floating-point types values pass unchanged (rounding to storage is the implementation's), to integers they
 * are cut towards zero and held inside the type's range, not-a-number becoming 0.
 */
#include "op/op_util.h"

#include <math.h>

static const struct ath__attr cast_attrs[] = {
    ATH_ATTR_C(ath_cast_attrs, dtype, ATH_DTYPE_CHOICES),
    ATH_ATTR_END,
};

static ath_status cast_infer(struct ath__infer *infer) {
    const ath_cast_attrs *attrs = infer->attrs;
    ATH_TRY(ath__infer_choice(infer, "element type", attrs->dtype, ATH_DTYPE_COUNT));
    if (!ath__infer_has(infer, 0)) return ath__infer_fail(infer, "operand x is missing");
    return ath__infer_result(infer, 0, (ath_dtype)attrs->dtype, &infer->in[0].shape);
}

static void cast_grad(const struct ath__grad *grad) {
    if (grad->dout[0] == ATH_NONE || !grad->want[0]) return;
    ath_dtype to = ath_value_dtype(grad->graph, grad->node->in[0]);
    grad->din[0] =
        to == ath_value_dtype(grad->graph, grad->dout[0])
            ? grad->dout[0]
            : ath__graph_apply(grad->graph, &ath__op_cast, &(ath_cast_attrs){.dtype = (int64_t)to}, &grad->dout[0], 1);
}

static double hold(double value, double low, double high) {
    if (isnan(value)) return 0.0;
    return rint(value < low ? low : value > high ? high : value);
}

static double converted(int64_t dtype, double value) {
    if (dtype == ATH_I32) return hold(value, -2147483648.0, 2147483647.0);
    if (dtype == ATH_I64)
        return hold(value, -9223372036854775808.0, 9223372036854774784.0); /* largest double below 2^63 */
    if (dtype == ATH_U8) return hold(value, 0.0, 255.0);
    return value;
}

static void cast_ref(const struct ath__ref *ref) {
    int64_t dtype = ((const ath_cast_attrs *)ref->attrs)->dtype, count = ath_shape_count(&ref->out[0].shape);
    for (int64_t i = 0; i < count; i++) ref->out[0].data[i] = converted(dtype, ref->in[0].data[i]);
}

const struct ath__op ath__op_cast = {
    .name = "cast",
    .attrs_size = sizeof(ath_cast_attrs),
    .attrs = cast_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = cast_infer,
    .grad = cast_grad,
    .ref = cast_ref,
};

const struct ath__op ath__op_reorder = {
    .name = "reorder",
    .attrs_size = sizeof(ath_cast_attrs),
    .attrs = cast_attrs,
    .min_ins = 1,
    .max_ins = 1,
    .infer = cast_infer,
    .grad = cast_grad,
    .ref = cast_ref,
};
