/* What happens behind an epoch: evaluation, its row in the results, weights, checkpoint, and whether to go on. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "train/average.h"
#include "train/evaluate.h"
#include "train/recalibrate.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

ath_status ath__trainer_diverged(struct ath__trainer *t, const char *what, double lr, ath_error *err) {
    char kept[ATH_PATH_MAX + 80] = "No epoch was finished before";
    if (t->position.epoch_count > 0)
        snprintf(kept, sizeof kept, "The weights of the last good epoch are kept in %s/weights", t->folder.path);
    ath__fail(err, ATH_DIVERGED, NULL,
              "%s became infinite or not a number at step %lld (epoch %lld, lr %g). %s; try lr=%g or "
              "a warm-up (warmup=1ep)",
              what, (long long)t->position.step, (long long)t->position.epoch + 1, lr, kept, lr / 10.0);
    char fields[128];
    snprintf(fields, sizeof fields, "\"step\":%lld,\"lr\":%.9g", (long long)t->position.step, lr);
    ath__trainer_log(t, "diverged", fields, NULL);
    return ATH_DIVERGED;
}

bool ath__trainer_finite(const struct ath__trainer *t) {
    const struct ath__store *store = t->stage.network->store;
    float                    sum = 0.0f;
    for (size_t i = 0; i < store->params_count; i++) sum += store->params[i] * 0.0f;
    return sum == 0.0f;
}

/* `averaged`: of the running average of the weights. */
static ath_status save_weights(struct ath__trainer *t, const char *name, bool averaged, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(&t->folder, name, path, err));
    if (averaged) ath__average_swap(t->stage.network);
    ath_status status = ath__model_file_save(path, t->stage.network, &t->info, err);
    if (averaged) ath__average_swap(t->stage.network);
    return status;
}

/* bn.statistics=recalibrate */
static ath_status settle_statistics(struct ath__trainer *t, ath_error *err) {
    if (strcmp(ath__config_text(t->stage.config, "bn.statistics"), "recalibrate") != 0) return ATH_OK;
    return ath__recalibrate(t->stage.network, &t->stage.train, t->position.epoch, err);
}

static ath_status evaluate_average(struct ath__trainer *t, ath_epoch *row, ath_error *err) {
    struct ath__metrics metrics;
    ATH_TRY(ath__metrics_start(&metrics, ath_model_classes(t->model), false, err));
    ath__average_swap(t->stage.network);
    ath_status status = settle_statistics(t, err);
    if (status == ATH_OK) status = ath__evaluate(t->stage.network, &t->stage.val, &metrics, err);
    ath__average_swap(t->stage.network);
    row->ema_loss = ath__metrics_loss(&metrics);
    row->ema_top1 = ath__metrics_top1(&metrics);
    ath__metrics_free(&metrics);
    return status;
}

/* Best, last and averaged weights. */
static ath_status save_epoch(struct ath__trainer *t, const ath_epoch *row, ath_error *err) {
    struct ath__position *p = &t->position;
    bool                  averaged = t->stage.network->settings.ema > 0.0;
    double                top1 = averaged ? row->ema_top1 : row->val_top1;
    if (p->best_epoch == 0 || top1 > p->best_top1) {
        p->best_top1 = top1;
        p->best_epoch = row->epoch;
        ATH_TRY(save_weights(t, "weights/best.safetensors", averaged, err));
    }
    if (averaged) ATH_TRY(save_weights(t, "weights/ema.safetensors", true, err));
    return save_weights(t, "weights/last.safetensors", false, err);
}

/* Measured behind the last batch. */
static ath_status make_row(struct ath__trainer *t, ath_epoch *row, ath_error *err) {
    struct ath__position *p = &t->position;
    double                now = ath__seconds() - t->epoch_start, trained = now + p->epoch_seconds;
    double                wait = ath__feed_wait_seconds(&t->stage.train) - t->epoch_wait;
    double                rate = (double)(t->epoch_metrics.images - p->images) / now;
    bool                  measured = !isnan(t->stage.network->grad_norm) && p->batch > 0;
    ath__trainer_progress(t, ATH_ACTIVITY_EVAL, 0, 0);
    if (!ath__trainer_finite(t)) return ath__trainer_diverged(t, "a weight", ath__trainer_rate(t, p->step - 1), err);
    ATH_TRY(settle_statistics(t, err));
    ATH_TRY(ath__evaluate(t->stage.network, &t->stage.val, &t->val_metrics, err));
    if (!isfinite(ath__metrics_loss(&t->val_metrics)))
        return ath__trainer_diverged(t, "the validation loss", ath__trainer_rate(t, p->step - 1), err);
    *row = (ath_epoch){.epoch = p->epoch + 1,
                       .lr = ath__trainer_rate(t, p->step - 1),
                       .train_loss = ath__metrics_loss(&t->epoch_metrics),
                       .train_top1 = ath__metrics_top1(&t->epoch_metrics),
                       .val_loss = ath__metrics_loss(&t->val_metrics),
                       .val_top1 = ath__metrics_top1(&t->val_metrics),
                       .seconds = trained,
                       .images_per_second = rate,
                       .data_wait = wait / (ath__seconds() - t->epoch_start),
                       .ema_loss = NAN,
                       .ema_top1 = NAN,
                       .grad_norm = measured ? p->grad_norm_sum / (double)p->batch : NAN,
                       .stage = t->staged ? p->stage + 1 : 0};
    return t->stage.network->settings.ema > 0.0 ? evaluate_average(t, row, err) : ATH_OK;
}

