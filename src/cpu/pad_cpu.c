/* Pad: the result is filled with the value, then the input is copied into its box. */
#include "contract/impl.h"
#include "cpu/copy.h"
#include "tensor/dtype.h"

static struct ath__box pad_box(const void *attrs, const ath_shape *in) {
    struct ath__box box = {{0}, {0}, {0}};
    for (int i = 0; i < in->rank; i++) {
        box.dst_begin[i] = ((const ath_pad_attrs *)attrs)->before[i];
        box.size[i] = in->dims[i];
    }
    return box;
}

static void pad_layouts(struct ath__layout_wish *wish) {
    struct ath__box box = pad_box(wish->attrs, &wish->in[0].shape);
    wish->out[0].layout = wish->in[0].layout;
    if (ath__copy_box_possible(&box, &wish->in[0], &wish->out[0])) return;
    wish->in[0].layout = wish->out[0].layout = ath__layout_plain();
}

static const char *pad_refuse(const struct ath__problem *problem) {
    struct ath__box box = pad_box(problem->attrs, &problem->in[0].shape);
    return ath__copy_box_possible(&box, &problem->in[0], &problem->out[0]) ? NULL : "a box that cuts a block";
}

static ath_status pad_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc *out = &exec->problem->out[0];
    struct ath__box         box = pad_box(exec->problem->attrs, &exec->problem->in[0].shape);
    uint64_t                value = 0;
    struct ath__copy        fill;
    ath__dtype_store(&value, out->dtype, 0, ((const ath_pad_attrs *)exec->problem->attrs)->value);
    ath__copy_start(&fill, out->dtype, out->dtype);
    ath__copy_loop(&fill, ath__desc_padded_count(out), 0, 1);
    ath__copy_run(&fill, &value, exec->out[0]);
    if (value != 0) ath__zero_padding(out, exec->out[0]);
    ath__copy_box(&box, &exec->problem->in[0], exec->in[0], out, exec->out[0]);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_pad = {
    .op = "pad", .name = "cpu", .layouts = pad_layouts, .refuse = pad_refuse, .run = pad_run};
