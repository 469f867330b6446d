/* Grad-CAM (Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017):
 *
 *     a_k  = mean over i,j of d logit_c / d A_kij       how much feature map k speaks for class c
 *     map  = relu(sum_k a_k A_kij)                       where it does
 *
 * A is a feature map (N,K,P,Q) of the network in evaluation form. The gradient is the graph's own: the logits are
 * differentiated with respect to A, seeded with 1 at each image's class, and everything up to the map is one program
 * beside the network's others, over the same parameters. A first run with seeds of zero gives the logits where the class
 * is to be the predicted one.
 */
#include "train/analyze/cam.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "device/choose.h"
#include "graph/grad.h"
#include "graph/op.h"

#include <string.h>

enum { MOST_LAYERS = 512, LAYER_NAME = 64 };

/* Whether a node makes a feature map: (N,C,H,W) of more than one place, and no mere summary of another one. */
static bool is_feature_map(const ath_graph *graph, const struct ath__node *node) {
    if (node->outs < 1 || node->out[0] == ATH_NONE || node->rate != ATH_RATE_BATCH) return false;
    if (node->op == &ath__op_pool2d || node->op == &ath__op_adaptive_pool || node->op == &ath__op_reduce) return false;
    ath_shape shape = ath_value_shape(graph, node->out[0]);
    return shape.rank == 4 && shape.dims[2] * shape.dims[3] > 1;
}

/* Scopes end in a dot: "features.14." lies in the layers "features" and "features.14". */
static bool lies_in(const char *scope, const char *layer) {
    size_t length = strlen(layer);
    return strncmp(scope, layer, length) == 0 && (length == 0 || scope[length] == '.');
}

/* The last feature map of the layer, with an activation right behind it counted to it; ATH_NONE if there is none. */
static ath_value find_map(const ath_graph *graph, int nodes, const char *layer) {
    ath_value map = ATH_NONE;
    for (int i = 0; i < nodes; i++) {
        const struct ath__node *node = &graph->nodes[i];
        bool                    continues = node->op == &ath__op_act && node->in[0] == map;
        if (is_feature_map(graph, node) && (continues || lies_in(node->scope, layer))) map = node->out[0];
    }
    return map;
}

/* "features." -> "features", cut to the room that there is. */
static void name_of_scope(const char *scope, char *name, size_t capacity) {
    size_t length = strlen(scope);
    ath__str_copy(name, length > 0 && length < capacity ? length : capacity, scope);
}

/* Says so, with the name nearest to the one asked for. */
static void fail_without_map(ath_graph *graph, int nodes, const char *layer) {
    char        text[MOST_LAYERS][LAYER_NAME];
    const char *names[MOST_LAYERS];
    size_t      count = 0;
    if (!*layer) {
        ath_graph_fail(graph, ATH_USAGE, "this network has no feature map of more than one place to look at");
        return;
    }
    for (int i = 0; i < nodes && count < MOST_LAYERS; i++) {
        const struct ath__node *node = &graph->nodes[i];
        size_t                  length = strlen(node->scope);
        if (!is_feature_map(graph, node) || length == 0 || length > LAYER_NAME) continue;
        name_of_scope(node->scope, text[count], sizeof text[count]);
        if (count > 0 && strcmp(text[count], text[count - 1]) == 0) continue;
        names[count] = text[count];
        count++;
    }
    const char *near = ath__str_closest(layer, names, count);
    if (near)
        ath_graph_fail(graph, ATH_USAGE, "no feature map lies in a layer called '%s'; did you mean '%s'?", layer, near);
    else
        ath_graph_fail(graph, ATH_USAGE,
                       "no feature map lies in a layer called '%s'; 'athanor profile' lists the layers", layer);
}

