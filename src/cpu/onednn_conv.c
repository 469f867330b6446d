/* Convolutions through oneDNN: which operand plays which part, and the search for the layouts that it is fast in.
 *
 *     forward  x, w, [bias], [residual] -> y       y = act(conv(x, w) + bias + residual)
 *     data     dy, w -> dx
 *     weights  x, dy -> dw, [dbias]
 *
 * The residual is a "sum" post-operation: the destination holds it before the convolution runs, which every generated
 * kernel supports. The row copies it there unless both already share memory.
 *
 * Layout search. Weights are always left to oneDNN. For the activations a few pairs (src, dst) are tried in order and
 * the first with a generated kernel wins, else the best of all: the wish; a plain src before a blocked dst (first
 * layers with few channels, which would be mostly padding in blocks; these go first there); whatever oneDNN likes;
 * channels last; plain.
 */
#include "cpu/onednn_conv.h"

#include "base/error.h"

/* The operands by the part they play; bias and residual may be absent. */
struct parts {
    struct ath__desc src, weights, bias, dst, residual;
};

static void parts_get(ath__onednn_direction direction, int ins, const struct ath__desc *in, int outs,
                      const struct ath__desc *out, struct parts *parts) {
    static const struct ath__desc absent;
    *parts = (struct parts){absent, absent, absent, absent, absent};
    switch (direction) {
    case ATH_ONEDNN_FORWARD:
        parts->src = in[0];
        parts->weights = in[1];
        if (ins > 2) parts->bias = in[2];
        if (ins > 3) parts->residual = in[3];
        parts->dst = out[0];
        break;
    case ATH_ONEDNN_DATA:
        parts->dst = in[0];
        parts->weights = in[1];
        parts->src = out[0];
        break;
    case ATH_ONEDNN_WEIGHTS:
        parts->src = in[0];
        parts->dst = in[1];
        parts->weights = out[0];
        if (outs > 1) parts->bias = out[1];
        break;
    }
}

static void parts_put(ath__onednn_direction direction, const struct parts *parts, struct ath__layout_wish *wish) {
    switch (direction) {
    case ATH_ONEDNN_FORWARD:
        wish->in[0].layout = parts->src.layout;
        wish->in[1].layout = parts->weights.layout;
        if (wish->ins > 2) wish->in[2].layout = ath__layout_plain();
        if (wish->ins > 3) wish->in[3].layout = parts->dst.layout;
        wish->out[0].layout = parts->dst.layout;
        break;
    case ATH_ONEDNN_DATA:
        wish->in[0].layout = parts->dst.layout;
        wish->in[1].layout = parts->weights.layout;
        wish->out[0].layout = parts->src.layout;
        break;
    case ATH_ONEDNN_WEIGHTS:
        wish->in[0].layout = parts->src.layout;
        wish->in[1].layout = parts->dst.layout;
        wish->out[0].layout = parts->weights.layout;
        if (wish->outs > 1) wish->out[1].layout = ath__layout_plain();
        break;
    }
}

static int64_t at_least_one(int64_t value) {
    return value > 0 ? value : 1;
}

static void geometry(const ath_conv2d_attrs *attrs, const struct parts *parts, struct ath__onednn_conv *conv) {
    for (int i = 0; i < 2; i++) {
        int64_t stride = at_least_one(attrs->stride[i]), dilation = at_least_one(attrs->dilation[i]);
        int64_t extent = (parts->weights.shape.dims[2 + i] - 1) * dilation + 1;
        conv->strides[i] = stride;
        conv->dilates[i] = dilation - 1; /* oneDNN counts the gaps */
        conv->pad_before[i] = attrs->pad[i];
        /* What the output size says, so that rows and columns that no window reaches are left out exactly. */
        conv->pad_after[i] =
            (parts->dst.shape.dims[2 + i] - 1) * stride + extent - parts->src.shape.dims[2 + i] - attrs->pad[i];
    }
}

struct open_layouts {
    bool src, weights, dst;
};

/* Builds the primitive descriptor; NULL if oneDNN offers nothing for these operands. */
static dnnl_primitive_desc_t make_pd(ath__onednn_direction direction, const ath_conv2d_attrs *attrs,
                                     const struct parts *parts, struct open_layouts open) {
    struct ath__onednn_conv conv = {.src = {.set = false}};
    struct ath__desc        weights = parts->weights;
    dnnl_primitive_desc_t   pd = NULL;
    dnnl_primitive_attr_t   attr = NULL;
    geometry(attrs, parts, &conv);
    if (attrs->groups > 1 && !ath__onednn_weights_split(&parts->weights, attrs->groups, &weights)) return NULL;
    bool forward = direction == ATH_ONEDNN_FORWARD;
    bool good = ath__onednn_md_make(&parts->src, open.src, &conv.src) &&
                ath__onednn_md_make(&weights, open.weights, &conv.weights) &&
                ath__onednn_md_make(&parts->dst, open.dst, &conv.dst);
    if (good && parts->bias.present) good = ath__onednn_md_make(&parts->bias, false, &conv.bias);
    if (good) {
        attr = ath__onednn_attr_make(forward && parts->residual.present, forward ? attrs->act : ATH_ACT_NONE);
        good = attr != NULL;
    }
    if (good && ath__onednn_conv_pd(direction, &conv, attr, &pd) != dnnl_success) pd = NULL;
    if (attr != NULL) dnnl_primitive_attr_destroy(attr);
    ath__onednn_md_free(&conv.src);
    ath__onednn_md_free(&conv.weights);
    ath__onednn_md_free(&conv.bias);
    ath__onednn_md_free(&conv.dst);
    return pd;
}

