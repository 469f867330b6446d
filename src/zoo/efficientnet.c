/* EfficientNet-B0 (Tan & Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019) with
 * torchvision's definition and names:
 *
 *     features.0 32@3x3/2 - features.1 to 7, stages of inverted residuals - features.8 1280@1x1 - pooling - dropout -
 *     classifier.1
 *
 * SiLU between layers; every block squeezes to a quarter of the channels that enter it, SiLU, sigmoid. In training block
 * i of n is left out for a sample with probability stochastic_depth * i / n. `width` and `depth` scale it to its larger
 * kin (B1: depth 1.1; B2: width 1.1, depth 1.2). 5,288,548 parameters and 385,814,752 multiply-accumulates at 224x224
 * with 1000 classes.
 */
#include "zoo/mobile.h"

#include <math.h>
#include <stdio.h>

struct efficientnet_options {
    double  width, depth, dropout, stochastic_depth;
    int64_t padding, bn, pool;
    double  bn_eps;
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct efficientnet_options, width, "1", 0.05, 4, "scales all channel counts"),
    ATH_OPT_REAL(struct efficientnet_options, depth, "1", 0.05, 8, "scales the number of blocks of every stage"),
    ATH_MOBILE_OPTIONS(struct efficientnet_options),
    ATH_OPT_REAL(struct efficientnet_options, dropout, "0.2", 0, 0.95, "before the classifier"),
    ATH_OPT_REAL(struct efficientnet_options, stochastic_depth, "0.2", 0, 0.95,
                 "probability that the last block is left out in training; earlier ones less"),
    ATH_OPT_REAL(struct efficientnet_options, bn_eps, "1e-5", 1e-12, 1, "of batch norms; TensorFlow's weights: 1e-3"),
    ATH_OPT_END,
};

static const struct {
    int64_t expansion, kernel, stride, out;
    int     count;
} stages[] = {{1, 3, 1, 16, 1},  {6, 3, 2, 24, 2},  {6, 5, 2, 40, 2}, {6, 3, 2, 80, 3},
              {6, 5, 1, 112, 3}, {6, 5, 2, 192, 4}, {6, 3, 1, 320, 1}};
enum { STAGES = sizeof stages / sizeof stages[0] };

static int blocks_of(int stage, double depth) {
    return (int)ceil(stages[stage].count * depth);
}

static ath_value build_stages(struct ath__nn *nn, ath_value x, const struct efficientnet_options *o) {
    int all = 0, index = 0;
    for (int s = 0; s < STAGES; s++) all += blocks_of(s, o->depth);
    for (int s = 0; s < STAGES; s++) {
        for (int i = 0; i < blocks_of(s, o->depth); i++) {
            char                 name[32];
            int64_t              in = ath__nn_channels(nn, x);
            struct ath__inverted block = {.wide = ath__mobile_channels((double)(stages[s].expansion * in)),
                                          .out = ath__mobile_channels((double)stages[s].out * o->width),
                                          .kernel = stages[s].kernel,
                                          .stride = i == 0 ? stages[s].stride : 1,
                                          .act = ATH_ACT_SILU,
                                          .squeeze = {in < 4 ? 1 : in / 4, ATH_ACT_SILU, ATH_ACT_SIGMOID},
                                          .drop = o->stochastic_depth * index++ / all,
                                          .naming = ATH_INVERTED_BLOCK};
            snprintf(name, sizeof name, "%d.%d", s + 1, i);
            x = ath__nn_inverted(nn, x, name, &block);
        }
    }
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct efficientnet_options *o = values;
    struct ath__conv                   stem = {
                          .out = ath__mobile_channels(32.0 * o->width), .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    ath__mobile_start(nn, o->padding, o->bn);
    nn->bn_eps = o->bn_eps;
    ath_scope_push(nn->graph, "features");
    x = ath__nn_conv_bn_act(nn, x, "0.0", "0.1", &stem, ATH_ACT_SILU);
    x = build_stages(nn, x, o);
    struct ath__conv last = {.out = 4 * ath__nn_channels(nn, x), .kernel = {1, 1}};
    x = ath__nn_conv_bn_act(nn, x, "8.0", "8.1", &last, ATH_ACT_SILU);
    ath_scope_pop(nn->graph);
    x = ath__nn_dropout(nn, ath__mobile_pool(nn, x, o->pool), o->dropout);
    return ath__nn_linear(nn, x, "classifier.1", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"efficientnet-b0", "EfficientNet-B0 for photos", NULL, 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_efficientnet = {
    .name = "efficientnet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct efficientnet_options),
    .build = build,
};
