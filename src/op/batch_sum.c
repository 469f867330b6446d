/* The sum over the micro-batches of an optimiser step: where a gradient goes from once per micro-batch to once per
 * step.
 *
 *     batch_sum  x (per micro-batch) -> y of the same shape (per step), y = sum over micro-batches of x
 *
 * The reference sees one micro-batch, of which the sum is x itself; an implementation adds into y for every micro-batch
 * after the first.
 */
#include "op/op_util.h"

#include <string.h>

static ath_status batch_sum_infer(struct ath__infer *infer) {
    ATH_TRY(ath__infer_float(infer, 0, "x"));
    return ath__infer_result(infer, 0, infer->in[0].dtype, &infer->in[0].shape);
}

static void batch_sum_grad(const struct ath__grad *grad) {
    if (grad->want[0]) grad->din[0] = grad->dout[0];
}

static void batch_sum_ref(const struct ath__ref *ref) {
    memmove(ref->out[0].data, ref->in[0].data, (size_t)ath_shape_count(&ref->out[0].shape) * sizeof(double));
}

const struct ath__op ath__op_batch_sum = {
    .name = "batch_sum",
    .min_ins = 1,
    .max_ins = 1,
    .infer = batch_sum_infer,
    .grad = batch_sum_grad,
    .ref = batch_sum_ref,
};
