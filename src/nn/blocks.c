/* Residual blocks in the forms that the zoo needs:
 *
 *     basic        y = act(bn2(conv2(act(bn1(conv1 x)))) + shortcut x)                          3x3, 3x3
 *     bottleneck   y = act(bn3(conv3(act(bn2(conv2(act(bn1(conv1 x))))))) + shortcut x)         1x1, 3x3, 1x1
 *
 * A shortcut is x itself while the shape stays; where channels or size change it is a projection, named
 * <block>.<shortcut>.0 (convolution) and <block>.<shortcut>.1 (batch norm).
 */
#include "nn/nn.h"

#include <stdio.h>

/* Every stride-th pixel, and zeros for the new channels on both sides of the old ones (He et al. 2016, option A). */
static ath_value pad_shortcut(struct ath__nn *nn, ath_value x, const struct ath__residual *block) {
    ath_graph *g = nn->graph;
    if (block->stride > 1) {
        int64_t s = block->stride;
        x = ath_pool2d(g, x, &(ath_pool2d_attrs){.kind = ATH_POOL_MAX, .kernel = {1, 1}, .stride = {s, s}});
    }
    int64_t more = block->out - ath__nn_channels(nn, x);
    if (x == ATH_NONE || more == 0) return x;
    if (more < 0)
        return ath_graph_fail(g, ATH_USAGE, "%s: a zero-padded shortcut cannot lose channels", block->shortcut);
    return ath_pad(g, x, (const int64_t[]){0, more / 2, 0, 0}, (const int64_t[]){0, more - more / 2, 0, 0}, 0.0);
}

ath_value ath__nn_shortcut(struct ath__nn *nn, ath_value x, const struct ath__residual *block) {
    if (block->stride == 1 && ath__nn_channels(nn, x) == block->out) return x;
    ath_scope_push(nn->graph, block->shortcut);
    if (block->projection == ATH_SHORTCUT_PAD) {
        x = pad_shortcut(nn, x, block);
    } else {
        x = ath__nn_conv2d(
            nn, x, "0",
            &(struct ath__conv){
                .out = block->out, .kernel = {1, 1}, .stride = {block->stride, block->stride}, .bias = block->bias});
        if (block->projection == ATH_SHORTCUT_CONV_BN) x = ath__nn_batch_norm(nn, x, "1");
    }
    ath_scope_pop(nn->graph);
    return x;
}

ath_value ath__nn_basic_block(struct ath__nn *nn, ath_value x, const char *name, const struct ath__residual *block) {
    ath_scope_push(nn->graph, name);
    struct ath__conv conv = {.out = block->out,
                             .kernel = {3, 3},
                             .stride = {block->stride, block->stride},
                             .pad = {1, 1},
                             .bias = block->bias};
    ath_value        y = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &conv, block->act);
    conv.stride[0] = conv.stride[1] = 1;
    y = ath__nn_conv_bn_act(nn, y, "conv2", "bn2", &conv, ATH_ACT_NONE);
    y = ath__nn_act(nn, ath_add(nn->graph, y, ath__nn_shortcut(nn, x, block)), block->act);
    ath_scope_pop(nn->graph);
    return y;
}

ath_value ath__nn_bottleneck(struct ath__nn *nn, ath_value x, const char *name, const struct ath__residual *block) {
    ath_scope_push(nn->graph, name);
    struct ath__conv narrow = {.out = block->out / 4, .kernel = {1, 1}, .bias = block->bias};
    struct ath__conv middle = {.out = block->out / 4,
                               .kernel = {3, 3},
                               .stride = {block->stride, block->stride},
                               .pad = {1, 1},
                               .bias = block->bias};
    struct ath__conv widen = {.out = block->out, .kernel = {1, 1}, .bias = block->bias};
    ath_value        y = ath__nn_conv_bn_act(nn, x, "conv1", "bn1", &narrow, block->act);
    y = ath__nn_conv_bn_act(nn, y, "conv2", "bn2", &middle, block->act);
    y = ath__nn_conv_bn_act(nn, y, "conv3", "bn3", &widen, ATH_ACT_NONE);
    y = ath__nn_act(nn, ath_add(nn->graph, y, ath__nn_shortcut(nn, x, block)), block->act);
    ath_scope_pop(nn->graph);
    return y;
}

ath_value ath__nn_stage(struct ath__nn *nn, ath_value x, const char *name, int count, ath__nn_block_fn make,
                        const struct ath__residual *block) {
    struct ath__residual next = *block;
    ath_scope_push(nn->graph, name);
    for (int i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        x = make(nn, x, number, &next);
        next.stride = 1;
    }
    ath_scope_pop(nn->graph);
    return x;
}
