/* Data sets: the catalogue, where sets lie, opening with options, hold-out, reading.
 *
 * A kind of set hands over its training or its test images whole (data/dataset.h); here the ones that the asked-for
 * split keeps are picked out. With images held out,
 *
 *     train = training images less the held-out ones,  val = the held-out ones,  test = the set's own test images
 *
 * and without, val = test. A whole-number hold-out takes the last images; a fraction f takes round(f * count) of each
 * class, drawn by Philox with (holdout_seed, ATH_RNG_HOLDOUT), so that every class keeps its share.
 */
#include "data/dataset.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
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

struct ath_dataset {
    char                    name[ATH_PATH_MAX];
    ath_split               split;
    uint64_t                held_out;
    struct ath__image_store store;
};

bool ath_dataset_catalogue(int i, ath_dataset_entry *entry) {
    if (i < 0 || i >= (int)KINDS) return false;
    *entry = (ath_dataset_entry){kinds[i]->name, kinds[i]->summary, kinds[i]->download != NULL};
    return true;
}

/* The kind of that name; NULL if there is none. */
static const struct ath__dataset_kind *find_kind(const char *name) {
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
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
    char        known[256] = "", paths[400];
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i]->name;
        append(known, sizeof known, ", ", names[i]);
    }
    const char *near = ath__str_closest(name, names, KINDS);
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

ath_status ath_dataset_folder(const char *name, char *path, size_t capacity, ath_error *err) {
    char        base[ATH_PATH_MAX], folder[ATH_PATH_MAX];
    const char *data = environment("ATHANOR_DATA");
    const char *cache = environment("XDG_CACHE_HOME");
    const char *home = environment("HOME");
    if (!find_kind(name)) return fail_unknown(name, err);
    if (data) {
        if (strlen(data) >= sizeof base) return ath__fail(err, ATH_USAGE, "ATHANOR_DATA", "the path is too long");
        ath__str_copy(base, sizeof base, data);
    } else if (cache && cache[0] == '/') { /* relative ones are to be ignored (XDG Base Directory Specification) */
        ATH_TRY(ath__path_join(base, cache, "athanor", err));
    } else if (home) {
        ATH_TRY(ath__path_join(base, home, ".cache/athanor", err));
    } else {
        return ath__fail(err, ATH_USAGE, "ATHANOR_DATA",
                         "neither ATHANOR_DATA nor HOME is set: set ATHANOR_DATA to the folder that data sets lie in");
    }
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
    *store = (struct ath__image_store){0};
}

/* ---- hold-out ---------------------------------------------------------------------------------------------------- */

static size_t image_bytes(const struct ath__image_store *store) {
    return (size_t)store->channels * (size_t)store->height * (size_t)store->width;
}

/* Marks round(fraction * count) images of each class, drawn by the seed. */
static ath_status mark_fraction(const struct ath__image_store *store, const struct ath__dataset_common *common,
                                unsigned char *held, ath_error *err) {
    ath_status status = ATH_OK;
    int64_t   *first = ATH_NEW_ARRAY(int64_t, store->classes + 1);
    uint32_t  *members = ATH_NEW_ARRAY(uint32_t, store->count);
    if (!first || !members) {
        status = ath__fail_memory(err, "data.holdout");
        goto done;
    }
    /* Members of class c become members[first[c] .. first[c+1]), in order: a counting sort whose cursor, started one
     * class early, ends as the table of starts. */
    for (int64_t i = 0; i < store->count; i++) {
        if (store->labels[i] + 2 <= store->classes) first[store->labels[i] + 2]++;
    }
    for (int c = 2; c <= store->classes; c++) first[c] += first[c - 1];
    for (int64_t i = 0; i < store->count; i++) members[first[store->labels[i] + 1]++] = (uint32_t)i;
    for (int c = 0; c < store->classes; c++) {
        struct ath__rng rng;
        size_t          count = (size_t)(first[c + 1] - first[c]);
        ath__rng_start(&rng, (uint64_t)common->holdout_seed, ATH_RNG_HOLDOUT, (uint32_t)c, 0);
        ath__rng_shuffle(&rng, members + first[c], count);
        int64_t kept_back = llround(common->holdout * (double)count);
        for (int64_t i = 0; i < kept_back; i++) held[members[first[c] + i]] = 1;
    }
done:
    ath__free(first);
    ath__free(members);
    return status;
}

