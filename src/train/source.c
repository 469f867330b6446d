/* Finding and opening the model that is meant. */
#include "train/source.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "train/settings.h"
#include "train/weights.h"

#include <stdio.h>
#include <string.h>

void ath__source_close(struct ath__source *source) {
    ath__network_destroy(source->network);
    ath_model_destroy(source->model);
    ath__model_info_free(&source->info);
    ath_tensor_file_free(&source->file);
    ath_config_destroy(source->config);
    memset(source, 0, sizeof *source);
}

/* The weights file, and the run's settings below the caller's. */
static ath_status find_weights(struct ath__source *source, ath_error *err) {
    const char *weights = ath__config_text(source->config, "weights"), *run = ath__config_text(source->config, "run");
    char        folder[ATH_PATH_MAX], path[ATH_PATH_MAX];
    if (*weights && !*run) return ath__weights_find(weights, source->path, err);
    ath__str_copy(folder, sizeof folder, *run ? run : "runs/last");
    if (!ath__folder_exists(folder))
        return ath__fail(err, ATH_USAGE, "run",
                         *run ? "there is no run folder '%s'"
                              : "which model? Give run=FOLDER or weights=FILE (there is no '%s')",
                         folder);
    ATH_TRY(ath__path_join(path, folder, "weights/best.safetensors", err));
    if (!ath__file_exists(path))
        return ath__fail(err, ATH_DATA, folder, "this run has no weights/best.safetensors yet: no epoch is finished");
    if (*weights)
        ATH_TRY(ath__weights_find(weights, source->path, err));
    else
        ath__str_copy(source->path, sizeof source->path, path);
    ATH_TRY(ath__path_join(path, folder, "config.yaml", err));
    return ath__file_exists(path) ? ath_config_load(source->config, path, err) : ATH_OK;
}

/* A file without a description: the configuration says what it is; where it names no data set, the model's own input
 * and classes hold. */
static ath_status open_undescribed(struct ath__source *source, ath_error *err) {
    ath_dataset *dataset = NULL;
    ATH_TRY(ath_tensor_file_load(source->path, &source->file, err));
    if (*ath__config_text(source->config, "data"))
        ATH_TRY(ath__setup_data(source->config, ATH_SPLIT_TRAIN, &dataset, err));
    ath_status status = ath__setup_preprocess(source->config, dataset, &source->info.preprocess, err);
    if (status == ATH_OK)
        status = ath__setup_model(source->config, dataset, &source->info.preprocess, &source->model, err);
    ath_dataset_close(dataset);
    return status;
}

/* The file says how its network's images are prepared; another way is the classic of a good net that predicts badly. */
static void tell_ignored(const struct ath__source *source, const ath_hooks *hooks) {
    static const char *const keys[] = {"resize", "resize.rounding", "crop", "interpolation", "normalize"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (ath__config_origin(source->config, keys[i]) == ATH_ORIGIN_COMMAND_LINE)
            ath__remark(hooks, "PREPROCESS", true,
                        "%s=%s is not used: images are prepared as in the training of '%s', which its file says",
                        keys[i], ath__config_text(source->config, keys[i]), source->path);
}

ath_status ath__source_number_classes(struct ath__source *source, ath_error *err) {
    struct ath__model_info *info = &source->info;
    char                    number[16];
    if (info->class_names) return ATH_OK;
    info->classes = ath_model_classes(source->model);
    info->class_names = ATH_NEW_ARRAY(char *, info->classes);
    if (!info->class_names) return ath__fail_memory(err, "class names");
    for (int c = 0; c < info->classes; c++) {
        snprintf(number, sizeof number, "%d", c);
        info->class_names[c] = ath__strdup(number);
        if (!info->class_names[c]) return ath__fail_memory(err, "class names");
    }
    source->numbered = true;
    return ATH_OK;
}

ath_status ath__source_open(const ath_config *config, const ath_hooks *hooks, struct ath__source *source,
                            ath_error *err) {
    memset(source, 0, sizeof *source);
    ATH_TRY(ath_config_copy(config, &source->config, err));
    ath__setup_threads(source->config);
    ATH_TRY(find_weights(source, err));
    bool described = false;
    ATH_TRY(ath_tensor_file_load(source->path, &source->file, err));
    described = ath__is_described(&source->file);
    ath_tensor_file_free(&source->file);
    if (described || !*ath__config_text(source->config, "model")) {
        ATH_TRY(ath__model_file_open(source->path, &source->file, &source->model, &source->info, err));
        tell_ignored(source, hooks);
    } else {
        ATH_TRY(open_undescribed(source, err));
    }
    ATH_TRY(ath__setup_network(source->config, source->model, ATH_NETWORK_EVALUATES, hooks, &source->network, err));
    struct ath__load_report report;
    ATH_TRY(ath__weights_load(&source->file, source->path, source->network, &report, err));
    int unfit = report.missing.count + report.reshaped.count + report.head.count;
    if (unfit > 0 || *ath__config_text(config, "weights"))
        ath__weights_tell(source->path, &source->file, &report, hooks);
    if (unfit == 0 || ath__config_flag(source->config, "weights.partial")) return ATH_OK;
    return ath__fail(err, ATH_DATA, source->path, "%d tensors of the model are missing or have another shape: %s%s",
                     unfit,
                     report.missing.count    ? report.missing.text
                     : report.reshaped.count ? report.reshaped.text
                                             : report.head.text,
                     ath__weights_advice(&source->file, source->model));
}
