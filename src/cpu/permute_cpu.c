/* Permute and reshape on plain tensors: the first is one strided copy with the strides exchanged, the second a copy of
 * all bytes where the planner could not make it a view.
 */
#include "contract/impl.h"
#include "cpu/copy.h"

static void plain_layouts(struct ath__layout_wish *wish) {
    wish->in[0].layout = wish->out[0].layout = ath__layout_plain();
}

static const char *plain_refuse(const struct ath__problem *problem) {
    if (!ath__layout_is_plain(&problem->in[0].layout, problem->in[0].shape.rank) ||
        !ath__layout_is_plain(&problem->out[0].layout, problem->out[0].shape.rank))
        return "not plain";
    return NULL;
}

static ath_status permute_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc  *in = &exec->problem->in[0], *out = &exec->problem->out[0];
    const ath_permute_attrs *attrs = exec->problem->attrs;
    int64_t                  stride[ATH_MAX_RANK] = {0}, at = 1;
    struct ath__copy         copy;
    for (int i = in->shape.rank - 1; i >= 0; i--) {
        stride[i] = at;
        at *= in->shape.dims[i];
    }
    ath__copy_start(&copy, in->dtype, out->dtype);
    at = 1;
    for (int i = out->shape.rank - 1; i >= 0; i--) {
        ath__copy_loop(&copy, out->shape.dims[i], stride[attrs->order[i]], at);
        at *= out->shape.dims[i];
    }
    ath__copy_run(&copy, exec->in[0], exec->out[0]);
    return ATH_OK;
}

static ath_status reshape_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc *in = &exec->problem->in[0], *out = &exec->problem->out[0];
    if (exec->in[0] == exec->out[0]) return ATH_OK;
    struct ath__copy copy;
    ath__copy_start(&copy, in->dtype, out->dtype);
    ath__copy_loop(&copy, ath_shape_count(&in->shape), 1, 1);
    ath__copy_run(&copy, exec->in[0], exec->out[0]);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_permute = {
    .op = "permute", .name = "cpu", .layouts = plain_layouts, .refuse = plain_refuse, .run = permute_run};
const struct ath__impl ath__impl_cpu_reshape = {
    .op = "reshape", .name = "cpu", .layouts = plain_layouts, .refuse = plain_refuse, .run = reshape_run};
