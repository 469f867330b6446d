/* Training: the whole of `athanor train`, around the loop (trainer.c).
 *
 *     settings, data, model -> stage 1: network, weights, feeds -> folder -> loop -> stage 2 ... -> the last look, reports
 *
 * A run that is resumed opens the stage that its checkpoint was made in. Nothing but the weights goes from one stage to
 * the next, so a run cut at the border between two goes on as the whole one does.
 */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "nn/init.h"
#include "train/final.h"
#include "train/seen.h"
#include "train/settings.h"
#include "train/setup.h"
#include "train/setup_preprocess.h"
#include "train/stage_config.h"

#include <stdio.h>
#include <string.h>

/* A resumed run starts from the settings that it began with; only what the command line says differs. */
static ath_status resolve_config(struct ath__trainer *t, const ath_config *config, ath_error *err) {
    ATH_TRY(ath_config_copy(config, &t->config, err));
    const char *resume = ath__config_text(t->config, "resume");
    if (!*resume) return ATH_OK;
    char run[ATH_PATH_MAX], path[ATH_PATH_MAX];
    ath__str_copy(run, sizeof run, resume);
    ATH_TRY(ath__path_join(path, run, "config.yaml", err));
    if (!ath__file_exists(path))
        return ath__fail(err, ATH_USAGE, "resume", "'%s' is no run folder: it has no config.yaml", run);
    return ath_config_load(t->config, path, err);
}

static struct ath__stage_source source_of(const struct ath__trainer *t) {
    return (struct ath__stage_source){.config = t->config,
                                      .hooks = t->hooks,
                                      .train_set = t->train_set,
                                      .val_set = t->val_set,
                                      .preprocess = &t->info.preprocess,
                                      .model = t->model};
}

static bool is_resumed(const struct ath__trainer *t) {
    return *ath__config_text(t->config, "resume") != '\0';
}

/* Faults in the stages' settings that need no data to be seen, and the length of the run. */
static ath_status check_stages(struct ath__trainer *t, ath_error *err) {
    ATH_TRY(ath__stage_count(t->config, &t->stages, &t->staged, err));
    t->epochs = 0;
    for (int s = 0; s < t->stages; s++) {
        ath_config           *config = NULL;
        struct ath__rate_plan rate;
        ATH_TRY(ath__stage_config(t->config, s, &config, err));
        t->epochs += ath__config_int(config, "epochs");
        ath_status status = ath__rate_read(config, 1, NULL, &rate, err);
        ath_config_destroy(config);
        if (status != ATH_OK) return status;
    }
    return ATH_OK;
}

/* What all stages share. */
static ath_status set_up(struct ath__trainer *t, ath_error *err) {
    ath_config           *config = t->config;
    enum ath__init_policy policy;
    ath__setup_threads(config);
    ATH_TRY(check_stages(t, err));
    ATH_TRY(ath__init_policy_find(ath__config_text(config, "init"), &policy, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &t->train_set, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_VAL, &t->val_set, err));
    ATH_TRY(ath__setup_compare(t->hooks, t->train_set, t->val_set, err));
    ATH_TRY(ath__setup_preprocess(config, t->train_set, &t->info.preprocess, err));
    ath__setup_tell_data(t->hooks, t->train_set);
    ath__setup_tell_preprocess(config, t->hooks, t->train_set, &t->info.preprocess);
    ATH_TRY(ath__setup_model(config, t->train_set, &t->info.preprocess, &t->model, err));
    ATH_TRY(ath__model_info_take(&t->info, t->train_set, err));
    ATH_TRY(ath__seen_note(t->train_set, &t->info, err));
    ATH_TRY(ath__metrics_start(&t->epoch_metrics, ath_model_classes(t->model), false, err));
    ATH_TRY(ath__metrics_start(&t->val_metrics, ath_model_classes(t->model), true, err));
    ath__plateau_start(&t->position.plateau);
    return ATH_OK;
}

/* The first stage of a new run. The folder is made last, so that a weights file that does not fit leaves nothing. */
static ath_status begin(struct ath__trainer *t, ath_error *err) {
    struct ath__stage_source source = source_of(t);
    ATH_TRY(ath__stage_open(&source, 0, &t->stage, err));
    ATH_TRY(ath__setup_start(t->config, t->train_set, &t->info.preprocess, t->hooks, t->stage.network, err));
    ATH_TRY(ath__stage_feed(&source, &t->stage, err));
    t->position.run_seconds = t->stage.feature_seconds;
    ATH_TRY(ath__run_folder_open(t->config, &t->folder, err));
    ATH_TRY(ath__run_folder_begin(&t->folder, t->config, &t->info, err));
    return ath__trainer_checkpoint(t, err);
}