/* The descriptors by part: data queries name them by direction. */
static ath__onednn_md_ref query(dnnl_primitive_desc_t pd, dnnl_query_t plain, dnnl_query_t gradient, bool is_gradient) {
    return dnnl_primitive_desc_query_md(pd, is_gradient ? gradient : plain, 0);
}

static ath__onednn_md_ref src_md(ath__onednn_direction direction, dnnl_primitive_desc_t pd) {
    return query(pd, dnnl_query_src_md, dnnl_query_diff_src_md, direction == ATH_ONEDNN_DATA);
}

static ath__onednn_md_ref dst_md(ath__onednn_direction direction, dnnl_primitive_desc_t pd) {
    return query(pd, dnnl_query_dst_md, dnnl_query_diff_dst_md, direction != ATH_ONEDNN_FORWARD);
}

static ath__onednn_md_ref weights_md(ath__onednn_direction direction, dnnl_primitive_desc_t pd) {
    return query(pd, dnnl_query_weights_md, dnnl_query_diff_weights_md, direction == ATH_ONEDNN_WEIGHTS);
}

/* Writes the layouts that the primitive wants into the parts; false if one cannot be written as ours. */
static bool read_layouts(ath__onednn_direction direction, dnnl_primitive_desc_t pd, int64_t groups,
                         struct parts *parts) {
    if (!ath__onednn_layout_read(src_md(direction, pd), &parts->src)) return false;
    if (!ath__onednn_layout_read(dst_md(direction, pd), &parts->dst)) return false;
    if (groups <= 1) return ath__onednn_layout_read(weights_md(direction, pd), &parts->weights);
    struct ath__desc split;
    if (!ath__onednn_weights_split(&parts->weights, groups, &split)) return false;
    return ath__onednn_layout_read(weights_md(direction, pd), &split) &&
           ath__onednn_weights_join(&split, &parts->weights);
}

/* Tries one pair of layouts, weights open first and then plain. Sets `parts` to what the primitive wants; the quality is
 * that of the primitive which is offered when these layouts are asked for by name, as `refuse` and `prepare` do. */
static ath__onednn_quality try_layouts(ath__onednn_direction direction, const ath_conv2d_attrs *attrs,
                                       struct parts *parts, bool open) {
    parts->weights.layout = ath__layout_plain();
    for (int plain_weights = 0; plain_weights < 2; plain_weights++) {
        struct parts          wanted = *parts;
        dnnl_primitive_desc_t pd =
            make_pd(direction, attrs, parts, (struct open_layouts){open, plain_weights == 0, open});
        if (pd == NULL) continue;
        bool expressible = read_layouts(direction, pd, attrs->groups, &wanted);
        dnnl_primitive_desc_destroy(pd);
        if (!expressible) continue;
        pd = make_pd(direction, attrs, &wanted, (struct open_layouts){false, false, false});
        if (pd == NULL) continue;
        ath__onednn_quality quality = ath__onednn_quality_of(pd);
        dnnl_primitive_desc_destroy(pd);
        *parts = wanted;
        return quality;
    }
    return ATH_ONEDNN_NONE;
}

enum { FEW_CHANNELS = 8 }; /* below this a block of channels would hold more padding than data */

void ath__onednn_conv_layouts(ath__onednn_direction direction, struct ath__layout_wish *wish) {
    const ath_conv2d_attrs *attrs = wish->attrs;
    struct parts            parts, best;
    parts_get(direction, wish->ins, wish->in, wish->outs, wish->out, &parts);
    best = parts;
    best.weights.layout = ath__layout_plain();

    struct ath__layout plain = ath__layout_plain(), last = ath__layout_channels_last(4);
    struct ath__layout src = parts.src.layout, dst = parts.dst.layout;
    const struct {
        struct ath__layout src, dst;
        bool               open;
    } pairs[] = {
        {plain, dst, false}, {src, dst, false},   {plain, dst, false},
        {src, dst, true},    {last, last, false}, {plain, plain, false},
    };
    ath__onednn_quality reached = ATH_ONEDNN_NONE;
    bool                first_layer = parts.src.shape.dims[1] < FEW_CHANNELS;
    for (size_t i = first_layer ? 0 : 1; i < sizeof pairs / sizeof pairs[0] && reached < ATH_ONEDNN_JIT; i++) {
        struct parts trial = parts;
        trial.src.layout = pairs[i].src;
        trial.dst.layout = pairs[i].dst;
        trial.residual.layout = pairs[i].dst;
        ath__onednn_quality quality = try_layouts(direction, attrs, &trial, pairs[i].open);
        if (quality <= reached) continue;
        reached = quality;
        best = trial;
    }
    parts_put(direction, &best, wish);
}

