/* Concat: every input is copied to its box of the result. Channels in blocks stay so where all parts but the last are
 * whole blocks.
 */
#include "contract/impl.h"
#include "cpu/copy.h"

static struct ath__box concat_box(const void *attrs, const ath_shape *part, int64_t begin) {
    struct ath__box box = {{0}, {0}, {0}};
    for (int i = 0; i < part->rank; i++) box.size[i] = part->dims[i];
    box.dst_begin[((const ath_concat_attrs *)attrs)->axis] = begin;
    return box;
}

static bool possible(const void *attrs, int ins, const struct ath__desc *in, const struct ath__desc *out) {
    int64_t begin = 0, axis = ((const ath_concat_attrs *)attrs)->axis;
    for (int i = 0; i < ins; i++) {
        struct ath__box box = concat_box(attrs, &in[i].shape, begin);
        if (!ath__copy_box_possible(&box, &in[i], out)) return false;
        begin += in[i].shape.dims[axis];
    }
    return true;
}

static void concat_layouts(struct ath__layout_wish *wish) {
    wish->out[0].layout = wish->in[0].layout;
    for (int i = 1; i < wish->ins; i++) wish->in[i].layout = wish->in[0].layout;
    if (possible(wish->attrs, wish->ins, wish->in, &wish->out[0])) return;
    wish->out[0].layout = ath__layout_plain();
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = wish->out[0].layout;
}

static const char *concat_refuse(const struct ath__problem *problem) {
    return possible(problem->attrs, problem->ins, problem->in, &problem->out[0]) ? NULL
                                                                                 : "parts that are no whole blocks";
}

static ath_status concat_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__problem *problem = exec->problem;
    int64_t                    begin = 0, axis = ((const ath_concat_attrs *)problem->attrs)->axis;
    ath__zero_padding(&problem->out[0], exec->out[0]);
    for (int i = 0; i < problem->ins; i++) {
        struct ath__box box = concat_box(problem->attrs, &problem->in[i].shape, begin);
        ath__copy_box(&box, &problem->in[i], exec->in[i], &problem->out[0], exec->out[0]);
        begin += problem->in[i].shape.dims[axis];
    }
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_concat = {
    .op = "concat", .name = "cpu", .layouts = concat_layouts, .refuse = concat_refuse, .run = concat_run};
