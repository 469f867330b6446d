/* `athanor profile` and `athanor graph`: what a step costs, layer by layer, and what it is made of.
 *
 * Every call of a plan carries the scope of its node, "layer1.0.conv1."; the calls of a scope, forward and backward,
 * are one layer. Fused calls count for the scope of their leading node. Times are means over the timed steps.
 */
#include "train/inspect/profile.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "graph/op.h"
#include "train/settings.h"
#include "train/setup.h"

#include <stdio.h>
#include <string.h>

enum { WARM_UP = 1, MOST_OPERANDS = 8 };

struct measured {
    ath_model           *model;
    struct ath__network *network;
    struct ath__plan    *plan;
    float               *images;
    int32_t             *labels;
    bool                 train;
};

static void ignore(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)context;
    (void)samples;
    (void)logits;
    (void)losses;
}

static ath_status run_steps(struct measured *m, int64_t batch, int64_t steps, ath_error *err) {
    int channels, height, width;
    ath_model_input(m->model, &channels, &height, &width);
    size_t pixels = (size_t)batch * (size_t)channels * (size_t)height * (size_t)width;
    m->images = ath__alloc_array(pixels, sizeof(float));
    m->labels = ATH_NEW_ARRAY(int32_t, batch);
    if (!m->images || !m->labels) return ath__fail_memory(err, "profile");
    struct ath__rng rng;
    ath__rng_start(&rng, 1, ATH_RNG_TEST, 0, 0);
    for (size_t i = 0; i < pixels; i++) m->images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    struct ath__samples samples = {.images = m->images, .labels = m->labels, .count = batch};
    for (int64_t s = 0; s < WARM_UP + steps; s++) {
        if (s == WARM_UP) {
            ATH_TRY(ath__program_plan(m->train ? m->network->train : m->network->eval, batch, false, &m->plan, err));
            ath__plan_profile(m->plan, true);
        }
        if (m->train)
            ATH_TRY(ath__network_step(m->network, &samples, 1e-4, (uint64_t)s, ignore, NULL, err));
        else
            ATH_TRY(ath__network_eval(m->network, &samples, ignore, NULL, err));
    }
    return ATH_OK;
}

/* "layer1.0.conv1" of a scope, or what the call is where it belongs to no layer. */
static void layer_name(const struct ath__plan_call *call, char *name, size_t capacity) {
    const char *scope = call->node->scope;
    if (!*scope || strcmp(scope, "loss.") == 0) {
        ath__str_copy(name, capacity, call->phase == ATH_PHASE_EPILOGUE ? "(optimizer)" : "(input, loss, reshaping)");
        return;
    }
    ath__str_copy(name, capacity, scope);
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '.') name[length - 1] = '\0';
}

static ath_layer_profile *find_layer(ath_profile *profile, const char *name) {
    for (int l = 0; l < profile->layer_count; l++)
        if (strcmp(profile->layers[l].name, name) == 0) return &profile->layers[l];
    ath_layer_profile *layer = &profile->layers[profile->layer_count++];
    ath__str_copy(layer->name, sizeof layer->name, name);
    return layer;
}

static bool is_forward_product(const struct ath__node *node) {
    return node->op == &ath__op_conv2d || node->op == &ath__op_separable ||
           (node->op == &ath__op_matmul && ((const ath_matmul_attrs *)node->attrs)->trans_b);
}

static void shape_text(const ath_shape *shape, char *text, size_t capacity) {
    size_t at = 0;
    text[0] = '\0';
    for (int d = 0; d < shape->rank && at < capacity; d++)
        at += (size_t)snprintf(text + at, capacity - at, "%s%lld", d ? "x" : "", (long long)shape->dims[d]);
}

/* The layer that a parameter belongs to, by the `length` bytes of its name before the last dot: the layer of that name,
 * else a block of layers that were fused ("features.2" for "features.2.conv.0.0"); NULL if there is none. */
static ath_layer_profile *layer_of(ath_profile *profile, const char *name, size_t length) {
    ath_layer_profile *block = NULL;
    for (int l = 0; l < profile->layer_count; l++) {
        ath_layer_profile *layer = &profile->layers[l];
        size_t             own = strlen(layer->name);
        if (own > length || strncmp(layer->name, name, own) != 0) continue;
        if (own == length) return layer;
        if (name[own] == '.' && strcmp(layer->op, "separable") == 0) block = layer;
    }
    return block;
}