/* Marks the images to hold out; *count is how many. */
static ath_status mark_held(const struct ath__image_store *store, const struct ath__dataset_common *common,
                            unsigned char *held, int64_t *count, ath_error *err) {
    double holdout = common->holdout;
    if (holdout < 1) {
        ATH_TRY(mark_fraction(store, common, held, err));
    } else if (holdout != floor(holdout)) {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g is neither a whole number of images nor a fraction below 1", holdout);
    } else if (holdout < (double)store->count) {
        memset(held + (store->count - (int64_t)holdout), 1, (size_t)holdout);
    } else {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g leaves nothing to train on: there are %" PRId64 " training images", holdout,
                         store->count);
    }
    *count = 0;
    for (int64_t i = 0; i < store->count; i++) *count += held[i];
    if (*count == 0 || *count == store->count) {
        return ath__fail(err, ATH_USAGE, "data.holdout",
                         "data.holdout=%g of %" PRId64 " training images leaves one side empty", holdout, store->count);
    }
    return ATH_OK;
}

/* Keeps the images whose mark equals `mark`, in order, and gives the rest of the memory back. */
static void keep_marked(struct ath__image_store *store, const unsigned char *marks, unsigned char mark) {
    size_t  bytes = image_bytes(store);
    int64_t kept = 0;
    for (int64_t i = 0; i < store->count; i++) {
        if (marks[i] != mark) continue;
        if (kept != i) {
            memcpy(store->pixels + (size_t)kept * bytes, store->pixels + (size_t)i * bytes, bytes);
            store->labels[kept] = store->labels[i];
        }
        kept++;
    }
    store->count = kept;
    void *smaller = ath__realloc(store->pixels, (size_t)kept * bytes);
    if (smaller) store->pixels = smaller; /* else the larger block serves as well */
}

static ath_status hold_out(struct ath_dataset *dataset, const struct ath__dataset_common *common, ath_error *err) {
    struct ath__image_store *store = &dataset->store;
    int64_t                  count = 0;
    unsigned char           *held = ath__alloc_zeroed((size_t)store->count);
    if (!held) return ath__fail_memory(err, "data.holdout");
    ath_status status = mark_held(store, common, held, &count, err);
    if (status == ATH_OK) {
        dataset->held_out = (uint64_t)count;
        keep_marked(store, held, dataset->split == ATH_SPLIT_VAL);
    }
    ath__free(held);
    return status;
}

/* ---- opening and reading ----------------------------------------------------------------------------------------- */

static ath_status set_options(const struct ath__dataset_kind *kind, const ath_option_pair *options, int option_count,
                              void *values, ath_error *err) {
    ath__option_defaults(kind->options, values);
    for (int i = 0; i < option_count; i++) {
        ATH_TRY(ath__option_set(kind->options, values, "data.", options[i].key, options[i].value, err));
    }
    return ATH_OK;
}

