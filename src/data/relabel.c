/* Labels by another numbering of the classes: that of a model which was trained on other folders. */
#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

static int find_name(const char *const *names, int count, int guess, const char *name) {
    if (guess < count && strcmp(names[guess], name) == 0) return guess;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static bool same_names(const struct ath__image_store *store, const char *const *names, int count) {
    bool same = store->classes == count;
    for (int c = 0; same && c < count; c++) same = strcmp(store->class_names[c], names[c]) == 0;
    return same;
}

/* The set takes over the names; titles and groups follow their classes. */
static ath_status rename_classes(struct ath__image_store *store, const char *const *names, int count,
                                 const int *numbers, ath_error *err) {
    const char **own = ATH_ARENA_ARRAY(&store->texts, const char *, count);
    const char **titles = ATH_ARENA_ARRAY(&store->texts, const char *, count);
    int         *groups = ATH_ARENA_ARRAY(&store->texts, int, count);
    if (!own || !titles || !groups) return ath__fail_memory(err, "classes");
    for (int c = 0; c < count; c++) {
        own[c] = titles[c] = ath__arena_strdup(&store->texts, names[c]);
        groups[c] = -1;
        if (!own[c]) return ath__fail_memory(err, "classes");
    }
    for (int c = 0; c < store->classes; c++) {
        if (numbers[c] < 0) continue;
        if (store->class_titles) titles[numbers[c]] = store->class_titles[c];
        if (store->class_groups) groups[numbers[c]] = store->class_groups[c];
    }
    store->class_names = own;
    if (store->class_titles) store->class_titles = titles;
    if (store->class_groups) store->class_groups = groups;
    store->classes = count;
    return ATH_OK;
}

ath_status ath__dataset_relabel(ath_dataset *dataset, const char *const *names, int count, ath_error *err) {
    struct ath__image_store *store = &dataset->store;
    if (same_names(store, names, count)) return ATH_OK;
    int       *numbers = ATH_NEW_ARRAY(int, store->classes + 1);
    ath_status status = numbers ? ATH_OK : ath__fail_memory(err, "classes");
    for (int c = 0; status == ATH_OK && c < store->classes; c++)
        numbers[c] = find_name(names, count, c, store->class_names[c]);
    for (int64_t i = 0; status == ATH_OK && i < store->count; i++)
        if (numbers[store->labels[i]] < 0)
            status = ath__fail(err, ATH_DATA, dataset->name,
                               "the model does not know the class '%s', which image %" PRId64 " of the set has",
                               store->class_names[store->labels[i]], i);
    if (status == ATH_OK) {
        for (int64_t i = 0; i < store->count; i++) store->labels[i] = numbers[store->labels[i]];
        status = rename_classes(store, names, count, numbers, err);
    }
    ath__free(numbers);
    return status;
}
