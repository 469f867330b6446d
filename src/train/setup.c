/* Reading a configuration into data sets, preprocessing, models, networks and loaders. */
#include "train/setup.h"

#include "base/cpuinfo.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "data/augment/augment.h"
#include "train/data_start.h"
#include "train/model_file.h"
#include "train/settings.h"
#include "train/setup_update.h"
#include "train/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ath__remark(const ath_hooks *hooks, const char *code, bool warning, const char *format, ...) {
    char    text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!hooks || !hooks->remark) {
        if (warning) ath__log(ATH_LOG_WARNING, "%s", text);
        return;
    }
    ath_remark remark = {.code = code, .text = text, .warning = warning};
    hooks->remark(&remark, hooks->context);
}

void ath__setup_threads(const ath_config *config) {
    ath__threads_set((int)ath__config_int(config, "threads"));
}

ath_status ath__setup_data(const ath_config *config, ath_split split, ath_dataset **dataset, ath_error *err) {
    const char *name = ath__config_text(config, "data");
    if (!*name)
        return ath__fail(err, ATH_USAGE, "data", "which data? Give data=NAME or data=FOLDER ('athanor data list')");
    ath_option_pair         options[64];
    int                     count = 0;
    struct ath__config_pair pair;
    while (count < 62 && ath__config_pair(config, "data.", count, &pair)) {
        options[count] = (ath_option_pair){pair.key, pair.value};
        count++;
    }
    const char *bad_images = ath__config_text(config, "bad_images"), *labels = ath__config_text(config, "labels");
    if (*labels) options[count++] = (ath_option_pair){"labels", labels};
    if (strcmp(bad_images, "stop") != 0) options[count++] = (ath_option_pair){"bad_images", bad_images};
    return ath_dataset_open(name, split, options, count, dataset, err);
}

ath_status ath__setup_compare(const ath_hooks *hooks, const ath_dataset *train, const ath_dataset *val,
                              ath_error *err) {
    ath_duplicates found;
    long long      count = (long long)ath_dataset_describe(val).count;
    ATH_TRY(ath_dataset_compare(train, val, &found, err));
    if (found.images == 0) return ATH_OK;
    ath__remark(hooks, "DUPLICATES", true,
                "%lld of the %lld validation images are training images as well, byte for byte (val[%lld] = "
                "train[%lld]), %lld of them under another label: up to %.2f points of validation accuracy say nothing "
                "about new images; 'athanor data stats' counts them",
                (long long)found.images, count, (long long)found.second, (long long)found.first,
                (long long)found.conflicts, 100.0 * (double)found.images / (double)count);
    return ATH_OK;
}

/* input=CxHxW */
static ath_status parse_input(const char *text, int dims[3], ath_error *err) {
    char extra;
    if (sscanf(text, "%dx%dx%d%c", &dims[0], &dims[1], &dims[2], &extra) == 3 && dims[0] > 0 && dims[1] > 0 &&
        dims[2] > 0)
        return ATH_OK;
    return ath__fail(err, ATH_USAGE, "input", "input must be CHANNELSxHEIGHTxWIDTH, e.g. 3x32x32, not '%s'", text);
}

static ath_status apply_model_options(const ath_config *config, ath_model *model, ath_error *err) {
    struct ath__config_pair pair;
    for (int i = 0; ath__config_pair(config, "model.", i, &pair); i++)
        ATH_TRY(ath_model_set(model, pair.key, pair.value, err));
    ATH_TRY(ath_model_set_reparam(model, ath__config_text(config, "reparam"), err));
    const char *input = ath__config_text(config, "input");
    if (*input) {
        int dims[3];
        ATH_TRY(parse_input(input, dims, err));
        ATH_TRY(ath_model_set_input(model, dims[0], dims[1], dims[2], err));
    }
    int64_t classes = ath__config_int(config, "classes");
    return classes > 0 ? ath_model_set_classes(model, (int)classes, err) : ATH_OK;
}

/* input= beside a data set may only repeat what its images are. */
static ath_status check_input(const ath_dataset *dataset, const struct ath__preprocess *preprocess,
                              const ath_model *model, ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(dataset);
    int              channels, height, width, rows = preprocess->height ? preprocess->height : info.height;
    int              columns = preprocess->width ? preprocess->width : info.width;
    ath_model_input(model, &channels, &height, &width);
    if (channels == info.channels && height == rows && width == columns) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "input",
                     "input=%dx%dx%d does not fit the images, which come as %dx%dx%d (resize= sets their size)",
                     channels, height, width, info.channels, rows, columns);
}

