/* Building, starting and stepping a network. */
#include "train/network.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/grad.h"
#include "graph/op.h"
#include "nn/init.h"
#include "train/average.h"
#include "train/forward.h"
#include "train/head.h"
#include "train/lookahead.h"
#include "train/update.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is done with the gradients: ath__update_build, or the first half of a step of SAM. */
typedef void update_fn(struct ath__network *network, ath_graph *graph, const ath_value *grads, const int *first);

/* Gradients of all trained parameters, then their update. */
static void build_backward(struct ath__network *network, ath_graph *graph, ath_value losses, int64_t batch,
                           update_fn *update) {
    struct ath__store *store = network->store;
    ath_value          scale = ath_step_input(graph, "loss_scale", ATH_F32, (ath_shape){.rank = 0});
    ath_value          seed = ath_expand(graph, scale, ath_shape_of(batch));
    ath_value         *wrt = ATH_NEW_ARRAY(ath_value, store->count + 1);
    ath_value         *grads = ATH_NEW_ARRAY(ath_value, store->count + 1);
    int                first[ATH_STORE_MAX_GROUPS + 1] = {0}, count = 0;
    ath_error          err = {.code = ATH_OK};
    if (!wrt || !grads) {
        ath_graph_fail(graph, ATH_MEMORY, "out of memory");
        goto done;
    }
    for (int g = 0; g < store->groups; g++) {
        first[g] = count;
        count += ath__store_group_values(store, g, graph, wrt + count);
        first[g + 1] = count;
    }
    if (ath__grad_build(graph, &losses, &seed, 1, wrt, count, grads, &err) != ATH_OK) {
        ath_graph_fail(graph, err.code, "%s", err.message);
        goto done;
    }
    for (int i = 0; i < count; i++)
        if (grads[i] == ATH_NONE)
            ath_graph_fail(graph, ATH_USAGE, "the parameter '%s' has no influence on the loss",
                           graph->values[wrt[i]].name);
    if (ath_graph_status(graph, NULL) == ATH_OK) update(network, graph, grads, first);
done:
    ath__free(wrt);
    ath__free(grads);
}

static void build_step(struct ath__network *network, ath_graph *graph, int64_t batch, update_fn *update) {
    bool      soft = network->settings.soft_targets;
    ath_value labels =
        soft ? ath_input(graph, "targets", ATH_F32, ath_shape_of(batch, ath_model_classes(network->model)))
             : ath_input(graph, "labels", ATH_I32, ath_shape_of(batch));
    ath_value rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_value logits = ath__forward_training(network, graph, batch, rng);
    if (logits == ATH_NONE) return;
    ath_value losses = ath__loss_build(graph, network->settings.loss, &network->settings.loss_settings, logits, labels);
    ath_output(graph, logits, "logits");
    ath_output(graph, losses, "losses");
    build_backward(network, graph, losses, batch, update);
}

static void build_train(void *context, ath_graph *graph, int64_t batch) {
    build_step(context, graph, batch, ath__update_build);
}

static void build_ascent(void *context, ath_graph *graph, int64_t batch) {
    build_step(context, graph, batch, ath__update_build_ascent);
}

static ath_status note_head(struct ath__network *network, const ath_graph *graph, const bool *is_head, ath_error *err) {
    const struct ath__store *store = network->store;
    network->is_head = ATH_NEW_ARRAY(bool, store->count + 1);
    if (!network->is_head) return ath__fail_memory(err, "network");
    for (int i = 0; i < store->count; i++) {
        ath_value value = ath__graph_find(graph, store->entries[i].name);
        network->is_head[i] = value != ATH_NONE && is_head[value];
    }
    return ATH_OK;
}

