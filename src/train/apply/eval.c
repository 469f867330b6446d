/* `athanor eval`: a trained model over one split of a data set, scored as in training. */
#include "athanor/train.h"

#include "base/error.h"
#include "data/dataset.h"
#include "train/evaluate.h"
#include "train/seen.h"
#include "train/settings.h"
#include "train/setup_preprocess.h"
#include "train/source.h"

#include <string.h>

static ath_split split_of(const ath_config *config) {
    const char *name = ath__config_text(config, "split");
    return strcmp(name, "train") == 0 ? ATH_SPLIT_TRAIN : strcmp(name, "test") == 0 ? ATH_SPLIT_TEST : ATH_SPLIT_VAL;
}

/* The split, with the model's numbering of classes: by name where both have names, else as it is. Where the model has no
 * names but other classes than the photos, those may be called by the model's numbers. */
static ath_status open_data(struct ath__source *source, const ath_hooks *hooks, ath_dataset **dataset, ath_error *err) {
    int classes = ath_model_classes(source->model);
    ATH_TRY(ath__setup_data(source->config, split_of(source->config), dataset, err));
    ath_dataset_info info = ath_dataset_describe(*dataset);
    if (info.skipped > 0) ath__setup_tell_data(hooks, *dataset);
    if (source->info.class_names && info.height == 0)
        return ath__dataset_relabel(*dataset, (const char *const *)source->info.class_names, source->info.classes, err);
    if (info.classes == classes) return ATH_OK;
    if (info.height == 0 && !source->info.class_names) {
        ATH_TRY(ath__source_number_classes(source, err));
        if (ath__dataset_relabel(*dataset, (const char *const *)source->info.class_names, classes, NULL) == ATH_OK)
            return ATH_OK;
    }
    return ath__fail(
        err, ATH_DATA, info.name, "the model knows %d classes, the data set has %d%s", classes, info.classes,
        source->numbered ? "; its file does not say what they are called, so the data set's must be called "
                           "by their numbers, from 0"
                         : "");
}

/* What the model calls its classes, or what the data set does if the model says nothing better. */
static ath_status labels_of(const struct ath__source *source, const ath_dataset *dataset, struct ath__model_info *taken,
                            struct ath__class_labels *labels, ath_error *err) {
    *labels = ath__model_info_labels(&source->info);
    if (labels->titles || labels->groups) return ATH_OK;
    ATH_TRY(ath__model_info_take(taken, dataset, err));
    *labels = ath__model_info_labels(taken);
    return ATH_OK;
}

ath_status ath_eval(const ath_config *config, const ath_hooks *hooks, ath_eval_result *result, ath_error *err) {
    struct ath__source       source;
    struct ath__metrics      metrics = {0};
    struct ath__model_info   taken = {.classes = 0};
    struct ath__class_labels labels;
    const struct ath__tta   *tta = NULL;
    ath_dataset             *dataset = NULL;
    struct ath__loader      *loader = NULL;
    ath_status               status;
    memset(result, 0, sizeof *result);
    ATH_TRY_DONE(ath__source_open(config, hooks, &source, err));
    ATH_TRY_DONE(open_data(&source, hooks, &dataset, err));
    ATH_TRY_DONE(labels_of(&source, dataset, &taken, &labels, err));
    ATH_TRY_DONE(ath__setup_loader(source.config, dataset, &source.info.preprocess, false, &loader, err));
    ATH_TRY_DONE(ath__metrics_start(&metrics, ath_model_classes(source.model), true, err));
    ATH_TRY_DONE(ath__tta_find(ath__config_text(source.config, "tta"), &tta, err));
    ATH_TRY_DONE(ath__evaluate_views(source.network, tta, ath__config_int(source.config, "batch"),
                                     &(struct ath__feed){.loader = loader}, &metrics, err));
    ATH_TRY_DONE(ath__metrics_result(&metrics, labels, tta->name, result, err));
    ath__seen_score(&source.info, result);
    result->skipped = ath_dataset_describe(dataset).skipped;
done:
    ath__loader_close(loader);
    ath_dataset_close(dataset);
    ath__model_info_free(&taken);
    ath__metrics_free(&metrics);
    ath__source_close(&source);
    return status;
}
