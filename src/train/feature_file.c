/* Keys of features, and their files. */
#include "train/feature_file.h"

#include "base/cpuinfo.h"
#include "base/crc32c.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "data/dataset.h"
#include "zoo/model.h"

#include "athanor_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char format_name[] = "athanor features 1";

/* ---- the key ----------------------------------------------------------------------------------------------------- */

struct digesting {
    const ath_dataset *dataset;
    ath_dataset_info   info;
    char (*digests)[ATH_DIGEST_TEXT]; /* one per image */
    ath_status *statuses;             /* one per chunk */
    ath_error  *errors;
};

static ath_status digest_image(const struct digesting *d, int64_t index, ath_error *err) {
    const unsigned char *pixels = ath__dataset_pixels(d->dataset, index);
    const char          *path = ath__dataset_path(d->dataset, index);
    struct ath__mapping  file;
    if (pixels) {
        size_t bytes = (size_t)d->info.channels * (size_t)d->info.height * (size_t)d->info.width;
        ath__digest_text(&ath__sha256, pixels, bytes, d->digests[index]);
        return ATH_OK;
    }
    if (!path) return ath__fail(err, ATH_FAILED, "features", "image %lld lies nowhere", (long long)index);
    ATH_TRY(ath__file_map(path, &file, err));
    ath__digest_text(&ath__sha256, file.data, file.size, d->digests[index]);
    ath__file_unmap(&file);
    return ATH_OK;
}

static void digest_chunk(int64_t chunk, void *context) {
    struct digesting *d = context;
    int64_t           first = d->info.count * chunk / ATH_DATASET_CHUNKS;
    int64_t           end = d->info.count * (chunk + 1) / ATH_DATASET_CHUNKS;
    for (int64_t i = first; i < end && d->statuses[chunk] == ATH_OK; i++)
        d->statuses[chunk] = digest_image(d, i, &d->errors[chunk]);
}

ath_status ath__feature_images_digest(const ath_dataset *dataset, char digest[65], ath_error *err) {
    ath_status       statuses[ATH_DATASET_CHUNKS] = {ATH_OK}, status = ATH_OK;
    ath_error        errors[ATH_DATASET_CHUNKS] = {{.code = ATH_OK}};
    struct digesting d = {
        .dataset = dataset, .info = ath_dataset_describe(dataset), .statuses = statuses, .errors = errors};
    d.digests = ath__alloc_array((size_t)d.info.count + 1, ATH_DIGEST_TEXT);
    if (!d.digests) return ath__fail_memory(err, "key");
    ath__parallel(ATH_DATASET_CHUNKS, digest_chunk, &d);
    for (int c = 0; c < ATH_DATASET_CHUNKS && status == ATH_OK; c++) {
        status = statuses[c];
        if (status != ATH_OK && err) *err = errors[c];
    }
    ath__digest_text(&ath__sha256, d.digests, (size_t)d.info.count * ATH_DIGEST_TEXT, digest);
    ath__free(d.digests);
    return status;
}

/* Parameters that are not trained, and statistics. */
static void digest_backbone(const struct ath__store *store, char digest[ATH_DIGEST_TEXT]) {
    struct ath__digest all;
    ath__digest_start(&all, &ath__sha256);
    for (int i = 0; i < store->count; i++) {
        const struct ath__entry *entry = &store->entries[i];
        if (strncmp(entry->name, "optimizer.", 10) == 0) continue;
        if (entry->leaf == ATH_LEAF_PARAM && entry->group != ATH_STORE_FROZEN) continue;
        ath__digest_add(&all, entry->name, strlen(entry->name) + 1);
        ath__digest_add(&all, &entry->shape, sizeof entry->shape);
        ath__digest_add(&all, entry->data, (size_t)ath_shape_count(&entry->shape) * sizeof(float));
    }
    ath__digest_end(&all, digest);
}

static void describe_model(const struct ath__network *network, struct ath__str *key) {
    ath_model       *model = (ath_model *)(uintptr_t)network->model; /* reading options uses a text buffer in it */
    int              channels, height, width;
    ath_model_option option;
    const char      *text = ath_model_text(model);
    ath_model_input(model, &channels, &height, &width);
    ath__str_printf(key, "model %s %dx%dx%d reparam %s\n", ath_model_name(model), channels, height, width,
                    ath_model_reparam(model));
    for (int i = 0; ath_model_option_at(model, i, &option); i++)
        ath__str_printf(key, "model.%s %s\n", option.name, ath_model_get(model, option.name));
    if (text) {
        char digest[ATH_DIGEST_TEXT];
        ath__digest_text(&ath__sha256, text, strlen(text), digest);
        ath__str_printf(key, "net %s\n", digest);
    }
}

