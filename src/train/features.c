/* Computing features, keeping them, and handing them out.
 *
 *     images -> loader threads decode and augment ahead -> backbone, compiled, EXTRACT_BATCH at a time -> one row each
 *
 * The rows of a view lie in its file, mapped, or in memory where it could not be written. In epoch e image i is seen in
 * view (e + d_i) mod n, with d_i drawn by (seed, i): every n epochs it has been seen in all of them.
 */
#include "train/features.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/user_folder.h"
#include "data/augment/augment.h"
#include "train/feature_file.h"
#include "train/settings.h"
#include "train/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EXTRACT_BATCH = 32 };

struct view {
    ath_tensor_file file; /* mapped */
    float          *own;  /* or computed here */
    const float    *rows;
};

struct ath__feature_set {
    int64_t      count, width; /* images, numbers of each */
    int          views;
    struct view *view;
    int32_t     *labels;

    /* The epoch under way. */
    uint64_t  seed;
    bool      shuffle;
    int64_t   batch, epoch, next;
    uint32_t *order;
    float    *images;
    int32_t  *batch_labels;
    int64_t  *indices;
};

bool ath__features_wanted(const ath_config *config) {
    return strcmp(ath__config_text(config, "features"), "cache") == 0;
}

/* ---- one view ---------------------------------------------------------------------------------------------------- */

/* A split under extraction. */
struct extraction {
    const struct ath__feature_source *source;
    struct ath__feature_set          *set;
    char                              folder[ATH_PATH_MAX]; /* "" = nowhere to keep them */
    const char                       *augment;              /* of all but the plain view */
    uint64_t                          seed;
    bool                              plain; /* view 0 is */
    int                               kept, computed;
    double                            seconds;
};

static ath_status open_loader(const struct extraction *e, bool plain, struct ath__loader **loader, ath_error *err) {
    struct ath__loader_settings settings = {.batch = EXTRACT_BATCH,
                                            .seed = e->seed,
                                            .threads = (int)ath__config_int(e->source->config, "loader.threads"),
                                            .cache_bytes = 1, /* every image is read once */
                                            .augment = plain ? NULL : e->augment,
                                            .preprocess = *e->source->preprocess};
    if (settings.batch > e->set->count) settings.batch = e->set->count;
    return ath__loader_open(e->source->dataset, &settings, loader, err);
}

static ath_status report(const struct extraction *e, int64_t batch, int64_t batches, ath_error *err) {
    const ath_hooks *hooks = e->source->hooks;
    ath_progress     progress = {
            .activity = ATH_ACTIVITY_PREPARE, .batch = batch, .batches = batches, .seconds_left = -1.0};
    if (hooks && hooks->progress) hooks->progress(&progress, hooks->context);
    if (hooks && hooks->stop && hooks->stop(hooks->context))
        return ath__fail(err, ATH_INTERRUPTED, NULL, "interrupted while features were computed; nothing was begun");
    return ATH_OK;
}

/* Rows of view `v`, from a loader whose epochs are the views. */
static ath_status compute_rows(const struct extraction *e, struct ath__loader *loader, int v, float *rows,
                               ath_error *err) {
    size_t  width = (size_t)e->set->width;
    int64_t done = 0, batches = ath__loader_batches(loader);
    ATH_TRY(ath__loader_start(loader, v, 0, err));
    for (int64_t b = 0;; b++) {
        struct ath__batch batch;
        const float      *features = NULL;
        ATH_TRY(ath__loader_next(loader, &batch, err));
        if (batch.count == 0) return ATH_OK;
        struct ath__samples samples = ath__setup_samples(&batch);
        ATH_TRY(ath__network_features(e->source->network, &samples, &features, err));
        memcpy(rows + (size_t)done * width, features, (size_t)batch.count * width * sizeof(float));
        done += batch.count;
        ATH_TRY(report(e, b + 1, batches, err));
    }
}

static ath_status compute_view(struct extraction *e, int v, const char *path, const char *key, ath_error *err) {
    struct view        *view = &e->set->view[v];
    struct ath__loader *loader = NULL;
    double              begin = ath__seconds();
    view->own = ath__alloc_array((size_t)e->set->count * (size_t)e->set->width, sizeof(float));
    if (!view->own) return ath__fail_memory(err, "features");
    ath_status status = open_loader(e, e->plain && v == 0, &loader, err);
    if (status == ATH_OK) status = compute_rows(e, loader, v, view->own, err);
    ath__loader_close(loader);
    if (status != ATH_OK) return status;
    view->rows = view->own;
    e->computed++;
    ath_error fault = {.code = ATH_OK};
    if (*path &&
        ath__feature_save(path, key, e->set->count, &e->source->network->features, view->own, &fault) != ATH_OK)
        ath__remark(e->source->hooks, "FEATURES", true, "the features could not be kept: %s", fault.message);
    e->seconds += ath__seconds() - begin;
    return ATH_OK;
}

