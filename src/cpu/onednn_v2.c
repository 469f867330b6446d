/* oneDNN 2.x: memory and operation descriptors are plain structs. */
#include "cpu/onednn_common.h"

#if DNNL_VERSION_MAJOR < 3

#include <string.h>

ath__onednn_md_ref ath__onednn_md_use(const struct ath__onednn_md *md) {
    return md->set ? &md->data : NULL;
}

void ath__onednn_md_free(struct ath__onednn_md *md) {
    md->set = false;
}

bool ath__onednn_md_by_strides(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                               const int64_t *strides) {
    md->set = dnnl_memory_desc_init_by_strides(&md->data, rank, dims, type, strides) == dnnl_success;
    return md->set;
}

bool ath__onednn_md_by_tag(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                           dnnl_format_tag_t tag) {
    md->set = dnnl_memory_desc_init_by_tag(&md->data, rank, dims, type, tag) == dnnl_success;
    return md->set;
}

bool ath__onednn_md_blocking(ath__onednn_md_ref md, int rank, struct ath__onednn_blocking *blocking) {
    if (md == NULL || md->ndims != rank || md->format_kind != dnnl_blocked) return false;
    if (md->offset0 != 0 || md->extra.flags != dnnl_memory_extra_flag_none) return false;
    const dnnl_blocking_desc_t *from = &md->format_desc.blocking;
    for (int i = 0; i < rank; i++) {
        if (md->padded_offsets[i] != 0) return false;
        blocking->padded[i] = md->padded_dims[i];
        blocking->strides[i] = from->strides[i];
    }
    blocking->blocks = from->inner_nblks;
    for (int i = 0; i < from->inner_nblks; i++) {
        blocking->block_dim[i] = from->inner_idxs[i];
        blocking->block_size[i] = from->inner_blks[i];
    }
    return true;
}

dnnl_status_t ath__onednn_append_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0F);
}

dnnl_status_t ath__onednn_append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(ops, 1.0F, alg, alpha, beta);
}

dnnl_status_t ath__onednn_append_hard_swish(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, 1.0F, dnnl_eltwise_hardswish, 0.0F, 0.0F);
}

dnnl_status_t ath__onednn_conv_pd(ath__onednn_direction direction, const struct ath__onednn_conv *conv,
                                  const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd) {
    dnnl_convolution_desc_t desc;
    dnnl_status_t           status = dnnl_runtime_error;
    ath__onednn_md_ref      src = ath__onednn_md_use(&conv->src), weights = ath__onednn_md_use(&conv->weights),
                       bias = ath__onednn_md_use(&conv->bias), dst = ath__onednn_md_use(&conv->dst);
    *pd = NULL;
    switch (direction) {
    case ATH_ONEDNN_FORWARD:
        status = dnnl_dilated_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct, src,
                                                            weights, bias, dst, conv->strides, conv->dilates,
                                                            conv->pad_before, conv->pad_after);
        break;
    case ATH_ONEDNN_DATA:
        status = dnnl_dilated_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, src, weights, dst,
                                                                  conv->strides, conv->dilates, conv->pad_before,
                                                                  conv->pad_after);
        break;
    case ATH_ONEDNN_WEIGHTS:
        status = dnnl_dilated_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, src, weights, bias,
                                                                     dst, conv->strides, conv->dilates,
                                                                     conv->pad_before, conv->pad_after);
        break;
    }
    if (status != dnnl_success) return status;
    /* 2.x asks for no hint from the forward pass here: a direct convolution keeps no workspace. */
    return dnnl_primitive_desc_create(pd, &desc, attr, ath__onednn_engine(), NULL);
}

dnnl_status_t ath__onednn_matmul_pd(const struct ath__onednn_md *src, const struct ath__onednn_md *weights,
                                    const struct ath__onednn_md *bias, const struct ath__onednn_md *dst,
                                    const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd) {
    dnnl_matmul_desc_t desc;
    *pd = NULL;
    dnnl_status_t status = dnnl_matmul_desc_init(&desc, ath__onednn_md_use(src), ath__onednn_md_use(weights),
                                                 ath__onednn_md_use(bias), ath__onednn_md_use(dst));
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(pd, &desc, attr, ath__onednn_engine(), NULL);
}

#endif
