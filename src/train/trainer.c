/* Training: the whole of `athanor train`.
 *
 * The loop is a function of the position alone: which batch comes next, its order, its dropout and its rate follow from
 * (seed, epoch, batch, step). So a run restored from a checkpoint takes the very same steps, bit for bit.
 */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"
#include "graph/op.h"
#include "nn/init.h"
#include "train/class_weights.h"
#include "train/evaluate.h"
#include "train/final.h"
#include "train/settings.h"
#include "train/setup.h"
#include "train/setup_preprocess.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double ath__trainer_rate(const struct ath__trainer *t, int64_t step) {
    return ath__rate_at(&t->rate, step, t->position.plateau.share);
}

void ath__trainer_progress(struct ath__trainer *t, ath_activity activity, int64_t batch, int64_t batches) {
    if (!t->hooks || !t->hooks->progress) return;
    struct ath__position *p = &t->position;
    double                seconds = ath__seconds() - t->epoch_start;
    double                done =
        (double)p->epoch + (activity == ATH_ACTIVITY_EVAL ? 1.0 : (double)batch / (double)(batches ? batches : 1));
    double       spent = p->run_seconds + seconds;
    ath_progress progress = {
        .activity = activity,
        .epoch = p->epoch + 1,
        .epochs = t->epochs,
        .batch = batch,
        .batches = batches,
        .loss = ath__metrics_loss(&t->epoch_metrics),
        .top1 = ath__metrics_top1(&t->epoch_metrics),
        .lr = ath__trainer_rate(t, p->step),
        .images_per_second = seconds > 0.0 ? (double)(t->epoch_metrics.images - p->images) / seconds : 0.0,
        .data_wait = seconds > 0.0 ? (ath__loader_wait_seconds(t->train_loader) - t->epoch_wait) / seconds : 0.0,
        .seconds_left = done > 0.02 ? spent / done * ((double)t->epochs - done) : -1.0,
    };
    t->hooks->progress(&progress, t->hooks->context);
}

ath_status ath__trainer_log(struct ath__trainer *t, const char *event, const char *fields, ath_error *err) {
    return ath__run_folder_log(&t->folder, &t->position, event, fields, err);
}

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

/* A momentum that cycles needs one to cycle. */
static ath_status check_momentum(const struct ath__trainer *t, ath_error *err) {
    const struct ath__groups *groups = &t->network->groups;
    if (!(ath__rate_momentum(&t->rate, 0) > 0.0)) return ATH_OK;
    for (int g = 0; g < groups->count; g++)
        if (groups->at[g].optim.momentum > 0.0 || groups->at[g].optim.beta1 > 0.0) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "schedule.momentum_low",
                     "the schedule cycles momentum, but optimizer=%s runs without it: set momentum=0.9, say",
                     ath__config_text(t->config, "optimizer"));
}

static void tell_groups(const struct ath__trainer *t) {
    const struct ath__groups *groups = &t->network->groups;
    struct ath__str           text = {0};
    for (int g = 0; g < groups->count; g++)
        ath__str_printf(&text, "%s%s: %d with %s, lr x%g, weight decay %g", g ? "; " : "", groups->at[g].name,
                        groups->at[g].parameters, groups->at[g].optimizer->name, groups->at[g].lr,
                        groups->at[g].optim.weight_decay);
    if (groups->count > 1) ath__remark(t->hooks, "GROUPS", false, "parameter groups: %s", ath__str_text(&text));
    ath__str_free(&text);
}

static ath_status copy_class_names(struct ath__trainer *t, ath_error *err) {
    ath_dataset_info data = ath_dataset_describe(t->train_set);
    t->info.class_names = ATH_NEW_ARRAY(char *, data.classes);
    if (!t->info.class_names) return ath__fail_memory(err, "class names");
    t->info.classes = data.classes;
    for (int c = 0; c < data.classes; c++) {
        t->info.class_names[c] = ath__strdup(data.class_names[c]);
        if (!t->info.class_names[c]) return ath__fail_memory(err, "class names");
    }
    return ATH_OK;
}

