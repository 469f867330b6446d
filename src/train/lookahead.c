/* When slow weights move and how far; slow running statistics. */
#include "train/lookahead.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "optimizer.slow.state."

struct ath__lookahead_step ath__lookahead_at(const struct ath__network *network, uint64_t step) {
    const struct ath__network_settings *s = &network->settings;
    struct ath__lookahead_step          now = {.share = 0.0, .sync = false};
    if (s->lookahead_steps <= 0) return now;
    double taken = (double)(step + 1), of = network->run_steps;
    now.sync = (step + 1) % (uint64_t)s->lookahead_steps == 0;
    if (now.sync) now.share = s->lookahead_alpha;
    if (s->lookahead_power <= 0.0 || of <= 0.0) return now;
    if (now.sync) now.share += (s->lookahead_end - s->lookahead_alpha) * pow(fmin(taken / of, 1.0), s->lookahead_power);
    now.sync = now.sync || taken == of;
    return now;
}

static bool is_statistic(const struct ath__entry *entry) {
    return entry->leaf == ATH_LEAF_STATE && strncmp(entry->name, "optimizer.", 10) != 0;
}

static bool wanted(const struct ath__network *network) {
    return network->settings.lookahead_steps > 0 && network->settings.lookahead_statistics;
}

static void slow_name(char *name, size_t capacity, const struct ath__entry *entry) {
    snprintf(name, capacity, PREFIX "%s", entry->name);
}

ath_status ath__lookahead_add_statistics(struct ath__network *network, ath_error *err) {
    struct ath__store *store = network->store;
    int                count = wanted(network) ? store->count : 0;
    for (int i = 0; i < count; i++) {
        char name[400];
        if (!is_statistic(&store->entries[i])) continue;
        ath_shape shape = store->entries[i].shape;
        slow_name(name, sizeof name, &store->entries[i]);
        ATH_TRY(ath__store_add_state(store, name, &shape, err));
    }
    return ATH_OK;
}

/* slow += share (live - slow); live = slow. A share of 1 copies exactly. */
static void follow(struct ath__network *network, double share) {
    struct ath__store *store = network->store;
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *live = &store->entries[i];
        char                     name[400];
        if (!is_statistic(live)) continue;
        slow_name(name, sizeof name, live);
        struct ath__entry *slow = ath__store_find(store, name);
        for (int64_t k = 0; slow && k < ath_shape_count(&live->shape); k++) {
            double old = (double)slow->data[k], fresh = (double)live->data[k];
            slow->data[k] = share == 1.0 ? live->data[k] : (float)(old + share * (fresh - old));
            live->data[k] = slow->data[k];
        }
    }
}

void ath__lookahead_start_statistics(struct ath__network *network) {
    if (wanted(network)) follow(network, 1.0);
}

void ath__lookahead_statistics(struct ath__network *network, uint64_t step) {
    if (!wanted(network)) return;
    struct ath__lookahead_step now = ath__lookahead_at(network, step);
    if (now.sync) follow(network, now.share);
}
