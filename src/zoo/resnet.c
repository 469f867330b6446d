/* ResNet for photos (He et al., "Deep residual learning for image recognition", 2016), with torchvision's names:
 *
 *     stem - layer1 (64) - layer2 (128) - layer3 (256) - layer4 (512) - global average pooling - fc
 *
 * Basic blocks (18 and 34 layers) or bottlenecks with four times the channels (50 layers, stride in the 3x3). Stages 2
 * to 4 halve the image. The stem is 7x7/2 and a 3x3/2 max pooling, or for 32x32 images (stem=cifar) one 3x3 convolution
 * without pooling. ResNet-18: 11,689,512 parameters and 1,814,073,344 multiply-accumulates at 224x224 with 1000
 * classes.
 */
#include "zoo/zoo.h"

#include <stdio.h>

enum stem { STEM_IMAGENET, STEM_CIFAR };

struct resnet_options {
    int64_t depth; /* 18, 34, 50 */
    int64_t stem;  /* enum stem  */
    int64_t activation;
};

static const struct ath__option options[] = {
    ATH_OPT_INT_OF(struct resnet_options, depth, "18", "18|34|50", "layers"),
    ATH_OPT_CHOICE(struct resnet_options, stem, "imagenet", "imagenet|cifar",
                   "7x7/2 and max pooling, or one 3x3 convolution for 32x32 images"),
    ATH_OPT_CHOICE(struct resnet_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value stem(struct ath__nn *nn, ath_value x, const struct resnet_options *o) {
    struct ath__conv large = {.out = 64, .kernel = {7, 7}, .stride = {2, 2}, .pad = {3, 3}};
    struct ath__conv small = {.out = 64, .kernel = {3, 3}, .pad = {1, 1}};
    bool             cifar = o->stem == STEM_CIFAR;
    x = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", cifar ? &small : &large, (ath_act)o->activation);
    if (cifar) return x;
    struct ath__pool pool = {.kind = ATH_POOL_MAX, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    return ath__nn_pool(nn, x, "maxpool", &pool);
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    static const struct {
        int              depth;
        int              counts[4];
        ath__nn_block_fn make;
        int              expansion;
    } forms[] = {
        {18, {2, 2, 2, 2}, ath__nn_basic_block, 1},
        {34, {3, 4, 6, 3}, ath__nn_basic_block, 1},
        {50, {3, 4, 6, 3}, ath__nn_bottleneck, 4},
    };
    const struct resnet_options *o = values;
    int                          form = o->depth == 18 ? 0 : o->depth == 34 ? 1 : 2;
    x = stem(nn, x, o);
    for (int i = 0; i < 4; i++) {
        char                 name[16];
        struct ath__residual block = {.out = (int64_t)64 * forms[form].expansion << i,
                                      .stride = i > 0 ? 2 : 1,
                                      .act = (ath_act)o->activation,
                                      .shortcut = "downsample",
                                      .projection = ATH_SHORTCUT_CONV_BN};
        snprintf(name, sizeof name, "layer%d", i + 1);
        x = ath__nn_stage(nn, x, name, forms[form].counts[i], forms[form].make, &block);
    }
    x = ath__nn_global_avg_pool(nn, x, "avgpool");
    return ath__nn_linear(nn, x, "fc", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"resnet18", "ResNet-18 for photos; stem=cifar for 32x32 images", NULL, 3, 224, 224, 1000},
    {"resnet34", "ResNet-34 for photos", "depth=34", 3, 224, 224, 1000},
    {"resnet50", "ResNet-50 for photos (stride in the 3x3 convolutions)", "depth=50", 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_resnet = {
    .name = "resnet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct resnet_options),
    .build = build,
};