/* A name of the catalogue, or a path that one of the kinds recognises as its own. */
static ath_status resolve(const char *name, const struct ath__dataset_kind **kind, char path[ATH_PATH_MAX],
                          ath_error *err) {
    char paths[400];
    *kind = find_kind(name);
    path[0] = '\0';
    if (*kind) return (*kind)->download ? ath_dataset_folder(name, path, ATH_PATH_MAX, err) : ATH_OK;
    bool is_folder = ath__folder_exists(name), is_there = is_folder || ath__file_exists(name);
    if (!is_there && strchr(name, '/')) {
        return ath__fail(err, ATH_DATA, "data", "there is no file or folder '%s' to read images from", name);
    }
    if (!is_there) return fail_unknown(name, err);
    if (strlen(name) >= ATH_PATH_MAX) return ath__fail(err, ATH_USAGE, "data", "the path is too long");
    ath__str_copy(path, ATH_PATH_MAX, name);
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
    bool train = split == ATH_SPLIT_TRAIN || held_out;
    ATH_TRY_DONE(kind->open(values, path, train, &opened->store, err));
    if (held_out) ATH_TRY_DONE(hold_out(opened, common, err));
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

ath_dataset_info ath_dataset_describe(const ath_dataset *dataset) {
    const struct ath__image_store *store = &dataset->store;
    return (ath_dataset_info){
        .name = dataset->name,
        .split = dataset->split,
        .count = store->count,
        .channels = store->channels,
        .height = store->height,
        .width = store->width,
        .classes = store->classes,
        .class_names = store->class_names,
        .held_out = dataset->held_out,
    };
}

const unsigned char *ath__dataset_pixels(const ath_dataset *dataset, int64_t index) {
    return dataset->store.pixels + (size_t)index * image_bytes(&dataset->store);
}

ath_status ath_dataset_read(const ath_dataset *dataset, int64_t index, unsigned char *pixels, int *label,
                            ath_error *err) {
    const struct ath__image_store *store = &dataset->store;
    if (index < 0 || index >= store->count) {
        return ath__fail(err, ATH_USAGE, dataset->name, "there is no image %" PRId64 ": the set has %" PRId64, index,
                         store->count);
    }
    if (pixels) memcpy(pixels, ath__dataset_pixels(dataset, index), image_bytes(store));
    if (label) *label = store->labels[index];
    return ATH_OK;
}

struct visit {
    const ath_dataset *dataset;
    ath__visit_fn      fn;
    void              *context;
    ath_status         status[ATH_DATASET_CHUNKS];
    ath_error          errors[ATH_DATASET_CHUNKS];
};

static void visit_chunk(int64_t chunk, void *context) {
    struct visit      *visit = context;
    const ath_dataset *dataset = visit->dataset;
    int64_t            count = dataset->store.count;
    int64_t            begin = count * chunk / ATH_DATASET_CHUNKS, end = count * (chunk + 1) / ATH_DATASET_CHUNKS;
    unsigned char     *buffer = NULL;
    ath_status         status = ATH_OK;
    for (int64_t i = begin; i < end; i++) {
        const unsigned char *pixels = ath__dataset_pixels(dataset, i);
        if (!pixels && !buffer && !(buffer = ath__alloc(image_bytes(&dataset->store)))) {
            status = ath__fail_memory(&visit->errors[chunk], dataset->name);
            break;
        }
        if (!pixels) ATH_TRY_DONE(ath_dataset_read(dataset, i, buffer, NULL, &visit->errors[chunk]));
        visit->fn(pixels ? pixels : buffer, i, (int)chunk, visit->context);
    }
done:
    visit->status[chunk] = status;
    ath__free(buffer);
}

ath_status ath__dataset_visit(const ath_dataset *dataset, ath__visit_fn fn, void *context, ath_error *err) {
    struct visit visit = {.dataset = dataset, .fn = fn, .context = context};
    ath__parallel(ATH_DATASET_CHUNKS, visit_chunk, &visit);
    for (int i = 0; i < ATH_DATASET_CHUNKS; i++) {
        if (visit.status[i] == ATH_OK) continue;
        if (err) *err = visit.errors[i];
        return visit.status[i];
    }
    return ATH_OK;
}

ath_status ath_dataset_download(const char *name, ath_download_fn progress, void *context, ath_error *err) {
    char                            folder[ATH_PATH_MAX];
    const struct ath__dataset_kind *kind = find_kind(name);
    if (!kind) return fail_unknown(name, err);
    if (!kind->download) return ATH_OK; /* generated: it is always there */
    ATH_TRY(ath_dataset_folder(name, folder, sizeof folder, err));
    return ath__download_set(kind->download, folder, progress, context, err);
}
