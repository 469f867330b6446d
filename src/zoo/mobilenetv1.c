/* MobileNetV1 (Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
 * 2017) with the names that the timm collection gives its layers:
 *
 *     conv_stem 32@3x3/2 - bn1 - act - 13 blocks - pooling - dropout - classifier
 *     block:  conv_dw 3x3 depth-wise - bn1 - act - conv_pw 1x1 - bn2 - act
 *
 * The paper has ReLU; the weights that are about were trained with ReLU6, which is the default here. 4,231,976
 * parameters and 568,740,352 multiply-accumulates at 224x224 with 1000 classes.
 */
#include "zoo/mobile.h"

#include <stdio.h>

struct mobilenetv1_options {
    double  width, dropout;
    int64_t padding, bn, pool;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct mobilenetv1_options, width, "1", 0.05, 4, "scales all channel counts"),
    ATH_MOBILE_OPTIONS(struct mobilenetv1_options),
    ATH_OPT_REAL(struct mobilenetv1_options, dropout, "0", 0, 0.95, "before the classifier"),
    ATH_OPT_CHOICE(struct mobilenetv1_options, activation, "relu6", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

/* Every channel filtered alone, then all mixed. */
static ath_value block(struct ath__nn *nn, ath_value x, const char *name, int64_t out, int64_t stride, ath_act act) {
    struct ath__conv filter = {.out = ath__nn_channels(nn, x),
                               .kernel = {3, 3},
                               .stride = {stride, stride},
                               .pad = {1, 1},
                               .groups = ath__nn_channels(nn, x)};
    struct ath__conv mix = {.out = out, .kernel = {1, 1}};
    ath_scope_push(nn->graph, name);
    x = ath__nn_conv_bn_act(nn, x, "conv_dw", "bn1", &filter, act);
    x = ath__nn_conv_bn_act(nn, x, "conv_pw", "bn2", &mix, act);
    ath_scope_pop(nn->graph);
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    static const struct {
        int64_t out;
        int     count;
        int64_t stride;
    } stages[] = {{64, 1, 1}, {128, 2, 2}, {256, 2, 2}, {512, 6, 2}, {1024, 2, 2}};
    const struct mobilenetv1_options *o = values;
    ath_act                           act = (ath_act)o->activation;
    struct ath__conv                  stem = {
                         .out = ath__mobile_channels(32.0 * o->width), .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    ath__mobile_start(nn, o->padding, o->bn);
    x = ath__nn_conv_bn_act(nn, x, "conv_stem", "bn1", &stem, act);
    ath_scope_push(nn->graph, "blocks");
    for (int s = 0; s < (int)(sizeof stages / sizeof stages[0]); s++)
        for (int i = 0; i < stages[s].count; i++) {
            char name[32];
            snprintf(name, sizeof name, "%d.%d", s, i);
            x = block(nn, x, name, ath__mobile_channels((double)stages[s].out * o->width), i ? 1 : stages[s].stride,
                      act);
        }
    ath_scope_pop(nn->graph);
    x = ath__nn_dropout(nn, ath__mobile_pool(nn, x, o->pool), o->dropout);
    return ath__nn_linear(nn, x, "classifier", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"mobilenetv1", "MobileNetV1 for photos", NULL, 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_mobilenetv1 = {
    .name = "mobilenetv1",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct mobilenetv1_options),
    .build = build,
};
