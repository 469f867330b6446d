/* The layers: parameters under their PyTorch names, then the operators of graph.h.
 *
 * Sizes are checked here, before the operators see them, so that a network on too small an image is told which layer
 * the image no longer fits and how large it is there.
 */
#include "nn/nn.h"

#include "nn/weight_transform.h"

struct ath__nn ath__nn_start(ath_graph *graph, bool train, ath_value rng) {
    return (struct ath__nn){.graph = graph,
                            .train = train,
                            .rng = rng,
                            .bn_eps = 1e-5,
                            .bn_momentum = 0.1,
                            .weight_init = {.kind = ATH_INIT_WEIGHT, .from = ATH_NONE}};
}

static int64_t or_default(int64_t value, int64_t fallback) {
    return value ? value : fallback;
}

int64_t ath__nn_channels(const struct ath__nn *nn, ath_value x) {
    if (x == ATH_NONE) return 0;
    ath_shape shape = ath_value_shape(nn->graph, x);
    return shape.rank >= 2 ? shape.dims[1] : 0;
}

/* The plain parameter or the transform's value; called inside the layer's scope. */
static ath_value make_weight(struct ath__nn *nn, const ath_shape *shape, uint32_t layer_kind) {
    if (!nn->transform || !(nn->transform->applies & layer_kind))
        return ath_param(nn->graph, "weight", *shape, nn->weight_init);
    ath_value weight = nn->transform->apply(nn, shape);
    ath_value_name(nn->graph, weight, "weight");
    return weight;
}

static ath_value make_bias(struct ath__nn *nn, int64_t size, int64_t fan_in) {
    return ath_param(nn->graph, "bias", ath_shape_of(size), (ath_init){.kind = ATH_INIT_BIAS, .fan_in = fan_in});
}

/* Whether x is an image batch that a window of `extent` (dilation included) fits into, with padding top, left, bottom,
 * right; else sets the graph's error. */
static bool window_fits(struct ath__nn *nn, const ath_shape *x, const char *layer, const char *what,
                        const int64_t extent[2], const int64_t pad[4]) {
    if (x->rank != 4) {
        ath_graph_fail(nn->graph, ATH_USAGE, "%s: a %s needs images (N,C,H,W), but its input has %d dimensions", layer,
                       what, x->rank);
        return false;
    }
    if (x->dims[2] + pad[0] + pad[2] >= extent[0] && x->dims[3] + pad[1] + pad[3] >= extent[1]) return true;
    ath_graph_fail(nn->graph, ATH_USAGE,
                   "%s: the image is only %lldx%lld here, too small for a %s of %lldx%lld with padding %lldx%lld; "
                   "use larger input images or fewer strides and poolings before it",
                   layer, (long long)x->dims[2], (long long)x->dims[3], what, (long long)extent[0],
                   (long long)extent[1], (long long)pad[0], (long long)pad[1]);
    return false;
}

/* TensorFlow's SAME: ceil(size / stride) outputs, and the padding that they need, the odd pixel behind the image. */
static void pad_as_same(const ath_shape *x, const int64_t extent[2], ath_conv2d_attrs *attrs) {
    for (int i = 0; i < 2 && x->rank == 4; i++) {
        int64_t size = x->dims[2 + i], stride = attrs->stride[i];
        int64_t all = ((size + stride - 1) / stride - 1) * stride + extent[i] - size;
        attrs->pad[i] = all > 0 ? all / 2 : 0;
        attrs->pad[i + 2] = all > 0 ? all - all / 2 : 0;
    }
}