/* Parameters and states of the model, then what the update keeps. */
static ath_status create_store(struct ath__network *network, ath_error *err) {
    const struct ath__network_settings *settings = &network->settings;
    ath_graph                          *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "network");
    ath_value  rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_value  logits = ath_model_build(network->model, graph, ath__forward_images(network, graph, 2), true, rng);
    bool      *is_head = ATH_NEW_ARRAY(bool, graph->value_count + 1);
    ath_status status = is_head ? ath_graph_status(graph, err) : ath__fail_memory(err, "network");
    if (status == ATH_OK) status = ath__head_mark(graph, logits, is_head, err);
    network->groups = (struct ath__groups){
        .rules = settings->rules,
        .rule_count = settings->rule_count,
        .decay_exclude = settings->decay_exclude,
        .freeze = settings->freeze,
        .graph = graph,
        .is_head = is_head,
        .main = {.name = "main", .optimizer = settings->optimizer, .optim = settings->optim, .lr = 1.0}};
    if (status == ATH_OK) status = ath__store_create(graph, ath__groups_assign, &network->groups, &network->store, err);
    if (status == ATH_OK) status = note_head(network, graph, is_head, err);
    ath_graph_destroy(graph);
    ath__free(is_head);
    if (status == ATH_OK) status = ath__groups_check(&network->groups, err);
    network->groups.graph = NULL;
    network->groups.is_head = NULL;
    network->groups.rules = NULL;
    network->groups.freeze = NULL;
    network->settings.rules = NULL;
    return status == ATH_OK && settings->optimizer ? ath__update_add_states(network, err) : status;
}

/* The shape of an image's features. */
static ath_status measure_cut(struct ath__network *network, ath_error *err) {
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "network");
    ath__forward_backbone(network, graph, 2);
    ath_status status = ath_graph_status(graph, err);
    ath_value  cut = status == ATH_OK ? ath__graph_find(graph, "features") : ATH_NONE;
    if (cut != ATH_NONE) network->features = ath_value_shape(graph, cut);
    network->features.dims[0] = 1;
    ath_graph_destroy(graph);
    return status;
}

void ath__network_destroy(struct ath__network *network) {
    if (!network) return;
    ath__program_destroy(network->train);
    ath__program_destroy(network->ascent);
    ath__program_destroy(network->eval);
    ath__program_destroy(network->backbone);
    ath__program_destroy(network->head);
    ath__program_destroy(network->statistics);
    ath__store_destroy(network->store);
    ath__free(network->is_head);
    ath__free(network->targets);
    ath__free(network->class_weights);
    ath__free(network);
}

ath_status ath__network_create(const ath_model *model, const struct ath__network_settings *settings,
                               struct ath__network **network, ath_error *err) {
    struct ath__network *made = ATH_NEW(struct ath__network);
    if (!made) return ath__fail_memory(err, "network");
    made->model = model;
    made->settings = *settings;
    made->version = 1;
    made->grad_norm = NAN;
    struct ath__program_settings program = {
        .build_context = made,
        .options = {
            .device = ath__device_cpu(), .bf16 = settings->bf16, .layout = settings->layout, .only = settings->only}};
    ath_status status = create_store(made, err);
    program.store = made->store;
    program.build = ath__forward_whole;
    if (status == ATH_OK) status = ath__program_create(&program, &made->eval, err);
    program.build = ath__forward_backbone;
    if (status == ATH_OK && settings->features) status = ath__program_create(&program, &made->backbone, err);
    program.build = ath__forward_head;
    if (status == ATH_OK && settings->features) status = ath__program_create(&program, &made->head, err);
    program.build = build_train;
    program.options.training = true;
    if (status == ATH_OK && settings->optimizer) status = ath__program_create(&program, &made->train, err);
    program.build = build_ascent;
    if (status == ATH_OK && settings->optimizer && settings->sam > 0.0)
        status = ath__program_create(&program, &made->ascent, err);
    if (status == ATH_OK && settings->features) status = measure_cut(made, err);
    if (status != ATH_OK) {
        ath__network_destroy(made);
        return status;
    }
    *network = made;
    return ATH_OK;
}

