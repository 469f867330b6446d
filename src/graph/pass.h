/* The compile pipeline's passes: each rewrites the graph in place and leaves it valid. One file per pass. */
#ifndef ATH_GRAPH_PASS_H
#define ATH_GRAPH_PASS_H

#include "device/choose.h"
#include "graph/ir.h"

/* Invariants that hold after every pass (graph/verify.c). */
ath_status ath__pass_verify(const ath_graph *graph, ath_error *err);

/* Nodes that depend on constants only are computed now. */
ath_status ath__pass_fold(ath_graph *graph, ath_error *err);

/* conv(x, w) * s + t with s, t per channel and once per step -> conv(x, w * s) with bias t. Inference only. */
ath_status ath__pass_merge_affine(ath_graph *graph, ath_error *err);

/* batch_norm + residual add + activation, and their backward, become one node each. */
ath_status ath__pass_fuse_norm(ath_graph *graph, ath_error *err);

/* Convolution or matrix product + residual add + activation become one node. */
ath_status ath__pass_fuse_act(ath_graph *graph, ath_error *err);

/* Element-wise nodes of one shape that feed each other become one chain. */
ath_status ath__pass_fuse_chain(ath_graph *graph, ath_error *err);

/* Activations of BATCH rate are stored, and convolutions and products computed, in bfloat16. */
ath_status ath__pass_precision(ath_graph *graph, ath_error *err);

/* Chooses an implementation and layouts for every node and inserts reorders. */
struct ath__assign_options {
    const struct ath__device *device;
    const char               *only;   /* restrict to rows of this name where they accept; or NULL */
    const char               *layout; /* "auto", "plain", "channels_last", "channel_blocks", "batch_blocks" */
};
ath_status ath__pass_assign(ath_graph *graph, const struct ath__assign_options *options, ath_error *err);

/* A depth-wise convolution and the 1x1 convolutions around it become one node where the device has an implementation
 * for all of it. Inference only. */
ath_status ath__pass_fuse_separable(ath_graph *graph, const struct ath__assign_options *options, ath_error *err);

/* Is the node's output just another view of its first operand's memory? (reshape of a layout that allows it, a cast to
 * the same type, a batch_sum over one micro-batch) */
bool ath__node_is_view(const ath_graph *graph, const struct ath__node *node, bool accumulate);

/* The single live node that reads `value`, or NULL if there are none or several, or the value is an output or stored.
 */
struct ath__node *ath__sole_reader(ath_graph *graph, ath_value value);

#endif
