/* ResNet-18 as MNIST courses write it, for 96x96 grey images:
 *
 *     conv1 64@7x7/2 pad 3 - bn1 - act - pool 3/2 pad 1 - four stages of two basic blocks (64, 128, 256, 512) -
 *     global average pooling - fc
 *
 * Every convolution keeps its bias although batch norm follows, and the projections of stages 2 to 4 are 1x1
 * convolutions without batch norm. Names as torchvision's ResNet.
 */
#include "zoo/zoo.h"

#include <stdio.h>

struct resnet_mnist_options {
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_CHOICE(struct resnet_mnist_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct resnet_mnist_options *o = values;
    struct ath__conv stem = {.out = 64, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3}, .bias = true};
    struct ath__pool pool = {.kind = ATH_POOL_MAX, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    x = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &stem, (ath_act)o->activation);
    x = ath__nn_pool(nn, x, "maxpool", &pool);
    for (int i = 0; i < 4; i++) {
        char                 name[16];
        struct ath__residual block = {.out = (int64_t)64 << i,
                                      .stride = i > 0 ? 2 : 1,
                                      .act = (ath_act)o->activation,
                                      .bias = true,
                                      .shortcut = "downsample",
                                      .projection = ATH_SHORTCUT_CONV};
        snprintf(name, sizeof name, "layer%d", i + 1);
        x = ath__nn_stage(nn, x, name, 2, ath__nn_basic_block, &block);
    }
    x = ath__nn_global_avg_pool(nn, x, "avgpool");
    return ath__nn_linear(nn, x, "fc", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"resnet18-mnist", "ResNet-18 with 7x7 stem and biases, for 96x96 grey images", NULL, 1, 96, 96, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_resnet_mnist = {
    .name = "resnet-mnist",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct resnet_mnist_options),
    .build = build,
};
