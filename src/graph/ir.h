/* The intermediate representation: values and nodes, as every pass sees them.
 *
 * A graph is two growing arrays. A *value* is a tensor-to-be: a leaf (input, parameter, state, constant) or one output
 * of a node. A *node* applies an operator. Passes append nodes, redirect uses and mark nodes dead; nobody removes
 * entries, so indices stay valid for the life of the graph. `order` is a topological order of the live nodes
 * (graph/order.c).
 *
 * Every value has a rate, how often it changes:
 *
 *     CONST   never
 *     STEP    once per optimiser step: depends on parameters, states and step inputs only
 *     BATCH   with every micro-batch
 *     POST    once per optimiser step, after the micro-batches: behind a batch_sum
 *
 * so a plan is prologue (STEP), body (BATCH, once per micro-batch), epilogue (POST).
 */
#ifndef ATH_GRAPH_IR_H
#define ATH_GRAPH_IR_H

#include "athanor/graph.h"
#include "base/arena.h"
#include "contract/impl.h"

struct ath__op;

typedef enum ath__rate { ATH_RATE_CONST, ATH_RATE_STEP, ATH_RATE_BATCH, ATH_RATE_POST } ath__rate;

typedef enum ath__leaf {
    ATH_LEAF_NONE, /* output of a node */
    ATH_LEAF_INPUT,
    ATH_LEAF_STEP_INPUT,
    ATH_LEAF_PARAM,
    ATH_LEAF_STATE,
    ATH_LEAF_CONST,
    ATH_LEAF_FLAT, /* a whole group of parameters, or all states, as one rank-1 tensor over the same memory */
} ath__leaf;

struct ath__value {
    ath__leaf        leaf;
    struct ath__desc desc;
    const char      *name; /* full scoped name; NULL for unnamed intermediates */
    int              node; /* producer, -1 for leaves */
    int              out;  /* which of its outputs */
    ath__rate        rate;
    ath_init         init;      /* PARAM and STATE */
    const void      *constant;  /* CONST: plain data, owned by the graph's arena */
    ath_value        stored_in; /* this value's result replaces the contents of that PARAM or STATE leaf; or ATH_NONE */
    bool             is_output;
    int              group;  /* FLAT: which group of parameters */
    bool             frozen; /* PARAM that is never trained */
};

struct ath__node {
    const struct ath__op   *op;
    void                   *attrs; /* op->attrs_size bytes, in the graph's arena */
    int                     ins, outs;
    ath_value              *in;    /* ATH_NONE where an optional operand is missing */
    ath_value              *out;   /* ATH_NONE where an optional output is not made */
    const char             *scope; /* "layer1.0.conv1" or "" */
    double                  key;   /* place in the execution order, as far as dependencies leave a choice */
    bool                    dead;
    ath__rate               rate;
    const struct ath__impl *impl;     /* chosen by graph/assign.c */
    const char             *refusals; /* why better rows refused: "onednn: groups 3; ..." */
};

struct ath_graph {
    struct ath__arena  arena; /* names, attributes, constants, operand lists */
    struct ath__value *values;
    int                value_count, value_capacity;
    struct ath__node  *nodes;
    int                node_count, node_capacity;
    int               *order; /* live nodes in execution order, made by ath__graph_order */
    int                order_count;
    char               scope[256];
    int                scope_length[16]; /* of the enclosing scopes */
    int                scope_depth;
    int                dropouts; /* ids handed out */
    ath_status         status;   /* sticky */
    ath_error          error;
};

/* Appends a node: checks operands, runs the operator's shape inference, makes the outputs. `attrs` (op's attrs_size
 * bytes, may be NULL for zeros) is copied. Returns the node's index, or -1 with the sticky error set. */
int ath__graph_node(ath_graph *graph, const struct ath__op *op, const void *attrs, const ath_value *in, int ins);
/* The same for an operator with one output that matters. */
ath_value ath__graph_apply(ath_graph *graph, const struct ath__op *op, const void *attrs, const ath_value *in, int ins);
/* The value's record; NULL for ATH_NONE. Valid until the next append. */
struct ath__value *ath__graph_value(const ath_graph *graph, ath_value value);
/* Makes a fresh value as output of no node yet (passes that build nodes by hand). */
ath_value ath__graph_value_new(ath_graph *graph, const struct ath__desc *desc);

/* Every use of `from` (operands of live nodes, outputs) becomes `to`; `to`'s own producer keeps its operands. */
void ath__graph_redirect(ath_graph *graph, ath_value from, ath_value to);
/* Number of live nodes that read the value. */
int ath__graph_uses(const ath_graph *graph, ath_value value);
/* Marks nodes dead that nothing needs (outputs, stored values), then sorts topologically into graph->order. Nodes whose
 * outputs are stored into parameters come last in their rate. Returns ATH_FAILED on a cycle. */
ath_status ath__graph_order(ath_graph *graph, ath_error *err);
/* The result of `value` is to replace the leaf's contents at the end of a step. Shapes and types must agree. */
void ath__graph_store(ath_graph *graph, ath_value value, ath_value leaf);
/* Finds a named value; ATH_NONE if there is none. */
ath_value ath__graph_find(const ath_graph *graph, const char *name);
/* A leaf over the whole group `group` of parameters: `count` floats, pieces in order, each padded to 16. */
ath_value ath__graph_flat(ath_graph *graph, int group, int64_t count);
/* The rate that a node's operands give it. */
ath__rate ath__graph_node_rate(const ath_graph *graph, const struct ath__node *node);
/* A scalar constant f32. */
ath_value ath__graph_scalar(ath_graph *graph, double value);

#endif
