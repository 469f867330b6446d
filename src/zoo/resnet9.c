/* ResNet-9 (David Page, "How to train your ResNet", 2018), for 32x32 images, with the names of its PyTorch form:
 *
 *     prep 64 - layer1 128, pool 2, residual - layer2 256, pool 2 - layer3 512, pool 2, residual - max pool 4 - linear
 *
 * Every convolution is 3x3 without bias, with batch norm and ReLU behind it; a residual is x + two of them. The linear
 * layer has no bias, and logits are multiplied by `scale`.
 */
#include "zoo/zoo.h"

#include <stdio.h>

struct resnet9_options {
    double  scale;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct resnet9_options, scale, "0.125", 1e-6, 1e6, "multiplier of the logits"),
    ATH_OPT_CHOICE(struct resnet9_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

/* Convolution, batch norm and activation, named <part>_conv and <part>_bn. */
static ath_value unit(struct ath__nn *nn, ath_value x, const char *part, int64_t out, ath_act act) {
    struct ath__conv conv = {.out = out, .kernel = {3, 3}, .pad = {1, 1}};
    char             conv_name[48], bn_name[48];
    snprintf(conv_name, sizeof conv_name, "%s_conv", part);
    snprintf(bn_name, sizeof bn_name, "%s_bn", part);
    return ath__nn_conv_bn_act(nn, x, conv_name, bn_name, &conv, act);
}

static ath_value layer(struct ath__nn *nn, ath_value x, const char *name, int64_t out, bool residual, ath_act act) {
    char part[32];
    x = unit(nn, x, name, out, act);
    x = ath__nn_pool(nn, x, name, &(struct ath__pool){.kind = ATH_POOL_MAX, .kernel = {2, 2}});
    if (!residual) return x;
    snprintf(part, sizeof part, "%s_residual_res1", name);
    ath_value y = unit(nn, x, part, out, act);
    snprintf(part, sizeof part, "%s_residual_res2", name);
    return ath_add(nn->graph, unit(nn, y, part, out, act), x);
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct resnet9_options *o = values;
    ath_act                       act = (ath_act)o->activation;
    x = unit(nn, x, "prep", 64, act);
    x = layer(nn, x, "layer1", 128, true, act);
    x = layer(nn, x, "layer2", 256, false, act);
    x = layer(nn, x, "layer3", 512, true, act);
    x = ath__nn_pool(nn, x, "pool", &(struct ath__pool){.kind = ATH_POOL_MAX, .kernel = {4, 4}});
    x = ath__nn_linear(nn, ath_flatten(nn->graph, x), "linear", classes, false);
    return ath_scale(nn->graph, x, o->scale, 0.0);
}

static const struct ath__zoo_variant variants[] = {
    {"resnet9", "ResNet-9 for 32x32 images, as the fast recipes of 2018 trained it", NULL, 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_resnet9 = {
    .name = "resnet9",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct resnet9_options),
    .build = build,
};
