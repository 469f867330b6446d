/* Averages of weights and running statistics. */
#include "train/average.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "optimizer.average."

void ath__average_group_name(char *name, size_t capacity, int group) {
    snprintf(name, capacity, PREFIX "group%d", group);
}

double ath__average_fresh(double ema, uint64_t step) {
    double t = (double)step;
    return 1.0 - fmin(ema, (1.0 + t) / (10.0 + t));
}

static bool is_statistic(const struct ath__entry *entry) {
    return entry->leaf == ATH_LEAF_STATE && strncmp(entry->name, "optimizer.", 10) != 0;
}

static void statistic_name(char *name, size_t capacity, const struct ath__entry *entry) {
    snprintf(name, capacity, PREFIX "state.%s", entry->name);
}

ath_status ath__average_add_states(struct ath__network *network, ath_error *err) {
    struct ath__store *store = network->store;
    char               name[400];
    int                count = store->count;
    for (int g = 0; g < store->groups; g++) {
        ath_shape shape = ath_shape_of((int64_t)store->group_count[g]);
        ath__average_group_name(name, sizeof name, g);
        if (shape.dims[0] > 0) ATH_TRY(ath__store_add_state(store, name, &shape, err));
    }
    for (int i = 0; i < count; i++) {
        if (!is_statistic(&store->entries[i])) continue;
        ath_shape shape = store->entries[i].shape;
        statistic_name(name, sizeof name, &store->entries[i]);
        ATH_TRY(ath__store_add_state(store, name, &shape, err));
    }
    return ATH_OK;
}

/* Calls `pair` for everything that has an average. */
static void for_each(struct ath__network *network,
                     void (*pair)(float *live, float *average, size_t count, void *context), bool weights,
                     void *context) {
    struct ath__store *store = network->store;
    char               name[400];
    for (int g = 0; weights && g < store->groups; g++) {
        ath__average_group_name(name, sizeof name, g);
        struct ath__entry *average = ath__store_find(store, name);
        if (average) pair(store->params + store->group_first[g], average->data, store->group_count[g], context);
    }
    for (int i = 0; i < store->count; i++) {
        if (!is_statistic(&store->entries[i])) continue;
        statistic_name(name, sizeof name, &store->entries[i]);
        struct ath__entry *average = ath__store_find(store, name);
        if (average)
            pair(store->entries[i].data, average->data, (size_t)ath_shape_count(&store->entries[i].shape), context);
    }
}

static void copy_pair(float *live, float *average, size_t count, void *context) {
    (void)context;
    memcpy(average, live, count * sizeof *live);
}

static void swap_pair(float *live, float *average, size_t count, void *context) {
    (void)context;
    for (size_t i = 0; i < count; i++) {
        float held = live[i];
        live[i] = average[i];
        average[i] = held;
    }
}

static void mix_pair(float *live, float *average, size_t count, void *context) {
    double fresh = *(const double *)context;
    for (size_t i = 0; i < count; i++)
        average[i] = (float)((double)average[i] + fresh * ((double)live[i] - (double)average[i]));
}

void ath__average_start(struct ath__network *network) {
    for_each(network, copy_pair, true, NULL);
}

void ath__average_statistics(struct ath__network *network, uint64_t step) {
    double fresh = ath__average_fresh(network->settings.ema, step);
    for_each(network, mix_pair, false, &fresh);
}

void ath__average_swap(struct ath__network *network) {
    for_each(network, swap_pair, true, NULL);
    network->averaged = !network->averaged;
    ath__network_changed(network);
}
