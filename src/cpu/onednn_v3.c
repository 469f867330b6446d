/* oneDNN 3.x: descriptors are opaque handles, operation descriptors are gone. */
#include "cpu/onednn_common.h"

#if DNNL_VERSION_MAJOR >= 3

#include <string.h>

ath__onednn_md_ref ath__onednn_md_use(const struct ath__onednn_md *md) {
    return md->set ? md->data : NULL;
}

void ath__onednn_md_free(struct ath__onednn_md *md) {
    if (md->set) dnnl_memory_desc_destroy(md->data);
    md->set = false;
}

bool ath__onednn_md_by_strides(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                               const int64_t *strides) {
    md->set = dnnl_memory_desc_create_with_strides(&md->data, rank, dims, type, strides) == dnnl_success;
    return md->set;
}

bool ath__onednn_md_by_tag(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                           dnnl_format_tag_t tag) {
    md->set = dnnl_memory_desc_create_with_tag(&md->data, rank, dims, type, tag) == dnnl_success;
    return md->set;
}

bool ath__onednn_md_blocking(ath__onednn_md_ref md, int rank, struct ath__onednn_blocking *blocking) {
    dnnl_format_kind_t kind;
    int                ndims, blocks;
    dnnl_dim_t         offset;
    dnnl_dims_t       *padded, *padding, *strides, *sizes, *dims;
    if (md == NULL || dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &ndims) != dnnl_success || ndims != rank ||
        dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind) != dnnl_success || kind != dnnl_blocked ||
        dnnl_memory_desc_query(md, dnnl_query_submemory_offset_s64, &offset) != dnnl_success || offset != 0 ||
        dnnl_memory_desc_query(md, dnnl_query_padded_dims, &padded) != dnnl_success ||
        dnnl_memory_desc_query(md, dnnl_query_padded_offsets, &padding) != dnnl_success ||
        dnnl_memory_desc_query(md, dnnl_query_strides, &strides) != dnnl_success ||
        dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &blocks) != dnnl_success ||
        dnnl_memory_desc_query(md, dnnl_query_inner_blks, &sizes) != dnnl_success ||
        dnnl_memory_desc_query(md, dnnl_query_inner_idxs, &dims) != dnnl_success)
        return false;
    for (int i = 0; i < rank; i++) {
        if ((*padding)[i] != 0) return false;
        blocking->padded[i] = (*padded)[i];
        blocking->strides[i] = (*strides)[i];
    }
    blocking->blocks = blocks;
    for (int i = 0; i < blocks; i++) {
        blocking->block_dim[i] = (*dims)[i];
        blocking->block_size[i] = (*sizes)[i];
    }
    return true;
}

dnnl_status_t ath__onednn_append_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0F, 0, dnnl_data_type_undef);
}

dnnl_status_t ath__onednn_append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(ops, alg, alpha, beta);
}

dnnl_status_t ath__onednn_append_hard_swish(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_hardswish, 1.0F / 6.0F, 0.5F);
}

/* The forward convolution that a gradient belongs to, with layouts left open; the gradients take it as a hint. */
static dnnl_status_t hint_pd(const struct ath__onednn_conv *conv, dnnl_primitive_desc_t *pd) {
    const struct ath__onednn_md *ours[3] = {&conv->src, &conv->weights, &conv->dst};
    struct ath__onednn_md        open[3] = {{false, NULL}, {false, NULL}, {false, NULL}};
    dnnl_status_t                status = dnnl_success;
    for (int i = 0; i < 3 && status == dnnl_success; i++) {
        int              rank;
        dnnl_dims_t     *dims;
        dnnl_data_type_t type;
        status = dnnl_memory_desc_query(ours[i]->data, dnnl_query_ndims_s32, &rank);
        if (status == dnnl_success) status = dnnl_memory_desc_query(ours[i]->data, dnnl_query_dims, &dims);
        /* The weight gradient may be wider than the data; the forward pass of the hint is not. */
        if (status == dnnl_success) status = dnnl_memory_desc_query(conv->dst.data, dnnl_query_data_type, &type);
        if (status == dnnl_success && !ath__onednn_md_by_tag(&open[i], rank, *dims, type, dnnl_format_tag_any))
            status = dnnl_out_of_memory;
    }
    if (status == dnnl_success)
        status = dnnl_convolution_forward_primitive_desc_create(
            pd, ath__onednn_engine(), dnnl_forward_training, dnnl_convolution_direct, open[0].data, open[1].data, NULL,
            open[2].data, conv->strides, conv->dilates, conv->pad_before, conv->pad_after, NULL);
    for (int i = 0; i < 3; i++) ath__onednn_md_free(&open[i]);
    return status;
}

dnnl_status_t ath__onednn_conv_pd(ath__onednn_direction direction, const struct ath__onednn_conv *conv,
                                  const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd) {
    dnnl_engine_t         engine = ath__onednn_engine();
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t         status = dnnl_runtime_error;
    ath__onednn_md_ref    src = ath__onednn_md_use(&conv->src), weights = ath__onednn_md_use(&conv->weights),
                       bias = ath__onednn_md_use(&conv->bias), dst = ath__onednn_md_use(&conv->dst);
    *pd = NULL;
    if (direction != ATH_ONEDNN_FORWARD) {
        status = hint_pd(conv, &hint);
        if (status != dnnl_success) return status;
    }
    switch (direction) {
    case ATH_ONEDNN_FORWARD:
        status = dnnl_convolution_forward_primitive_desc_create(
            pd, engine, dnnl_forward_training, dnnl_convolution_direct, src, weights, bias, dst, conv->strides,
            conv->dilates, conv->pad_before, conv->pad_after, attr);
        break;
    case ATH_ONEDNN_DATA:
        status = dnnl_convolution_backward_data_primitive_desc_create(pd, engine, dnnl_convolution_direct, src, weights,
                                                                      dst, conv->strides, conv->dilates,
                                                                      conv->pad_before, conv->pad_after, hint, attr);
        break;
    case ATH_ONEDNN_WEIGHTS:
        status = dnnl_convolution_backward_weights_primitive_desc_create(
            pd, engine, dnnl_convolution_direct, src, weights, bias, dst, conv->strides, conv->dilates,
            conv->pad_before, conv->pad_after, hint, attr);
        break;
    }
    if (hint != NULL) dnnl_primitive_desc_destroy(hint);
    return status;
}

dnnl_status_t ath__onednn_matmul_pd(const struct ath__onednn_md *src, const struct ath__onednn_md *weights,
                                    const struct ath__onednn_md *bias, const struct ath__onednn_md *dst,
                                    const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd) {
    *pd = NULL;
    return dnnl_matmul_primitive_desc_create(pd, ath__onednn_engine(), ath__onednn_md_use(src),
                                             ath__onednn_md_use(weights), ath__onednn_md_use(bias),
                                             ath__onednn_md_use(dst), attr);
}

#endif