ath_status ath__profile_layers(const struct ath__network *network, const struct ath__plan *plan, int64_t batch,
                               ath_profile *profile, ath_error *err) {
    const ath_graph      *graph = ath__plan_graph(plan);
    struct ath__str       refusals = {0};
    struct ath__plan_call call;
    int                   calls = 0;
    while (ath__plan_call(plan, calls, &call)) calls++;
    profile->layers = ATH_NEW_ARRAY(ath_layer_profile, calls + 1);
    if (!profile->layers) return ath__fail_memory(err, "profile");
    for (int i = 0; ath__plan_call(plan, i, &call); i++) {
        char name[128];
        layer_name(&call, name, sizeof name);
        ath_layer_profile *layer = find_layer(profile, name);
        if (call.runs > 0) layer->ms += 1e3 * call.seconds / (double)call.runs;
        const struct ath__desc *y = &graph->values[call.node->out[0]].desc;
        if (!*layer->op || is_forward_product(call.node)) {
            ath__str_copy(layer->op, sizeof layer->op, call.node->op->name);
            ath__str_copy(layer->impl, sizeof layer->impl, call.node->impl ? call.node->impl->name : "copy");
            shape_text(&y->shape, layer->shape, sizeof layer->shape);
        }
        if (is_forward_product(call.node)) {
            struct ath__desc in[MOST_OPERANDS] = {{0}};
            for (int k = 0; k < call.node->ins && k < MOST_OPERANDS; k++) {
                if (call.node->in[k] == ATH_NONE) continue;
                in[k] = graph->values[call.node->in[k]].desc;
                in[k].present = true;
            }
            layer->macs += (int64_t)(call.node->op->macs(call.node->attrs, in, y) / (uint64_t)batch);
        }
        if (call.node->refusals && *call.node->refusals)
            ath__str_printf(&refusals, "%s %s -> %s: %s\n", name, call.node->op->name, call.node->impl->name,
                            call.node->refusals);
    }
    for (int i = 0; i < network->store->count; i++) {
        const struct ath__entry *entry = &network->store->entries[i];
        const char              *dot = strrchr(entry->name, '.');
        if (entry->leaf != ATH_LEAF_PARAM) continue;
        ath_layer_profile *layer = dot ? layer_of(profile, entry->name, (size_t)(dot - entry->name)) : NULL;
        if (layer) layer->params += ath_shape_count(&entry->shape);
    }
    profile->refusals = refusals.data ? refusals.data : ath__strdup("");
    return ATH_OK;
}

ath_status ath_profile_model(const ath_config *config, ath_profile *profile, ath_error *err) {
    struct measured  m = {.train = strcmp(ath__config_text(config, "mode"), "train") == 0};
    ath_model_counts counts;
    int64_t          batch = ath__config_int(config, "batch");
    memset(profile, 0, sizeof *profile);
    ath__setup_threads(config);
    ath_status status = ath__setup_model(config, NULL, NULL, &m.model, err);
    if (status == ATH_OK) status = ath_model_count(m.model, &counts, err);
    if (status == ATH_OK)
        status = ath__setup_network(config, m.model, m.train ? ATH_NETWORK_TRAINS : ATH_NETWORK_EVALUATES, NULL,
                                    &m.network, err);
    if (status == ATH_OK) status = ath__network_start(m.network, ath__config_text(config, "init"), 1, err);
    if (status == ATH_OK) status = run_steps(&m, batch, ath__config_int(config, "steps"), err);
    if (status == ATH_OK) status = ath__profile_layers(m.network, m.plan, batch, profile, err);
    if (status == ATH_OK) {
        struct ath__plan_memory memory = ath__plan_memory(m.plan);
        profile->params = counts.params;
        profile->macs = counts.macs;
        profile->planned_bytes = memory.arena;
        profile->unshared_bytes = memory.naive;
        profile->parameter_bytes = m.network->store->params_count * sizeof(float);
    }
    ath__free(m.images);
    ath__free(m.labels);
    ath__network_destroy(m.network);
    ath_model_destroy(m.model);
    if (status != ATH_OK) ath_profile_free(profile);
    return status;
}

void ath_profile_free(ath_profile *profile) {
    ath__free(profile->layers);
    ath__free(profile->refusals);
    memset(profile, 0, sizeof *profile);
}
