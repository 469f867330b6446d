/* What all oneDNN-backed implementations share: the engine, memory descriptors, and primitives ready to run.
 *
 * oneDNN changed its C API between 2.x (memory and operation descriptors are structs) and 3.x (opaque handles). What
 * differs is declared in the second half of this header and written twice, in onednn_v2.c and onednn_v3.c, of which one
 * compiles to nothing; everything else is the same source.
 */
#ifndef ATH_CPU_ONEDNN_COMMON_H
#define ATH_CPU_ONEDNN_COMMON_H

#include "contract/impl.h"

#include <oneapi/dnnl/dnnl.h>

enum { ATH_ONEDNN_MAX_RANK = 6, ATH_ONEDNN_MAX_ARGS = 8 };

/* A memory descriptor that we own. Zero-initialised = none. */
struct ath__onednn_md {
    bool               set;
    dnnl_memory_desc_t data;
};
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t ath__onednn_md_ref;
#else
typedef const dnnl_memory_desc_t *ath__onednn_md_ref;
#endif
/* As oneDNN's functions take it; NULL for none. */
ath__onednn_md_ref ath__onednn_md_use(const struct ath__onednn_md *md);
void               ath__onednn_md_free(struct ath__onednn_md *md);

/* The process-wide CPU engine; NULL if oneDNN could not make one. */
dnnl_engine_t ath__onednn_engine(void);

/* The descriptor for a tensor's memory. False where oneDNN has no such type or layout, or memory ran out. With `any`
 * the layout is left for oneDNN to choose. */
bool ath__onednn_md_make(const struct ath__desc *desc, bool any, struct ath__onednn_md *md);

/* Reads a layout back: sets desc->layout to what `md` says. Where that is the same memory as the layout that desc holds
 * on entry, or as plain or channels-last, those are kept. False if it is not a blocked layout without extras. */
bool ath__onednn_layout_read(ath__onednn_md_ref md, struct ath__desc *desc);

/* Weights of a grouped convolution: ours are (K,C/G,R,S), oneDNN's (G,K/G,C/G,R,S) over the same memory. */
bool ath__onednn_weights_split(const struct ath__desc *weights, int64_t groups, struct ath__desc *split);
bool ath__onednn_weights_join(const struct ath__desc *split, struct ath__desc *weights);

/* How good oneDNN's choice is. */
typedef enum ath__onednn_quality {
    ATH_ONEDNN_NONE, /* no implementation at all                                     */
    ATH_ONEDNN_REF,  /* its own reference loops                                      */
    ATH_ONEDNN_GEMM, /* by way of matrix products (im2col)                           */
    ATH_ONEDNN_JIT,  /* code generated for the problem                               */
} ath__onednn_quality;
ath__onednn_quality ath__onednn_quality_of(dnnl_primitive_desc_t pd);

/* Attributes: the caller provides the scratch memory; `sum` adds what the destination holds; then the activation.
 * NULL if oneDNN cannot express the activation or memory ran out. */
dnnl_primitive_attr_t ath__onednn_attr_make(bool sum, int64_t act);

/* A primitive with its memory objects, made once and run many times. An operand is input j (ATH_ONEDNN_IN(j)) or output
 * i (ATH_ONEDNN_OUT(i)) of the node. */
#define ATH_ONEDNN_IN(j) (j)
#define ATH_ONEDNN_OUT(i) (-1 - (i))
struct ath__onednn_arg {
    int                arg;     /* DNNL_ARG_SRC ... */
    int                operand; /* ATH_ONEDNN_IN/OUT */
    ath__onednn_md_ref md;
};
/* `pd` is borrowed. `*state` is a struct ath__onednn_state, freed by ath__onednn_state_free. */
ath_status ath__onednn_state_make(dnnl_primitive_desc_t pd, const struct ath__onednn_arg *args, int count,
                                  const char *where, void **state, ath_error *err);
void       ath__onednn_state_free(void *state);
size_t     ath__onednn_state_scratch(const struct ath__problem *problem, const void *state);
ath_status ath__onednn_state_run(const struct ath__exec *exec, void *state);

/* ---- what differs between oneDNN 2.x and 3.x -------------------------------------------------------------------- */

/* A blocked layout as oneDNN describes it. */
struct ath__onednn_blocking {
    int64_t padded[DNNL_MAX_NDIMS];
    int64_t strides[DNNL_MAX_NDIMS]; /* of the outer dimensions, in elements */
    int     blocks;
    int64_t block_dim[DNNL_MAX_NDIMS];
    int64_t block_size[DNNL_MAX_NDIMS];
};
/* False if the descriptor is of another kind or holds an offset or extras. */
bool ath__onednn_md_blocking(ath__onednn_md_ref md, int rank, struct ath__onednn_blocking *blocking);

bool ath__onednn_md_by_strides(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                               const int64_t *strides);
bool ath__onednn_md_by_tag(struct ath__onednn_md *md, int rank, const int64_t *dims, dnnl_data_type_t type,
                           dnnl_format_tag_t tag);

dnnl_status_t ath__onednn_append_sum(dnnl_post_ops_t ops);
dnnl_status_t ath__onednn_append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta);
dnnl_status_t ath__onednn_append_hard_swish(dnnl_post_ops_t ops);

/* A convolution; src and dst are gradients where the direction says so. */
typedef enum ath__onednn_direction { ATH_ONEDNN_FORWARD, ATH_ONEDNN_DATA, ATH_ONEDNN_WEIGHTS } ath__onednn_direction;
struct ath__onednn_conv {
    struct ath__onednn_md src, weights, bias, dst;
    dnnl_dims_t           strides, dilates, pad_before, pad_after;
};
/* `*pd` is NULL on failure. */
dnnl_status_t ath__onednn_conv_pd(ath__onednn_direction direction, const struct ath__onednn_conv *conv,
                                  const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd);
dnnl_status_t ath__onednn_matmul_pd(const struct ath__onednn_md *src, const struct ath__onednn_md *weights,
                                    const struct ath__onednn_md *bias, const struct ath__onednn_md *dst,
                                    const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *pd);

#endif
