/* VGG with batch norm (Simonyan and Zisserman, "Very deep convolutional networks", 2015), with torchvision's names:
 *
 *     features    3x3 convolutions with bias, batch norm and act, in five stages (64, 128, 256, 512, 512 filters), each
 *                 ended by a max pooling of 2
 *     classifier  head=imagenet: average to 7x7 - 4096 - dropout - 4096 - dropout - classes
 *                 head=linear:   flatten - classes, as for 32x32 images, of which one pixel is left
 *
 * The layers of `features` are numbered through, activations and poolings included: features.0 is a convolution,
 * features.1 its batch norm, features.3 the next convolution or a pooling.
 */
#include "zoo/zoo.h"

#include <stdio.h>

enum head { HEAD_IMAGENET, HEAD_LINEAR };

struct vgg_options {
    int64_t depth;
    int64_t head; /* enum head */
    double  dropout;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_INT_OF(struct vgg_options, depth, "16", "11|13|16|19", "layers with weights"),
    ATH_OPT_CHOICE(struct vgg_options, head, "imagenet", "imagenet|linear",
                   "three linear layers with dropout, or a single one"),
    ATH_OPT_REAL(struct vgg_options, dropout, "0.5", 0.0, 0.99, "head=imagenet: probability of dropping a hidden unit"),
    ATH_OPT_CHOICE(struct vgg_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value features(struct ath__nn *nn, ath_value x, const struct vgg_options *o) {
    static const struct {
        int depth, counts[5];
    } forms[] = {{11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};
    int form = 0, index = 0;
    while (forms[form].depth != o->depth) form++;
    ath_scope_push(nn->graph, "features");
    for (int stage = 0; stage < 5; stage++) {
        char             conv_name[16], bn_name[16];
        struct ath__conv conv = {
            .out = stage < 3 ? (int64_t)64 << stage : 512, .kernel = {3, 3}, .pad = {1, 1}, .bias = true};
        for (int i = 0; i < forms[form].counts[stage]; i++, index += 3) {
            snprintf(conv_name, sizeof conv_name, "%d", index);
            snprintf(bn_name, sizeof bn_name, "%d", index + 1);
            x = ath__nn_conv_bn_act(nn, x, conv_name, bn_name, &conv, (ath_act)o->activation);
        }
        snprintf(conv_name, sizeof conv_name, "%d", index++);
        x = ath__nn_pool(nn, x, conv_name, &(struct ath__pool){.kind = ATH_POOL_MAX, .kernel = {2, 2}});
    }
    ath_scope_pop(nn->graph);
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct vgg_options *o = values;
    x = features(nn, x, o);
    if (o->head == HEAD_LINEAR) return ath__nn_linear(nn, ath_flatten(nn->graph, x), "classifier", classes, true);
    ath_shape shape = x == ATH_NONE ? (ath_shape){.rank = 0} : ath_value_shape(nn->graph, x);
    if (shape.rank == 4 && (shape.dims[2] != 7 || shape.dims[3] != 7))
        x = ath_adaptive_pool(nn->graph, x, ATH_POOL_AVG, 7, 7);
    x = ath_flatten(nn->graph, x);
    ath_scope_push(nn->graph, "classifier");
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "0", 4096, true), (ath_act)o->activation);
    x = ath__nn_dropout(nn, x, o->dropout);
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "3", 4096, true), (ath_act)o->activation);
    x = ath__nn_linear(nn, ath__nn_dropout(nn, x, o->dropout), "6", classes, true);
    ath_scope_pop(nn->graph);
    return x;
}

static const struct ath__zoo_variant variants[] = {
    {"vgg11-bn", "VGG-11 with batch norm, for photos", "depth=11", 3, 224, 224, 1000},
    {"vgg16-bn", "VGG-16 with batch norm, for photos", NULL, 3, 224, 224, 1000},
    {"vgg11-bn-cifar", "VGG-11 with batch norm and one linear layer, for 32x32 images", "depth=11 head=linear", 3, 32,
     32, 10},
    {"vgg16-bn-cifar", "VGG-16 with batch norm and one linear layer, for 32x32 images", "head=linear", 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_vgg = {
    .name = "vgg",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct vgg_options),
    .build = build,
};
