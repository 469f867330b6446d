/* An operator: everything that the graph needs to know of it. One file per operator in src/op, one row in op_list.h.
 *
 * `ref` is the definition: plain C in double precision on plain layouts. It is the oracle of the tests, the gradient
 * checker's function, the interpreter's body, and the last implementation that the search falls back to.
 */
#ifndef ATH_GRAPH_OP_H
#define ATH_GRAPH_OP_H

#include "graph/ir.h"

enum {
    ATH_OP_ELEMENTWISE = 1 << 0, /* outputs have the (broadcast) shape of the inputs; fusable into chains */
    ATH_OP_VIEW = 1 << 1,        /* output 0 is input 0's bytes under another shape (where layouts allow) */
    ATH_OP_RANDOM = 1 << 2,
    ATH_OP_NO_GRAD = 1 << 3, /* gradients stop here */
    /* Storage type under reduced precision (graph/precision.c): which operands follow it. */
    ATH_OP_LOW_ALL = 1 << 4,   /* every f32 operand of BATCH rate, inputs and outputs                  */
    ATH_OP_LOW_FIRST = 1 << 5, /* inputs and output 0 only: batch norm's statistics stay f32          */
    ATH_OP_LOW_IN = 1 << 6,    /* inputs only: weight gradients come out in f32                       */
};

/* An entry of an operator's attribute table. INT = int64_t, REAL = double; `count` of them in a row. */
struct ath__attr {
    const char *name;
    enum { ATH_ATTR_INT, ATH_ATTR_REAL, ATH_ATTR_CHOICE } type;
    size_t      offset;
    int         count;
    const char *choices; /* CHOICE: "none|relu|..." by value; else NULL */
};
#define ATH_ATTR_I(S, field, n)                                                                                        \
    { #field, ATH_ATTR_INT, offsetof(S, field), (n), NULL }
#define ATH_ATTR_R(S, field)                                                                                           \
    { #field, ATH_ATTR_REAL, offsetof(S, field), 1, NULL }
#define ATH_ATTR_C(S, field, names)                                                                                    \
    { #field, ATH_ATTR_CHOICE, offsetof(S, field), 1, (names) }
#define ATH_ATTR_END                                                                                                   \
    { NULL, ATH_ATTR_INT, 0, 0, NULL }

/* Shape inference. `attrs` is the node's own copy and may be completed (defaults written in). in[i].present tells
 * optional operands. The function sets outs and out[i] (dtype, shape, present); layouts are the caller's. It returns
 * ATH_USAGE after ath__infer_fail. */
enum { ATH_MAX_OUTS = 6 };
struct ath__infer {
    void                   *attrs;
    int                     ins;
    const struct ath__desc *in;
    int                     outs;
    struct ath__desc        out[ATH_MAX_OUTS];
    char                    why[256];
};
ath_status ath__infer_fail(struct ath__infer *infer, const char *format, ...) ATH_PRINTF(2, 3);
/* Sets out[i] to a present plain operand. */
void ath__infer_out(struct ath__infer *infer, int i, ath_dtype dtype, const ath_shape *shape);

/* Gradient: appends nodes to `graph`. dout[i] is the gradient of output i or ATH_NONE. For each input with want[i] the
 * function sets din[i] (ATH_NONE = zero). `node` is a copy, so that appending may move the array. */
struct ath__grad {
    ath_graph              *graph;
    const struct ath__node *node;
    const ath_value        *dout;
    const bool             *want;
    ath_value              *din;
};

struct ath__op {
    const char             *name;
    uint32_t                traits;
    size_t                  attrs_size;
    const struct ath__attr *attrs;            /* ends with ATH_ATTR_END; NULL = none */
    int                     min_ins, max_ins; /* max -1 = any number */
    ath_status (*infer)(struct ath__infer *infer);
    void (*grad)(const struct ath__grad *grad); /* NULL = not differentiable: an error when a gradient is asked for */
    ath__ref_fn ref;
    /* Multiply-accumulates of one run, for profiles; NULL = none counted (as the field does: convolutions and
     * products). */
    uint64_t (*macs)(const void *attrs, const struct ath__desc *in, const struct ath__desc *out);
};

/* Declares ath__op_conv2d ... from the list. */
#define ATH_OP(name) extern const struct ath__op ath__op_##name;
#include "op/op_list.h"
#undef ATH_OP

/* All operators; `count` receives their number. */
const struct ath__op *const *ath__op_table(int *count);
const struct ath__op        *ath__op_find(const char *name); /* NULL if unknown */

/* Helpers for gradients: graph arithmetic on internal operators. */
ath_value ath__grad_reduce_to(ath_graph *graph, ath_value value, const ath_shape *shape); /* sums over broadcast dims */

#endif
