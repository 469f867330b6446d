/* The reference as an implementation of every operator: last in the search, always complete.
 *
 * Operands of any type and layout become plain doubles in the scratch memory, the operator's own `ref` body computes on
 * them, and the results are rounded and laid out as asked, with zeros in the padding of blocked layouts. Inputs are
 * read whole before an output is written, so any output may share memory with any input of its size.
 *
 * Scratch: the tensor records of all operands, then one plain buffer of doubles per operand that is present, each a
 * multiple of 64 bytes.
 */
#include "base/error.h"
#include "contract/impl.h"
#include "tensor/plain.h"

enum { ALIGN = 64 };

static size_t round_up(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t records_bytes(const struct ath__problem *problem) {
    return round_up((size_t)(problem->ins + problem->outs) * sizeof(struct ath__ref_tensor));
}

static size_t plain_bytes(const struct ath__desc *desc) {
    if (!desc->present) return 0;
    return round_up((size_t)ath_shape_count(&desc->shape) * sizeof(double));
}

static size_t ref_scratch(const struct ath__problem *problem, const void *state) {
    (void)state;
    size_t bytes = records_bytes(problem);
    for (int i = 0; i < problem->ins; i++) bytes += plain_bytes(&problem->in[i]);
    for (int i = 0; i < problem->outs; i++) bytes += plain_bytes(&problem->out[i]);
    return bytes;
}

/* Hands out the operand's part of the scratch. */
static char *place(struct ath__ref_tensor *tensor, const struct ath__desc *desc, char *at) {
    tensor->shape = desc->shape;
    tensor->data = desc->present ? (double *)(void *)at : NULL;
    return at + plain_bytes(desc);
}

static ath_status ref_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__problem *problem = exec->problem;
    struct ath__ref_tensor    *tensors = exec->scratch;
    struct ath__ref_tensor    *in = tensors, *out = tensors + problem->ins;
    char                      *at = (char *)exec->scratch + records_bytes(problem);
    for (int i = 0; i < problem->ins; i++) at = place(&in[i], &problem->in[i], at);
    for (int i = 0; i < problem->outs; i++) at = place(&out[i], &problem->out[i], at);

    for (int i = 0; i < problem->ins; i++)
        if (in[i].data != NULL) ath__desc_load(&problem->in[i], exec->in[i], in[i].data);
    struct ath__ref ref = {.attrs = problem->attrs, .ins = problem->ins, .outs = problem->outs, .in = in, .out = out};
    problem->ref(&ref);
    for (int i = 0; i < problem->outs; i++)
        if (out[i].data != NULL) ath__desc_store(&problem->out[i], out[i].data, exec->out[i]);
    return ATH_OK;
}

const struct ath__impl ath__impl_ref_any = {
    .op = "*",
    .name = "ref",
    .scratch = ref_scratch,
    .run = ref_run,
    .in_place = UINT64_MAX,
};
