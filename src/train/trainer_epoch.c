/* What happens behind an epoch: evaluation, its row in the results, weights, checkpoint, and whether to go on. */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "train/diagnose.h"
#include "train/evaluate.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>

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
    const struct ath__store *store = t->network->store;
    float                    sum = 0.0f;
    for (size_t i = 0; i < store->params_count; i++) sum += store->params[i] * 0.0f;
    return sum == 0.0f;
}

static ath_status save_weights(struct ath__trainer *t, const char *name, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(&t->folder, name, path, err));
    return ath__model_file_save(path, t->network, &t->info, err);
}

ath_status ath__trainer_finish_epoch(struct ath__trainer *t, ath_error *err) {
    struct ath__position *p = &t->position;
    double                trained = ath__seconds() - t->epoch_start + p->epoch_seconds;
    double                wait = ath__loader_wait_seconds(t->train_loader) - t->epoch_wait;
    double                rate = (double)(t->epoch_metrics.images - p->images) / (ath__seconds() - t->epoch_start);
    ath__trainer_progress(t, ATH_ACTIVITY_EVAL, 0, 0);
    if (!ath__trainer_finite(t)) return ath__trainer_diverged(t, "a weight", ath__trainer_rate(t, p->step - 1), err);
    ATH_TRY(ath__evaluate(t->network, t->val_loader, &t->val_metrics, err));
    if (!isfinite(ath__metrics_loss(&t->val_metrics)))
        return ath__trainer_diverged(t, "the validation loss", ath__trainer_rate(t, p->step - 1), err);
    ath_epoch row = {.epoch = p->epoch + 1,
                     .lr = ath__trainer_rate(t, p->step - 1),
                     .train_loss = ath__metrics_loss(&t->epoch_metrics),
                     .train_top1 = ath__metrics_top1(&t->epoch_metrics),
                     .val_loss = ath__metrics_loss(&t->val_metrics),
                     .val_top1 = ath__metrics_top1(&t->val_metrics),
                     .seconds = trained,
                     .images_per_second = rate,
                     .data_wait = wait / (ath__seconds() - t->epoch_start)};
    ATH_TRY(ath__position_add_epoch(p, &row, err));
    char fields[512];
    snprintf(fields, sizeof fields,
             "\"epoch\":%lld,\"step\":%lld,\"lr\":%.9g,\"train_loss\":%.9g,\"train_top1\":%.6g,\"val_loss\":%.9g,"
             "\"val_top1\":%.6g,\"seconds\":%.3f,\"images_per_second\":%.1f,\"planned_bytes\":%zu",
             (long long)row.epoch, (long long)p->step, row.lr, row.train_loss, row.train_top1, row.val_loss,
             row.val_top1, row.seconds, row.images_per_second, ath__network_planned(t->network));
    p->run_seconds += trained;
    p->epoch++;
    p->batch = 0;
    p->images = p->hits1 = p->hits5 = 0;
    p->loss_sum = p->epoch_seconds = 0.0;
    bool better = p->best_epoch == 0 || row.val_top1 > p->best_top1;
    if (better) {
        p->best_top1 = row.val_top1;
        p->best_epoch = row.epoch;
        ATH_TRY(save_weights(t, "weights/best.safetensors", err));
    }
    ATH_TRY(save_weights(t, "weights/last.safetensors", err));
    ATH_TRY(ath__trainer_log(t, "epoch", fields, err));
    ATH_TRY(ath__trainer_checkpoint(t, err));
    ATH_TRY(ath__run_folder_epochs(&t->folder, p, err));
    if (t->hooks && t->hooks->epoch) t->hooks->epoch(&row, t->hooks->context);
    return ath__diagnose_epoch(t->network, t->val_loader, p, &t->val_metrics, t->hooks, err);
}

bool ath__trainer_enough(struct ath__trainer *t) {
    const struct ath__position *p = &t->position;
    double                      target = ath__config_real(t->config, "target_top1");
    int64_t                     patience = ath__config_int(t->config, "patience");
    if (target > 0.0 && p->best_epoch > 0 && p->best_top1 >= target) {
        ath__remark(t->hooks, "TARGET", false, "target_top1=%g reached in epoch %lld", target,
                    (long long)p->best_epoch);
        return true;
    }
    if (patience > 0 && p->epoch - p->best_epoch >= patience) {
        ath__remark(t->hooks, "PATIENCE", false, "no better validation accuracy for %lld epochs: stopped",
                    (long long)patience);
        return true;
    }
    return false;
}
