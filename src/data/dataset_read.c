/* Reading a data set's images: from memory where they lie there, else from their files. */
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "data/dataset.h"
#include "data/photo/photo_file.h"

#include <inttypes.h>
#include <string.h>

static size_t stored_bytes(const struct ath__image_store *store) {
    return (size_t)store->channels * (size_t)store->height * (size_t)store->width;
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
        .class_titles = store->class_titles ? store->class_titles : store->class_names,
        .class_groups = store->class_groups,
        .group_names = store->group_names,
        .groups = store->groups,
        .skipped = store->skipped,
        .remarks = ath__str_text(&store->remarks),
    };
}

const unsigned char *ath__dataset_pixels(const ath_dataset *dataset, int64_t index) {
    const struct ath__image_store *store = &dataset->store;
    return store->pixels ? store->pixels + (size_t)index * stored_bytes(store) : NULL;
}

const char *ath__dataset_path(const ath_dataset *dataset, int64_t index) {
    return dataset->store.paths ? dataset->store.paths[index] : NULL;
}

static ath_status check_index(const ath_dataset *dataset, int64_t index, ath_error *err) {
    if (index >= 0 && index < dataset->store.count) return ATH_OK;
    return ath__fail(err, ATH_USAGE, dataset->name, "there is no image %" PRId64 ": the set has %" PRId64, index,
                     dataset->store.count);
}

ath_status ath__dataset_view(const ath_dataset *dataset, int64_t index, int least, struct ath__picture *picture,
                             ath_error *err) {
    const struct ath__image_store *store = &dataset->store;
    ATH_TRY(check_index(dataset, index, err));
    if (store->paths) return ath__photo_read(store->paths[index], store->channels, least, picture, err);
    picture->channels = store->channels;
    picture->height = store->height;
    picture->width = store->width;
    picture->pixels = ath__dataset_pixels(dataset, index);
    return ATH_OK;
}

ath_status ath_dataset_label(const ath_dataset *dataset, int64_t index, int *label, ath_error *err) {
    ATH_TRY(check_index(dataset, index, err));
    *label = dataset->store.labels[index];
    return ATH_OK;
}

ath_status ath_dataset_size(const ath_dataset *dataset, int64_t index, int *height, int *width, ath_error *err) {
    ATH_TRY(check_index(dataset, index, err));
    *height = dataset->store.height;
    *width = dataset->store.width;
    return dataset->store.paths ? ath__photo_size(dataset->store.paths[index], height, width, err) : ATH_OK;
}

ath_status ath_dataset_read(const ath_dataset *dataset, int64_t index, unsigned char *pixels, int *label,
                            ath_error *err) {
    ATH_TRY(check_index(dataset, index, err));
    if (pixels) {
        struct ath__picture picture = {0};
        ath_status          status = ath__dataset_view(dataset, index, 0, &picture, err);
        if (status == ATH_OK) memcpy(pixels, picture.pixels, ath__picture_bytes(&picture));
        ath__picture_free(&picture);
        ATH_TRY(status);
    }
    if (label) *label = dataset->store.labels[index];
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
    struct visit       *visit = context;
    int64_t             count = visit->dataset->store.count;
    int64_t             begin = count * chunk / ATH_DATASET_CHUNKS, end = count * (chunk + 1) / ATH_DATASET_CHUNKS;
    struct ath__picture picture = {0};
    ath_status          status = ATH_OK;
    for (int64_t i = begin; i < end && status == ATH_OK; i++) {
        status = ath__dataset_view(visit->dataset, i, 0, &picture, &visit->errors[chunk]);
        if (status == ATH_OK) visit->fn(&picture, i, (int)chunk, visit->context);
    }
    visit->status[chunk] = status;
    ath__picture_free(&picture);
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
