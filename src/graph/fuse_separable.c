/* Fusing a depth-wise convolution with the 1x1 convolutions around it (inference):
 *
 *     conv1x1 + act -> depth-wise + act -> conv1x1 + residual + act    becomes    separable
 *
 * so that what lies between them, wider than what goes in and comes out, never reaches memory. Runs behind fuse_act.
 * Only where nothing else reads a value in between, at least one of the products is there, and the device has an
 * implementation for the whole block, which it refuses where separate kernels are faster.
 */
#include "base/error.h"
#include "graph/op.h"
#include "graph/pass.h"

#include <string.h>

enum { X, W_DEPTH, B_DEPTH, W_EXPAND, B_EXPAND, W_PROJECT, B_PROJECT, RESIDUAL, OPERANDS };

static ath_value operand(const struct ath__node *node, int i) {
    return i < node->ins ? node->in[i] : ATH_NONE;
}

static const int64_t *dims_of(const ath_graph *graph, ath_value value) {
    return graph->values[value].desc.shape.dims;
}

static bool is_dense(const ath_conv2d_attrs *attrs) {
    return attrs->dilation[0] <= 1 && attrs->dilation[1] <= 1;
}

static bool is_depthwise(const ath_graph *graph, const struct ath__node *node) {
    if (node->dead || node->op != &ath__op_conv2d || operand(node, 3) != ATH_NONE) return false;
    const ath_conv2d_attrs *attrs = node->attrs;
    const int64_t          *w = dims_of(graph, node->in[1]);
    return is_dense(attrs) && attrs->groups > 1 && attrs->groups == w[0] && dims_of(graph, node->in[0])[1] == w[0];
}

static bool is_pointwise(const ath_graph *graph, const struct ath__node *node) {
    if (!node || node->dead || node->op != &ath__op_conv2d) return false;
    const ath_conv2d_attrs *attrs = node->attrs;
    const int64_t          *w = dims_of(graph, node->in[1]);
    bool                    padded = attrs->pad[0] || attrs->pad[1] || attrs->pad[2] || attrs->pad[3];
    return attrs->groups <= 1 && w[2] == 1 && w[3] == 1 && attrs->stride[0] <= 1 && attrs->stride[1] <= 1 && !padded;
}

/* The convolutions of a block by node; -1 where there is none. */
struct found {
    int expand, depth, project;
};

static struct found find_block(ath_graph *graph, int depth) {
    struct found            found = {-1, depth, -1};
    const struct ath__node *node = &graph->nodes[depth];
    int                     before = graph->values[node->in[0]].node;
    if (before >= 0 && is_pointwise(graph, &graph->nodes[before]) && operand(&graph->nodes[before], 3) == ATH_NONE &&
        ath__sole_reader(graph, node->in[0]) == node)
        found.expand = before;
    const struct ath__node *behind = ath__sole_reader(graph, node->out[0]);
    if (is_pointwise(graph, behind) && behind->in[0] == node->out[0]) found.project = (int)(behind - graph->nodes);
    return found;
}

static void describe(const ath_graph *graph, const struct found *found, ath_separable_attrs *attrs,
                     ath_value in[OPERANDS]) {
    const struct ath__node *depth = &graph->nodes[found->depth];
    const ath_conv2d_attrs *window = depth->attrs;
    memset(attrs, 0, sizeof *attrs);
    memcpy(attrs->stride, window->stride, sizeof attrs->stride);
    memcpy(attrs->pad, window->pad, sizeof attrs->pad);
    for (int i = 0; i < OPERANDS; i++) in[i] = ATH_NONE;
    in[X] = depth->in[0];
    in[W_DEPTH] = depth->in[1];
    in[B_DEPTH] = operand(depth, 2);
    attrs->act = window->act;
    if (found->expand >= 0) {
        const struct ath__node *expand = &graph->nodes[found->expand];
        in[X] = expand->in[0];
        in[W_EXPAND] = expand->in[1];
        in[B_EXPAND] = operand(expand, 2);
        attrs->expand_act = ((const ath_conv2d_attrs *)expand->attrs)->act;
    }
    if (found->project >= 0) {
        const struct ath__node *project = &graph->nodes[found->project];
        in[W_PROJECT] = project->in[1];
        in[B_PROJECT] = operand(project, 2);
        in[RESIDUAL] = operand(project, 3);
        attrs->depth_act = window->act;
        attrs->act = ((const ath_conv2d_attrs *)project->attrs)->act;
    }
}