static ath_status set_up(struct ath__trainer *t, ath_error *err) {
    ath_config           *config = t->config;
    enum ath__init_policy policy;
    ath__setup_threads(config);
    ATH_TRY(ath__rate_read(config, 1, NULL, &t->rate, err)); /* faults in it need no data to be seen */
    ATH_TRY(ath__init_policy_find(ath__config_text(config, "init"), &policy, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &t->train_set, err));
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_VAL, &t->val_set, err));
    ATH_TRY(ath__setup_compare(t->hooks, t->train_set, t->val_set, err));
    ATH_TRY(ath__setup_preprocess(config, t->train_set, &t->info.preprocess, err));
    ath__setup_tell_data(t->hooks, t->train_set);
    ath__setup_tell_preprocess(config, t->hooks, t->train_set, &t->info.preprocess);
    ATH_TRY(ath__setup_model(config, t->train_set, &t->info.preprocess, &t->model, err));
    ATH_TRY(ath__setup_network(config, t->model, true, t->hooks, &t->network, err));
    ATH_TRY(ath__setup_class_weights(config, t->train_set, t->network, err));
    ATH_TRY(ath__setup_loader(config, t->train_set, &t->info.preprocess, true, &t->train_loader, err));
    ATH_TRY(ath__setup_loader(config, t->val_set, &t->info.preprocess, false, &t->val_loader, err));
    ATH_TRY(copy_class_names(t, err));
    ATH_TRY(ath__metrics_start(&t->epoch_metrics, ath_model_classes(t->model), false, err));
    ATH_TRY(ath__metrics_start(&t->val_metrics, ath_model_classes(t->model), true, err));
    t->epochs = ath__config_int(config, "epochs");
    t->steps_per_epoch = ath__loader_batches(t->train_loader);
    ATH_TRY(ath__rate_read(config, t->steps_per_epoch, t->hooks, &t->rate, err));
    t->network->steps_per_epoch = (double)t->steps_per_epoch;
    ATH_TRY(check_momentum(t, err));
    ath__plateau_start(&t->position.plateau);
    ath__rate_remark_length(&t->rate, t->hooks);
    tell_groups(t);
    return ATH_OK;
}

ath_status ath__trainer_checkpoint(struct ath__trainer *t, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(&t->folder, "checkpoint/state.safetensors", path, err));
    t->last_checkpoint = ath__seconds();
    return ath__checkpoint_save(path, t->network, t->config, &t->position, err);
}