/* From its file, or computed. `common` is the key but for the view. */
static ath_status open_view(struct extraction *e, int v, const struct ath__str *common, ath_error *err) {
    struct view    *view = &e->set->view[v];
    struct ath__str key = {0};
    char            path[ATH_PATH_MAX] = "", why[256];
    ath_status      status = ATH_OK;
    ath__str_append(&key, ath__str_text(common));
    if (e->plain && v == 0)
        ath__str_append(&key, "view plain\n");
    else
        ath__str_printf(&key, "view %d seed %" PRIu64 " augment %s\n", v, e->seed, e->augment);
    if (key.failed) status = ath__fail_memory(err, "features");
    if (status == ATH_OK && *e->folder) status = ath__feature_path(e->folder, ath__str_text(&key), path, err);
    if (status == ATH_OK && *path) {
        enum ath__feature_find found = ath__feature_load(path, ath__str_text(&key), e->set->count,
                                                         &e->source->network->features, &view->file, why);
        if (found == ATH_FEATURES_BROKEN)
            ath__remark(e->source->hooks, "FEATURES", true,
                        "the features in '%s' cannot be used and are computed anew: %s", path, why);
        if (found == ATH_FEATURES_FOUND) view->rows = ath_tensor_file_find(&view->file, "features")->data;
    }
    if (view->rows)
        e->kept++;
    else if (status == ATH_OK)
        status = compute_view(e, v, path, ath__str_text(&key), err);
    ath__str_free(&key);
    return status;
}

/* ---- a split ----------------------------------------------------------------------------------------------------- */

/* Where features are kept. That there is no such place is no failure. */
static void choose_folder(struct extraction *e) {
    const char *given = ath__config_text(e->source->config, "features.folder");
    ath_error   err = {.code = ATH_OK};
    ath_status  status = ATH_OK;
    if (*given)
        ath__str_copy(e->folder, sizeof e->folder, given);
    else
        status = ath__user_cache("features", e->folder, &err);
    if (status == ATH_OK) status = ath__folder_make(e->folder, &err);
    if (status == ATH_OK) return;
    ath__remark(e->source->hooks, "FEATURES", true, "the features are not kept for the next run: %s", err.message);
    e->folder[0] = '\0';
}

static ath_status check_augment(const struct extraction *e, ath_error *err) {
    struct ath__augment *augment = NULL;
    bool                 used = e->set->views > 1 || !e->plain, empty = !*e->augment || strcmp(e->augment, "[]") == 0;
    if (!e->source->train) return ATH_OK;
    if (used && empty)
        return ath__fail(err, ATH_USAGE, "features.views",
                         "features.views=%d needs augment=: without it all views of an image are the same",
                         e->set->views);
    if (!used && !empty)
        ath__remark(e->source->hooks, "UNUSED", true,
                    "augment= does nothing here: features.views=1 keeps every image as it is; features.views=8 adds "
                    "seven augmented views of each");
    ATH_TRY(ath__augment_open(e->augment, &augment, err));
    bool mixes = ath__augment_mixes(augment);
    ath__augment_close(augment);
    if (used && mixes)
        return ath__fail(err, ATH_USAGE, "augment",
                         "mixup and cutmix mix images of a batch, which features that are computed once cannot: leave "
                         "them out, or take features=none");
    return ATH_OK;
}

static ath_status open_buffers(struct ath__feature_set *set, const struct ath__feature_source *source, ath_error *err) {
    size_t count = (size_t)set->count, batch = (size_t)set->batch;
    set->labels = ATH_NEW_ARRAY(int32_t, count);
    set->order = ATH_NEW_ARRAY(uint32_t, count);
    set->images = ath__alloc_array(batch * (size_t)set->width, sizeof(float));
    set->batch_labels = ATH_NEW_ARRAY(int32_t, batch);
    set->indices = ATH_NEW_ARRAY(int64_t, batch);
    set->view = ATH_NEW_ARRAY(struct view, set->views);
    if (!set->labels || !set->order || !set->images || !set->batch_labels || !set->indices || !set->view)
        return ath__fail_memory(err, "features");
    for (int64_t i = 0; i < set->count; i++) {
        int label;
        ATH_TRY(ath_dataset_label(source->dataset, i, &label, err));
        set->labels[i] = label;
    }
    return ATH_OK;
}