ath_status ath__feature_key(const ath_dataset *dataset, const struct ath__preprocess *preprocess,
                            const struct ath__network *network, struct ath__str *key, ath_error *err) {
    char images[ATH_DIGEST_TEXT], backbone[ATH_DIGEST_TEXT];
    ATH_TRY(ath__feature_images_digest(dataset, images, err));
    digest_backbone(network->store, backbone);
    ath__str_printf(key, "%s version %s\nimages %" PRId64 " %s\n", format_name, ATHANOR_VERSION,
                    ath_dataset_describe(dataset).count, images);
    ath__str_printf(key, "resize %dx%d fit %d %dx%d rounding %d filter %d\n", preprocess->height, preprocess->width,
                    (int)preprocess->fit, preprocess->fit_height, preprocess->fit_width, (int)preprocess->rounding,
                    preprocess->filter);
    for (int c = 0; c < 4; c++)
        ath__str_printf(key, "normalize %.17g %.17g\n", preprocess->mean[c], preprocess->deviation[c]);
    describe_model(network, key);
    ath__str_printf(key, "backbone %s\nfeatures", backbone);
    for (int i = 1; i < network->features.rank; i++)
        ath__str_printf(key, " %lld", (long long)network->features.dims[i]);
    const char *layout = network->settings.layout, *only = network->settings.only;
    ath__str_printf(key, "\ncompute %s %s layout %s implementation %s\n", network->settings.bf16 ? "bf16" : "f32",
                    ath__cpu_tier_name(ath__cpuinfo()->tier), layout ? layout : "auto", only ? only : "");
    return key->failed ? ath__fail_memory(err, "key") : ATH_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

ath_status ath__feature_path(const char *folder, const char *key, char path[ATH_PATH_MAX], ath_error *err) {
    char digest[ATH_DIGEST_TEXT], name[ATH_DIGEST_TEXT + 16];
    ath__digest_text(&ath__sha256, key, strlen(key), digest);
    snprintf(name, sizeof name, "%s.safetensors", digest);
    return ath__path_join(path, folder, name, err);
}

static ath_shape stored_shape(int64_t count, const ath_shape *shape) {
    ath_shape stored = *shape;
    stored.dims[0] = count;
    return stored;
}

static void checksum(const void *data, size_t bytes, char text[16]) {
    snprintf(text, 16, "%08" PRIx32, ath__crc32c(0, data, bytes));
}

/* NULL, or what is wrong. */
static const char *judge(const ath_tensor_file *file, const char *key, const ath_shape *wanted) {
    const char       *format = ath_tensor_file_metadata(file, "format"), *own = ath_tensor_file_metadata(file, "key");
    const char       *sum = ath_tensor_file_metadata(file, "crc32c");
    const ath_tensor *features = ath_tensor_file_find(file, "features");
    char              found[16];
    if (!format || strcmp(format, format_name) != 0) return "it is no file of features";
    if (!own || strcmp(own, key) != 0) return "it belongs to other images, weights or settings";
    if (!features || features->dtype != ATH_F32 || !ath_shape_equal(&features->shape, wanted))
        return "its features have another shape";
    checksum(features->data, (size_t)ath_shape_count(wanted) * sizeof(float), found);
    return sum && strcmp(sum, found) == 0 ? NULL : "its checksum is not that of its content";
}

enum ath__feature_find ath__feature_load(const char *path, const char *key, int64_t count, const ath_shape *shape,
                                         ath_tensor_file *file, char why[256]) {
    ath_shape wanted = stored_shape(count, shape);
    ath_error err = {.code = ATH_OK};
    if (!ath__file_exists(path)) return ATH_FEATURES_MISSING;
    if (ath_safetensors_load(path, file, &err) != ATH_OK) {
        snprintf(why, 256, "%.250s", err.message);
        return ATH_FEATURES_BROKEN;
    }
    const char *fault = judge(file, key, &wanted);
    if (!fault) return ATH_FEATURES_FOUND;
    snprintf(why, 256, "%s", fault);
    ath_tensor_file_free(file);
    return ATH_FEATURES_BROKEN;
}

ath_status ath__feature_save(const char *path, const char *key, int64_t count, const ath_shape *shape,
                             const float *features, ath_error *err) {
    char             sum[16];
    ath_shape        stored = stored_shape(count, shape);
    ath_named_tensor tensor = {"features", {ATH_F32, stored, (void *)(uintptr_t)features}};
    checksum(features, (size_t)ath_shape_count(&stored) * sizeof(float), sum);
    ath_metadata metadata[] = {{"format", format_name}, {"key", key}, {"crc32c", sum}};
    /* Runs beside each other compute the same file: each writes one of its own, and the last to be done replaces it. */
    static atomic_uint saved;
    char               own[ATH_PATH_MAX];
    int                size = snprintf(own, sizeof own, "%s.%ld-%u", path, (long)getpid(), atomic_fetch_add(&saved, 1));
    if (size < 0 || (size_t)size >= sizeof own) return ath__fail(err, ATH_USAGE, path, "the path is too long");
    ATH_TRY(ath_safetensors_save(own, &tensor, 1, metadata, 3, err));
    if (rename(own, path) == 0) return ATH_OK;
    int code = errno;
    unlink(own);
    return ath__fail(err, ATH_IO, path, "cannot write '%s': %s", path, strerror(code));
}