/* Strides, dilations, groups and padding, with their defaults; false after setting the graph's error. */
static bool conv_check(struct ath__nn *nn, const ath_shape *x, const char *name, const struct ath__conv *conv,
                       ath_conv2d_attrs *attrs) {
    int64_t extent[2];
    for (int i = 0; i < 2; i++) {
        attrs->stride[i] = or_default(conv->stride[i], 1);
        attrs->dilation[i] = or_default(conv->dilation[i], 1);
        attrs->pad[i] = attrs->pad[i + 2] = conv->pad[i];
        extent[i] = (conv->kernel[i] - 1) * attrs->dilation[i] + 1;
    }
    attrs->groups = or_default(conv->groups, 1);
    if (conv->out < 1 || conv->kernel[0] < 1 || conv->kernel[1] < 1 || conv->pad[0] < 0 || conv->pad[1] < 0 ||
        attrs->stride[0] < 1 || attrs->stride[1] < 1 || attrs->dilation[0] < 1 || attrs->dilation[1] < 1 ||
        attrs->groups < 1) {
        ath_graph_fail(nn->graph, ATH_USAGE,
                       "%s: filters, kernel, stride, dilation and groups must be at least 1, padding at least 0", name);
        return false;
    }
    if (nn->same_padding) pad_as_same(x, extent, attrs);
    if (!window_fits(nn, x, name, "convolution", extent, attrs->pad)) return false;
    if (x->dims[1] % attrs->groups == 0 && conv->out % attrs->groups == 0) return true;
    ath_graph_fail(nn->graph, ATH_USAGE, "%s: %lld groups do not divide both %lld input and %lld output channels", name,
                   (long long)attrs->groups, (long long)x->dims[1], (long long)conv->out);
    return false;
}

ath_value ath__nn_conv2d(struct ath__nn *nn, ath_value x, const char *name, const struct ath__conv *conv) {
    if (x == ATH_NONE) return ATH_NONE;
    ath_shape        shape = ath_value_shape(nn->graph, x);
    ath_conv2d_attrs attrs = {0};
    if (!conv_check(nn, &shape, name, conv, &attrs)) return ATH_NONE;
    int64_t   channels = shape.dims[1] / attrs.groups;
    ath_shape weight_shape = ath_shape_of(conv->out, channels, conv->kernel[0], conv->kernel[1]);
    ath_scope_push(nn->graph, name);
    ath_value weight = make_weight(nn, &weight_shape, ATH_TRANSFORM_CONV);
    ath_value bias = conv->bias ? make_bias(nn, conv->out, channels * conv->kernel[0] * conv->kernel[1]) : ATH_NONE;
    ath_value y = ath_conv2d(nn->graph, x, weight, bias, &attrs);
    ath_scope_pop(nn->graph);
    return y;
}

ath_value ath__nn_linear(struct ath__nn *nn, ath_value x, const char *name, int64_t out, bool bias) {
    if (x == ATH_NONE) return ATH_NONE;
    ath_shape shape = ath_value_shape(nn->graph, x);
    if (shape.rank != 2)
        return ath_graph_fail(nn->graph, ATH_USAGE, "%s: a linear layer needs rows (N,K); flatten or pool its input",
                              name);
    if (out < 1) return ath_graph_fail(nn->graph, ATH_USAGE, "%s: a linear layer needs at least one output", name);
    ath_shape weight_shape = ath_shape_of(out, shape.dims[1]);
    ath_scope_push(nn->graph, name);
    ath_value weight = make_weight(nn, &weight_shape, ATH_TRANSFORM_LINEAR);
    ath_value b = bias ? make_bias(nn, out, shape.dims[1]) : ATH_NONE;
    ath_value y = ath_linear(nn->graph, x, weight, b);
    ath_scope_pop(nn->graph);
    return y;
}

static ath_value batch_norm(struct ath__nn *nn, ath_value x, const char *name, bool fixed) {
    if (x == ATH_NONE) return ATH_NONE;
    ath_graph *g = nn->graph;
    int64_t    channels = ath__nn_channels(nn, x);
    if (channels < 1) return ath_graph_fail(g, ATH_USAGE, "%s: a batch norm needs (N,C,...)", name);
    ath_shape shape = ath_shape_of(channels);
    ath_init  zeros = {.kind = ATH_INIT_ZEROS}, ones = {.kind = ATH_INIT_CONSTANT, .value = 1.0};
    ath_scope_push(g, name);
    ath_value gamma = ath_param(g, "weight", shape, ones);
    ath_value beta = ath_param(g, "bias", shape, zeros);
    if (fixed) ath_param_freeze(g, gamma);
    ath_value mean = ath_state(g, "running_mean", shape, zeros);
    ath_value var = ath_state(g, "running_var", shape, ones);
    ath_value y = nn->train ? ath_batch_norm_train(g, x, gamma, beta, mean, var, nn->bn_eps, nn->bn_momentum)
                            : ath_batch_norm_eval(g, x, gamma, beta, mean, var, nn->bn_eps);
    ath_scope_pop(g);
    return y;
}