ath_status ath__network_weigh_classes(struct ath__network *network, const float *weights, ath_error *err) {
    size_t classes = (size_t)ath_model_classes(network->model);
    ath__free(network->class_weights);
    network->class_weights = ATH_NEW_ARRAY(float, classes);
    network->settings.loss_settings.weights = network->class_weights;
    if (!network->class_weights) return ath__fail_memory(err, "class weights");
    memcpy(network->class_weights, weights, classes * sizeof(float));
    return ATH_OK;
}

/* Parameters that start as the value of a node: the node runs once, on the kernels that will run in training, so that
 * for instance v * (g / |v|) is exactly v at the start. */
static ath_status start_from_values(struct ath__network *network, ath_error *err) {
    ath_graph *graph = ath_graph_create();
    int        wanted = 0;
    if (!graph) return ath__fail_memory(err, "network");
    ath_value x = ath__forward_images(network, graph, 2);
    ath_value rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_model_build(network->model, graph, x, true, rng);
    for (int v = 0; v < graph->value_count; v++) graph->values[v].stored_in = ATH_NONE;
    int count = graph->value_count;
    for (int v = 0; v < count && ath_graph_status(graph, NULL) == ATH_OK; v++) {
        if (graph->values[v].leaf != ATH_LEAF_PARAM || graph->values[v].init.kind != ATH_INIT_FROM) continue;
        char name[320];
        snprintf(name, sizeof name, "start:%s", graph->values[v].name);
        ath_output(graph, ath_reshape(graph, graph->values[v].init.from, graph->values[v].desc.shape), name);
        wanted++;
    }
    struct ath__plan           *plan = NULL;
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .training = true, .bind = ath__store_bind, .context = network->store};
    if (wanted == 0) {
        ath_graph_destroy(graph);
        return ATH_OK;
    }
    ATH_TRY(ath__plan_compile(graph, &options, &plan, err));
    ath_status status = ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, err);
    for (int i = 0; i < network->store->count && status == ATH_OK; i++) {
        struct ath__entry *entry = &network->store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM || entry->init.kind != ATH_INIT_FROM) continue;
        char name[320];
        snprintf(name, sizeof name, "start:%s", entry->name);
        const float *value = ath__plan_output(plan, name, NULL);
        if (value)
            memcpy(entry->data, value, (size_t)ath_shape_count(&entry->shape) * sizeof(float));
        else
            status = ath__fail(err, ATH_FAILED, entry->name, "'%s' has no starting value", entry->name);
    }
    ath__plan_destroy(plan);
    return status;
}

/* Copies of the parameters that start where these stand. */
void ath__network_begin(struct ath__network *network) {
    if (network->settings.lookahead_steps > 0) ath__update_start(network);
    ath__lookahead_start_statistics(network);
    if (network->settings.ema > 0.0) ath__average_start(network);
}

ath_status ath__network_start(struct ath__network *network, const char *policy_name, uint64_t seed, ath_error *err) {
    enum ath__init_policy policy;
    ATH_TRY(ath__init_policy_find(policy_name, &policy, err));
    uint32_t index = 0;
    for (int i = 0; i < network->store->count; i++) {
        struct ath__entry *entry = &network->store->entries[i];
        if (entry->init.kind == ATH_INIT_FROM) continue;
        ATH_TRY(ath__init_fill(policy, &entry->init, &entry->shape, seed, index++, entry->data, err));
    }
    ath__network_changed(network);
    ATH_TRY(start_from_values(network, err));
    ath__network_begin(network);
    return ATH_OK;
}

void ath__network_trace(struct ath__network *network,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context) {
    ath__program_trace(network->eval, trace, context);
    if (network->train) ath__program_trace(network->train, trace, context);
}

size_t ath__network_planned(const struct ath__network *network) {
    size_t eval = ath__program_peak(network->eval), train = network->train ? ath__program_peak(network->train) : 0;
    if (network->ascent) train += ath__program_peak(network->ascent);
    return eval > train ? eval : train;
}
