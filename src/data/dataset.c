/* Data sets: the catalogue, where sets lie, opening with options, hold-out, reading.
 *
 * A kind of set hands over its training or its test images whole (data/dataset.h); here the ones that the asked-for
 * split keeps are picked out. With images held out,
 *
 *     train = training images less the held-out ones,  val = the held-out ones,  test = the set's own test images
 *
 * and without, val = test where the set has no validation images of its own (data/holdout.c).
 */
#include "data/dataset.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#define ATH_DATASET(kind) extern const struct ath__dataset_kind ath__dataset_##kind;
#include "data/dataset_list.h"
#undef ATH_DATASET

static const struct ath__dataset_kind *const kinds[] = {
#define ATH_DATASET(kind) &ath__dataset_##kind,
#include "data/dataset_list.h"
#undef ATH_DATASET
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Nameless kinds stand behind all others. */
bool ath_dataset_catalogue(int i, ath_dataset_entry *entry) {
    if (i < 0 || i >= (int)KINDS || kinds[i]->nameless) return false;
    *entry = (ath_dataset_entry){kinds[i]->name, kinds[i]->summary, kinds[i]->download != NULL};
    return true;
}

/* The kind of that name; NULL if there is none. */
static const struct ath__dataset_kind *find_kind(const char *name) {
    for (size_t i = 0; i < KINDS; i++) {
        if (!kinds[i]->nameless && strcmp(kinds[i]->name, name) == 0) return kinds[i];
    }
    return NULL;
}

/* Adds "word", behind "between" unless it is the first. */
static void append(char *text, size_t capacity, const char *between, const char *word) {
    size_t used = strlen(text);
    ath__str_copy(text + used, capacity - used, used ? between : "");
    used = strlen(text);
    ath__str_copy(text + used, capacity - used, word);
}

/* What a path may be: "a folder with ..., or ...". */
static void describe_paths(char *text, size_t capacity) {
    text[0] = '\0';
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->files) append(text, capacity, "; ", kinds[i]->files);
    }
}

static ath_status fail_unknown(const char *name, ath_error *err) {
    const char *names[KINDS];
    char        known[256] = "", paths[600];
    size_t      count = 0;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->nameless) continue;
        names[count++] = kinds[i]->name;
        append(known, sizeof known, ", ", kinds[i]->name);
    }
    const char *near = ath__str_closest(name, names, count);
    if (near) return ath__fail(err, ATH_USAGE, "data", "there is no data set '%s'; did you mean '%s'?", name, near);
    describe_paths(paths, sizeof paths);
    return ath__fail(err, ATH_USAGE, "data", "there is no data set '%s'; there are: %s; or a path: %s", name, known,
                     paths);
}

/* The value of an environment variable; NULL also when it is empty. */
static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* The folder that named sets lie in. */
static ath_status data_home(char base[ATH_PATH_MAX], ath_error *err) {
    const char *data = environment("ATHANOR_DATA");
    const char *cache = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");
    if (data) {
        if (strlen(data) >= ATH_PATH_MAX) return ath__fail(err, ATH_USAGE, "ATHANOR_DATA", "the path is too long");
        ath__str_copy(base, ATH_PATH_MAX, data);
    } else if (cache && cache[0] == '/') { /* relative ones are to be ignored (XDG Base Directory Specification) */
        ATH_TRY(ath__path_join(base, cache, "athanor", err));
    } else if (home) {
        ATH_TRY(ath__path_join(base, home, ".cache/athanor", err));
    } else {
        return ath__fail(err, ATH_USAGE, "ATHANOR_DATA",
                         "neither ATHANOR_DATA nor HOME is set: set ATHANOR_DATA to the folder that data sets lie in");
    }
    return ATH_OK;
}

ath_status ath_dataset_folder(const char *name, char *path, size_t capacity, ath_error *err) {
    char base[ATH_PATH_MAX], folder[ATH_PATH_MAX];
    if (!find_kind(name)) return fail_unknown(name, err);
    ATH_TRY(data_home(base, err));
    ATH_TRY(ath__path_join(folder, base, name, err));
    if (strlen(folder) >= capacity) return ath__fail(err, ATH_USAGE, "ATHANOR_DATA", "the path is too long");
    ath__str_copy(path, capacity, folder);
    return ATH_OK;
}

ath_status ath__dataset_missing(const char *name, const char *path, const char *forms, ath_error *err) {
    char   folder[ATH_PATH_MAX];
    size_t size = 0;
    bool   named = ath_dataset_folder(name, folder, sizeof folder, NULL) == ATH_OK;
    if (named) size = strlen(folder);
    named = named && strncmp(path, folder, size) == 0 && path[size] == '/';
    if (!named) {
        return ath__fail(err, ATH_DATA, path, "there is no file '%s'%s", path, forms);
    }
    const char *reason = environment("ATHANOR_DATA") ? "ATHANOR_DATA is set" : "ATHANOR_DATA is not set";
    if (!ath__folder_exists(folder)) {
        return ath__fail(
            err, ATH_DATA, folder,
            "the data set '%s' is not there: looked in '%s' (%s). `athanor data get %s` downloads it to that "
            "place; or set ATHANOR_DATA to the folder that holds '%s/'",
            name, folder, reason, name, name);
    }
    return ath__fail(
        err, ATH_DATA, path,
        "the data set '%s' is not complete: there is no '%s'%s in '%s' (%s). `athanor data get %s` downloads what is "
        "missing",
        name, path + size + 1, forms, folder, reason, name);
}

void ath__image_store_free(struct ath__image_store *store) {
    ath__free(store->pixels);
    ath__free(store->labels);
    ath__free(store->names);
    ath__free((void *)store->paths);
    ath__arena_free(&store->texts);
    ath__str_free(&store->remarks);
    *store = (struct ath__image_store){0};
}

