/* From ONNX's graph to Athanor's: what the mappings of the operators are written in.
 *
 * A mapping is a function that reads its node's inputs and attributes and sets its outputs; it has one row in
 * onnx_op_list.h. A value of the ONNX graph is known on the host (a constant, a shape, an initialiser), or a value of the
 * Athanor graph, or both: an initialiser becomes a parameter when a node first reads it as numbers to compute with.
 * Nodes that read nothing but *fixed* values are evaluated here and now, in double precision (onnx_host.c); this is how
 * the shapes that exporters compute with nodes disappear. Errors are sticky: after the first one every call does
 * nothing.
 */
#ifndef ATH_FORMAT_ONNX_IMPORT_H
#define ATH_FORMAT_ONNX_IMPORT_H

#include "format/onnx/onnx_file.h"
#include "nn/nn.h"

struct ath__onnx_value {
    const char                    *name;        /* "" for intermediates */
    int                            type;        /* ath__onnx_type */
    const struct ath__onnx_tensor *host;        /* known numbers; NULL = only computed later */
    ath_value                      graph;       /* ATH_NONE until a node wants it there */
    bool                           fixed;       /* a constant, to be evaluated with; not data, not a weight */
    bool                           initializer; /* named numbers of the file: may become a parameter */
};

/* A leaf of the graph whose numbers come from the file. */
struct ath__onnx_leaf {
    const char                    *name;
    ath_value                      value;
    const struct ath__onnx_tensor *tensor;
};

/* A graph input with its numbers. */
struct ath__onnx_feed {
    const char                    *name;
    const struct ath__onnx_tensor *tensor;
};

struct ath__onnx_slot; /* of the table of names */

struct ath__onnx_importer {
    struct ath__onnx_file *file;
    struct ath__nn        *nn;
    ath_graph             *graph; /* nn's */
    struct ath__arena      arena;
    struct ath__onnx_slot *slots; /* names -> values, open addressing */
    size_t                 slot_count;
    int64_t                opset;
    int64_t                batch;          /* as a model: the batch that it is built for; 0 = with given inputs */
    int64_t                declared_batch; /* the file's; 0 = open */
    size_t                 host_bytes;     /* made by evaluation */
    struct ath__onnx_leaf *leaves;
    int                    leaf_count, leaf_capacity;
    int                    constants; /* number of names made */
    ath_status             status;
    ath_error             *err;
};

struct ath__onnx_op;

/* One node on its way. Missing optional inputs are NULL. */
struct ath__onnx_node {
    struct ath__onnx_importer *im;
    ath_graph                 *graph;
    const Athanor__Onnx__Node *proto;
    const struct ath__onnx_op *op;
    int64_t                    opset;
    int                        ins, outs;
    struct ath__onnx_value   **in;
    struct ath__onnx_value   **out; /* set by the mapping; NULL = the node has no such output */
};

/* A row of the list: the operator and the opset versions from `since` up to `last` whose meaning the mapping knows. */
struct ath__onnx_op {
    const char *name;
    int         since, last; /* versions in which the operator was introduced and last changed */
    void (*map)(struct ath__onnx_node *n);
};

/* Row i of the list; NULL past the end. */
const struct ath__onnx_op *ath__onnx_op_at(int i);

#define ATH_ONNX_OP(name, function, since, last) void ath__onnx_##function(struct ath__onnx_node *n);
#include "format/onnx/onnx_op_list.h"
#undef ATH_ONNX_OP

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* Appends the file's graph to im->graph. With im->batch the file's one image input is `images`, else its inputs are
 * made from the feeds: floats become inputs of the graph, other types and empty tensors constants. */
ath_status ath__onnx_import(struct ath__onnx_importer *im, ath_value images, const struct ath__onnx_feed *feeds,
                            int feed_count);
void       ath__onnx_import_end(struct ath__onnx_importer *im);
/* The value of that name; NULL if there is none. */
struct ath__onnx_value *ath__onnx_find(const struct ath__onnx_importer *im, const char *name);
bool                    ath__onnx_is_initializer(const struct ath__onnx_importer *im, const char *name);

/* ---- for mappings ------------------------------------------------------------------------------------------------ */

/* Sets the error: "Conv 'name' (opset 13): ...". ATH_UNSUPPORTED for what cannot be mapped, ATH_DATA for faulty files. */
void ath__onnx_fail(struct ath__onnx_node *n, ath_status code, const char *format, ...) ATH_PRINTF(3, 4);
void ath__onnx_refuse(struct ath__onnx_node *n, const char *format, ...) ATH_PRINTF(2, 3);
bool ath__onnx_failed(const struct ath__onnx_node *n);

/* Attributes, or the fallback. Lists: the number of entries, -1 where there is no such attribute; an error where there
 * are more than `capacity`. */