/* images, seeds -> logits, map. */
static void build(void *context, ath_graph *graph, int64_t batch) {
    struct ath__cam *cam = context;
    int              channels, height, width;
    ath_error        err = {.code = ATH_OK};
    ath_model_input(cam->network->model, &channels, &height, &width);
    ath_value x = ath_input(graph, "images", ATH_F32, ath_shape_of(batch, channels, height, width));
    ath_value seeds = ath_input(graph, "seeds", ATH_F32, ath_shape_of(batch, cam->classes));
    ath_value logits = ath_model_build(cam->network->model, graph, x, false, ATH_NONE);
    if (logits == ATH_NONE) return;
    int       nodes = graph->node_count;
    ath_value map = find_map(graph, nodes, cam->wanted), slope;
    if (map == ATH_NONE) {
        fail_without_map(graph, nodes, cam->wanted);
        return;
    }
    if (ath__grad_build(graph, &logits, &seeds, 1, &map, 1, &slope, &err) != ATH_OK) {
        ath_graph_fail(graph, err.code, "%s", err.message);
        return;
    }
    if (slope == ATH_NONE) {
        ath_graph_fail(graph, ATH_USAGE, "the feature map of '%s' has no influence on the logits", cam->wanted);
        return;
    }
    ath_shape shape = ath_value_shape(graph, map);
    cam->channels = shape.dims[1];
    cam->height = shape.dims[2];
    cam->width = shape.dims[3];
    ath__str_copy(cam->layer, sizeof cam->layer, cam->wanted);
    if (!*cam->layer) name_of_scope(graph->nodes[graph->values[map].node].scope, cam->layer, sizeof cam->layer);
    ath_value share = ath_reduce_op(graph, slope, ATH_REDUCE_MEAN, 1u << 2 | 1u << 3, true);
    ath_value sum = ath_reduce_op(graph, ath_mul(graph, map, share), ATH_REDUCE_SUM, 1u << 1, false);
    ath_output(graph, logits, "logits");
    ath_output(graph, ath_relu(graph, sum), "map");
}

ath_status ath__cam_open(struct ath__cam *cam, struct ath__network *network, const char *layer, int64_t batch,
                         ath_error *err) {
    *cam = (struct ath__cam){
        .network = network, .wanted = layer ? layer : "", .batch = batch, .classes = ath_model_classes(network->model)};
    /* The rewrites of inference would move scales into weights that the gradient reads as well. */
    struct ath__program_settings settings = {
        .build = build,
        .build_context = cam,
        .store = network->store,
        .options = {.device = ath__device_cpu(), .training = true, .layout = network->settings.layout}};
    struct ath__plan *plan;
    cam->seeds = ath__alloc_array((size_t)batch * (size_t)cam->classes, sizeof(float));
    if (!cam->seeds) return ath__fail_memory(err, "class activation maps");
    ATH_TRY(ath__program_create(&settings, &cam->program, err));
    return ath__program_plan(cam->program, batch, false, &plan, err);
}

void ath__cam_close(struct ath__cam *cam) {
    ath__program_destroy(cam->program);
    ath__free(cam->seeds);
    *cam = (struct ath__cam){0};
}

static ath_status run(struct ath__cam *cam, const float *images, struct ath__plan *plan, ath_error *err) {
    ATH_TRY(ath__plan_input(plan, "images", images, err));
    ATH_TRY(ath__plan_input(plan, "seeds", cam->seeds, err));
    ATH_TRY(ath__plan_refresh(plan, cam->network->version, err));
    return ath__plan_run(plan, ATH_PHASE_BODY, 0, err);
}

static int largest(const float *logits, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (logits[c] > logits[best]) best = c;
    return best;
}

ath_status ath__cam_run(struct ath__cam *cam, const float *images, int64_t count, int *chosen, const float **logits,
                        const float **maps, ath_error *err) {
    struct ath__plan *plan;
    bool              open = false;
    size_t            classes = (size_t)cam->classes;
    ATH_TRY(ath__program_plan(cam->program, count, false, &plan, err));
    memset(cam->seeds, 0, (size_t)count * classes * sizeof(float));
    for (int64_t i = 0; i < count; i++) open |= chosen[i] < 0;
    if (open) {
        ATH_TRY(run(cam, images, plan, err));
        const float *found = ath__plan_output(plan, "logits", NULL);
        for (int64_t i = 0; i < count; i++)
            if (chosen[i] < 0) chosen[i] = largest(found + (size_t)i * classes, cam->classes);
    }
    for (int64_t i = 0; i < count; i++) cam->seeds[(size_t)i * classes + (size_t)chosen[i]] = 1.0f;
    ATH_TRY(run(cam, images, plan, err));
    *logits = ath__plan_output(plan, "logits", NULL);
    *maps = ath__plan_output(plan, "map", NULL);
    return ATH_OK;
}