ath_value ath__nn_batch_norm(struct ath__nn *nn, ath_value x, const char *name) {
    return batch_norm(nn, x, name, false);
}

ath_value ath__nn_batch_norm_fixed(struct ath__nn *nn, ath_value x, const char *name) {
    return batch_norm(nn, x, name, true);
}

ath_value ath__nn_pool(struct ath__nn *nn, ath_value x, const char *name, const struct ath__pool *pool) {
    if (x == ATH_NONE) return ATH_NONE;
    ath_shape        shape = ath_value_shape(nn->graph, x);
    ath_pool2d_attrs attrs = {
        .kind = pool->kind, .count_include_pad = !pool->exclude_pad, .ceil_mode = pool->ceil_mode};
    for (int i = 0; i < 2; i++) {
        attrs.kernel[i] = pool->kernel[i];
        attrs.stride[i] = or_default(pool->stride[i], pool->kernel[i]);
        attrs.pad[i] = attrs.pad[i + 2] = pool->pad[i];
        if (attrs.kernel[i] < 1 || attrs.stride[i] < 1 || attrs.pad[i] < 0 || 2 * attrs.pad[i] > attrs.kernel[i])
            return ath_graph_fail(nn->graph, ATH_USAGE,
                                  "%s: a pooling needs kernel and stride of at least 1 and padding of at most half the "
                                  "kernel",
                                  name);
    }
    if (!window_fits(nn, &shape, name, "pooling", attrs.kernel, attrs.pad)) return ATH_NONE;
    ath_scope_push(nn->graph, name);
    ath_value y = ath_pool2d(nn->graph, x, &attrs);
    ath_scope_pop(nn->graph);
    return y;
}

ath_value ath__nn_global_avg_pool(struct ath__nn *nn, ath_value x, const char *name) {
    ath_scope_push(nn->graph, name);
    ath_value y = ath_flatten(nn->graph, ath_global_avg_pool(nn->graph, x));
    ath_scope_pop(nn->graph);
    return y;
}

ath_value ath__nn_act(struct ath__nn *nn, ath_value x, ath_act act) {
    return act == ATH_ACT_NONE ? x : ath_activation(nn->graph, x, act);
}

/* Whether anything is to be dropped; sets the graph's error where the key for it is missing. */
static bool is_dropping(struct ath__nn *nn, double p) {
    if (!nn->train || p <= 0.0) return false;
    if (nn->rng != ATH_NONE) return true;
    ath_graph_fail(nn->graph, ATH_USAGE, "a net with dropout needs its random key input to be trained");
    return false;
}

ath_value ath__nn_dropout(struct ath__nn *nn, ath_value x, double p) {
    return is_dropping(nn, p) ? ath_dropout(nn->graph, x, nn->rng, p) : x;
}

ath_value ath__nn_drop_path(struct ath__nn *nn, ath_value x, double p) {
    return is_dropping(nn, p) ? ath_drop_path(nn->graph, x, nn->rng, p) : x;
}

ath_value ath__nn_conv_bn_act(struct ath__nn *nn, ath_value x, const char *conv_name, const char *bn_name,
                              const struct ath__conv *conv, ath_act act) {
    struct ath__conv biased = *conv;
    biased.bias = true;
    if (nn->folded_norms) return ath__nn_act(nn, ath__nn_conv2d(nn, x, conv_name, &biased), act);
    return ath__nn_act(nn, ath__nn_batch_norm(nn, ath__nn_conv2d(nn, x, conv_name, conv), bn_name), act);
}
