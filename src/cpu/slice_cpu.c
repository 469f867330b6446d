/* Slice: a box of the input. Blocked dimensions stay blocked where the box begins at a whole block. */
#include "contract/impl.h"
#include "cpu/copy.h"

static struct ath__box slice_box(const void *attrs, const ath_shape *out) {
    struct ath__box box = {{0}, {0}, {0}};
    for (int i = 0; i < out->rank; i++) {
        box.src_begin[i] = ((const ath_slice_attrs *)attrs)->begin[i];
        box.size[i] = out->dims[i];
    }
    return box;
}

static void slice_layouts(struct ath__layout_wish *wish) {
    struct ath__box box = slice_box(wish->attrs, &wish->out[0].shape);
    wish->out[0].layout = wish->in[0].layout;
    if (ath__copy_box_possible(&box, &wish->in[0], &wish->out[0])) return;
    wish->in[0].layout = wish->out[0].layout = ath__layout_plain();
}

static const char *slice_refuse(const struct ath__problem *problem) {
    struct ath__box box = slice_box(problem->attrs, &problem->out[0].shape);
    return ath__copy_box_possible(&box, &problem->in[0], &problem->out[0]) ? NULL : "a box that cuts a block";
}

static ath_status slice_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__desc *out = &exec->problem->out[0];
    struct ath__box         box = slice_box(exec->problem->attrs, &out->shape);
    ath__zero_padding(out, exec->out[0]);
    ath__copy_box(&box, &exec->problem->in[0], exec->in[0], out, exec->out[0]);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_slice = {
    .op = "slice", .name = "cpu", .layouts = slice_layouts, .refuse = slice_refuse, .run = slice_run};
