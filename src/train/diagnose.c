/* Why a run stands at chance: one class for everything, a loss of ln K, dead units.
 *
 * A unit (channel of a convolution, output of a linear layer) is dead when its activation is zero for every image of a
 * batch: no gradient passes through it, so no step can revive it. The unfused evaluation graph is run once with all
 * activations kept.
 */
#include "train/diagnose.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 256 };
#define STUCK 0.02 /* a loss this close to that of guessing, as a share of it, has not moved */

struct layer {
    char    name[64];
    int64_t units, dead;
};

/* Names every rectifier's result "unit:<scope>" and keeps it. */
static int keep_activations(ath_graph *graph, struct layer *layers) {
    int count = 0;
    for (int n = 0; n < graph->node_count && count < MAX_LAYERS; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->op != &ath__op_act) continue;
        int64_t kind = ((const ath_act_attrs *)node->attrs)->kind;
        if (kind != ATH_ACT_RELU && kind != ATH_ACT_RELU6) continue;
        char      name[80];
        ath_value out = node->out[0];
        int       source = graph->values[node->in[0]].node;
        snprintf(name, sizeof name, "unit:%d", count);
        ath__str_copy(layers[count].name, sizeof layers[count].name,
                      source >= 0 ? graph->nodes[source].scope : node->scope);
        size_t length = strlen(layers[count].name);
        if (length > 0 && layers[count].name[length - 1] == '.') layers[count].name[length - 1] = '\0';
        graph->values[out].name = NULL;
        ath_value_name(graph, out, name);
        ath_output(graph, out, name);
        count++;
    }
    return count;
}

static void count_dead(const struct ath__plan *plan, struct layer *layers, int count) {
    for (int l = 0; l < count; l++) {
        char             name[80];
        struct ath__desc desc;
        snprintf(name, sizeof name, "unit:%d", l);
        const float *data = ath__plan_output(plan, name, &desc);
        if (!data || desc.shape.rank < 2) continue;
        int64_t images = desc.shape.dims[0], units = desc.shape.dims[1];
        int64_t inner = ath_shape_count(&desc.shape) / (images * units);
        layers[l].units = units;
        for (int64_t u = 0; u < units; u++) {
            bool alive = false;
            for (int64_t i = 0; i < images && !alive; i++)
                for (int64_t k = 0; k < inner && !alive; k++) alive = data[(i * units + u) * inner + k] != 0.0f;
            layers[l].dead += !alive;
        }
    }
}

/* Runs one batch with all activations kept. */
static ath_status measure(struct ath__network *network, const struct ath__batch *batch, struct layer *layers,
                          int *count, ath_error *err) {
    int        channels, height, width;
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "diagnosis");
    ath_model_input(network->model, &channels, &height, &width);
    ath_value x = ath_input(graph, "images", ATH_F32, ath_shape_of(batch->count, channels, height, width));
    ath_output(graph, ath_model_build(network->model, graph, x, false, ATH_NONE), "logits");
    *count = keep_activations(graph, layers);
    struct ath__plan           *plan = NULL;
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .no_fuse = true, .bind = ath__store_bind, .context = network->store};
    ATH_TRY(ath__plan_compile(graph, &options, &plan, err));
    ath_status status = ath__plan_input(plan, "images", batch->images, err);
    if (status == ATH_OK) status = ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, err);
    if (status == ATH_OK) status = ath__plan_run(plan, ATH_PHASE_BODY, 0, err);
    if (status == ATH_OK) count_dead(plan, layers, *count);
    ath__plan_destroy(plan);
    return status;
}

/* The class that takes all predictions, or -1. */
static int only_class(const struct ath__metrics *metrics) {
    for (int c = 0; c < metrics->classes; c++) {
        int64_t predicted = 0;
        for (int t = 0; t < metrics->classes; t++)
            predicted += metrics->confusion[(size_t)t * (size_t)metrics->classes + (size_t)c];
        if (predicted == metrics->images) return c;
    }
    return -1;
}

/* A loss that guessing brings to ln K: training's where that is cross-entropy, else validation's, which always is. */
struct judged {
    const char *name;
    double      value;
};

static struct judged judge(const struct ath__network *network, const ath_epoch *epoch) {
    const struct ath__loss *loss = network->settings.loss;
    if (!loss || loss == &ath__loss_cross_entropy) return (struct judged){"training", epoch->train_loss};
    return (struct judged){"validation", epoch->val_loss};
}

static void say(const ath_epoch *epoch, const struct judged *loss, int classes, int one, const struct layer *worst,
                const ath_hooks *hooks) {
    char   about[160] = "", stands[96];
    double chance = log(classes);
    if (one >= 0) snprintf(about, sizeof about, ", and every validation image is given class %d", one);
    if (fabs(loss->value - chance) < STUCK * chance)
        snprintf(stands, sizeof stands, "stands at ln %d = %.3f (%.3f)", classes, chance, loss->value);
    else
        snprintf(stands, sizeof stands, "is %.4g (guessing gives ln %d = %.3f)", loss->value, classes, chance);
    if (worst)
        ath__remark(
            hooks, "NO-LEARN", true,
            "the %s loss %s%s: nothing is being learnt. %lld of %lld units of %s are "
            "dead (zero for every image), and no step can revive them: the rate was too high for this activation. "
            "Start again with lr=%g, or with another init",
            loss->name, stands, about, (long long)worst->dead, (long long)worst->units,
            *worst->name ? worst->name : "the first layer", epoch->lr / 6.0);
    else
        ath__remark(hooks, "NO-LEARN", epoch->epoch > 2,
                    "the %s loss %s%s: nothing is learnt yet. Saturating activations need some "
                    "epochs to leave this plateau; if it lasts, raise or lower lr tenfold, or use batch normalisation",
                    loss->name, stands, about);
}

ath_status ath__diagnose_epoch(struct ath__network *network, struct ath__loader *loader,
                               const struct ath__position *position, const struct ath__metrics *validation,
                               const ath_hooks *hooks, ath_error *err) {
    const ath_epoch *epoch = &position->epochs[position->epoch_count - 1];
    int              classes = validation->classes;
    int64_t          number = position->epoch_count;
    int              one = validation->confusion && validation->images > 0 ? only_class(validation) : -1;
    struct judged    loss = judge(network, epoch);
    bool             stuck = classes > 1 && fabs(loss.value - log(classes)) < STUCK * log(classes);
    bool             due = (number & (number - 1)) == 0; /* after 1, 2, 4, 8 ... epochs, not at every one */
    if (!due || (!stuck && one < 0)) return ATH_OK;
    struct layer       *layers = ATH_NEW_ARRAY(struct layer, MAX_LAYERS);
    const struct layer *worst = NULL;
    struct ath__batch   batch;
    int                 count = 0;
    ath_status          status = layers ? ATH_OK : ath__fail_memory(err, "diagnosis");
    if (status == ATH_OK) status = ath__loader_start(loader, 0, 0, err);
    if (status == ATH_OK) status = ath__loader_next(loader, &batch, err);
    if (status == ATH_OK) status = measure(network, &batch, layers, &count, err);
    for (int l = count - 1; l >= 0 && status == ATH_OK; l--)
        if (layers[l].dead * 10 >= layers[l].units * 8) worst = &layers[l];
    if (status == ATH_OK) say(epoch, &loss, classes, one, worst, hooks);
    ath__free(layers);
    return status;
}
