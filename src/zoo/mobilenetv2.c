/* MobileNetV2 (Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018) with torchvision's names:
 *
 *     features.0 32@3x3/2 - features.1 to 17, inverted residuals - features.18 1280@1x1 - pooling - dropout - classifier.1
 *
 * ReLU6 behind every convolution but the last of a block. All channel counts follow `width`, the last one only above 1.
 * 3,504,872 parameters and 300,774,272 multiply-accumulates at 224x224 with 1000 classes. Weights trained in TensorFlow
 * need padding=same, and bn=folded where the file holds no norms.
 */
#include "zoo/mobile.h"

#include <stdio.h>

struct mobilenetv2_options {
    double  width, dropout;
    int64_t padding, bn, pool;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct mobilenetv2_options, width, "1", 0.05, 4, "scales all channel counts"),
    ATH_MOBILE_OPTIONS(struct mobilenetv2_options),
    ATH_OPT_REAL(struct mobilenetv2_options, dropout, "0.2", 0, 0.95, "before the classifier"),
    ATH_OPT_CHOICE(struct mobilenetv2_options, activation, "relu6", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

static ath_value build_blocks(struct ath__nn *nn, ath_value x, const struct mobilenetv2_options *o) {
    static const struct {
        int64_t expansion, out;
        int     count;
        int64_t stride;
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int index = 1;
    for (size_t s = 0; s < sizeof stages / sizeof stages[0]; s++)
        for (int i = 0; i < stages[s].count; i++) {
            char                 name[16];
            struct ath__inverted block = {.wide = stages[s].expansion * ath__nn_channels(nn, x),
                                          .out = ath__mobile_channels((double)stages[s].out * o->width),
                                          .kernel = 3,
                                          .stride = i == 0 ? stages[s].stride : 1,
                                          .act = (ath_act)o->activation,
                                          .naming = ATH_INVERTED_CONV};
            snprintf(name, sizeof name, "%d", index++);
            x = ath__nn_inverted(nn, x, name, &block);
        }
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct mobilenetv2_options *o = values;
    ath_act                           act = (ath_act)o->activation;
    double                            wider = o->width > 1.0 ? o->width : 1.0;
    struct ath__conv                  stem = {
                         .out = ath__mobile_channels(32.0 * o->width), .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    struct ath__conv last = {.out = ath__mobile_channels(1280.0 * wider), .kernel = {1, 1}};
    ath__mobile_start(nn, o->padding, o->bn);
    ath_scope_push(nn->graph, "features");
    x = ath__nn_conv_bn_act(nn, x, "0.0", "0.1", &stem, act);
    x = build_blocks(nn, x, o);
    x = ath__nn_conv_bn_act(nn, x, "18.0", "18.1", &last, act);
    ath_scope_pop(nn->graph);
    x = ath__nn_dropout(nn, ath__mobile_pool(nn, x, o->pool), o->dropout);
    return ath__nn_linear(nn, x, "classifier.1", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"mobilenetv2", "MobileNetV2 for photos", NULL, 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_mobilenetv2 = {
    .name = "mobilenetv2",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct mobilenetv2_options),
    .build = build,
};
