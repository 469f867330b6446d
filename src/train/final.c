/* The evaluation at the end of training. */
#include "train/final.h"

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "train/evaluate.h"
#include "train/inspect/profile.h"
#include "train/settings.h"
#include "train/weights.h"

#include <string.h>

enum { CLOCK_FROM = 2, CLOCK_STEPS = 20 };

/* The training plan of a full batch, or of a piece of one. */
static ath_status training_plan(struct ath__network *network, int64_t batch, int64_t *images, struct ath__plan **plan,
                                ath_error *err) {
    bool pieces = network->micro > 0 && network->micro < batch;
    *images = pieces ? network->micro : batch;
    return ath__program_plan(network->train, *images, pieces, plan, err);
}

void ath__final_clock(struct ath__network *network, int64_t batch, int64_t steps) {
    struct ath__plan *plan;
    int64_t           images;
    if (steps != CLOCK_FROM && steps != CLOCK_FROM + CLOCK_STEPS) return;
    if (training_plan(network, batch, &images, &plan, NULL) == ATH_OK) ath__plan_profile(plan, steps == CLOCK_FROM);
}

static ath_status load_best(const struct ath__final_source *source, ath_error *err) {
    ath_tensor_file         file;
    struct ath__load_report report;
    ATH_TRY(ath_safetensors_load(source->weights, &file, err));
    ath_status status = ath__weights_load(&file, source->weights, source->network, &report, err);
    ath_tensor_file_free(&file);
    const struct ath__name_list *wrong = report.missing.count ? &report.missing : &report.reshaped;
    if (status == ATH_OK && wrong->count > 0)
        status = ath__fail(err, ATH_DATA, source->weights, "the best weights are not those of this network: %s",
                           wrong->text);
    return status;
}

static ath_status score(const struct ath__final_source *source, struct ath__final *final, ath_error *err) {
    const struct ath__tta     *tta;
    const struct ath__metrics *known = source->fresh;
    struct ath__metrics        metrics = {0};
    int                        classes = ath_model_classes(source->network->model);
    struct ath__class_labels   labels = {NULL, NULL, NULL};
    if (source->info->classes >= classes) labels = ath__model_info_labels(source->info);
    ATH_TRY(ath__tta_find(ath__config_text(source->config, "tta"), &tta, err));
    ath_status status = ATH_OK;
    if (!known || tta->count > 1) {
        known = &metrics;
        status = load_best(source, err);
        if (status == ATH_OK) status = ath__metrics_start(&metrics, classes, true, err);
        if (status == ATH_OK)
            status = ath__evaluate_views(source->network, tta, ath__config_int(source->config, "batch"),
                                         &(struct ath__feed){.loader = source->loader}, &metrics, err);
    }
    if (status == ATH_OK) status = ath__metrics_result(known, labels, tta->name, &final->scores, err);
    ath__metrics_free(&metrics);
    return status;
}

static ath_status draw_worst(const struct ath__final_source *source, struct ath__final *final, ath_error *err) {
    struct ath__picture picture = {0};
    ath_status          status = ATH_OK;
    for (int i = 0; i < final->scores.worst_count && status == ATH_OK; i++) {
        status =
            ath__dataset_view(source->dataset, final->scores.worst[i].index, 2 * ATH_THUMBNAIL_SIDE, &picture, err);
        if (status == ATH_OK)
            status = ath__thumbnail_make(picture.pixels, picture.channels, picture.height, picture.width,
                                         &final->worst[i], err);
    }
    ath__picture_free(&picture);
    return status;
}

ath_status ath__final_look(const struct ath__final_source *source, struct ath__final *final, ath_error *err) {
    struct ath__plan *plan;
    memset(final, 0, sizeof *final);
    ATH_TRY(score(source, final, err));
    ATH_TRY(draw_worst(source, final, err));
    final->done = true;
    if (!source->trained) return ATH_OK;
    ATH_TRY(training_plan(source->network, ath__config_int(source->config, "batch"), &final->layers_batch, &plan, err));
    return ath__profile_layers(source->network, plan, final->layers_batch, &final->layers, err);
}

void ath__final_free(struct ath__final *final) {
    for (int i = 0; i < ATH_WORST; i++) ath__thumbnail_free(&final->worst[i]);
    ath_eval_result_free(&final->scores);
    ath_profile_free(&final->layers);
    final->done = false;
}
