/* ResNet for 32x32 images, in its two common forms:
 *
 *     wide      conv1 64@3x3 - bn1 - act - four stages of basic blocks (64, 128, 256, 512), 1x1 projections with batch
 *               norm named `shortcut` - global average pooling - linear. 18 layers: 11,173,962 parameters, 0.56 G
 *               multiply-accumulates.
 *     narrow    conv1 16@3x3 - bn1 - act - three stages of n basic blocks (16, 32, 64), zero-padded shortcuts without
 *               parameters - global average pooling - linear; 6n + 2 layers (He et al. 2016, section 4.2).
 *
 * Depth 18 and 34 are the wide form, 20, 32, 44 and 56 the narrow one.
 */
#include "zoo/zoo.h"

#include <stdio.h>

struct resnet_cifar_options {
    int64_t depth;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_INT_OF(struct resnet_cifar_options, depth, "18", "18|34|20|32|44|56",
                   "layers: 18 and 34 wide, the others narrow"),
    ATH_OPT_CHOICE(struct resnet_cifar_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct resnet_cifar_options *o = values;
    static const int                   counts_18[4] = {2, 2, 2, 2}, counts_34[4] = {3, 4, 6, 3};
    bool                               wide = o->depth == 18 || o->depth == 34;
    int64_t                            width = wide ? 64 : 16;
    struct ath__conv                   stem = {.out = width, .kernel = {3, 3}, .pad = {1, 1}};
    x = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &stem, (ath_act)o->activation);
    for (int i = 0; i < (wide ? 4 : 3); i++) {
        char name[16];
        int  count = o->depth == 18 ? counts_18[i] : o->depth == 34 ? counts_34[i] : (int)((o->depth - 2) / 6);
        struct ath__residual block = {.out = width << i,
                                      .stride = i > 0 ? 2 : 1,
                                      .act = (ath_act)o->activation,
                                      .shortcut = "shortcut",
                                      .projection = wide ? ATH_SHORTCUT_CONV_BN : ATH_SHORTCUT_PAD};
        snprintf(name, sizeof name, "layer%d", i + 1);
        x = ath__nn_stage(nn, x, name, count, ath__nn_basic_block, &block);
    }
    x = ath__nn_global_avg_pool(nn, x, "avgpool");
    return ath__nn_linear(nn, x, "linear", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"resnet18-cifar", "ResNet-18 for 32x32 images: 3x3 stem, no pooling", NULL, 3, 32, 32, 10},
    {"resnet20-cifar", "ResNet-20 for 32x32 images, 16 to 64 channels", "depth=20", 3, 32, 32, 10},
    {"resnet32-cifar", "ResNet-32 for 32x32 images, 16 to 64 channels", "depth=32", 3, 32, 32, 10},
    {"resnet44-cifar", "ResNet-44 for 32x32 images, 16 to 64 channels", "depth=44", 3, 32, 32, 10},
    {"resnet56-cifar", "ResNet-56 for 32x32 images, 16 to 64 channels", "depth=56", 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_resnet_cifar = {
    .name = "resnet-cifar",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct resnet_cifar_options),
    .build = build,
};
