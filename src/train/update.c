/* Building the update, and the scalars that it takes every step.
 *
 * Clipping (as torch.nn.utils.clip_grad_value_ and clip_grad_norm_), on the gradient before weight decay:
 *
 *     g = min(max(g, -clip_value), clip_value)
 *     g = g * min(1, clip_norm / (|g| + 1e-6)),  |g| over all groups, summed in an order that shapes alone decide
 *
 * Lookahead (train/lookahead.h), every k steps; a, s are scalars: the share and 1 in those steps, else 0:
 *
 *     slow = slow + a * (p - slow)
 *     p = (1 - s) * p + s * slow
 *
 * Sharpness-aware minimisation (SAM; Foret et al., ICLR 2021): the gradient is that at the worst point nearby, so that
 * a step is two passes. Running statistics, losses and logits are the first's, clipping is the second's.
 *
 *     aside = p;  p = p + sam * g / (|g| + 1e-12)
 *     g' at p;  the update of `aside` by g' becomes p
 *
 * Running average of the weights, with d_t = min(ema, (1 + t) / (10 + t)) behind t steps:
 *
 *     average = average + (1 - d_t) * (p - average)
 */
#include "train/update.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "train/average.h"
#include "train/lookahead.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double norm_floor = 1e-6, ascent_floor = 1e-12;

enum { SLOW_ALPHA, SLOW_SYNC, FAST_KEEP, AVERAGE_FRESH, SHARED_SCALARS };
static const char *const shared_names[SHARED_SCALARS] = {"update.slow_alpha", "update.slow_sync", "update.fast_keep",
                                                         "update.average_fresh"};
static const ath_init    zero = {.kind = ATH_INIT_ZEROS, .from = ATH_NONE};

static void slot_name(char *name, size_t capacity, int slot, int group) {
    snprintf(name, capacity, "optimizer.slot%d.group%d", slot, group);
}

static void slow_name(char *name, size_t capacity, int group) {
    snprintf(name, capacity, "optimizer.slow.group%d", group);
}

static void aside_name(char *name, size_t capacity, int group) {
    snprintf(name, capacity, "optimizer.aside.group%d", group);
}

const char *ath__update_gradient_name(char name[32], int group) {
    snprintf(name, 32, "gradient.group%d", group);
    return name;
}

static void scalar_name(char *name, size_t capacity, int scalar, int group) {
    snprintf(name, capacity, "update.scalar%d.group%d", scalar, group);
}

static ath_value scalar_input(ath_graph *graph, const char *name) {
    return ath_step_input(graph, name, ATH_F32, (ath_shape){.rank = 0});
}

/* Values of the shared scalars, made when first needed. */
struct update {
    struct ath__network *network;
    ath_graph           *graph;
    ath_value            shared[SHARED_SCALARS];
};

