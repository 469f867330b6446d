/* Wide residual networks (Zagoruyko and Komodakis, "Wide Residual Networks", 2016), for 32x32 images:
 *
 *     conv1 16@3x3 - block1 (16 k) - block2 (32 k, stride 2) - block3 (64 k, stride 2) - bn1 - act - average - fc
 *     layer:  a = act(bn1 x),  y = shortcut + conv2(dropout(act(bn2(conv1 a))))
 *
 * with (depth - 4) / 6 layers in a block and width k. Where the channels stay the shortcut is x, where they change it is
 * a 1x1 convolution (convShortcut) of a. Names as in the usual PyTorch form: block1.layer.0.bn1 ... WRN-28-10 has
 * 36,479,194 parameters for 10 classes.
 */
#include "zoo/zoo.h"

#include <stdio.h>

struct wide_resnet_options {
    int64_t depth, width;
    double  dropout;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_INT_OF(struct wide_resnet_options, depth, "28", "10|16|22|28|34|40", "layers"),
    ATH_OPT_INT(struct wide_resnet_options, width, "10", 1, 32, "multiplier of the channels 16, 32, 64"),
    ATH_OPT_REAL(struct wide_resnet_options, dropout, "0", 0.0, 0.99, "probability of dropping between convolutions"),
    ATH_OPT_CHOICE(struct wide_resnet_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value layer(struct ath__nn *nn, ath_value x, const struct wide_resnet_options *o, int64_t out,
                       int64_t stride) {
    struct ath__conv first = {.out = out, .kernel = {3, 3}, .stride = {stride, stride}, .pad = {1, 1}};
    struct ath__conv second = {.out = out, .kernel = {3, 3}, .pad = {1, 1}};
    struct ath__conv point = {.out = out, .kernel = {1, 1}, .stride = {stride, stride}};
    ath_act          act = (ath_act)o->activation;
    ath_value        a = ath__nn_act(nn, ath__nn_batch_norm(nn, x, "bn1"), act);
    ath_value        y = ath__nn_conv_bn_act(nn, a, "conv1", "bn2", &first, act);
    y = ath__nn_conv2d(nn, ath__nn_dropout(nn, y, o->dropout), "conv2", &second);
    return ath_add(nn->graph, y, ath__nn_channels(nn, x) == out ? x : ath__nn_conv2d(nn, a, "convShortcut", &point));
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct wide_resnet_options *o = values;
    struct ath__conv                  stem = {.out = 16, .kernel = {3, 3}, .pad = {1, 1}};
    x = ath__nn_conv2d(nn, x, "conv1", &stem);
    for (int b = 0; b < 3; b++) {
        char name[24];
        snprintf(name, sizeof name, "block%d.layer", b + 1);
        ath_scope_push(nn->graph, name);
        for (int i = 0; i < (o->depth - 4) / 6; i++) {
            snprintf(name, sizeof name, "%d", i);
            ath_scope_push(nn->graph, name);
            x = layer(nn, x, o, (16 * o->width) << b, b > 0 && i == 0 ? 2 : 1);
            ath_scope_pop(nn->graph);
        }
        ath_scope_pop(nn->graph);
    }
    x = ath__nn_act(nn, ath__nn_batch_norm(nn, x, "bn1"), (ath_act)o->activation);
    return ath__nn_linear(nn, ath__nn_global_avg_pool(nn, x, "avgpool"), "fc", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"wrn", "wide ResNet for 32x32 images; depth 28, width 10", NULL, 3, 32, 32, 10},
    {"wrn-28-10", "wide ResNet, depth 28, width 10", NULL, 3, 32, 32, 10},
    {"wrn-16-4", "wide ResNet, depth 16, width 4", "depth=16 width=4", 3, 32, 32, 10},
    {"wrn-16-8", "wide ResNet, depth 16, width 8", "depth=16 width=8", 3, 32, 32, 10},
    {"wrn-40-2", "wide ResNet, depth 40, width 2", "depth=40 width=2", 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_wide_resnet = {
    .name = "wide-resnet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct wide_resnet_options),
    .build = build,
};
