/* `athanor eval`: a trained model over one split of a data set, scored as in training. */
#include "athanor/train.h"

#include "base/error.h"
#include "train/evaluate.h"
#include "train/seen.h"
#include "train/settings.h"
#include "train/source.h"

#include <string.h>

static ath_split split_of(const ath_config *config) {
    const char *name = ath__config_text(config, "split");
    return strcmp(name, "train") == 0 ? ATH_SPLIT_TRAIN : strcmp(name, "test") == 0 ? ATH_SPLIT_TEST : ATH_SPLIT_VAL;
}

ath_status ath_eval(const ath_config *config, const ath_hooks *hooks, ath_eval_result *result, ath_error *err) {
    struct ath__source     source;
    struct ath__metrics    metrics = {0};
    const struct ath__tta *tta = NULL;
    ath_dataset           *dataset = NULL;
    struct ath__loader    *loader = NULL;
    ath_dataset_info       info = {.classes = 0};
    memset(result, 0, sizeof *result);
    ath_status status = ath__source_open(config, hooks, &source, err);
    if (status == ATH_OK) status = ath__setup_data(source.config, split_of(source.config), &dataset, err);
    if (status == ATH_OK) {
        int classes = ath_model_classes(source.model);
        info = ath_dataset_describe(dataset);
        if (info.classes != classes)
            status = ath__fail(err, ATH_DATA, info.name, "the model knows %d classes, the data set has %d", classes,
                               info.classes);
    }
    if (status == ATH_OK)
        status = ath__setup_loader(source.config, dataset, &source.info.preprocess, false, &loader, err);
    if (status == ATH_OK) status = ath__metrics_start(&metrics, ath_model_classes(source.model), true, err);
    if (status == ATH_OK) status = ath__tta_find(ath__config_text(source.config, "tta"), &tta, err);
    if (status == ATH_OK)
        status = ath__evaluate_views(source.network, tta, ath__config_int(source.config, "batch"),
                                     &(struct ath__feed){.loader = loader}, &metrics, err);
    if (status == ATH_OK) status = ath__metrics_result(&metrics, info.class_names, tta->name, result, err);
    if (status == ATH_OK) ath__seen_score(&source.info, result);
    ath__loader_close(loader);
    ath_dataset_close(dataset);
    ath__metrics_free(&metrics);
    ath__source_close(&source);
    return status;
}
