/* Building, starting and stepping a network. */
#include "train/network.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/grad.h"
#include "graph/op.h"
#include "nn/init.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = ATH_OPTIM_MAX_SLOTS };

bool ath__name_matches(const char *pattern, const char *name) {
    while (pattern && *pattern) {
        char   one[256];
        size_t length = strcspn(pattern, ",");
        if (length < sizeof one) {
            memcpy(one, pattern, length);
            one[length] = '\0';
            if (fnmatch(one, name, 0) == 0) return true;
        }
        pattern += length + (pattern[length] == ',');
    }
    return false;
}

/* Parameters of group 0 are trained; what matches `freeze` is not. */
static int group_of(void *context, const char *name, const ath_shape *shape) {
    (void)shape;
    const struct ath__network *network = context;
    return ath__name_matches(network->settings.freeze, name) ? ATH_STORE_FROZEN : 0;
}

static ath_value images_input(const struct ath__network *network, ath_graph *graph, int64_t batch) {
    int channels, height, width;
    ath_model_input(network->model, &channels, &height, &width);
    return ath_input(graph, "images", ATH_F32, ath_shape_of(batch, channels, height, width));
}

static void build_eval(void *context, ath_graph *graph, int64_t batch) {
    struct ath__network *network = context;
    ath_value            x = images_input(network, graph, batch);
    ath_output(graph, ath_model_build(network->model, graph, x, false, ATH_NONE), "logits");
}

static void slot_name(char *name, size_t capacity, int slot, int group) {
    snprintf(name, capacity, "optimizer.slot%d.group%d", slot, group);
}

const char *ath__network_gradient_name(char name[32], int group) {
    snprintf(name, 32, "gradient.group%d", group);
    return name;
}

/* Appends the optimiser's step for one group. The gradient is an output, for those who watch it. */
static void build_update(struct ath__network *network, ath_graph *graph, int group, const ath_value *grads, int count,
                         ath_value lr) {
    struct ath__store     *store = network->store;
    int64_t                total = (int64_t)store->group_count[group];
    struct ath__optim_step step = {.lr = lr, .params = ath__graph_flat(graph, group, total)};
    int                    slots = network->settings.optimizer->slots(&network->settings.optim);
    ath_init               zero = {.kind = ATH_INIT_ZEROS, .from = ATH_NONE};
    for (int s = 0; s < slots; s++) {
        char name[64];
        slot_name(name, sizeof name, s, group);
        step.slot[s] = ath_state(graph, name, ath_shape_of(total), zero);
    }
    step.grad = ath__graph_apply(graph, &ath__op_pack, NULL, grads, count);
    char gradient[32];
    ath_output(graph, step.grad, ath__network_gradient_name(gradient, group));
    network->settings.optimizer->build(graph, &network->settings.optim, &step);
}

/* Gradients of all trained parameters, then one update per group. */
static void build_backward(struct ath__network *network, ath_graph *graph, ath_value losses, int64_t batch) {
    struct ath__store *store = network->store;
    ath_value          lr = ath_step_input(graph, "lr", ATH_F32, (ath_shape){.rank = 0});
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
    for (int g = 0; g < store->groups && ath_graph_status(graph, NULL) == ATH_OK; g++)
        if (first[g + 1] > first[g]) build_update(network, graph, g, grads + first[g], first[g + 1] - first[g], lr);
done:
    ath__free(wrt);
    ath__free(grads);
}

static void build_train(void *context, ath_graph *graph, int64_t batch) {
    struct ath__network *network = context;
    ath_value            x = images_input(network, graph, batch);
    ath_value            labels = ath_input(graph, "labels", ATH_I32, ath_shape_of(batch));
    ath_value            rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_value            logits = ath_model_build(network->model, graph, x, true, rng);
    ath_value            losses = ath_cross_entropy(graph, logits, labels, network->settings.label_smoothing);
    ath_output(graph, logits, "logits");
    ath_output(graph, losses, "losses");
    build_backward(network, graph, losses, batch);
}

/* Parameters and states of the model, then the optimiser's states. */
static ath_status create_store(struct ath__network *network, ath_error *err) {
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "network");
    ath_value x = images_input(network, graph, 2);
    ath_value rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_model_build(network->model, graph, x, true, rng);
    ath_status status = ath__store_create(graph, group_of, network, &network->store, err);
    ath_graph_destroy(graph);
    if (status != ATH_OK || !network->settings.optimizer) return status;
    int slots = network->settings.optimizer->slots(&network->settings.optim);
    for (int g = 0; g < network->store->groups; g++) {
        for (int s = 0; s < slots; s++) {
            char name[64];
            slot_name(name, sizeof name, s, g);
            ath_shape shape = ath_shape_of((int64_t)network->store->group_count[g]);
            if (shape.dims[0] > 0) ATH_TRY(ath__store_add_state(network->store, name, &shape, err));
        }
    }
    return ATH_OK;
}

void ath__network_destroy(struct ath__network *network) {
    if (!network) return;
    ath__program_destroy(network->train);
    ath__program_destroy(network->eval);
    ath__store_destroy(network->store);
    ath__free(network);
}

ath_status ath__network_create(const ath_model *model, const struct ath__network_settings *settings,
                               struct ath__network **network, ath_error *err) {
    struct ath__network *made = ATH_NEW(struct ath__network);
    if (!made) return ath__fail_memory(err, "network");
    made->model = model;
    made->settings = *settings;
    made->version = 1;
    struct ath__program_settings program = {
        .build_context = made,
        .options = {
            .device = ath__device_cpu(), .bf16 = settings->bf16, .layout = settings->layout, .only = settings->only}};
    ath_status status = create_store(made, err);
    program.store = made->store;
    program.build = build_eval;
    if (status == ATH_OK) status = ath__program_create(&program, &made->eval, err);
    program.build = build_train;
    program.options.training = true;
    if (status == ATH_OK && settings->optimizer) status = ath__program_create(&program, &made->train, err);
    if (status != ATH_OK) {
        ath__network_destroy(made);
        return status;
    }
    *network = made;
    return ATH_OK;
}

/* Parameters that start as the value of a node: the node runs once, on the kernels that will run in training, so that
 * for instance v * (g / |v|) is exactly v at the start. */
static ath_status start_from_values(struct ath__network *network, ath_error *err) {
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "network");
    int channels, height, width, wanted = 0;
    ath_model_input(network->model, &channels, &height, &width);
    ath_value x = ath_input(graph, "images", ATH_F32, ath_shape_of(2, channels, height, width));
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
    return start_from_values(network, err);
}

void ath__network_trace(struct ath__network *network,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context) {
    ath__program_trace(network->eval, trace, context);
    if (network->train) ath__program_trace(network->train, trace, context);
}

size_t ath__network_planned(const struct ath__network *network) {
    size_t eval = ath__program_peak(network->eval), train = network->train ? ath__program_peak(network->train) : 0;
    return eval > train ? eval : train;
}