const Athanor__Onnx__Attribute *ath__onnx_attr(const struct ath__onnx_node *n, const char *name);
int64_t                         ath__onnx_attr_int(const struct ath__onnx_node *n, const char *name, int64_t fallback);
double                          ath__onnx_attr_real(const struct ath__onnx_node *n, const char *name, double fallback);
const char                     *ath__onnx_attr_text(struct ath__onnx_node *n, const char *name, const char *fallback);
int ath__onnx_attr_ints(struct ath__onnx_node *n, const char *name, int64_t *list, int capacity);

/* Input i is there. */
bool ath__onnx_has(const struct ath__onnx_node *n, int i);
/* Its shape; false with an error set where it is missing, or has more dimensions than `most`. */
bool ath__onnx_shape(struct ath__onnx_node *n, const struct ath__onnx_value *v, ath_shape *shape);
/* Dimensions of any value, up to ATH_ONNX_MAX_RANK. */
int ath__onnx_dims(const struct ath__onnx_importer *im, const struct ath__onnx_value *v, int64_t *dims);
/* -rank..rank-1 to 0..rank-1; false with an error set outside. */
bool ath__onnx_axis(struct ath__onnx_node *n, int64_t axis, int rank, int *out);
/* Whole numbers of an input that has to be known: its count, or -1 with an error set. */
int ath__onnx_ints(struct ath__onnx_node *n, int i, const char *what, int64_t *list, int capacity);
/* The single number of an input that has to be known; the fallback where it is missing. */
double ath__onnx_number(struct ath__onnx_node *n, int i, const char *what, double fallback);

/* Input i, or a value, in the Athanor graph. */
ath_value ath__onnx_x(struct ath__onnx_node *n, int i);
ath_value ath__onnx_graph(struct ath__onnx_node *n, struct ath__onnx_value *v);
/* Input i as a parameter that starts by `init` when nothing is loaded, or as a running statistic. Anything but an
 * initialiser comes as it is. */
ath_value ath__onnx_weight(struct ath__onnx_node *n, int i, ath_init init);
ath_value ath__onnx_statistic(struct ath__onnx_node *n, int i);
/* Numbers made here. Small ones become constants of the graph, large ones leaves. */
ath_value ath__onnx_constant(struct ath__onnx_node *n, const double *numbers, const ath_shape *shape);

/* Output i. The element type is that of input 0. */
void ath__onnx_set(struct ath__onnx_node *n, int i, ath_value value);
void ath__onnx_set_value(struct ath__onnx_node *n, int i, struct ath__onnx_value *value);

/* All inputs are fixed. */
bool ath__onnx_all_fixed(const struct ath__onnx_node *n);
/* A fixed value to be filled; NULL with an error set when that is too large. */
struct ath__onnx_tensor *ath__onnx_host_new(struct ath__onnx_node *n, int type, int rank, const int64_t *dims);
struct ath__onnx_value  *ath__onnx_fixed(struct ath__onnx_node *n, const struct ath__onnx_tensor *tensor);
struct ath__onnx_value  *ath__onnx_computed(struct ath__onnx_node *n, ath_value value, int type);

/* ---- moves: the same on fixed values and in the graph (onnx_moves.c); NULL after an error -------------------------- */

struct ath__onnx_value *ath__onnx_reshape_to(struct ath__onnx_node *n, struct ath__onnx_value *x, int rank,
                                             const int64_t *dims);
struct ath__onnx_value *ath__onnx_permute(struct ath__onnx_node *n, struct ath__onnx_value *x, const int64_t *order);
/* Places `index[0..count-1]` of dimension `axis`, in that order. */
struct ath__onnx_value *ath__onnx_take(struct ath__onnx_node *n, struct ath__onnx_value *x, int axis,
                                       const int64_t *index, int64_t count);
struct ath__onnx_value *ath__onnx_join(struct ath__onnx_node *n, struct ath__onnx_value *const *list, int count,
                                       int axis);
struct ath__onnx_value *ath__onnx_broadcast(struct ath__onnx_node *n, struct ath__onnx_value *x, int rank,
                                            const int64_t *dims);
struct ath__onnx_value *ath__onnx_margin(struct ath__onnx_node *n, struct ath__onnx_value *x, const int64_t *before,
                                         const int64_t *after, double value);
/* y[.., i, ..] = sum_j m[i, j] x[.., j, ..] along an axis; m is (rows, columns). */
struct ath__onnx_value *ath__onnx_mix(struct ath__onnx_node *n, struct ath__onnx_value *x, int axis, const double *m,
                                      int64_t rows, int64_t columns);

/* ---- evaluation on the host (onnx_host.c) --------------------------------------------------------------------------- */

/* y = f(a, b) with broadcasting, in the type `type`. */
struct ath__onnx_value *ath__onnx_host_binary(struct ath__onnx_node *n, const struct ath__onnx_value *a,
                                              const struct ath__onnx_value *b, int type, double (*f)(double, double));
struct ath__onnx_value *ath__onnx_host_unary(struct ath__onnx_node *n, const struct ath__onnx_value *a, int type,
                                             double (*f)(double));

#endif
