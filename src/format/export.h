/* What the writers of other programs' networks start from: the inference graph of a model, and what belongs to it.
 *
 * The graph is that of one image. Its parameters and states are constants, weight transforms are computed, batch norms
 * behind convolutions are part of their weights and biases; one node is one operator of Athanor, nothing is fused. A
 * writer walks `graph->order` and finds, for each node, its operator (node->op), attributes (node->attrs, the structs of
 * athanor/ops.h with every default written out), operands and results. Every value that a writer meets has a name, and
 * no two have the same one.
 *
 * The operators that can appear, with what is known about their operands ("x": depends on the image, "c": constant):
 *
 *     conv2d         x (1,C,H,W), weights c (K,C/groups,R,S), bias c (K) or absent; act is "none"
 *     matmul         x (1,C), weights c; bias c (K) or absent; act is "none"
 *     act            x; kind of ath_act
 *     unary          x; kind of ath_unary
 *     binary         x and x, x and c, or c and x; NumPy's broadcasting. Batch norms that follow no convolution are a MUL
 *                    and an ADD with c (1,C,1,1)
 *     pool2d         x
 *     adaptive_pool  x, to an output size that need not divide the input's; (1,1) is the global pool
 *     reduce         x
 *     expand, reshape, permute, slice, pad, concat, resize
 *                    x (concat: x and c in any mixture); shapes in the attributes are those of one image
 *     softmax        x, over the last dimension
 *
 * Anything else (a network that computes a weight from the image, say) is refused before a writer sees it.
 */
#ifndef ATH_FORMAT_EXPORT_H
#define ATH_FORMAT_EXPORT_H

#include "athanor/model.h"
#include "base/option.h"
#include "base/str.h"
#include "graph/op.h"
#include "graph/store.h"

/* How a picture becomes input. Sizes are 0 where a step is left out; the steps come in this order:
 *
 *     resize the shorter side to resize_shorter, or both to (resize_height, resize_width); cut out the centre
 *     (crop_height, crop_width); x[c] = (u8 / 255 - mean[c]) / deviation[c], channels in the order R, G, B. */
struct ath__export_images {
    int         resize_shorter, resize_height, resize_width;
    int         crop_height, crop_width;
    const char *interpolation; /* "bilinear" ...: antialiased, as Pillow's */
    const char *rounding;      /* "nearest": the longer side to the nearest pixel, the margin down; "torchvision" */
    double      mean[4], deviation[4];
};

/* A batch norm that was kept: y = (x - mean) / sqrt(variance + eps) * gamma + beta. It stands in the graph as two nodes, a MUL
 * whose result is `scaled` and an ADD whose result is `y`. All but x are constants (C). */
struct ath__export_norm {
    ath_value x, scaled, y, gamma, beta, mean, variance;
    double    eps;
};

struct ath__export {
    ath_graph *graph;         /* owned; ordered */
    ath_value  input, output; /* (1,C,H,W), and logits or probabilities (1,classes) */
    int        channels, height, width, classes;
    bool       softmax; /* the output is probabilities */

    struct ath__export_norm *norms; /* none where they were folded */
    int                      norm_count;

    const char               *name; /* of the network: letters, digits, underscores; begins with a letter */
    const char               *model;
    struct ath__export_images images;
    /* Of each class, or NULL: names as the data set has them, titles to show, groups that the classes belong to. */
    const char *const *class_names, *const *class_titles, *const *class_groups;
};

/* What ath__export_create starts from. Everything is borrowed while the export lives, the parameters too. */
struct ath__export_source {
    const ath_model          *model;
    struct ath__store        *store;
    const char               *name;
    bool                      softmax;
    bool                      keep_norms; /* do not fold batch norms into the convolutions before them */
    struct ath__export_images images;
    const char *const *class_names, *const *class_titles, *const *class_groups;
};
ath_status ath__export_create(const struct ath__export_source *source, struct ath__export *net, ath_error *err);
void       ath__export_free(struct ath__export *net);

/* The elements of a constant; NULL for any other value, and for ATH_NONE. f32 unless the value's type says otherwise. */
const void *ath__export_constant(const struct ath__export *net, ath_value value);
/* Node `i` of the order, and the record of a value that exists. */
const struct ath__node  *ath__export_node(const struct ath__export *net, int i);
const struct ath__value *ath__export_value(const struct ath__export *net, ath_value value);

/* The kept batch norm that the node is half of; NULL if it belongs to none. */
const struct ath__export_norm *ath__export_norm_of(const struct ath__export *net, const struct ath__node *node);

/* A format that networks are written in: one file, one row of graph_format_list.h. */
struct ath__graph_format {
    const char               *name, *summary;
    const char               *endings;      /* of file names, separated by blanks: "onnx" */
    bool                      softmax;      /* unless the user says otherwise, probabilities come out */
    bool                      keeps_norms;  /* can say batch norms: export.fold=false */
    const struct ath__option *options;      /* export.KEY; NULL = none */
    size_t                    options_size; /* of the struct that they fill */
    /* Writes the file (whole or not at all), and perhaps others beside it. To `notes` go sentences, one a line, about
     * what the format has no place for. ATH_UNSUPPORTED, naming the node, for an operator that cannot be said in it. */
    ath_status (*write)(const struct ath__export *net, const void *options, const char *path, struct ath__str *notes,
                        ath_error *err);
};

/* Declares ath__graph_format_onnx ... from the list. */
#define ATH_GRAPH_FORMAT(name) extern const struct ath__graph_format ath__graph_format_##name;
#include "format/graph_format_list.h"
#undef ATH_GRAPH_FORMAT

/* Row i, NULL past the end; the row of that name, NULL if there is none; the row that an ending belongs to. */
const struct ath__graph_format *ath__graph_format_at(int i);
const struct ath__graph_format *ath__graph_format_find(const char *name);
const struct ath__graph_format *ath__graph_format_of(const char *path);

/* The error for a node that a format cannot express: "layer1.0.relu: <format> has no ...". */
ath_status ath__export_refuse(const struct ath__export *net, const struct ath__node *node, const char *format,
                              const char *why, ath_error *err);

#endif