/* ---- opening and reading ----------------------------------------------------------------------------------------- */

ath_status ath__image_store_colour(struct ath__image_store *store, ath_error *err) {
    size_t         plane = (size_t)store->height * (size_t)store->width;
    unsigned char *pixels = ath__alloc_array((size_t)store->count, 3 * plane);
    if (!pixels) {
        ath__image_store_free(store);
        return ath__fail_memory(err, "images");
    }
    for (size_t i = 0; i < (size_t)store->count; i++)
        for (size_t c = 0; c < 3; c++) memcpy(pixels + (3 * i + c) * plane, store->pixels + i * plane, plane);
    ath__free(store->pixels);
    store->pixels = pixels;
    store->channels = 3;
    return ATH_OK;
}

static ath_status set_options(const struct ath__dataset_kind *kind, const ath_option_pair *options, int option_count,
                              void *values, ath_error *err) {
    ath__option_defaults(kind->options, values);
    for (int i = 0; i < option_count; i++) {
        ATH_TRY(ath__option_set(kind->options, values, "data.", options[i].key, options[i].value, err));
    }
    return ATH_OK;
}

/* Whether `name` is a folder among the named sets; its path. */
static bool find_at_home(const char *name, char path[ATH_PATH_MAX]) {
    char base[ATH_PATH_MAX];
    if (!*name || *name == '.' || strchr(name, '/')) return false;
    return data_home(base, NULL) == ATH_OK && ath__path_join(path, base, name, NULL) == ATH_OK &&
           ath__folder_exists(path);
}

/* A name of the catalogue, or a path or the name of a folder beside the catalogue's that one of the kinds recognises as
 * its own. */
static ath_status resolve(const char *name, const struct ath__dataset_kind **kind, char path[ATH_PATH_MAX],
                          ath_error *err) {
    char paths[600];
    *kind = find_kind(name);
    path[0] = '\0';
    if (*kind) return (*kind)->download ? ath_dataset_folder(name, path, ATH_PATH_MAX, err) : ATH_OK;
    bool is_folder = ath__folder_exists(name), is_there = is_folder || ath__file_exists(name);
    if (!is_there && strchr(name, '/')) {
        return ath__fail(err, ATH_DATA, "data", "there is no file or folder '%s' to read images from", name);
    }
    if (strlen(name) >= ATH_PATH_MAX) return ath__fail(err, ATH_USAGE, "data", "the path is too long");
    if (is_there)
        ath__str_copy(path, ATH_PATH_MAX, name);
    else if (find_at_home(name, path))
        is_folder = true;
    else
        return fail_unknown(name, err);
    for (size_t i = 0; i < KINDS; i++) {
        bool yes = false;
        *kind = kinds[i];
        if (kinds[i]->recognise) ATH_TRY(kinds[i]->recognise(path, &yes, err));
        if (yes) return ATH_OK;
    }
    describe_paths(paths, sizeof paths);
    return ath__fail(err, ATH_DATA, "data", "the %s '%s' is no data set known here, which would be: %s",
                     is_folder ? "folder" : "file", name, paths);
}

ath_status ath_dataset_open(const char *name, ath_split split, const ath_option_pair *options, int option_count,
                            ath_dataset **dataset, ath_error *err) {
    const struct ath__dataset_kind   *kind;
    const struct ath__dataset_common *common;
    char                              path[ATH_PATH_MAX];
    void                             *values = NULL;
    struct ath_dataset               *opened = NULL;
    ath_status                        status = ATH_OK;
    *dataset = NULL;
    ATH_TRY(resolve(name, &kind, path, err));
    values = ath__alloc_zeroed(kind->options_size);
    opened = ATH_NEW(struct ath_dataset);
    if (!values || !opened) {
        status = ath__fail_memory(err, name);
        goto done;
    }
    ATH_TRY_DONE(set_options(kind, options, option_count, values, err));
    common = values;
    ath__str_copy(opened->name, sizeof opened->name, name);
    opened->split = split;
    bool held_out = common->holdout > 0 && split != ATH_SPLIT_TEST;
    ATH_TRY_DONE(kind->open(values, path, held_out ? ATH_SPLIT_TRAIN : split, &opened->store, err));
    if (held_out) ATH_TRY_DONE(ath__hold_out(&opened->store, common, split == ATH_SPLIT_TRAIN, &opened->held_out, err));
    *dataset = opened;
    opened = NULL;
done:
    ath_dataset_close(opened);
    ath__free(values);
    return status;
}

ath_status ath__dataset_wrap(const char *name, ath_split split, struct ath__image_store *store, ath_dataset **dataset,
                             ath_error *err) {
    *dataset = ATH_NEW(struct ath_dataset);
    if (!*dataset) {
        ath__image_store_free(store);
        return ath__fail_memory(err, name);
    }
    ath__str_copy((*dataset)->name, sizeof(*dataset)->name, name);
    (*dataset)->split = split;
    (*dataset)->store = *store;
    *store = (struct ath__image_store){0};
    return ATH_OK;
}

void ath_dataset_close(ath_dataset *dataset) {
    if (!dataset) return;
    ath__image_store_free(&dataset->store);
    ath__free(dataset);
}

ath_status ath_dataset_download(const char *name, ath_download_fn progress, void *context, ath_error *err) {
    char                            folder[ATH_PATH_MAX];
    const struct ath__dataset_kind *kind = find_kind(name);
    if (!kind) return fail_unknown(name, err);
    if (!kind->download) return ATH_OK; /* generated: it is always there */
    ATH_TRY(ath_dataset_folder(name, folder, sizeof folder, err));
    return ath__download_set(kind->download, folder, progress, context, err);
}
