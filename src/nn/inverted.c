/* The inverted residual of the mobile networks (Sandler et al., "MobileNetV2: inverted residuals and linear
 * bottlenecks", 2018), with the squeeze-and-excitation that MobileNetV3 and EfficientNet put behind the depth-wise
 * convolution:
 *
 *     y = bn3(conv 1x1 -> out (se (act (bn2 (depth-wise k x k, stride (act (bn1 (conv 1x1 -> wide (x)))))))))
 *     result = y + x    where the stride is 1 and the channels stay
 *
 * The last convolution has no activation: its output lives in few channels, where a ReLU would lose information.
 *
 * Squeeze-and-excitation (Hu et al., "Squeeze-and-excitation networks", 2018):
 *
 *     se(x) = x * gate(fc2(act(fc1(mean over H,W of x))))
 */
#include "nn/nn.h"

#include <stdio.h>

struct part_names {
    char conv[24], norm[24];
};

/* What the convolution and the norm of part `index` of the block are called. */
static struct part_names names_of(const struct ath__inverted *block, int index, bool last) {
    struct part_names names;
    switch (block->naming) {
    case ATH_INVERTED_NUMBERED:
        snprintf(names.conv, sizeof names.conv, "conv%d", index + 1);
        snprintf(names.norm, sizeof names.norm, "bn%d", index + 1);
        break;
    case ATH_INVERTED_CONV:
        snprintf(names.conv, sizeof names.conv, last ? "conv.%d" : "conv.%d.0", index);
        snprintf(names.norm, sizeof names.norm, last ? "conv.%d" : "conv.%d.1", last ? index + 1 : index);
        break;
    case ATH_INVERTED_BLOCK:
        snprintf(names.conv, sizeof names.conv, "block.%d.0", index);
        snprintf(names.norm, sizeof names.norm, "block.%d.1", index);
        break;
    }
    return names;
}

static ath_value part(struct ath__nn *nn, ath_value x, const struct ath__inverted *block, int index,
                      const struct ath__conv *conv, ath_act act, bool last) {
    struct part_names names = names_of(block, index, last);
    return ath__nn_conv_bn_act(nn, x, names.conv, names.norm, conv, act);
}

ath_value ath__nn_squeeze_excite(struct ath__nn *nn, ath_value x, const char *name,
                                 const struct ath__squeeze *squeeze) {
    struct ath__conv down = {.out = squeeze->channels, .kernel = {1, 1}, .bias = true};
    struct ath__conv up = {.out = ath__nn_channels(nn, x), .kernel = {1, 1}, .bias = true};
    ath_scope_push(nn->graph, name);
    ath_value gate = ath_global_avg_pool(nn->graph, x);
    gate = ath__nn_act(nn, ath__nn_conv2d(nn, gate, "fc1", &down), squeeze->act);
    gate = ath__nn_act(nn, ath__nn_conv2d(nn, gate, "fc2", &up), squeeze->gate);
    x = ath_mul(nn->graph, x, gate);
    ath_scope_pop(nn->graph);
    return x;
}

ath_value ath__nn_inverted(struct ath__nn *nn, ath_value x, const char *name, const struct ath__inverted *block) {
    int64_t          in = ath__nn_channels(nn, x), stride = block->stride, kernel = block->kernel;
    struct ath__conv expand = {.out = block->wide, .kernel = {1, 1}}, narrow = {.out = block->out, .kernel = {1, 1}};
    struct ath__conv depth = {.out = block->wide,
                              .kernel = {kernel, kernel},
                              .stride = {stride, stride},
                              .pad = {kernel / 2, kernel / 2},
                              .groups = block->wide};
    ath_value        y = x;
    int              index = 0;
    ath_scope_push(nn->graph, name);
    if (block->wide != in || block->always_expand) y = part(nn, y, block, index++, &expand, block->act, false);
    y = part(nn, y, block, index++, &depth, block->act, false);
    if (block->squeeze.channels > 0) {
        char gate[24];
        snprintf(gate, sizeof gate, "block.%d", index++);
        y = ath__nn_squeeze_excite(nn, y, gate, &block->squeeze);
    }
    y = part(nn, y, block, index, &narrow, ATH_ACT_NONE, true);
    if (stride == 1 && (in == block->out || block->shortcut)) {
        struct ath__residual around = {
            .out = block->out, .stride = 1, .shortcut = block->shortcut, .projection = ATH_SHORTCUT_CONV_BN};
        y = ath__nn_drop_path(nn, y, block->drop);
        y = ath_add(nn->graph, y, ath__nn_shortcut(nn, x, &around));
    }
    ath_scope_pop(nn->graph);
    return y;
}
