/* The parameter store: parameters and states of a model, by name, shared by all of its plans.
 *
 * Parameters lie in one flat array, grouped, each padded with zeros to 16 floats, so that an optimiser step is one
 * kernel call per group over contiguous memory:
 *
 *     [ group 0: p0 .. | p1 .. | p2 .. ][ group 1: ... ][ frozen: ... ]
 *
 * States (running statistics, optimiser state) have memory of their own.
 */
#ifndef ATH_GRAPH_STORE_H
#define ATH_GRAPH_STORE_H

#include "graph/ir.h"

enum { ATH_STORE_MAX_GROUPS = 8, ATH_STORE_FROZEN = -1 };

struct ath__entry {
    const char *name;
    ath_shape   shape;
    ath__leaf   leaf; /* PARAM or STATE */
    ath_init    init;
    int         group; /* PARAM: below ATH_STORE_MAX_GROUPS, or ATH_STORE_FROZEN */
    float      *data;
};

struct ath__store {
    struct ath__arena  names;
    struct ath__entry *entries;
    int                count, capacity;
    float             *params; /* the flat array */
    size_t             params_count;
    int                groups;
    size_t             group_first[ATH_STORE_MAX_GROUPS], group_count[ATH_STORE_MAX_GROUPS];
};

/* Which group a parameter belongs to, unless the graph itself froze it. NULL stands for "all in group 0". */
typedef int (*ath__group_fn)(void *context, const char *name, const ath_shape *shape);

/* Collects the parameters and states of `graph`, all zero. The store is the caller's to destroy. */
ath_status ath__store_create(const ath_graph *graph, ath__group_fn group, void *context, struct ath__store **store,
                             ath_error *err);
void       ath__store_destroy(struct ath__store *store);

/* Adds a state (an optimiser's), zero. */
ath_status ath__store_add_state(struct ath__store *store, const char *name, const ath_shape *shape, ath_error *err);
struct ath__entry *ath__store_find(const struct ath__store *store, const char *name);
/* ath__bind_fn over a store. */
void *ath__store_bind(void *store, const struct ath__value *leaf);

/* Parameters in the order of group `group`, as values of `graph`, which has leaves of the same names; returns the
 * number. Used to ask for gradients in the order in which the flat array wants them. `values` has room for
 * store->count. */
int ath__store_group_values(const struct ath__store *store, int group, const ath_graph *graph, ath_value *values);

#endif