static void tell(const struct extraction *e) {
    const struct ath__feature_set *set = e->set;
    char                           views[48] = "";
    if (set->views > 1) snprintf(views, sizeof views, " in %d views", set->views);
    if (e->computed == 0)
        ath__remark(e->source->hooks, "FEATURES", false,
                    "features of %lld %s images%s were there already, %lld numbers each (%s)", (long long)set->count,
                    e->source->train ? "training" : "validation", views, (long long)set->width, e->folder);
    else
        ath__remark(e->source->hooks, "FEATURES", false,
                    "features of %lld %s images%s: %lld numbers each, computed in %.1f s (%.0f images/s)%s%s",
                    (long long)set->count, e->source->train ? "training" : "validation", views, (long long)set->width,
                    e->seconds, (double)e->computed * (double)set->count / e->seconds, *e->folder ? "; kept in " : "",
                    e->folder);
}

static ath_status fill(struct extraction *e, ath_error *err) {
    const struct ath__feature_source *source = e->source;
    struct ath__str                   key = {0};
    ATH_TRY(check_augment(e, err));
    ATH_TRY(open_buffers(e->set, source, err));
    choose_folder(e);
    ath_status status = ath__feature_key(source->dataset, source->preprocess, source->network, &key, err);
    for (int v = 0; v < e->set->views && status == ATH_OK; v++) status = open_view(e, v, &key, err);
    ath__str_free(&key);
    if (status == ATH_OK) tell(e);
    return status;
}

ath_status ath__features_open(const struct ath__feature_source *source, struct ath__feature_set **set, ath_error *err) {
    const ath_config        *config = source->config;
    struct ath__feature_set *made = ATH_NEW(struct ath__feature_set);
    if (!made) return ath__fail_memory(err, "features");
    made->count = ath_dataset_describe(source->dataset).count;
    made->width = ath_shape_count(&source->network->features);
    made->views = source->train ? (int)ath__config_int(config, "features.views") : 1;
    made->seed = (uint64_t)ath__config_int(config, "seed");
    made->shuffle = source->train;
    made->batch = ath__config_int(config, "batch");
    if (made->batch > made->count) made->batch = made->count;
    struct extraction e = {.source = source,
                           .set = made,
                           .augment = ath__config_text(config, "augment"),
                           .seed = made->seed,
                           .plain = !source->train || ath__config_flag(config, "features.plain")};
    ath_status        status = fill(&e, err);
    if (status != ATH_OK) {
        ath__features_close(made);
        return status;
    }
    *set = made;
    return ATH_OK;
}

void ath__features_close(struct ath__feature_set *set) {
    if (!set) return;
    for (int v = 0; set->view && v < set->views; v++) {
        if (set->view[v].file.owner) ath_tensor_file_free(&set->view[v].file);
        ath__free(set->view[v].own);
    }
    ath__free(set->view);
    ath__free(set->labels);
    ath__free(set->order);
    ath__free(set->images);
    ath__free(set->batch_labels);
    ath__free(set->indices);
    ath__free(set);
}

/* ---- handing out ------------------------------------------------------------------------------------------------- */

int64_t ath__features_batches(const struct ath__feature_set *set) {
    return (set->count + set->batch - 1) / set->batch;
}

void ath__features_start(struct ath__feature_set *set, int64_t epoch, int64_t first) {
    for (int64_t i = 0; i < set->count; i++) set->order[i] = (uint32_t)i;
    if (set->shuffle) {
        struct ath__rng rng;
        ath__rng_start(&rng, set->seed, ATH_RNG_SHUFFLE, (uint32_t)epoch, 0);
        ath__rng_shuffle(&rng, set->order, (size_t)set->count);
    }
    set->epoch = epoch;
    set->next = first;
}

static int view_of(const struct ath__feature_set *set, uint32_t index) {
    struct ath__rng rng;
    if (set->views == 1) return 0;
    ath__rng_start(&rng, set->seed, ATH_RNG_VIEW, index, 0);
    uint32_t views = (uint32_t)set->views;
    return (int)((ath__rng_below(&rng, views) + (uint64_t)set->epoch) % views);
}

void ath__features_next(struct ath__feature_set *set, struct ath__batch *batch) {
    int64_t first = set->next * set->batch, left = set->count - first;
    *batch = (struct ath__batch){.index = set->next};
    if (left <= 0) return;
    size_t width = (size_t)set->width;
    batch->count = left < set->batch ? left : set->batch;
    for (int64_t i = 0; i < batch->count; i++) {
        uint32_t index = set->order[first + i];
        memcpy(set->images + (size_t)i * width, set->view[view_of(set, index)].rows + (size_t)index * width,
               width * sizeof(float));
        set->batch_labels[i] = set->labels[index];
        set->indices[i] = (int64_t)index;
    }
    batch->images = set->images;
    batch->labels = set->batch_labels;
    batch->indices = set->indices;
    set->next++;
}
