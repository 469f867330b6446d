/* The small net of the fast CIFAR-10 recipes (Keller Jordan's airbench, 2024; its fast convergence is tysam-code's
 * hlb-CIFAR10):
 *
 *     whiten 2x2 - GELU - three groups - max pool 3 - head
 *     group    conv1 3x3 - max pool 2 - norm1 - GELU - conv2 3x3 - norm2 - GELU
 *     convs=3  ... GELU - conv3 3x3 - norm3 - (+ what conv2 saw) - GELU
 *
 * The whitening convolution has 8 filters per input channel, which are computed from the first 5,000 training images
 * (zoo/whitening.h, eps 5e-4) and never trained; its bias is. Convolutions have no bias and start as the identity on
 * their first channels; batch norms have no scale, eps 1e-12 and a momentum of their own. The head has no bias, and the
 * logits are divided: by 9 (head=sgd), or by its width with a head of deviation 1 (head=muon), which is the start that
 * Muon's step sizes were tuned for.
 *
 * Names as in airbench94_muon: whiten, layers.1 to layers.3, head.
 */
#include "base/error.h"
#include "zoo/whitening.h"

#include <math.h>
#include <stdio.h>

enum { WHITEN_KERNEL = 2, START_IMAGES = 5000, GROUPS = 3 };
enum head { HEAD_SGD, HEAD_MUON };

struct fastnet_options {
    int64_t width; /* row of `widths` */
    int64_t convs;
    int64_t head; /* enum head */
    double  norm_momentum;
};

static const int64_t widths[][GROUPS] = {{64, 256, 256}, {128, 384, 384}, {128, 384, 512}};

static const struct ath__option options[] = {
    ATH_OPT_CHOICE(struct fastnet_options, width, "64-256-256", "64-256-256|128-384-384|128-384-512",
                   "filters of the three groups"),
    ATH_OPT_INT(struct fastnet_options, convs, "2", 2, 3, "convolutions of a group; three make a residual group"),
    ATH_OPT_CHOICE(struct fastnet_options, head, "sgd", "sgd|muon",
                   "start and scale of the logits: / 9, or deviation 1 / the last width"),
    ATH_OPT_REAL(struct fastnet_options, norm_momentum, "0.4", 0.0001, 1,
                 "share of the new batch in the batch norms' statistics"),
    ATH_OPT_END,
};

/* The frozen convolution with its trained bias. */
static ath_value whiten(struct ath__nn *nn, ath_value x, const struct fastnet_options *o) {
    ath_graph *g = nn->graph;
    int64_t    channels = ath__nn_channels(nn, x), patch = channels * WHITEN_KERNEL * WHITEN_KERNEL;
    ath_init   zeros = {.kind = ATH_INIT_ZEROS}, policy = {.kind = ATH_INIT_BIAS, .fan_in = patch};
    ath_scope_push(g, "whiten");
    ath_value weight = ath_param(g, "weight", ath_shape_of(2 * patch, channels, WHITEN_KERNEL, WHITEN_KERNEL),
                                 (ath_init){.kind = ATH_INIT_WEIGHT});
    ath_param_freeze(g, weight);
    ath_value bias = ath_param(g, "bias", ath_shape_of(2 * patch), o->head == HEAD_MUON ? policy : zeros);
    x = ath_conv2d(g, x, weight, bias, NULL);
    ath_scope_pop(g);
    return x;
}

/* Convolution number `index` of a group (from 1), what pools behind it, and its norm. */
static ath_value stage(struct ath__nn *nn, ath_value x, int64_t out, int index) {
    struct ath__conv conv = {.out = out, .kernel = {3, 3}, .pad = {1, 1}};
    char             name[16];
    snprintf(name, sizeof name, "conv%d", index);
    x = ath__nn_conv2d(nn, x, name, &conv);
    if (index == 1) x = ath__nn_pool(nn, x, "pool", &(struct ath__pool){.kind = ATH_POOL_MAX, .kernel = {2, 2}});
    snprintf(name, sizeof name, "norm%d", index);
    return ath__nn_batch_norm_fixed(nn, x, name);
}

static ath_value group(struct ath__nn *nn, ath_value x, const struct fastnet_options *o, int index) {
    int64_t out = widths[o->width][index];
    char    name[16];
    snprintf(name, sizeof name, "%d", index + 1);
    ath_scope_push(nn->graph, name);
    ath_value first = ath__nn_act(nn, stage(nn, x, out, 1), ATH_ACT_GELU);
    x = stage(nn, first, out, 2);
    if (o->convs == 3) x = ath_add(nn->graph, stage(nn, ath__nn_act(nn, x, ATH_ACT_GELU), out, 3), first);
    x = ath__nn_act(nn, x, ATH_ACT_GELU);
    ath_scope_pop(nn->graph);
    return x;
}

static ath_value build(struct ath__nn *nn, ath_value x, const void *values, int classes) {
    const struct fastnet_options *o = values;
    struct ath__pool              pool = {.kind = ATH_POOL_MAX, .kernel = {3, 3}};
    struct ath__nn                local = *nn;
    bool                          muon = o->head == HEAD_MUON;
    local.bn_eps = 1e-12;
    local.bn_momentum = o->norm_momentum;
    local.weight_init.kind = ATH_INIT_DIRAC;
    x = ath__nn_act(&local, whiten(&local, x, o), ATH_ACT_GELU);
    ath_scope_push(nn->graph, "layers");
    for (int i = 0; i < GROUPS; i++) x = group(&local, x, o, i);
    x = ath_flatten(nn->graph, ath__nn_pool(&local, x, "4", &pool));
    ath_scope_pop(nn->graph);
    local.weight_init =
        muon ? (ath_init){.kind = ATH_INIT_UNIFORM, .value = sqrt(3.0), .from = ATH_NONE} : nn->weight_init;
    double features = (double)ath__nn_channels(nn, x);
    x = ath__nn_linear(&local, x, "head", classes, false);
    return ath_scale(nn->graph, x, muon ? 1.0 / (features > 0 ? features : 1.0) : 1.0 / 9.0, 0.0);
}

static ath_status start(const void *values, const struct ath__zoo_images *images, struct ath__store *store,
                        ath_error *err) {
    (void)values;
    struct ath__entry *weight = ath__store_find(store, "whiten.weight");
    if (!weight) return ath__fail(err, ATH_FAILED, "fastnet", "the net has no 'whiten.weight'");
    return ath__whitening_filters(images, WHITEN_KERNEL, 5e-4, weight->data, err);
}

static const struct ath__zoo_variant variants[] = {
    {"fastnet94", "the small fast net for 32x32 images, for 94% on CIFAR-10", NULL, 3, 32, 32, 10},
    {"fastnet95", "the same, wider, for 95%", "width=128-384-384", 3, 32, 32, 10},
    {"fastnet96", "wider, with residual groups, for 96%", "width=128-384-512 convs=3 norm_momentum=0.1", 3, 32, 32, 10},
    {0},
};

const struct ath__zoo_family ath__zoo_fastnet = {
    .name = "fastnet",
    .variants = variants,
    .options = options,
    .options_size = sizeof(struct fastnet_options),
    .build = build,
    .start = start,
    .start_images = START_IMAGES,
};
