/* Layers and blocks: what models are written in.
 *
 * A layer opens a scope of its own name, creates its parameters there and applies the operators. Parameter names are
 * those of the PyTorch layers of the same kind, so that checkpoints carry over:
 *
 *     convolution, linear   <name>.weight, <name>.bias
 *     batch norm            <name>.weight, <name>.bias, <name>.running_mean, <name>.running_var
 *
 * Errors are the graph's, sticky: a model is written straight through and its author looks once, at the end.
 */
#ifndef ATH_NN_NN_H
#define ATH_NN_NN_H

#include "athanor/graph.h"

#include <stdbool.h>

struct ath__weight_transform;

/* "none|relu|..." by value of ath_act, for option tables. */
#define ATH_NN_ACT_NAME_(name, text, from_output) text "|"
#define ATH_NN_ACT_CHOICES ATH_ACT_MAP(ATH_NN_ACT_NAME_)

/* What every layer of one network needs to know. */
struct ath__nn {
    ath_graph                          *graph;
    bool                                train;     /* batch statistics, dropout                                      */
    ath_value                           rng;       /* dropout's key input; may be ATH_NONE when not training         */
    const struct ath__weight_transform *transform; /* what weights go through; NULL = they are plain parameters      */
    double                              bn_eps;
    double                              bn_momentum; /* share of the new batch in the running statistics             */
    ath_init                            weight_init; /* how weights start; ATH_INIT_WEIGHT: by the run's policy      */
    bool same_padding; /* convolutions are padded as TensorFlow's SAME, whatever their own padding says              */
    bool folded_norms; /* batch norms are folded into the convolutions before them, which have biases instead        */
};

/* A context with PyTorch's batch-norm settings (eps 1e-5, momentum 0.1) and plain weights. */
struct ath__nn ath__nn_start(ath_graph *graph, bool train, ath_value rng);

/* A convolution. Vertical before horizontal; zeros mean the defaults: stride, dilation and groups 1. */
struct ath__conv {
    int64_t out; /* filters */
    int64_t kernel[2];
    int64_t stride[2];
    int64_t pad[2]; /* on both sides */
    int64_t dilation[2];
    int64_t groups;
    bool    bias;
};

/* A pooling window. A zero stride is the kernel's size, as in PyTorch. */
struct ath__pool {
    ath_pool kind;
    int64_t  kernel[2];
    int64_t  stride[2];
    int64_t  pad[2];
    bool     exclude_pad; /* average: divide by the part of the window that lies inside the image */
    bool     ceil_mode;
};

/* x (N,C,H,W) -> (N,out,P,Q). ATH_USAGE when the kernel does not fit into the padded image, or groups do not divide. */
ath_value ath__nn_conv2d(struct ath__nn *nn, ath_value x, const char *name, const struct ath__conv *conv);
/* x (N,K) -> (N,out). */
ath_value ath__nn_linear(struct ath__nn *nn, ath_value x, const char *name, int64_t out, bool bias);
/* x (N,C,H,W) or (N,C): normalised over every dimension but C, then scaled and shifted. */
ath_value ath__nn_batch_norm(struct ath__nn *nn, ath_value x, const char *name);
/* The same with a scale that stays 1: `weight` is there for the sake of its name, and frozen. */
ath_value ath__nn_batch_norm_fixed(struct ath__nn *nn, ath_value x, const char *name);
/* x (N,C,H,W) -> (N,C,P,Q). ATH_USAGE when the window does not fit. */
ath_value ath__nn_pool(struct ath__nn *nn, ath_value x, const char *name, const struct ath__pool *pool);
/* x (N,C,H,W) -> (N,C), the mean over H and W. */
ath_value ath__nn_global_avg_pool(struct ath__nn *nn, ath_value x, const char *name);
/* The activation; ATH_ACT_NONE is x itself. */
ath_value ath__nn_act(struct ath__nn *nn, ath_value x, ath_act act);
/* In training each element is dropped with probability p and the rest divided by 1 - p; otherwise x itself. */
ath_value ath__nn_dropout(struct ath__nn *nn, ath_value x, double p);
/* The same for samples as a whole: what is left out of a residual block in training (stochastic depth). */
ath_value ath__nn_drop_path(struct ath__nn *nn, ath_value x, double p);
/* Convolution, batch norm, activation: the unit that most networks repeat. */
ath_value ath__nn_conv_bn_act(struct ath__nn *nn, ath_value x, const char *conv_name, const char *bn_name,
                              const struct ath__conv *conv, ath_act act);