ath_status ath__setup_model(const ath_config *config, const ath_dataset *dataset,
                            const struct ath__preprocess *preprocess, ath_model **model, ath_error *err) {
    const char *name = ath__config_text(config, "model");
    if (!*name) return ath__fail(err, ATH_USAGE, "model", "which model? Give model=NAME ('athanor models' lists them)");
    ATH_TRY(ath__model_named(name, model, err));
    ath_status status = ATH_OK;
    if (dataset) {
        ath_dataset_info info = ath_dataset_describe(dataset);
        int              height = preprocess->height ? preprocess->height : info.height;
        int              width = preprocess->width ? preprocess->width : info.width;
        status = ath_model_set_input(*model, info.channels, height, width, err);
        if (status == ATH_OK) status = ath_model_set_classes(*model, info.classes, err);
    } else if (preprocess && preprocess->height > 0) {
        int channels, height, width;
        ath_model_input(*model, &channels, &height, &width);
        status = ath_model_set_input(*model, channels, preprocess->height, preprocess->width, err);
    }
    if (status == ATH_OK) status = apply_model_options(config, *model, err);
    if (status == ATH_OK && dataset) status = check_input(dataset, preprocess, *model, err);
    if (status == ATH_OK && dataset && ath_model_classes(*model) < ath_dataset_describe(dataset).classes)
        status = ath__fail(err, ATH_USAGE, "classes", "classes=%d is too few for the %d classes of the data set",
                           ath_model_classes(*model), ath_dataset_describe(dataset).classes);
    if (status != ATH_OK) {
        ath_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

static enum ath__norms norms_of(const ath_config *config) {
    const char *statistics = ath__config_text(config, "bn.statistics");
    return strcmp(statistics, "frozen") == 0 ? ATH_NORMS_FROZEN
           : strcmp(statistics, "auto") == 0 ? ATH_NORMS_AUTO
                                             : ATH_NORMS_UPDATE;
}

ath_status ath__setup_network(const ath_config *config, const ath_model *model, enum ath__network_use use,
                              const ath_hooks *hooks, struct ath__network **network, ath_error *err) {
    struct ath__network_settings settings = {
        .loss_settings = {.smoothing = ath__config_real(config, "label_smoothing"),
                          .gamma = ath__config_real(config, "loss.gamma")},
        .freeze = ath__config_text(config, "freeze"),
        .norms = norms_of(config),
        .features = use == ATH_NETWORK_TRAINS_FEATURES,
        .layout = ath__config_text(config, "layout"),
        .only = *ath__config_text(config, "implementation") ? ath__config_text(config, "implementation") : NULL,
    };
    struct ath__group_rule rules[ATH_GROUP_MAX_RULES];
    ATH_TRY(ath__loss_find(ath__config_text(config, "loss"), &settings.loss, err));
    if (use != ATH_NETWORK_EVALUATES) {
        struct ath__augment *augment = NULL;
        ATH_TRY(ath__augment_open(ath__config_text(config, "augment"), &augment, err));
        settings.soft_targets = ath__augment_mixes(augment);
        ath__augment_close(augment);
        ATH_TRY(ath__setup_update(config, hooks, &settings, rules, err));
    }
    settings.bf16 = strcmp(ath__config_text(config, "precision"), "bf16") == 0;
    if (settings.bf16 && !ath__device_cpu()->bf16) {
        ath__remark(hooks, "PRECISION", true,
                    "this processor (%s, %s) does not compute in bfloat16; float32 is used instead",
                    ath__cpuinfo()->name, ath__cpu_tier_name(ath__cpuinfo()->tier));
        settings.bf16 = false;
    }
    ATH_TRY(ath__network_create(model, &settings, network, err));
    (*network)->micro = ath__config_int(config, "micro_batch");
    (*network)->seed = (uint64_t)ath__config_int(config, "seed");
    return ATH_OK;
}

/* init.head= */
static void start_head(const ath_config *config, struct ath__network *network) {
    const char *start = ath__config_text(config, "init.head");
    if (strcmp(start, "auto") == 0) return;
    float value = strcmp(start, "ones") == 0 ? 1.0f : 0.0f;
    for (int i = 0; i < network->store->count; i++) {
        struct ath__entry *entry = &network->store->entries[i];
        if (!network->is_head[i]) continue;
        for (int64_t k = 0; k < ath_shape_count(&entry->shape); k++)
            entry->data[k] = entry->shape.rank > 1 ? value : 0.0f;
    }
    ath__network_changed(network);
}

ath_status ath__setup_start(const ath_config *config, const ath_dataset *train,
                            const struct ath__preprocess *preprocess, const ath_hooks *hooks,
                            struct ath__network *network, ath_error *err) {
    const char *weights = ath__config_text(config, "weights");
    ATH_TRY(
        ath__network_start(network, ath__config_text(config, "init"), (uint64_t)ath__config_int(config, "seed"), err));
    if (*ath__config_text(config, "resume")) return ATH_OK;
    if (!*weights && ath__is_model_file(ath__config_text(config, "model"))) weights = ath__config_text(config, "model");
    ATH_TRY(ath__data_start(network, train, preprocess, err));
    if (*weights)
        ATH_TRY(ath__weights_apply(weights, ath__config_flag(config, "weights.partial"), hooks, network, err));
    start_head(config, network);
    ath__network_begin(network);
    return ATH_OK;
}

ath_status ath__setup_loader(const ath_config *config, const ath_dataset *dataset,
                             const struct ath__preprocess *preprocess, bool train, struct ath__loader **loader,
                             ath_error *err) {
    int64_t                     cache = ath__config_int(config, "loader.cache");
    struct ath__loader_settings settings = {.batch = ath__config_int(config, "batch"),
                                            .seed = (uint64_t)ath__config_int(config, "seed"),
                                            .shuffle = train,
                                            .threads = (int)ath__config_int(config, "loader.threads"),
                                            .cache_bytes = cache > 0 ? (size_t)cache << 20 : 1,
                                            .augment = train ? ath__config_text(config, "augment") : NULL,
                                            .preprocess = *preprocess};
    int64_t                     count = ath_dataset_describe(dataset).count;
    if (train && settings.batch > count)
        return ath__fail(err, ATH_USAGE, "batch", "batch=%lld is larger than the training set of %lld images",
                         (long long)settings.batch, (long long)count);
    if (settings.batch > count) settings.batch = count;
    return ath__loader_open(dataset, &settings, loader, err);
}

struct ath__samples ath__setup_samples(const struct ath__batch *batch) {
    return (struct ath__samples){.images = batch->images,
                                 .labels = batch->labels,
                                 .count = batch->count,
                                 .second = batch->second,
                                 .weights = batch->weights};
}
