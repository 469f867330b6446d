/* AlexNet (Krizhevsky et al. 2012) in one tower, for 224x224:
 *
 *     conv1 96@11x11/4 pad 1 - pool 3/2 - conv2 256@5x5 pad 2 - pool 3/2 - conv3 384 - conv4 384 - conv5 256, all three
 *     3x3 pad 1 - pool 3/2 - flatten 6400 - fc1 4096 - dropout - fc2 4096 - dropout - fc3 classes
 *
 * ReLU behind every layer but the last; 46,764,746 parameters for one input channel and 10 classes.
 */
#include "zoo/zoo.h"

struct alexnet_options {
    double  dropout;
    int64_t activation; /* ath_act */
};

static const struct ath__option options[] = {
    ATH_OPT_REAL(struct alexnet_options, dropout, "0.5", 0.0, 0.99, "probability of dropping a hidden unit"),
    ATH_OPT_CHOICE(struct alexnet_options, activation, "relu", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_END,
};

/* A convolution with equal sides, bias and activation. */
static ath_value conv(struct ath__nn *nn, ath_value x, const char *name, int64_t out, int64_t kernel, int64_t stride,
                      int64_t pad, ath_act act) {
    struct ath__conv spec = {
        .out = out, .kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad}, .bias = true};
    return ath__nn_act(nn, ath__nn_conv2d(nn, x, name, &spec), act);
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct alexnet_options *o = values;
    const struct ath__pool        pool = {.kind = ATH_POOL_MAX, .kernel = {3, 3}, .stride = {2, 2}};
    ath_act                       act = (ath_act)o->activation;
    x = ath__nn_pool(nn, conv(nn, x, "conv1", 96, 11, 4, 1, act), "pool1", &pool);
    x = ath__nn_pool(nn, conv(nn, x, "conv2", 256, 5, 1, 2, act), "pool2", &pool);
    x = conv(nn, x, "conv3", 384, 3, 1, 1, act);
    x = conv(nn, x, "conv4", 384, 3, 1, 1, act);
    x = ath__nn_pool(nn, conv(nn, x, "conv5", 256, 3, 1, 1, act), "pool5", &pool);
    x = ath_flatten(nn->graph, x);
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "fc1", 4096, true), act);
    x = ath__nn_dropout(nn, x, o->dropout);
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "fc2", 4096, true), act);
    x = ath__nn_dropout(nn, x, o->dropout);
    return ath__nn_linear(nn, x, "fc3", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"alexnet", "AlexNet for 224x224 grey images", NULL, 1, 224, 224, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_alexnet = {
    .name = "alexnet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct alexnet_options),
    .build = build,
};
