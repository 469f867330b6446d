/* ShuffleNetV2 (Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018) with
 * torchvision's definition and names:
 *
 *     conv1 24@3x3/2 - 3x3/2 max pooling - stage2, stage3, stage4 (4, 8 and 4 units) - conv5 1x1 - pooling - fc
 *
 *     unit:         halves (a, b) = x;  shuffle(concat(a, branch2(b)))
 *     first unit:   shuffle(concat(branch1(x), branch2(x))), both with stride 2
 *     branch2:      conv 1x1 - bn - relu - 3x3 depth-wise - bn - conv 1x1 - bn - relu
 *     branch1:      3x3 depth-wise - bn - conv 1x1 - bn - relu
 *     shuffle:      channel 2 i + h of the result is channel i of half h
 *
 * 2,278,604 parameters (width 1) and 144,907,992 multiply-accumulates at 224x224 with 1000 classes.
 */
#include "zoo/mobile.h"

#include <stdio.h>

struct shufflenetv2_options {
    double  width;
    int64_t padding, bn, pool;
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct shufflenetv2_options, width, "1", 0.5, 2, "of the paper's four: 0.5, 1, 1.5 or 2"),
    ATH_MOBILE_OPTIONS(struct shufflenetv2_options),
    ATH_OPT_END,
};

static ath_value depthwise(struct ath__nn *nn, ath_value x, const char *conv, const char *norm, int64_t stride) {
    struct ath__conv filter = {.out = ath__nn_channels(nn, x),
                               .kernel = {3, 3},
                               .stride = {stride, stride},
                               .pad = {1, 1},
                               .groups = ath__nn_channels(nn, x)};
    return ath__nn_conv_bn_act(nn, x, conv, norm, &filter, ATH_ACT_NONE);
}

static ath_value pointwise(struct ath__nn *nn, ath_value x, const char *conv, const char *norm, int64_t out) {
    struct ath__conv mix = {.out = out, .kernel = {1, 1}};
    return ath__nn_conv_bn_act(nn, x, conv, norm, &mix, ATH_ACT_RELU);
}

/* Channels first .. first + count - 1. */
static ath_value channels_of(struct ath__nn *nn, ath_value x, int64_t first, int64_t count) {
    if (x == ATH_NONE) return x;
    ath_shape shape = ath_value_shape(nn->graph, x);
    return ath_slice(nn->graph, x, (const int64_t[]){0, first, 0, 0},
                     (const int64_t[]){shape.dims[0], count, shape.dims[2], shape.dims[3]});
}

/* The halves a and b, their channels in turn: (N,2,C,H,W) -> (N,C,2,H,W). */
static ath_value shuffle(struct ath__nn *nn, ath_value a, ath_value b) {
    ath_value x = ath_concat(nn->graph, (const ath_value[]){a, b}, 2, 1);
    if (x == ATH_NONE) return x;
    ath_shape shape = ath_value_shape(nn->graph, x);
    x = ath_reshape(nn->graph, x, ath_shape_of(shape.dims[0], 2, shape.dims[1] / 2, shape.dims[2], shape.dims[3]));
    x = ath_permute(nn->graph, x, (const int64_t[]){0, 2, 1, 3, 4});
    return ath_reshape(nn->graph, x, shape);
}

static ath_value unit(struct ath__nn *nn, ath_value x, const char *name, int64_t out, int64_t stride) {
    ath_value kept = x, y = x;
    ath_scope_push(nn->graph, name);
    if (stride == 1) {
        kept = channels_of(nn, x, 0, out / 2);
        y = channels_of(nn, x, out / 2, out / 2);
    } else {
        ath_scope_push(nn->graph, "branch1");
        kept = pointwise(nn, depthwise(nn, x, "0", "1", stride), "2", "3", out / 2);
        ath_scope_pop(nn->graph);
    }
    ath_scope_push(nn->graph, "branch2");
    y = pointwise(nn, y, "0", "1", out / 2);
    y = pointwise(nn, depthwise(nn, y, "3", "4", stride), "5", "6", out / 2);
    ath_scope_pop(nn->graph);
    x = shuffle(nn, kept, y);
    ath_scope_pop(nn->graph);
    return x;
}

/* Channels of the three stages and of conv5 for a width of the paper's. */
static const struct form {
    double  width;
    int64_t stage[3], last;
} forms[] = {{0.5, {48, 96, 192}, 1024},
             {1.0, {116, 232, 464}, 1024},
             {1.5, {176, 352, 704}, 1024},
             {2.0, {244, 488, 976}, 2048}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static ath_value build_stages(struct ath__nn *nn, ath_value x, const struct form *form) {
    static const int counts[] = {4, 8, 4};
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < counts[s]; i++) {
            char name[32];
            snprintf(name, sizeof name, "stage%d.%d", s + 2, i);
            x = unit(nn, x, name, form->stage[s], i == 0 ? 2 : 1);
        }
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct shufflenetv2_options *o = values;
    const struct form                 *form = forms, *end = forms + FORMS;
    struct ath__conv                   stem = {.out = 24, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    struct ath__pool                   pool = {.kind = ATH_POOL_MAX, .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}};
    while (form < end && form->width != o->width) form++;
    if (form == end)
        return ath_graph_fail(nn->graph, ATH_USAGE, "ShuffleNetV2 has no width %g; there are 0.5, 1, 1.5 and 2",
                              o->width);
    ath__mobile_start(nn, o->padding, o->bn);
    x = ath__nn_conv_bn_act(nn, x, "conv1.0", "conv1.1", &stem, ATH_ACT_RELU);
    x = build_stages(nn, ath__nn_pool(nn, x, "maxpool", &pool), form);
    x = pointwise(nn, x, "conv5.0", "conv5.1", form->last);
    return ath__nn_linear(nn, ath__mobile_pool(nn, x, o->pool), "fc", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"shufflenetv2", "ShuffleNetV2 1.0 for photos", NULL, 3, 224, 224, 1000},
    {"shufflenetv2-0.5", "half as wide", "width=0.5", 3, 224, 224, 1000},
    {"shufflenetv2-1.5", "ShuffleNetV2 1.5", "width=1.5", 3, 224, 224, 1000},
    {"shufflenetv2-2.0", "ShuffleNetV2 2.0", "width=2", 3, 224, 224, 1000},
    {0},
};

const struct ath__zoo_family ath__zoo_shufflenetv2 = {
    .name = "shufflenetv2",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct shufflenetv2_options),
    .build = build,
};