/* The stage that the checkpoint was made in, as it was. */
static ath_status resume(struct ath__trainer *t, ath_error *err) {
    struct ath__stage_source source = source_of(t);
    char                     path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_open(t->config, &t->folder, err));
    ATH_TRY(ath__run_folder_file(&t->folder, "checkpoint/state.safetensors", path, err));
    ATH_TRY(ath__checkpoint_position(path, t->config, &t->position, err));
    if (t->position.stage < 0 || t->position.stage >= t->stages)
        return ath__fail(err, ATH_DATA, path, "this checkpoint is of stage %d; the run has %d", t->position.stage + 1,
                         t->stages);
    ATH_TRY(ath__stage_open(&source, t->position.stage, &t->stage, err));
    ATH_TRY(ath__checkpoint_restore(path, t->stage.network, err));
    ATH_TRY(ath__stage_feed(&source, &t->stage, err));
    t->stage.network->first_step = (uint64_t)t->position.stage_step;
    t->epoch_metrics.images = t->position.images;
    t->epoch_metrics.hits1 = t->position.hits1;
    t->epoch_metrics.hits5 = t->position.hits5;
    t->epoch_metrics.loss_sum = t->position.loss_sum;
    t->resumed_epoch_count = t->position.epoch_count;
    ATH_TRY(ath__run_folder_rewind(&t->folder, &t->position, err));
    ath__remark(t->hooks, "RESUME", false, "resumed behind epoch %lld, batch %lld (step %lld)",
                (long long)t->position.epoch, (long long)t->position.batch, (long long)t->position.step);
    if (!ath__config_flag(t->config, "extend")) return ATH_OK;
    /* The new length is now part of the run, so that a later resume need not say it again. */
    ATH_TRY(ath__run_folder_settings(&t->folder, t->config, err));
    return ath__trainer_checkpoint(t, err);
}

/* From a stage that is over to the next. */
static ath_status next_stage(struct ath__trainer *t, ath_error *err) {
    struct ath__stage_source source = source_of(t);
    struct ath__stage        next;
    ath_status               status = ath__stage_open(&source, t->position.stage + 1, &next, err);
    if (status == ATH_OK) status = ath__stage_hand_over(&t->stage, &next, err);
    ath__stage_close(&t->stage);
    t->stage = next;
    if (status != ATH_OK) return status;
    t->position.stage++;
    t->position.stage_epoch = t->position.epoch;
    t->position.stage_step = t->position.step;
    t->stage.network->first_step = (uint64_t)t->position.step;
    ath__plateau_start(&t->position.plateau);
    ath__remark(t->hooks, "STAGE", false, "stage %d of %d, from epoch %lld", t->position.stage + 1, t->stages,
                (long long)t->position.epoch + 1);
    char fields[96];
    snprintf(fields, sizeof fields, "\"stage\":%d,\"epoch\":%lld,\"step\":%lld", t->position.stage + 1,
             (long long)t->position.epoch + 1, (long long)t->position.step);
    ATH_TRY(ath__stage_feed(&source, &t->stage, err));
    ATH_TRY(ath__trainer_log(t, "stage", fields, err));
    t->position.run_seconds += t->stage.feature_seconds;
    return ATH_OK;
}

static ath_status open_watch(struct ath__trainer *t, ath_error *err) {
    return ath__watch_open(&t->watch, t->stage.config, t->stage.network, t->train_set, t->val_set,
                           t->stage.steps_per_epoch, &t->info.preprocess, &t->position, &t->folder, t->hooks, err);
}

static ath_status run_stages(struct ath__trainer *t, ath_error *err) {
    ATH_TRY(open_watch(t, err));
    for (;;) {
        t->last_checkpoint = ath__seconds();
        ATH_TRY(ath__trainer_loop(t, err));
        if (t->position.stage + 1 >= t->stages || ath__trainer_at_target(t)) return ATH_OK;
        ATH_TRY(next_stage(t, err));
        ATH_TRY(open_watch(t, err));
    }
}

static void fill_result(struct ath__trainer *t) {
    ath_train_result           *r = t->result;
    const struct ath__position *p = &t->position;
    ath_model_counts            counts = {0};
    ath__str_copy(r->model, sizeof r->model, ath__config_text(t->config, "model"));
    ath__str_copy(r->data, sizeof r->data, ath__config_text(t->config, "data"));
    ath__str_copy(r->precision, sizeof r->precision,
                  t->stage.network && t->stage.network->settings.bf16 ? "bf16" : "f32");
    ath__str_copy(r->device, sizeof r->device, "cpu");
    ath__str_copy(r->run, sizeof r->run, t->folder.path);
    if (t->model && ath_model_count(t->model, &counts, NULL) == ATH_OK) {
        r->params = counts.params;
        r->macs = counts.macs;
    }
    r->threads = ath__threads();
    r->epochs = p->epoch_count;
    r->top1_best = p->best_top1;
    r->epoch_best = p->best_epoch;
    r->seconds = p->run_seconds;
    r->peak_rss = ath__peak_rss();
    if (t->stage.network) r->planned_bytes = ath__network_planned(t->stage.network);
    if (p->epoch_count == 0) return;
    const ath_epoch *last = &p->epochs[p->epoch_count - 1];
    r->top1_last = last->val_top1;
    r->loss_last = last->val_loss;
    r->train_top1_last = last->train_top1;
    double images = 0.0, seconds = 0.0;
    for (int64_t i = 0; i < p->epoch_count; i++) {
        images += p->epochs[i].images_per_second * p->epochs[i].seconds;
        seconds += p->epochs[i].seconds;
    }
    r->images_per_second = seconds > 0.0 ? images / seconds : 0.0;
}