/* How the residual blocks of one network look. */
struct ath__residual {
    int64_t     out;    /* channels that come out */
    int64_t     stride; /* of the block: its first (basic) or middle (bottleneck) 3x3 convolution */
    ath_act     act;
    bool        bias;     /* convolutions have biases although batch norms follow */
    const char *shortcut; /* name of the projection: "downsample" (torchvision), "shortcut" (CIFAR nets) */
    enum {
        ATH_SHORTCUT_CONV_BN, /* 1x1 convolution + batch norm where the shape changes (option B of He et al. 2016)    */
        ATH_SHORTCUT_CONV,    /* 1x1 convolution alone                                                                */
        ATH_SHORTCUT_PAD,     /* every stride-th pixel, new channels zero: no parameters (option A)                   */
    } projection;
};

typedef ath_value (*ath__nn_block_fn)(struct ath__nn *nn, ath_value x, const char *name,
                                      const struct ath__residual *block);

/* He et al., "Deep residual learning for image recognition", 2016:
 *     y = act(bn2(conv2(act(bn1(conv1(x))))) + shortcut(x)),   two 3x3 convolutions. */
ath_value ath__nn_basic_block(struct ath__nn *nn, ath_value x, const char *name, const struct ath__residual *block);
/* 1x1 to out / 4, 3x3 with the stride, 1x1 to out; each with its batch norm. */
ath_value ath__nn_bottleneck(struct ath__nn *nn, ath_value x, const char *name, const struct ath__residual *block);
/* `count` blocks in the scope `name`, called 0, 1, ...; the first has the stride, the others stride 1. */
ath_value ath__nn_stage(struct ath__nn *nn, ath_value x, const char *name, int count, ath__nn_block_fn make,
                        const struct ath__residual *block);
/* The path around a block's body: x itself where the shape stays, else the projection. */
ath_value ath__nn_shortcut(struct ath__nn *nn, ath_value x, const struct ath__residual *block);

/* Squeeze-and-excitation: x * gate(fc2(act(fc1(mean of x)))), 1x1 convolutions with biases. */
struct ath__squeeze {
    int64_t channels; /* between fc1 and fc2 */
    ath_act act, gate;
};
ath_value ath__nn_squeeze_excite(struct ath__nn *nn, ath_value x, const char *name, const struct ath__squeeze *squeeze);

/* Expand, filter every channel, squeeze and excite, narrow; x is added where the stride is 1 (inverted.c). */
struct ath__inverted {
    int64_t             wide, out; /* channels of the depth-wise convolution, and that come out */
    int64_t             kernel, stride;
    ath_act             act;
    bool                always_expand; /* also where the block does not widen */
    struct ath__squeeze squeeze;       /* channels 0 = none; needs ATH_INVERTED_BLOCK */
    double              drop;          /* probability that training leaves the block out, where x is added */
    /* A shortcut of this name projects where the channels change; NULL = there is no shortcut then. */
    const char *shortcut;
    enum {
        ATH_INVERTED_NUMBERED, /* conv1, bn1, conv2, bn2, conv3, bn3                                      */
        ATH_INVERTED_CONV,     /* conv.0.0, conv.0.1, conv.1.0, conv.1.1, conv.2, conv.3 (torchvision V2) */
        ATH_INVERTED_BLOCK,    /* block.0.0, block.0.1, ... (torchvision V3, EfficientNet)                */
    } naming;
};
ath_value ath__nn_inverted(struct ath__nn *nn, ath_value x, const char *name, const struct ath__inverted *block);

/* Number of channels of x (N,C,...); 0 after an error. */
int64_t ath__nn_channels(const struct ath__nn *nn, ath_value x);

#endif
