/* The training loop.
 *
 * It is a function of the position alone: which batch comes next, its order, its dropout and its rate follow from (seed,
 * epoch, batch, step). So a run restored from a checkpoint takes the very same steps, bit for bit.
 */
#include "train/trainer.h"

#include "base/clock.h"
#include "base/error.h"
#include "graph/op.h"
#include "train/final.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>

double ath__trainer_rate(const struct ath__trainer *t, int64_t step) {
    return ath__rate_at(&t->stage.rate, step - t->position.stage_step, t->position.plateau.share);
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
        .data_wait = seconds > 0.0 ? (ath__feed_wait_seconds(&t->stage.train) - t->epoch_wait) / seconds : 0.0,
        .seconds_left = done > 0.02 ? spent / done * ((double)t->epochs - done) : -1.0,
    };
    t->hooks->progress(&progress, t->hooks->context);
}

ath_status ath__trainer_log(struct ath__trainer *t, const char *event, const char *fields, ath_error *err) {
    return ath__run_folder_log(&t->folder, &t->position, event, fields, err);
}

ath_status ath__trainer_checkpoint(struct ath__trainer *t, ath_error *err) {
    char path[ATH_PATH_MAX];
    ATH_TRY(ath__run_folder_file(&t->folder, "checkpoint/state.safetensors", path, err));
    t->last_checkpoint = ath__seconds();
    return ath__checkpoint_save(path, t->stage.network, t->config, &t->position, err);
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
    const struct ath__node *node = ath__program_on_reference(t->stage.network->train);
    if (node && !*ath__config_text(t->config, "implementation"))
        ath__remark(t->hooks, "REFERENCE", true,
                    "%s %s runs on the double-precision reference, some hundred times slower than a kernel: %s",
                    node->scope, node->op->name, node->refusals);
}

static ath_status train_batches(struct ath__trainer *t, ath_error *err) {
    double every = ath__config_real(t->config, "checkpoint.seconds");
    ATH_TRY(ath__feed_start(&t->stage.train, t->position.epoch, t->position.batch, err));
    for (;;) {
        struct ath__samples samples;
        ATH_TRY(ath__feed_next(&t->stage.train, &samples, err));
        if (samples.count == 0) return ATH_OK;
        ath__final_clock(t->stage.network, ath__config_int(t->stage.config, "batch"), t->steps_here++);
        double lr = ath__trainer_rate(t, t->position.step);
        t->stage.network->momentum = ath__rate_momentum(&t->stage.rate, t->position.step - t->position.stage_step);
        ath__watch_before(&t->watch, t->stage.network, &t->epoch_metrics, &t->position);
        ath_status status = ath__network_step(t->stage.network, &samples, lr, (uint64_t)t->position.step,
                                              ath__metrics_add, &t->epoch_metrics, err);
        if (status == ATH_OK)
            status = ath__watch_after(&t->watch, t->stage.network, &samples, &t->epoch_metrics, &t->position, lr, err);
        if (status != ATH_OK && status != ATH_DIVERGED) return status;
        if (t->steps_here == 1) tell_reference(t);
        t->position.step++;
        t->position.batch++;
        if (!isnan(t->stage.network->grad_norm)) t->position.grad_norm_sum += t->stage.network->grad_norm;
        if (status == ATH_DIVERGED) return ath__trainer_diverged(t, "the loss", lr, err);
        ath__trainer_progress(t, ATH_ACTIVITY_TRAIN, t->position.batch, t->stage.steps_per_epoch);
        bool stop = stop_wanted(t);
        bool due = ath__seconds() - t->last_checkpoint > every && t->position.batch < t->stage.steps_per_epoch;
        if ((stop || due) && !ath__trainer_finite(t)) return ath__trainer_diverged(t, "a weight", lr, err);
        if (stop) return save_and_stop(t, err);
        if (due) ATH_TRY(checkpoint_within_epoch(t, err));
    }
}

ath_status ath__trainer_loop(struct ath__trainer *t, ath_error *err) {
    int64_t end = t->position.stage_epoch + t->stage.epochs;
    while (t->position.epoch < end && !(t->position.batch == 0 && ath__trainer_enough(t))) {
        ath__metrics_free(&t->val_metrics);
        ATH_TRY(ath__metrics_start(&t->val_metrics, ath_model_classes(t->model), true, err));
        t->epoch_start = ath__seconds();
        t->epoch_wait = ath__feed_wait_seconds(&t->stage.train);
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
