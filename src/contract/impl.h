/* The contract between the graph above and the implementations below: problem, implementation, execution.
 *
 * An implementation is a row of src/cpu/impl_list.h (or of a plug-in's list). For each node the search
 * (src/device/choose.c) walks the rows of the node's operator, best first. A row is first told the wish (`layouts`),
 * then accepts or refuses with a reason (`refuse`); the first that accepts is prepared once and run many times. The
 * last row of every operator is the reference, which computes in double precision from the operator's own `ref` body
 * and accepts everything.
 *
 * Kernels are pure functions on pointers and sizes: no allocation, no graph, no globals, no CPU-flag tests while
 * running.
 */
#ifndef ATH_CONTRACT_IMPL_H
#define ATH_CONTRACT_IMPL_H

#include "athanor/ops.h"
#include "athanor/status.h"
#include "tensor/layout.h"

/* A tensor for the reference: plain row-major doubles. data NULL = operand not present. */
struct ath__ref_tensor {
    ath_shape shape;
    double   *data;
};

struct ath__ref {
    const void                   *attrs;
    int                           ins, outs;
    const struct ath__ref_tensor *in;
    const struct ath__ref_tensor *out;
};
typedef void (*ath__ref_fn)(const struct ath__ref *ref);

/* One node as an implementation sees it. */
struct ath__problem {
    const char             *op; /* operator name: "conv2d", "batch_norm_grad" ... */
    const void             *attrs;
    int                     ins, outs;
    const struct ath__desc *in;
    const struct ath__desc *out;
    ath__ref_fn             ref;
};

/* The same while layouts are still open: `in` and `out` may be rewritten. */
struct ath__layout_wish {
    const char       *op;
    const void       *attrs;
    int               ins, outs;
    struct ath__desc *in;
    struct ath__desc *out;
};

struct ath__exec {
    const struct ath__problem *problem;
    void *const               *in; /* NULL where not present */
    void *const               *out;
    void                      *scratch;     /* as many bytes as `scratch` asked for, 64-byte aligned */
    int                        micro_batch; /* 0 for the first of an optimiser step */
};

struct ath__impl {
    const char *op;   /* operator it implements         */
    const char *name; /* "onednn", "batch_blocks", "ref" */
    /* Optional. Called with the graph's preferred layout for activations on rank-4 operands (and plain on the others);
     * may replace the layout of any operand by the one that it wants, as long as shapes and types stay. Reorders are
     * inserted where that differs from what the producer delivers. NULL: takes the wish as it is. */
    void (*layouts)(struct ath__layout_wish *wish);
    /* NULL = accepts; else a short reason ("stride 3", "needs AVX2"), static text. Looks at shapes, types and layouts.
     */
    const char *(*refuse)(const struct ath__problem *problem);
    /* Optional. Builds what is needed once per plan (primitives, tables). */
    ath_status (*prepare)(const struct ath__problem *problem, void **state, ath_error *err);
    void (*release)(void *state);
    /* Optional. Scratch bytes for one run. */
    size_t (*scratch)(const struct ath__problem *problem, const void *state);
    ath_status (*run)(const struct ath__exec *exec, void *state);
    /* Optional. Bit i * 8 + j set (j < 8): output i may share memory with input j when both have equal type, shape and
     * layout and the input is not needed afterwards. */
    uint64_t in_place;
};

#endif
