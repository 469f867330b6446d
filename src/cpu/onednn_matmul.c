/* matmul through oneDNN.
 *
 *     y = act(op(a) . op(b) + bias),   a (..,N,K), b (..,K,M), y (..,N,M), bias (M)
 *
 * A transposed operand is the same memory seen with the strides of its last two dimensions exchanged. All operands are
 * plain.
 */
#include "base/error.h"
#include "cpu/onednn_common.h"

static void layouts(struct ath__layout_wish *wish) {
    for (int i = 0; i < wish->ins; i++) wish->in[i].layout = ath__layout_plain();
    for (int i = 0; i < wish->outs; i++) wish->out[i].layout = ath__layout_plain();
}

/* The operand as oneDNN is to see it: its last two dimensions exchanged, lying in memory as before. */
static struct ath__desc seen(const struct ath__desc *desc, bool transposed) {
    struct ath__desc view = *desc;
    int              rank = desc->shape.rank;
    if (!transposed) return view;
    view.shape.dims[rank - 2] = desc->shape.dims[rank - 1];
    view.shape.dims[rank - 1] = desc->shape.dims[rank - 2];
    view.layout.order[rank - 2] = (int8_t)(rank - 1);
    view.layout.order[rank - 1] = (int8_t)(rank - 2);
    return view;
}

/* bias (M) becomes (1,..,M). */
static struct ath__desc as_row(const struct ath__desc *bias, int rank) {
    struct ath__desc row = *bias;
    row.shape = (ath_shape){.rank = rank};
    for (int i = 0; i < rank; i++) row.shape.dims[i] = i == rank - 1 ? bias->shape.dims[0] : 1;
    return row;
}

static bool has_bias(const struct ath__problem *problem) {
    return problem->ins > 2 && problem->in[2].present;
}

static dnnl_primitive_desc_t make_pd(const struct ath__problem *problem) {
    const ath_matmul_attrs *attrs = problem->attrs;
    struct ath__onednn_md   a = {.set = false}, b = {.set = false}, bias = {.set = false}, y = {.set = false};
    dnnl_primitive_desc_t   pd = NULL;
    dnnl_primitive_attr_t   attr = NULL;
    struct ath__desc        seen_a = seen(&problem->in[0], attrs->trans_a != 0);
    struct ath__desc        seen_b = seen(&problem->in[1], attrs->trans_b != 0);
    bool                    good = ath__onednn_md_make(&seen_a, false, &a) && ath__onednn_md_make(&seen_b, false, &b) &&
                ath__onednn_md_make(&problem->out[0], false, &y);
    if (good && has_bias(problem)) {
        struct ath__desc row = as_row(&problem->in[2], problem->out[0].shape.rank);
        good = ath__onednn_md_make(&row, false, &bias);
    }
    if (good) attr = ath__onednn_attr_make(false, attrs->act);
    if (attr != NULL) {
        if (ath__onednn_matmul_pd(&a, &b, &bias, &y, attr, &pd) != dnnl_success) pd = NULL;
        dnnl_primitive_attr_destroy(attr);
    }
    ath__onednn_md_free(&a);
    ath__onednn_md_free(&b);
    ath__onednn_md_free(&bias);
    ath__onednn_md_free(&y);
    return pd;
}

static const char *refuse(const struct ath__problem *problem) {
    int rank = problem->out[0].shape.rank;
    if (problem->in[0].shape.rank != rank || problem->in[1].shape.rank != rank) return "operands of different rank";
    for (int i = 0; i < problem->ins; i++)
        if (problem->in[i].present && !ath__layout_is_plain(&problem->in[i].layout, problem->in[i].shape.rank))
            return "an operand is not plain";
    if (!ath__layout_is_plain(&problem->out[0].layout, rank)) return "the result is not plain";
    dnnl_primitive_desc_t pd = make_pd(problem);
    if (pd == NULL) return "oneDNN has no product for these types or this activation on this processor";
    ath__onednn_quality quality = ath__onednn_quality_of(pd);
    dnnl_primitive_desc_destroy(pd);
    return quality <= ATH_ONEDNN_REF ? "oneDNN has only its reference loops for this problem" : NULL;
}

static ath_status prepare(const struct ath__problem *problem, void **state, ath_error *err) {
    struct ath__onednn_arg args[4];
    int                    count = 0;
    dnnl_primitive_desc_t  pd = make_pd(problem);
    if (pd == NULL) return ath__fail(err, ATH_DEVICE, problem->op, "oneDNN refused a product that it offered before");
    args[count++] = (struct ath__onednn_arg){DNNL_ARG_SRC, ATH_ONEDNN_IN(0),
                                             dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0)};
    args[count++] = (struct ath__onednn_arg){DNNL_ARG_WEIGHTS, ATH_ONEDNN_IN(1),
                                             dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0)};
    if (has_bias(problem))
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_BIAS, ATH_ONEDNN_IN(2),
                                                 dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1)};
    args[count++] = (struct ath__onednn_arg){DNNL_ARG_DST, ATH_ONEDNN_OUT(0),
                                             dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0)};
    ath_status status = ath__onednn_state_make(pd, args, count, problem->op, state, err);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

const struct ath__impl ath__impl_onednn_matmul = {
    .op = "matmul",
    .name = "onednn",
    .layouts = layouts,
    .refuse = refuse,
    .prepare = prepare,
    .release = ath__onednn_state_free,
    .scratch = ath__onednn_state_scratch,
    .run = ath__onednn_state_run,
};