/* Does a row of the device other than the reference take the block? */
static bool device_takes(const ath_graph *graph, const struct ath__assign_options *options,
                         const ath_separable_attrs *attrs, const ath_value in[OPERANDS]) {
    struct ath__desc    operands[OPERANDS] = {{0}};
    ath_separable_attrs own = *attrs;
    for (int i = 0; i < OPERANDS; i++) {
        if (in[i] == ATH_NONE) continue;
        operands[i] = graph->values[in[i]].desc;
        operands[i].present = true;
    }
    struct ath__infer infer = {.attrs = &own, .ins = OPERANDS, .in = operands};
    if (ath__op_separable.infer(&infer) != ATH_OK) return false;
    struct ath__layout_wish wish = {
        .op = "separable", .attrs = &own, .ins = OPERANDS, .outs = 1, .in = operands, .out = infer.out};
    const struct ath__impl *impl = ath__impl_choose(options->device, &wish, ath__op_separable.ref, options->only, NULL);
    return impl && strcmp(impl->name, "ref") != 0;
}

/* The common beginning of the convolutions' scopes, up to a dot; where there is none, the depth-wise one's. */
static const char *common_scope(ath_graph *graph, const struct found *found) {
    const char *depth = graph->nodes[found->depth].scope;
    size_t      length = strlen(depth);
    int         others[] = {found->expand, found->project};
    for (int i = 0; i < 2; i++) {
        if (others[i] < 0) continue;
        size_t same = 0;
        while (same < length && depth[same] == graph->nodes[others[i]].scope[same]) same++;
        length = same;
    }
    while (length > 0 && depth[length - 1] != '.') length--;
    char *scope = length > 0 ? ath__arena_strdup(&graph->arena, depth) : NULL;
    if (!scope) return depth;
    scope[length] = '\0';
    return scope;
}

static void fuse(ath_graph *graph, const struct found *found, const struct ath__assign_options *options) {
    ath_separable_attrs attrs;
    ath_value           in[OPERANDS];
    if (found->expand < 0 && found->project < 0) return;
    describe(graph, found, &attrs, in);
    if (!device_takes(graph, options, &attrs, in)) return;
    int         last = found->project >= 0 ? found->project : found->depth;
    double      key = graph->nodes[last].key;
    ath_value   result = graph->nodes[last].out[0];
    const char *scope = common_scope(graph, found);
    int         made = ath__graph_node(graph, &ath__op_separable, &attrs, in, OPERANDS);
    if (made < 0) return;
    graph->nodes[made].key = key;
    graph->nodes[made].scope = scope;
    ath__graph_redirect(graph, result, graph->nodes[made].out[0]);
    graph->nodes[found->depth].dead = true;
    if (found->expand >= 0) graph->nodes[found->expand].dead = true;
    if (found->project >= 0) graph->nodes[found->project].dead = true;
}

ath_status ath__pass_fuse_separable(ath_graph *graph, const struct ath__assign_options *options, ath_error *err) {
    int count = graph->node_count;
    for (int n = 0; n < count; n++) {
        if (!is_depthwise(graph, &graph->nodes[n])) continue;
        struct found found = find_block(graph, n);
        fuse(graph, &found, options);
    }
    ATH_TRY(ath_graph_status(graph, err));
    return ath__graph_order(graph, err);
}
