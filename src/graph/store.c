/* The parameter store: collecting leaves, laying them out, finding them by name. */
#include "graph/store.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static size_t padded(const ath_shape *shape) {
    return ((size_t)ath_shape_count(shape) + 15) / 16 * 16;
}

static struct ath__entry *entry_new(struct ath__store *store, const char *name) {
    if (store->count == store->capacity) {
        int                wider = store->capacity ? store->capacity * 2 : 64;
        struct ath__entry *moved = ath__realloc(store->entries, (size_t)wider * sizeof *moved);
        if (!moved) return NULL;
        store->entries = moved;
        store->capacity = wider;
    }
    struct ath__entry *entry = &store->entries[store->count];
    memset(entry, 0, sizeof *entry);
    entry->name = ath__arena_strdup(&store->names, name);
    if (!entry->name) return NULL;
    store->count++;
    return entry;
}

void ath__store_destroy(struct ath__store *store) {
    if (!store) return;
    for (int i = 0; i < store->count; i++)
        if (store->entries[i].leaf == ATH_LEAF_STATE && store->entries[i].data)
            ath__free_pages(store->entries[i].data, padded(&store->entries[i].shape) * sizeof(float));
    if (store->params) ath__free_pages(store->params, (store->params_count + 16) * sizeof(float));
    ath__arena_free(&store->names);
    ath__free(store->entries);
    ath__free(store);
}

struct ath__entry *ath__store_find(const struct ath__store *store, const char *name) {
    for (int i = 0; i < store->count; i++)
        if (strcmp(store->entries[i].name, name) == 0) return &store->entries[i];
    return NULL;
}

ath_status ath__store_add_state(struct ath__store *store, const char *name, const ath_shape *shape, ath_error *err) {
    if (ath__store_find(store, name)) return ATH_OK;
    struct ath__entry *entry = entry_new(store, name);
    if (!entry) return ath__fail_memory(err, "parameters");
    entry->shape = *shape;
    entry->leaf = ATH_LEAF_STATE;
    entry->init.from = ATH_NONE;
    entry->data = ath__alloc_pages(padded(shape) * sizeof(float));
    return entry->data ? ATH_OK : ath__fail_memory(err, name);
}

/* Gives every parameter its place: group by group in order of appearance, the frozen ones last. */
static ath_status lay_out(struct ath__store *store, ath_error *err) {
    size_t at = 0;
    for (int g = 0; g <= store->groups; g++) {
        int    wanted = g == store->groups ? ATH_STORE_FROZEN : g;
        size_t first = at;
        for (int i = 0; i < store->count; i++)
            if (store->entries[i].leaf == ATH_LEAF_PARAM && store->entries[i].group == wanted)
                at += padded(&store->entries[i].shape);
        if (wanted >= 0) {
            store->group_first[g] = first;
            store->group_count[g] = at - first;
        }
    }
    store->params_count = at;
    store->params = ath__alloc_pages((at + 16) * sizeof(float));
    if (!store->params) return ath__fail_memory(err, "parameters");
    at = 0;
    for (int g = 0; g <= store->groups; g++) {
        int wanted = g == store->groups ? ATH_STORE_FROZEN : g;
        for (int i = 0; i < store->count; i++) {
            struct ath__entry *entry = &store->entries[i];
            if (entry->leaf != ATH_LEAF_PARAM || entry->group != wanted) continue;
            entry->data = store->params + at;
            at += padded(&entry->shape);
        }
    }
    return ATH_OK;
}

ath_status ath__store_create(const ath_graph *graph, ath__group_fn group, void *context, struct ath__store **store,
                             ath_error *err) {
    *store = NULL;
    ATH_TRY(ath_graph_status(graph, err));
    struct ath__store *made = ATH_NEW(struct ath__store);
    if (!made) return ath__fail_memory(err, "parameters");
    ath_status status = ATH_OK;
    made->groups = 1;
    for (int v = 0; v < graph->value_count && status == ATH_OK; v++) {
        const struct ath__value *value = &graph->values[v];
        if (value->leaf == ATH_LEAF_STATE) {
            status = ath__store_add_state(made, value->name, &value->desc.shape, err);
            if (status == ATH_OK) made->entries[made->count - 1].init = value->init;
        }
        if (value->leaf != ATH_LEAF_PARAM) continue;
        struct ath__entry *entry = entry_new(made, value->name);
        if (!entry) {
            status = ath__fail_memory(err, "parameters");
            break;
        }
        entry->leaf = ATH_LEAF_PARAM;
        entry->shape = value->desc.shape;
        entry->init = value->init;
        entry->group = value->frozen ? ATH_STORE_FROZEN : group ? group(context, value->name, &value->desc.shape) : 0;
        if (entry->group >= made->groups) made->groups = entry->group + 1;
    }
    if (status == ATH_OK && made->groups > ATH_STORE_MAX_GROUPS)
        status = ath__fail(err, ATH_USAGE, "parameters", "more than %d parameter groups", (int)ATH_STORE_MAX_GROUPS);
    if (status == ATH_OK) status = lay_out(made, err);
    if (status != ATH_OK) {
        ath__store_destroy(made);
        return status;
    }
    *store = made;
    return ATH_OK;
}

void *ath__store_bind(void *context, const struct ath__value *leaf) {
    struct ath__store *store = context;
    if (leaf->leaf == ATH_LEAF_FLAT) {
        if (leaf->group < 0 || leaf->group >= store->groups) return NULL;
        if (ath_shape_count(&leaf->desc.shape) != (int64_t)store->group_count[leaf->group]) return NULL;
        return store->params + store->group_first[leaf->group];
    }
    struct ath__entry *entry = ath__store_find(store, leaf->name);
    return entry && ath_shape_equal(&entry->shape, &leaf->desc.shape) ? entry->data : NULL;
}

int ath__store_group_values(const struct ath__store *store, int group, const ath_graph *graph, ath_value *values) {
    int count = 0;
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (entry->leaf == ATH_LEAF_PARAM && entry->group == group)
            values[count++] = ath__graph_find(graph, entry->name);
    }
    return count;
}