/* A new run folder, or the checkpoint of the one to be resumed. */
static ath_status begin_or_resume(struct ath__trainer *t, ath_error *err) {
    char path[ATH_PATH_MAX];
    if (*ath__config_text(t->config, "resume")) {
        ATH_TRY(ath__run_folder_file(&t->folder, "checkpoint/state.safetensors", path, err));
        ATH_TRY(ath__checkpoint_load(path, t->network, t->config, &t->position, err));
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
    ATH_TRY(ath__run_folder_begin(&t->folder, t->config, &t->info, err));
    return ath__trainer_checkpoint(t, err);
}

/* Position's sums follow the metrics, so that a checkpoint holds them. */
static void note_sums(struct ath__trainer *t) {
    t->position.images = t->epoch_metrics.images;
    t->position.hits1 = t->epoch_metrics.hits1;
    t->position.hits5 = t->epoch_metrics.hits5;
    t->position.loss_sum = t->epoch_metrics.loss_sum;
}

static bool stop_wanted(const struct ath__trainer *t) {
    return t->hooks && t->hooks->stop && t->hooks->stop(t->hooks->context);
}

static ath_status save_and_stop(struct ath__trainer *t, ath_error *err) {
    t->position.epoch_seconds += ath__seconds() - t->epoch_start;
    note_sums(t);
    ATH_TRY(ath__trainer_checkpoint(t, err));
    return ath__fail(err, ATH_INTERRUPTED, NULL, "interrupted; resume with: athanor train resume=%s", t->folder.path);
}

/* Saves the sums and the time so far, then goes on counting from now. */
static ath_status checkpoint_within_epoch(struct ath__trainer *t, ath_error *err) {
    int64_t images = t->position.images, hits1 = t->position.hits1, hits5 = t->position.hits5;
    double  loss_sum = t->position.loss_sum, seconds = t->position.epoch_seconds;
    note_sums(t);
    t->position.epoch_seconds += ath__seconds() - t->epoch_start;
    ath_status status = ath__trainer_checkpoint(t, err);
    t->position.images = images;
    t->position.hits1 = hits1;
    t->position.hits5 = hits5;
    t->position.loss_sum = loss_sum;
    t->position.epoch_seconds = seconds;
    return status;
}

/* The one way of computing that no run should take without knowing, or having asked for it. */
static void tell_reference(const struct ath__trainer *t) {
    const struct ath__node *node = ath__program_on_reference(t->network->train);
    if (node && !*ath__config_text(t->config, "implementation"))
        ath__remark(t->hooks, "REFERENCE", true,
                    "%s %s runs on the double-precision reference, some hundred times slower than a kernel: %s",
                    node->scope, node->op->name, node->refusals);
}

static ath_status train_batches(struct ath__trainer *t, ath_error *err) {
    double every = ath__config_real(t->config, "checkpoint.seconds");
    ATH_TRY(ath__loader_start(t->train_loader, t->position.epoch, t->position.batch, err));
    for (;;) {
        struct ath__batch batch;
        ATH_TRY(ath__loader_next(t->train_loader, &batch, err));
        if (batch.count == 0) return ATH_OK;
        ath__final_clock(t->network, ath__config_int(t->config, "batch"), t->steps_here++);
        double              lr = ath__trainer_rate(t, t->position.step);
        struct ath__samples samples = ath__setup_samples(&batch);
        t->network->momentum = ath__rate_momentum(&t->rate, t->position.step);
        ath__watch_before(&t->watch, t->network, &t->epoch_metrics, &t->position);
        ath_status status = ath__network_step(t->network, &samples, lr, (uint64_t)t->position.step, ath__metrics_add,
                                              &t->epoch_metrics, err);
        if (status == ATH_OK)
            status = ath__watch_after(&t->watch, t->network, &samples, &t->epoch_metrics, &t->position, lr, err);
        if (status != ATH_OK && status != ATH_DIVERGED) return status;
        if (t->steps_here == 1) tell_reference(t);
        t->position.step++;
        t->position.batch++;
        if (!isnan(t->network->grad_norm)) t->position.grad_norm_sum += t->network->grad_norm;
        if (status == ATH_DIVERGED) return ath__trainer_diverged(t, "the loss", lr, err);
        ath__trainer_progress(t, ATH_ACTIVITY_TRAIN, t->position.batch, t->steps_per_epoch);
        bool stop = stop_wanted(t);
        bool due = ath__seconds() - t->last_checkpoint > every && t->position.batch < t->steps_per_epoch;
        if ((stop || due) && !ath__trainer_finite(t)) return ath__trainer_diverged(t, "a weight", lr, err);
        if (stop) return save_and_stop(t, err);
        if (due) ATH_TRY(checkpoint_within_epoch(t, err));
    }
}

static ath_status run_epochs(struct ath__trainer *t, ath_error *err) {
    while (t->position.epoch < t->epochs && !(t->position.batch == 0 && ath__trainer_enough(t))) {
        ath__metrics_free(&t->val_metrics);
        ATH_TRY(ath__metrics_start(&t->val_metrics, ath_model_classes(t->model), true, err));
        t->epoch_start = ath__seconds();
        t->epoch_wait = ath__loader_wait_seconds(t->train_loader);
        ATH_TRY(train_batches(t, err));
        ATH_TRY(ath__trainer_finish_epoch(t, err));
        ATH_TRY(ath__metrics_start(&t->epoch_metrics, ath_model_classes(t->model), false, err));
        if (t->position.epoch < t->epochs && stop_wanted(t)) {
            t->epoch_start = ath__seconds();
            return save_and_stop(t, err);
        }
    }
    return ATH_OK;
}

static void fill_result(struct ath__trainer *t) {
    ath_train_result           *r = t->result;
    const struct ath__position *p = &t->position;
    ath_model_counts            counts = {0};
    ath__str_copy(r->model, sizeof r->model, ath__config_text(t->config, "model"));
    ath__str_copy(r->data, sizeof r->data, ath__config_text(t->config, "data"));
    ath__str_copy(r->precision, sizeof r->precision, t->network && t->network->settings.bf16 ? "bf16" : "f32");
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
    if (t->network) r->planned_bytes = ath__network_planned(t->network);
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
    bool fresh = t->val_metrics.images > 0 && p->best_epoch == p->epoch && !(t->network->settings.ema > 0.0);
    ATH_TRY(ath__run_folder_file(&t->folder, "weights/best.safetensors", weights, err));
    struct ath__final_source source = {.config = t->config,
                                       .network = t->network,
                                       .weights = weights,
                                       .fresh = fresh ? &t->val_metrics : NULL,
                                       .loader = t->val_loader,
                                       .dataset = t->val_set,
                                       .info = &t->info,
                                       .trained = t->steps_here > 0};
    ATH_TRY(ath__final_look(&source, final, err));
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
    ath__loader_close(t->train_loader);
    ath__loader_close(t->val_loader);
    ath__network_destroy(t->network);
    ath_model_destroy(t->model);
    ath_dataset_close(t->train_set);
    ath_dataset_close(t->val_set);
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
    /* Before the run folder is made, so that a weights file that does not fit leaves nothing behind. */
    if (status == ATH_OK) status = ath__setup_start(t.config, t.train_set, &t.info.preprocess, hooks, t.network, err);
    if (status == ATH_OK) status = ath__run_folder_open(t.config, &t.folder, err);
    if (status == ATH_OK) status = begin_or_resume(&t, err);
    if (status == ATH_OK)
        status = ath__watch_open(&t.watch, t.config, t.network, t.train_set, t.val_set, t.steps_per_epoch, &t.folder,
                                 hooks, err);
    if (status == ATH_OK) {
        t.last_checkpoint = ath__seconds();
        status = run_epochs(&t, err);
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
