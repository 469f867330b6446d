/* Networks as general graphs over Athanor's operators, in text: what an imported network is kept as.
 *
 *     input: [3, 224, 224]
 *     classes: 1000
 *     parameters:
 *       conv.weight: {shape: [32, 3, 3, 3], init: weight}
 *       fc.weight: {shape: [K, 32], init: weight}
 *     states:
 *       bn.running_var: {shape: [32], init: constant, value: 1}
 *     constants:
 *       scale: {shape: [1], values: [0.5]}
 *     nodes:
 *       - {name: v1, op: conv2d, in: [x, conv.weight], layer: conv, stride: [2, 2], pad: [1, 1, 1, 1]}
 *       - {name: v2, op: reshape, in: [v1], rank: 2, dims: [N, 32]}
 *     output: v2
 *
 * `x` is the image batch (N,C,H,W). A node is an operator of src/op with its attributes by their names; attributes left
 * out are 0. N (2N, 3N ...) in an attribute stands for the batch, K in a shape or attribute for the number of classes.
 * `batch_norm` and `dropout` are built in their training or evaluation form as the network is.
 */
#ifndef ATH_ZOO_GRAPH_FILE_H
#define ATH_ZOO_GRAPH_FILE_H

#include "base/str.h"
#include "base/yaml.h"
#include "nn/nn.h"

struct ath__dag;

/* Reads the description from a parsed file; memory comes from the arena. `name` stands for the file in messages. */
ath_status ath__dag_read(struct ath__arena *arena, const char *name, const struct ath__yaml *root,
                         struct ath__dag **dag, ath_error *err);
/* x (N,C,H,W) -> the output. Errors are the graph's and name the line. */
ath_value ath__dag_build(const struct ath__dag *dag, struct ath__nn *nn, ath_value x, int classes);

/* What is written. The network was built twice, in training form, for two batches: what differs between the two is a
 * multiple of the batch. */
struct ath__dag_source {
    const char      *name;
    const ath_graph *graph[2];
    int64_t          batch[2];
    ath_value        input, output; /* the same in both */
    int64_t          channels, height, width, classes;
};

/* Appends the text. The last product's outputs (and what of the shapes behind it is as many) become the number of classes.
 * ATH_UNSUPPORTED where a shape depends on the batch in another way. */
ath_status ath__dag_write(const struct ath__dag_source *source, struct ath__str *text, ath_error *err);

#endif