static ath_status log_epoch(struct ath__trainer *t, const ath_epoch *row, ath_error *err) {
    struct ath__str text = {0};
    ath__str_printf(
        &text,
        "\"epoch\":%lld,\"step\":%lld,\"lr\":%.9g,\"train_loss\":%.9g,\"train_top1\":%.6g,\"val_loss\":%.9g,"
        "\"val_top1\":%.6g,\"seconds\":%.3f,\"images_per_second\":%.1f,\"planned_bytes\":%zu",
        (long long)row->epoch, (long long)t->position.step, row->lr, row->train_loss, row->train_top1, row->val_loss,
        row->val_top1, row->seconds, row->images_per_second, ath__network_planned(t->stage.network));
    if (isfinite(row->ema_loss))
        ath__str_printf(&text, ",\"ema_loss\":%.9g,\"ema_top1\":%.6g", row->ema_loss, row->ema_top1);
    if (isfinite(row->grad_norm)) ath__str_printf(&text, ",\"grad_norm\":%.9g", row->grad_norm);
    ath_status status =
        text.failed ? ath__fail_memory(err, "log") : ath__trainer_log(t, "epoch", ath__str_text(&text), err);
    ath__str_free(&text);
    return status;
}

/* Plateau: looks at the epoch's metric, decides about the rate from here on, and writes down what and why. Epochs that
 * end within the warm-up do not count. */
static ath_status decide_rate(struct ath__trainer *t, const ath_epoch *row, ath_error *err) {
    const struct ath__plateau_rule *rule = &t->stage.rate.settings.plateau;
    struct ath__plateau            *plateau = &t->position.plateau;
    const double values[ATH_PLATEAU_METRICS] = {row->val_top1, row->val_loss, row->train_top1, row->train_loss};
    if (!t->stage.rate.schedule->reads_metric ||
        ath__rate_warming(&t->stage.rate, t->position.step - t->position.stage_step - 1))
        return ATH_OK;
    const char           *name = ath__plateau_metric_name((int)rule->metric);
    double                value = values[(int)rule->metric], before = t->stage.rate.peak * plateau->share;
    ath__plateau_decision decision = ath__plateau_observe(plateau, rule, t->stage.rate.peak, value);
    double                after = t->stage.rate.peak * plateau->share;
    char                  fields[320];
    if (decision == ATH_PLATEAU_DROP)
        ath__remark(t->hooks, "PLATEAU", false,
                    "%s has not got better than %.6g for more than %.0f epochs: the rate goes from %g to %g", name,
                    plateau->best, rule->patience, before, after);
    snprintf(fields, sizeof fields,
             "\"epoch\":%lld,\"metric\":\"%s\",\"value\":%.9g,\"best\":%.9g,\"bad_epochs\":%lld,\"cooldown\":%lld,"
             "\"decision\":\"%s\",\"lr\":%.9g,\"next_lr\":%.9g",
             (long long)row->epoch, name, value, plateau->best, (long long)plateau->bad, (long long)plateau->cooldown,
             ath__plateau_decision_name(decision), before, after);
    return ath__trainer_log(t, "plateau", fields, err);
}

ath_status ath__trainer_finish_epoch(struct ath__trainer *t, ath_error *err) {
    struct ath__position *p = &t->position;
    ath_epoch             row;
    ATH_TRY(make_row(t, &row, err));
    ATH_TRY(ath__position_add_epoch(p, &row, err));
    ATH_TRY(ath__watch_epoch(&t->watch, p, &t->val_metrics, err));
    p->run_seconds += row.seconds;
    p->epoch++;
    p->batch = 0;
    p->images = p->hits1 = p->hits5 = 0;
    p->loss_sum = p->epoch_seconds = p->grad_norm_sum = 0.0;
    ATH_TRY(save_epoch(t, &row, err));
    ATH_TRY(log_epoch(t, &row, err));
    ATH_TRY(decide_rate(t, &row, err));
    ATH_TRY(ath__trainer_checkpoint(t, err));
    ATH_TRY(ath__run_folder_epochs(&t->folder, p, err));
    if (t->hooks && t->hooks->epoch) t->hooks->epoch(&row, t->hooks->context);
    return ath__watch_examine(&t->watch, p, false, err);
}

bool ath__trainer_at_target(const struct ath__trainer *t) {
    double target = ath__config_real(t->config, "target_top1");
    return target > 0.0 && t->position.best_epoch > 0 && t->position.best_top1 >= target;
}

bool ath__trainer_enough(struct ath__trainer *t) {
    const struct ath__position *p = &t->position;
    int64_t                     patience = ath__config_int(t->stage.config, "patience");
    int64_t                     since = p->best_epoch > p->stage_epoch ? p->best_epoch : p->stage_epoch;
    if (ath__trainer_at_target(t)) {
        ath__remark(t->hooks, "TARGET", false, "target_top1=%s reached in epoch %lld",
                    ath__config_text(t->config, "target_top1"), (long long)p->best_epoch);
        return true;
    }
    if (patience > 0 && p->epoch - since >= patience) {
        ath__remark(t->hooks, "PATIENCE", false, "no better validation accuracy for %lld epochs: stopped",
                    (long long)patience);
        return true;
    }
    return false;
}