/* The best epoch's weights once more; what they score is part of the result and of the log. */
static ath_status look_back(struct ath__trainer *t, struct ath__final *final, ath_error *err) {
    const struct ath__position *p = &t->position;
    ath_train_result           *r = t->result;
    char                        weights[ATH_PATH_MAX], fields[256];
    /* With a running average, the last validation was not that of the weights which are kept. */
    bool fresh = t->val_metrics.images > 0 && p->best_epoch == p->epoch && !(t->stage.network->settings.ema > 0.0) &&
                 !t->stage.val_features; /* the whole network has the last word */
    ATH_TRY(ath__run_folder_file(&t->folder, "weights/best.safetensors", weights, err));
    if (!t->stage.val_loader)
        ATH_TRY(ath__setup_loader(t->stage.config, t->val_set, &t->info.preprocess, false, &t->stage.val_loader, err));
    struct ath__final_source source = {.config = t->stage.config,
                                       .network = t->stage.network,
                                       .weights = weights,
                                       .fresh = fresh ? &t->val_metrics : NULL,
                                       .loader = t->stage.val_loader,
                                       .dataset = t->val_set,
                                       .info = &t->info,
                                       .trained = t->steps_here > 0};
    ATH_TRY(ath__final_look(&source, final, err));
    ath__seen_score(&t->info, &final->scores);
    if (final->scores.seen_classes < final->scores.classes)
        ath__remark(t->hooks, "SEEN", false,
                    "best epoch: top-1 %.2f%% on the %lld validation images of the %d classes that occur in training, "
                    "%.2f%% on all %lld",
                    final->scores.top1_seen, (long long) final->scores.seen_images, final->scores.seen_classes,
                    final->scores.top1, (long long) final->scores.images);
    ath__str_copy(r->tta, sizeof r->tta, final->scores.tta);
    r->top1_final = final->scores.top1;
    r->loss_final = final->scores.loss;
    r->calibration_error = final->scores.calibration_error;
    snprintf(
        fields, sizeof fields,
        "\"best_epoch\":%lld,\"tta\":\"%s\",\"images\":%lld,\"top1\":%.6g,\"loss\":%.9g,\"calibration_error\":%.6g",
        (long long)p->best_epoch, r->tta, (long long) final->scores.images, r->top1_final, r->loss_final,
        r->calibration_error);
    return ath__trainer_log(t, "evaluation", fields, err);
}

static ath_status finish_run(struct ath__trainer *t, ath_error *err) {
    struct ath__final final = {.done = false};
    ath_status        status = ATH_OK;
    fill_result(t);
    if (t->position.epoch_count > 0) status = look_back(t, &final, err);
    if (status == ATH_OK) status = ath__trainer_log(t, "end", "", err);
    if (status == ATH_OK) status = ath__watch_examine(&t->watch, &t->position, true, err);
    if (status == ATH_OK) status = ath__run_folder_finish(&t->folder, t->config, &t->position, t->result, &final, err);
    ath__final_free(&final);
    if (status != ATH_OK) return status;
    double required = ath__config_real(t->config, "require_top1"), reached = t->result->top1_final;
    if (required > 0.0 && reached < required)
        return ath__fail(err, ATH_TARGET, NULL, "the best validation accuracy, %.2f%%, stays below require_top1=%g",
                         reached, required);
    return ATH_OK;
}

static void clean_up(struct ath__trainer *t) {
    ath__watch_close(&t->watch);
    ath__stage_close(&t->stage);
    ath_model_destroy(t->model);
    ath_dataset_close(t->train_set);
    ath_dataset_close(t->val_set);
    ath__metrics_free(&t->epoch_metrics);
    ath__metrics_free(&t->val_metrics);
    ath__model_info_free(&t->info);
    ath__position_free(&t->position);
    ath_config_destroy(t->config);
}

ath_status ath_train(const ath_config *config, const ath_hooks *hooks, ath_train_result *result, ath_error *err) {
    ath_train_result    unwanted = {.epochs = 0};
    struct ath__trainer t = {.hooks = hooks, .result = result ? result : &unwanted};
    memset(t.result, 0, sizeof *t.result);
    ath_status status = resolve_config(&t, config, err);
    if (status == ATH_OK) status = set_up(&t, err);
    if (status == ATH_OK) status = is_resumed(&t) ? resume(&t, err) : begin(&t, err);
    if (status == ATH_OK) {
        status = run_stages(&t, err);
        if (status == ATH_OK) {
            status = finish_run(&t, err);
        } else {
            fill_result(&t);
            ath__run_folder_draw(&t.folder, &t.position, NULL);
        }
    }
    clean_up(&t);
    return status;
}
