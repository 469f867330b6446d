/* LeNet-5 and its variants (LeCun et al., "Gradient-based learning applied to document recognition", 1998), for 28x28:
 *
 *     conv1 6@5x5 pad 2 - act - pool 2 - conv2 16@5x5 - act - pool 2 - fc1 120 - act - fc2 84 - act - fc3 classes
 *
 * with sigmoid and average pooling as it was then: 61,706 parameters. Kernel 3 keeps the padding of 2, then 0, so the
 * maps are 30, 15, 13, 6 and fc1 sees 576 values. `depth` counts convolutions: 1 is the shallow net (conv1 16@5x5 - act
 * - pool 2 - fc1 classes); each one beyond 2 is 32 filters of the same kernel that keep the size, behind the second
 * pooling.
 */
#include "zoo/zoo.h"

#include <math.h>
#include <stdio.h>

struct lenet_options {
    int64_t kernel;
    double  width;
    int64_t activation; /* ath_act  */
    int64_t depth;
    int64_t pooling; /* ath_pool */
};

static const struct ath__option options[] = {
    ATH_OPT_INT_OF(struct lenet_options, kernel, "5", "3|5", "side of the convolutions' kernels"),
    ATH_OPT_REAL(struct lenet_options, width, "1", 1.0 / 64, 64, "multiplier of all filters and hidden units"),
    ATH_OPT_CHOICE(struct lenet_options, activation, "sigmoid", ATH_NN_ACT_CHOICES, "between layers"),
    ATH_OPT_INT(struct lenet_options, depth, "2", 1, 4, "convolutions; 1 is the shallow net with one linear layer"),
    ATH_OPT_CHOICE(struct lenet_options, pooling, "avg", "max|avg", "what halves the maps"),
    ATH_OPT_END,
};

/* Filters or units after the width multiplier: at least one. */
static int64_t scaled(const struct lenet_options *o, int64_t count) {
    int64_t result = llround((double)count * o->width);
    return result > 0 ? result : 1;
}

/* Convolution number `index` (from 1), its activation and, for the first two, its pooling. */
static ath_value stage(struct ath__nn *nn, ath_value x, const struct lenet_options *o, int index) {
    static const int64_t filters[] = {6, 16, 32, 32};
    int64_t              pad = index == 1 ? 2 : index == 2 ? 0 : o->kernel / 2;
    char                 name[16];
    snprintf(name, sizeof name, "conv%d", index);
    struct ath__conv conv = {.out = scaled(o, o->depth == 1 ? 16 : filters[index - 1]),
                             .kernel = {o->kernel, o->kernel},
                             .pad = {pad, pad},
                             .bias = true};
    x = ath__nn_act(nn, ath__nn_conv2d(nn, x, name, &conv), (ath_act)o->activation);
    if (index > 2) return x;
    snprintf(name, sizeof name, "pool%d", index);
    return ath__nn_pool(nn, x, name, &(struct ath__pool){.kind = (ath_pool)o->pooling, .kernel = {2, 2}});
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct lenet_options *o = values;
    for (int i = 1; i <= o->depth; i++) x = stage(nn, x, o, i);
    x = ath_flatten(nn->graph, x);
    if (o->depth == 1) return ath__nn_linear(nn, x, "fc1", classes, true);
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "fc1", scaled(o, 120), true), (ath_act)o->activation);
    x = ath__nn_act(nn, ath__nn_linear(nn, x, "fc2", scaled(o, 84), true), (ath_act)o->activation);
    return ath__nn_linear(nn, x, "fc3", classes, true);
}

static const struct ath__zoo_variant variants[] = {
    {"lenet5", "LeNet-5: sigmoid, average pooling", NULL, 1, 28, 28, 10},
    {"lenet5-k3", "LeNet-5 with 3x3 kernels", "kernel=3", 1, 28, 28, 10},
    {"lenet5-half", "LeNet-5 with half the filters and units", "width=0.5", 1, 28, 28, 10},
    {"lenet5-relu", "LeNet-5 with ReLU", "activation=relu", 1, 28, 28, 10},
    {"lenet5-shallow", "one convolution of 16 filters, then the classifier", "depth=1", 1, 28, 28, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_lenet = {
    .name = "lenet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct lenet_options),
    .build = build,
};
