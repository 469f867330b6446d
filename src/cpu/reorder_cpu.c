/* Reorder and cast: the same values in another layout or type. Both are one copy between descriptions (copy.h). */
#include "contract/impl.h"
#include "cpu/copy.h"

static const char *reorder_refuse(const struct ath__problem *problem) {
    if (!ath__copy_desc_possible(&problem->in[0], &problem->out[0])) return "blocks that do not divide each other";
    return NULL;
}

static ath_status reorder_run(const struct ath__exec *exec, void *state) {
    (void)state;
    const struct ath__problem *problem = exec->problem;
    if (exec->in[0] == exec->out[0]) return ATH_OK; /* a cast to the same type, in place */
    ath__copy_desc(&problem->in[0], exec->in[0], &problem->out[0], exec->out[0]);
    return ATH_OK;
}

const struct ath__impl ath__impl_cpu_reorder = {
    .op = "reorder", .name = "cpu", .refuse = reorder_refuse, .run = reorder_run};

/* A cast keeps the layout that its input has. */
static void cast_layouts(struct ath__layout_wish *wish) {
    wish->out[0].layout = wish->in[0].layout;
}

const struct ath__impl ath__impl_cpu_cast = {
    .op = "cast", .name = "cpu", .layouts = cast_layouts, .refuse = reorder_refuse, .run = reorder_run};