static ath_value shared(struct update *update, int which) {
    if (update->shared[which] == ATH_NONE) update->shared[which] = scalar_input(update->graph, shared_names[which]);
    return update->shared[which];
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

static ath_value clipped_value(ath_graph *graph, ath_value grad, double limit) {
    ath_value low = ath__graph_scalar(graph, -limit), high = ath__graph_scalar(graph, limit);
    return ath_binary_op(graph, ath_binary_op(graph, grad, low, ATH_BINARY_MAX), high, ATH_BINARY_MIN);
}

/* The norm over all groups; ATH_NONE if there are none. */
static ath_value whole_norm(const struct ath__network *network, ath_graph *graph, const ath_value *packed) {
    ath_value sum = ATH_NONE;
    for (int g = 0; g < network->store->groups; g++) {
        if (packed[g] == ATH_NONE) continue;
        ath_value squares =
            ath_reduce_op(graph, ath_unary_op(graph, packed[g], ATH_UNARY_SQUARE), ATH_REDUCE_SUM, 1, false);
        sum = sum == ATH_NONE ? squares : ath_add(graph, sum, squares);
    }
    return sum == ATH_NONE ? ATH_NONE : ath_unary_op(graph, sum, ATH_UNARY_SQRT);
}

/* limit / (norm + floor) */
static ath_value over_norm(ath_graph *graph, double limit, ath_value norm, double floor) {
    ath_value inverse = ath_unary_op(graph, ath_scale(graph, norm, 1.0, floor), ATH_UNARY_RECIPROCAL);
    return ath_scale(graph, inverse, limit, 0.0);
}

/* The norm as the output "grad_norm", and the factor that clips by it, or ATH_NONE. */
static ath_value norm_factor(const struct ath__network *network, ath_graph *graph, const ath_value *packed) {
    ath_value norm = whole_norm(network, graph, packed);
    if (norm == ATH_NONE) return ATH_NONE;
    ath_output(graph, norm, "grad_norm");
    if (!(network->settings.clip_norm > 0.0)) return ATH_NONE;
    return ath_binary_op(graph, over_norm(graph, network->settings.clip_norm, norm, norm_floor),
                         ath__graph_scalar(graph, 1.0), ATH_BINARY_MIN);
}

/* ---- one group --------------------------------------------------------------------------------------------------- */

/* Where the parameters of a group lie in its flat array. */
static struct ath__optim_piece *list_pieces(const struct ath__store *store, int group, int *count) {
    struct ath__optim_piece *pieces = ATH_NEW_ARRAY(struct ath__optim_piece, store->count + 1);
    *count = 0;
    for (int i = 0; pieces && i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (entry->leaf != ATH_LEAF_PARAM || entry->group != group) continue;
        pieces[(*count)++] = (struct ath__optim_piece){
            .offset = entry->data - store->params - (int64_t)store->group_first[group], .shape = entry->shape};
    }
    return pieces;
}

static ath_value look_ahead(struct update *update, ath_value moved, int group, int64_t total) {
    char       name[64];
    ath_graph *graph = update->graph;
    slow_name(name, sizeof name, group);
    ath_value slow = ath_state(graph, name, ath_shape_of(total), zero);
    ath_value apart = ath_binary_op(graph, moved, slow, ATH_BINARY_SUB);
    ath_value next = ath_add(graph, slow, ath_mul(graph, apart, shared(update, SLOW_ALPHA)));
    ath__graph_store(graph, next, slow);
    return ath_add(graph, ath_mul(graph, moved, shared(update, FAST_KEEP)),
                   ath_mul(graph, next, shared(update, SLOW_SYNC)));
}

static void average(struct update *update, ath_value moved, int group, int64_t total) {
    char       name[64];
    ath_graph *graph = update->graph;
    ath__average_group_name(name, sizeof name, group);
    ath_value old = ath_state(graph, name, ath_shape_of(total), zero);
    ath_value apart = ath_binary_op(graph, moved, old, ATH_BINARY_SUB);
    ath__graph_store(graph, ath_add(graph, old, ath_mul(graph, apart, shared(update, AVERAGE_FRESH))), old);
}

static void build_group(struct update *update, int group, ath_value grad) {
    struct ath__network           *network = update->network;
    ath_graph                     *graph = update->graph;
    const struct ath__param_group *rule = &network->groups.at[group];
    int64_t                        total = (int64_t)network->store->group_count[group];
    char                           name[64];
    struct ath__optim_step         step = {.params = ath__graph_flat(graph, group, total), .grad = grad};
    step.pieces = list_pieces(network->store, group, &step.piece_count);
    if (!step.pieces) {
        ath_graph_fail(graph, ATH_MEMORY, "out of memory");
        return;
    }
    for (int s = 0; s < rule->optimizer->slots(&rule->optim); s++) {
        slot_name(name, sizeof name, s, group);
        step.slot[s] = ath_state(graph, name, ath_shape_of(total), zero);
    }
    for (int s = 0; s < rule->optimizer->scalars; s++) {
        scalar_name(name, sizeof name, s, group);
        step.scalar[s] = scalar_input(graph, name);
    }
    ath_value target = step.params;
    if (network->settings.sam > 0.0) {
        aside_name(name, sizeof name, group);
        step.params = ath_state(graph, name, ath_shape_of(total), zero);
    }
    ath_value moved = rule->optimizer->build(graph, &rule->optim, &step);
    if (network->settings.lookahead_steps > 0) moved = look_ahead(update, moved, group, total);
    ath__graph_store(graph, moved, target);
    if (network->settings.ema > 0.0) average(update, moved, group, total);
    ath__free((void *)(uintptr_t)step.pieces);
}

void ath__update_build_ascent(struct ath__network *network, ath_graph *graph, const ath_value *grads,
                              const int *first) {
    ath_value packed[ATH_STORE_MAX_GROUPS];
    for (int g = 0; g < network->store->groups; g++) {
        int count = first[g + 1] - first[g];
        packed[g] = count > 0 ? ath__graph_apply(graph, &ath__op_pack, NULL, grads + first[g], count) : ATH_NONE;
    }
    ath_value norm = whole_norm(network, graph, packed);
    if (norm == ATH_NONE) return;
    ath_value factor = over_norm(graph, network->settings.sam, norm, ascent_floor);
    for (int g = 0; g < network->store->groups; g++) {
        if (packed[g] == ATH_NONE) continue;
        ath_value params = ath__graph_flat(graph, g, (int64_t)network->store->group_count[g]);
        ath__graph_store(graph, ath_add(graph, params, ath_mul(graph, packed[g], factor)), params);
    }
}

void ath__update_build(struct ath__network *network, ath_graph *graph, const ath_value *grads, const int *first) {
    const struct ath__network_settings *settings = &network->settings;
    struct update                       update = {.network = network, .graph = graph};
    ath_value                           packed[ATH_STORE_MAX_GROUPS];
    char                                name[32];
    /* Running statistics are the first pass's. */
    for (int v = 0; settings->sam > 0.0 && v < graph->value_count; v++) graph->values[v].stored_in = ATH_NONE;
    for (int i = 0; i < SHARED_SCALARS; i++) update.shared[i] = ATH_NONE;
    for (int g = 0; g < network->store->groups; g++) {
        packed[g] = ATH_NONE;
        if (first[g + 1] == first[g]) continue;
        packed[g] = ath__graph_apply(graph, &ath__op_pack, NULL, grads + first[g], first[g + 1] - first[g]);
        ath_output(graph, packed[g], ath__update_gradient_name(name, g)); /* for those who watch it */
        if (settings->clip_value > 0.0) packed[g] = clipped_value(graph, packed[g], settings->clip_value);
    }
    ath_value factor = ATH_NONE;
    if (settings->clip_norm > 0.0 || settings->measure_norm) factor = norm_factor(network, graph, packed);
    for (int g = 0; g < network->store->groups && ath_graph_status(graph, NULL) == ATH_OK; g++) {
        if (packed[g] == ATH_NONE) continue;
        build_group(&update, g, factor == ATH_NONE ? packed[g] : ath_mul(graph, packed[g], factor));
    }
}

/* ---- states and scalars ------------------------------------------------------------------------------------------ */

ath_status ath__update_add_states(struct ath__network *network, ath_error *err) {
    struct ath__store *store = network->store;
    char               name[64];
    for (int g = 0; g < store->groups; g++) {
        const struct ath__param_group *rule = &network->groups.at[g];
        ath_shape                      shape = ath_shape_of((int64_t)store->group_count[g]);
        if (shape.dims[0] == 0) continue;
        for (int s = 0; s < rule->optimizer->slots(&rule->optim); s++) {
            slot_name(name, sizeof name, s, g);
            ATH_TRY(ath__store_add_state(store, name, &shape, err));
        }
        if (network->settings.sam > 0.0) {
            aside_name(name, sizeof name, g);
            ATH_TRY(ath__store_add_state(store, name, &shape, err));
        }
        if (network->settings.lookahead_steps > 0) {
            slow_name(name, sizeof name, g);
            ATH_TRY(ath__store_add_state(store, name, &shape, err));
        }
    }
    ATH_TRY(ath__lookahead_add_statistics(network, err));
    return network->settings.ema > 0.0 ? ath__average_add_states(network, err) : ATH_OK;
}

/* Copies between the parameters of every group and the states that `name_of` names. */
static void copy_groups(struct ath__network *network, void (*name_of)(char *name, size_t capacity, int group),
                        bool                 back) {
    struct ath__store *store = network->store;
    for (int g = 0; g < store->groups; g++) {
        char name[64];
        name_of(name, sizeof name, g);
        struct ath__entry *state = ath__store_find(store, name);
        float             *params = store->params + store->group_first[g];
        if (!state) continue;
        memcpy(back ? params : state->data, back ? state->data : params, store->group_count[g] * sizeof(float));
    }
}

void ath__update_start(struct ath__network *network) {
    copy_groups(network, slow_name, false);
}

void ath__update_set_aside(struct ath__network *network) {
    copy_groups(network, aside_name, false);
}

void ath__update_put_back(struct ath__network *network) {
    copy_groups(network, aside_name, true);
}

static ath_status set_scalar(struct ath__network *network, struct ath__plan *plan, int *used, const char *name,
                             double value, ath_error *err) {
    float *to = &network->scalars[(*used)++];
    *to = (float)value;
    return ath__plan_input(plan, name, to, err);
}

ath_status ath__update_set(struct ath__network *network, struct ath__plan *plan, double lr, uint64_t step,
                           ath_error *err) {
    const struct ath__network_settings *settings = &network->settings;
    int                                 used = 0;
    for (int g = 0; g < network->store->groups; g++) {
        const struct ath__param_group *rule = &network->groups.at[g];
        struct ath__optim_settings     optim = rule->optim;
        double                         values[ATH_OPTIM_MAX_SCALARS];
        if (network->store->group_count[g] == 0) continue;
        if (network->momentum > 0.0) {
            if (optim.momentum > 0.0) optim.momentum = network->momentum;
            if (optim.beta1 > 0.0) optim.beta1 = network->momentum;
        }
        rule->optimizer->scalars_at(&optim, (int64_t)step + 1,
                                    ath__group_rate(rule, lr, step, network->steps_per_epoch), values);
        for (int s = 0; s < rule->optimizer->scalars; s++) {
            char name[64];
            scalar_name(name, sizeof name, s, g);
            ATH_TRY(set_scalar(network, plan, &used, name, values[s], err));
        }
    }
    if (settings->lookahead_steps > 0) {
        struct ath__lookahead_step now = ath__lookahead_at(network, step);
        ATH_TRY(set_scalar(network, plan, &used, shared_names[SLOW_ALPHA], now.share, err));
        ATH_TRY(set_scalar(network, plan, &used, shared_names[SLOW_SYNC], now.sync, err));
        ATH_TRY(set_scalar(network, plan, &used, shared_names[FAST_KEEP], !now.sync, err));
    }
    if (settings->ema > 0.0)
        ATH_TRY(set_scalar(network, plan, &used, shared_names[AVERAGE_FRESH], ath__average_fresh(settings->ema, step),
                           err));
    return ATH_OK;
}
