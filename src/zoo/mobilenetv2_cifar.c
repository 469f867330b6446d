/* MobileNetV2 (Sandler et al., "Inverted residuals and linear bottlenecks", 2018) for 32x32 images, in the form and with
 * the names of kuangliu's CIFAR collection:
 *
 *     conv1 32@3x3 - bn1 - act - 17 blocks - conv2 1280@1x1 - bn2 - act - global average pooling - linear
 *     block:  conv1 1x1 to e * in - bn1 - act - conv2 3x3 depth-wise - bn2 - act - conv3 1x1 to out - bn3,
 *             plus a shortcut where the stride is 1: x itself, or a 1x1 convolution with batch norm where channels change
 *
 * The stem and the second stage keep the size, so the image is 4x4 at the end. 2,296,922 parameters for 10 classes.
 */
#include "zoo/zoo.h"

#include <stdio.h>

struct mobilenetv2_cifar_options {
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_CHOICE(struct mobilenetv2_cifar_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    static const struct {
        int64_t expansion, out;
        int     count;
        int64_t stride;
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 1},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    const struct mobilenetv2_cifar_options *o = values;
    ath_act                                 act = (ath_act)o->activation;
    struct ath__conv                        stem = {.out = 32, .kernel = {3, 3}, .pad = {1, 1}};
    struct ath__conv                        last = {.out = 1280, .kernel = {1, 1}};
    int                                     index = 0;
    x = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &stem, act);
    ath_scope_push(nn->graph, "layers");
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++)
        for (int i = 0; i < stages[s].count; i++) {
            char                 name[16];
            struct ath__inverted block = {.wide = stages[s].expansion * ath__nn_channels(nn, x),
                                          .out = stages[s].out,
                                          .kernel = 3,
                                          .stride = i == 0 ? stages[s].stride : 1,
                                          .act = act,
                                          .always_expand = true,
                                          .shortcut = "shortcut",
                                          .naming = ATH_INVERTED_NUMBERED};
            snprintf(name, sizeof name, "%d", index++);
            x = ath__nn_inverted(nn, x, name, &block);
        }
    ath_scope_pop(nn->graph);
    x = ath__nn_conv_bn_act(nn, x, "conv2", "bn2", &last, act);
    return ath__nn_linear(nn, ath__nn_global_avg_pool(nn, x, "avgpool"), "linear", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"mobilenetv2-cifar", "MobileNetV2 for 32x32 images", NULL, 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_mobilenetv2_cifar = {
    .name = "mobilenetv2-cifar",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct mobilenetv2_cifar_options),
    .build = build,
};
