/* `athanor eval`: a trained model over one split of a data set, scored as in training. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/evaluate.h"
#include "train/settings.h"
#include "train/source.h"

#include <string.h>

static ath_split split_of(const ath_config *config) {
    const char *name = ath__config_text(config, "split");
    return strcmp(name, "train") == 0 ? ATH_SPLIT_TRAIN : strcmp(name, "test") == 0 ? ATH_SPLIT_TEST : ATH_SPLIT_VAL;
}

static ath_status fill(const struct ath__metrics *metrics, const ath_dataset *dataset, ath_eval_result *result,
                       ath_error *err) {
    ath_dataset_info info = ath_dataset_describe(dataset);
    size_t           classes = (size_t)metrics->classes;
    result->images = metrics->images;
    result->top1 = ath__metrics_top1(metrics);
    result->top5 = ath__metrics_top5(metrics);
    result->loss = ath__metrics_loss(metrics);
    result->classes = metrics->classes;
    result->per_class = ATH_NEW_ARRAY(ath_class_score, classes);
    result->confusion = ATH_NEW_ARRAY(int64_t, classes * classes);
    if (!result->per_class || !result->confusion) return ath__fail_memory(err, "evaluation");
    memcpy(result->confusion, metrics->confusion, classes * classes * sizeof(int64_t));
    for (size_t c = 0; c < classes; c++) {
        result->per_class[c].name = ath__strdup((int)c < info.classes ? info.class_names[c] : "?");
        if (!result->per_class[c].name) return ath__fail_memory(err, "evaluation");
        for (size_t k = 0; k < classes; k++) result->per_class[c].images += metrics->confusion[c * classes + k];
        result->per_class[c].correct = metrics->confusion[c * classes + c];
    }
    return ATH_OK;
}

ath_status ath_eval(const ath_config *config, const ath_hooks *hooks, ath_eval_result *result, ath_error *err) {
    struct ath__source  source;
    struct ath__metrics metrics = {0};
    ath_dataset        *dataset = NULL;
    struct ath__loader *loader = NULL;
    memset(result, 0, sizeof *result);
    ath_status status = ath__source_open(config, hooks, &source, err);
    if (status == ATH_OK) status = ath__setup_data(source.config, split_of(source.config), &dataset, err);
    if (status == ATH_OK) {
        ath_dataset_info info = ath_dataset_describe(dataset);
        int              classes = ath_model_classes(source.model);
        if (info.classes != classes)
            status = ath__fail(err, ATH_DATA, info.name, "the model knows %d classes, the data set has %d", classes,
                               info.classes);
    }
    if (status == ATH_OK)
        status = ath__setup_loader(source.config, dataset, &source.info.preprocess, false, &loader, err);
    if (status == ATH_OK) status = ath__metrics_start(&metrics, ath_model_classes(source.model), true, err);
    if (status == ATH_OK) status = ath__evaluate(source.network, loader, &metrics, err);
    if (status == ATH_OK) status = fill(&metrics, dataset, result, err);
    ath__loader_close(loader);
    ath_dataset_close(dataset);
    ath__metrics_free(&metrics);
    ath__source_close(&source);
    return status;
}

void ath_eval_result_free(ath_eval_result *result) {
    for (int c = 0; result->per_class && c < result->classes; c++)
        ath__free((void *)(uintptr_t)result->per_class[c].name);
    ath__free(result->per_class);
    ath__free(result->confusion);
    memset(result, 0, sizeof *result);
}
