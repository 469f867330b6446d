/* Counting dead units by a forward pass that keeps every rectifier's result. */
#include "train/dead_units.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 256, MAX_IMAGES = 64 };

struct layer {
    char    name[64];
    int64_t units, dead;
};

/* Names every rectifier's result "unit:<number>" and keeps it. */
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

static void count_layers(const struct ath__plan *plan, struct layer *layers, int count) {
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

/* Runs the samples with all activations kept. */
static ath_status measure(struct ath__network *network, const struct ath__samples *samples, struct layer *layers,
                          int *count, ath_error *err) {
    int        channels, height, width;
    int64_t    images = samples->count < MAX_IMAGES ? samples->count : MAX_IMAGES;
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "dead units");
    ath_model_input(network->model, &channels, &height, &width);
    ath_value x = ath_input(graph, "images", ATH_F32, ath_shape_of(images, channels, height, width));
    ath_output(graph, ath_model_build(network->model, graph, x, false, ATH_NONE), "logits");
    *count = keep_activations(graph, layers);
    if (*count == 0) {
        ath_graph_destroy(graph);
        return ATH_OK;
    }
    struct ath__plan           *plan = NULL;
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .no_fuse = true, .bind = ath__store_bind, .context = network->store};
    ATH_TRY(ath__plan_compile(graph, &options, &plan, err));
    ath_status status = ath__plan_input(plan, "images", samples->images, err);
    if (status == ATH_OK) status = ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, err);
    if (status == ATH_OK) status = ath__plan_run(plan, ATH_PHASE_BODY, 0, err);
    if (status == ATH_OK) count_layers(plan, layers, *count);
    ath__plan_destroy(plan);
    return status;
}

/* Dead in the first such layer, everything behind it is starved: that layer is the one to name. */
static const struct layer *worst_layer(const struct layer *layers, int count) {
    const struct layer *worst = NULL;
    for (int l = 0; l < count; l++) {
        if (layers[l].units == 0) continue;
        if (layers[l].dead * 5 >= layers[l].units * 4) return &layers[l];
        if (!worst || layers[l].dead * worst->units > worst->dead * layers[l].units) worst = &layers[l];
    }
    return worst;
}

ath_status ath__dead_units_count(struct ath__network *network, const struct ath__samples *samples,
                                 struct ath__dead_units *dead, ath_error *err) {
    struct layer *layers = ATH_NEW_ARRAY(struct layer, MAX_LAYERS);
    int           count = 0;
    memset(dead, 0, sizeof *dead);
    if (samples->features) return ATH_OK; /* the rectifiers behind features are not told apart */
    if (!layers) return ath__fail_memory(err, "dead units");
    ath_status          status = measure(network, samples, layers, &count, err);
    const struct layer *worst = status == ATH_OK ? worst_layer(layers, count) : NULL;
    for (int l = 0; worst && l < count; l++) {
        dead->units += layers[l].units;
        dead->dead += layers[l].dead;
    }
    if (worst) {
        ath__str_copy(dead->layer, sizeof dead->layer, *worst->name ? worst->name : "the first layer");
        dead->layer_units = worst->units;
        dead->layer_dead = worst->dead;
    }
    ath__free(layers);
    return status;
}