/* The descriptor for operands whose layouts are settled. Where a dimension has one step (a grey picture's channels),
 * several of oneDNN's descriptors say the same memory, and a kernel may know one of them only: then oneDNN names its own
 * for the weights, if that is what they lie in. */
static dnnl_primitive_desc_t settled_pd(ath__onednn_direction direction, const ath_conv2d_attrs *attrs,
                                        const struct parts *parts) {
    dnnl_primitive_desc_t pd = make_pd(direction, attrs, parts, (struct open_layouts){false, false, false});
    if (pd != NULL && ath__onednn_quality_of(pd) == ATH_ONEDNN_JIT) return pd;
    struct parts          named = *parts;
    dnnl_primitive_desc_t other = make_pd(direction, attrs, parts, (struct open_layouts){false, true, false});
    if (other == NULL) return pd;
    bool better = pd == NULL || ath__onednn_quality_of(other) > ath__onednn_quality_of(pd);
    if (better && read_layouts(direction, other, attrs->groups, &named) &&
        ath__layout_same_memory(&parts->weights.shape, &named.weights.layout, &parts->weights.layout)) {
        if (pd != NULL) dnnl_primitive_desc_destroy(pd);
        return other;
    }
    dnnl_primitive_desc_destroy(other);
    return pd;
}

const char *ath__onednn_conv_refuse(ath__onednn_direction direction, const struct ath__problem *problem) {
    const ath_conv2d_attrs *attrs = problem->attrs;
    struct parts            parts;
    parts_get(direction, problem->ins, problem->in, problem->outs, problem->out, &parts);
    if (parts.residual.present &&
        (parts.residual.dtype != parts.dst.dtype ||
         !ath__layout_same_memory(&parts.dst.shape, &parts.residual.layout, &parts.dst.layout)))
        return "the residual must have the type and layout of the output";
    if (parts.bias.present && !ath__layout_is_plain(&parts.bias.layout, 1)) return "the bias must be plain";
    dnnl_primitive_desc_t pd = settled_pd(direction, attrs, &parts);
    if (pd == NULL) return "oneDNN has no convolution for these types, layouts or post-operations on this processor";
    ath__onednn_quality quality = ath__onednn_quality_of(pd);
    dnnl_primitive_desc_destroy(pd);
    return quality <= ATH_ONEDNN_REF ? "oneDNN has only its reference loops for this problem" : NULL;
}

ath_status ath__onednn_conv_prepare(ath__onednn_direction direction, const struct ath__problem *problem, void **state,
                                    ath_error *err) {
    struct parts           parts;
    struct ath__onednn_arg args[4];
    int                    count = 0;
    parts_get(direction, problem->ins, problem->in, problem->outs, problem->out, &parts);
    dnnl_primitive_desc_t pd = settled_pd(direction, problem->attrs, &parts);
    if (pd == NULL)
        return ath__fail(err, ATH_DEVICE, problem->op, "oneDNN refused a convolution that it offered before");
    ath__onednn_md_ref src = src_md(direction, pd), dst = dst_md(direction, pd), weights = weights_md(direction, pd);
    switch (direction) {
    case ATH_ONEDNN_FORWARD:
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_SRC, ATH_ONEDNN_IN(0), src};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_WEIGHTS, ATH_ONEDNN_IN(1), weights};
        if (parts.bias.present)
            args[count++] = (struct ath__onednn_arg){DNNL_ARG_BIAS, ATH_ONEDNN_IN(2),
                                                     dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1)};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_DST, ATH_ONEDNN_OUT(0), dst};
        break;
    case ATH_ONEDNN_DATA:
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_DIFF_DST, ATH_ONEDNN_IN(0), dst};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_WEIGHTS, ATH_ONEDNN_IN(1), weights};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_DIFF_SRC, ATH_ONEDNN_OUT(0), src};
        break;
    case ATH_ONEDNN_WEIGHTS:
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_SRC, ATH_ONEDNN_IN(0), src};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_DIFF_DST, ATH_ONEDNN_IN(1), dst};
        args[count++] = (struct ath__onednn_arg){DNNL_ARG_DIFF_WEIGHTS, ATH_ONEDNN_OUT(0), weights};
        if (parts.bias.present)
            args[count++] = (struct ath__onednn_arg){DNNL_ARG_DIFF_BIAS, ATH_ONEDNN_OUT(1),
                                                     dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 1)};
        break;
    }
    ath_status status = ath__onednn_state_make(pd, args, count, problem->op, state, err);
    dnnl_primitive_desc_destroy(pd);
    return status;
}
