/* MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019) with torchvision's definition and names:
 *
 *     features.0 16@3x3/2 - features.1 .. n, inverted residuals - features.n+1 6c@1x1 - pooling -
 *     classifier.0 - hard swish - dropout - classifier.3
 *
 * Blocks have 3x3 or 5x5 filters, ReLU or hard swish, and some squeeze and excite (a quarter of the block's channels,
 * ReLU, hard sigmoid). Batch norms have eps 1e-3 and take 1% of each batch into their running statistics. 2,542,856
 * (small) and 5,483,032 (large) parameters, 56,510,400 and 216,589,760 multiply-accumulates at 224x224 with 1000
 * classes.
 */
#include "zoo/mobile.h"

#include <stdio.h>

enum size { SIZE_SMALL, SIZE_LARGE };

struct mobilenetv3_options {
    int64_t size; /* enum size */
    double  width, dropout;
    int64_t padding, bn, pool;
};

static const struct ath__option options[] = {
    ATH_OPT_CHOICE(struct mobilenetv3_options, size, "small", "small|large", "the two nets of the paper"),
    ATH_OPT_REAL(struct mobilenetv3_options, width, "1", 0.05, 4, "scales all channel counts"),
    ATH_MOBILE_OPTIONS(struct mobilenetv3_options),
    ATH_OPT_REAL(struct mobilenetv3_options, dropout, "0.2", 0, 0.95, "before the classifier's last layer"),
    ATH_OPT_END,
};

struct row {
    int64_t kernel, wide, out;
    bool    squeeze;
    ath_act act;
    int64_t stride;
};
#define R ATH_ACT_RELU
#define H ATH_ACT_HARD_SWISH

static const struct row small_rows[] = {
    {3, 16, 16, true, R, 2},  {3, 72, 24, false, R, 2}, {3, 88, 24, false, R, 1}, {5, 96, 40, true, H, 2},
    {5, 240, 40, true, H, 1}, {5, 240, 40, true, H, 1}, {5, 120, 48, true, H, 1}, {5, 144, 48, true, H, 1},
    {5, 288, 96, true, H, 2}, {5, 576, 96, true, H, 1}, {5, 576, 96, true, H, 1}, {0},
};
static const struct row large_rows[] = {
    {3, 16, 16, false, R, 1},  {3, 64, 24, false, R, 2},  {3, 72, 24, false, R, 1},  {5, 72, 40, true, R, 2},
    {5, 120, 40, true, R, 1},  {5, 120, 40, true, R, 1},  {3, 240, 80, false, H, 2}, {3, 200, 80, false, H, 1},
    {3, 184, 80, false, H, 1}, {3, 184, 80, false, H, 1}, {3, 480, 112, true, H, 1}, {3, 672, 112, true, H, 1},
    {5, 672, 160, true, H, 2}, {5, 960, 160, true, H, 1}, {5, 960, 160, true, H, 1}, {0},
};

static ath_value build_features(struct ath__nn *nn, ath_value x, const struct row *rows, double width) {
    struct ath__conv stem = {
        .out = ath__mobile_channels(16.0 * width), .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    int  index = 1;
    char conv[16], norm[16];
    ath_scope_push(nn->graph, "features");
    x = ath__nn_conv_bn_act(nn, x, "0.0", "0.1", &stem, H);
    for (const struct row *row = rows; row->kernel; row++) {
        int64_t              wide = ath__mobile_channels((double)row->wide * width);
        struct ath__inverted block = {
            .wide = wide,
            .out = ath__mobile_channels((double)row->out * width),
            .kernel = row->kernel,
            .stride = row->stride,
            .act = row->act,
            .squeeze = {row->squeeze ? ath__mobile_channels((double)(wide / 4)) : 0, R, ATH_ACT_HARD_SIGMOID},
            .naming = ATH_INVERTED_BLOCK};
        snprintf(conv, sizeof conv, "%d", index++);
        x = ath__nn_inverted(nn, x, conv, &block);
    }
    struct ath__conv last = {.out = 6 * ath__nn_channels(nn, x), .kernel = {1, 1}};
    snprintf(conv, sizeof conv, "%d.0", index);
    snprintf(norm, sizeof norm, "%d.1", index);
    x = ath__nn_conv_bn_act(nn, x, conv, norm, &last, H);
    ath_scope_pop(nn->graph);
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct mobilenetv3_options *o = values;
    bool                              large = o->size == SIZE_LARGE;
    ath__mobile_start(nn, o->padding, o->bn);
    nn->bn_eps = 1e-3;
    nn->bn_momentum = 0.01;
    x = build_features(nn, x, large ? large_rows : small_rows, o->width);
    x = ath__mobile_pool(nn, x, o->pool);
    x = ath__nn_linear(nn, x, "classifier.0", ath__mobile_channels((large ? 1280.0 : 1024.0) * o->width), true);
    x = ath__nn_dropout(nn, ath__nn_act(nn, x, H), o->dropout);
    return ath__nn_linear(nn, x, "classifier.3", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"mobilenetv3-small", "MobileNetV3-Small for photos", "size=small", 3, 224, 224, 1000},
    {"mobilenetv3-large", "MobileNetV3-Large for photos", "size=large", 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_mobilenetv3 = {
    .name = "mobilenetv3",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct mobilenetv3_options),
    .build = build,
};
