/* Opening stages, and going from one to the next. */
#include "train/stage.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "train/average.h"
#include "train/class_weights.h"
#include "train/model_file.h"
#include "train/settings.h"
#include "train/setup.h"
#include "train/stage_config.h"

#include <string.h>

/* A momentum that cycles needs one to cycle. */
static ath_status check_momentum(const struct ath__stage *stage, ath_error *err) {
    const struct ath__groups *groups = &stage->network->groups;
    if (!(ath__rate_momentum(&stage->rate, 0) > 0.0)) return ATH_OK;
    for (int g = 0; g < groups->count; g++)
        if (groups->at[g].optim.momentum > 0.0 || groups->at[g].optim.beta1 > 0.0) return ATH_OK;
    return ath__fail(err, ATH_USAGE, "schedule.momentum_low",
                     "the schedule cycles momentum, but optimizer=%s runs without it: set momentum=0.9, say",
                     ath__config_text(stage->config, "optimizer"));
}

static void tell_groups(const struct ath__stage *stage, const ath_hooks *hooks) {
    const struct ath__groups *groups = &stage->network->groups;
    struct ath__str           text = {0};
    for (int g = 0; g < groups->count; g++)
        ath__str_printf(&text, "%s%s: %d with %s, lr x%g, weight decay %g", g ? "; " : "", groups->at[g].name,
                        groups->at[g].parameters, groups->at[g].optimizer->name, groups->at[g].lr,
                        groups->at[g].optim.weight_decay);
    if (groups->count > 1) ath__remark(hooks, "GROUPS", false, "parameter groups: %s", ath__str_text(&text));
    ath__str_free(&text);
}

ath_status ath__stage_open(const struct ath__stage_source *source, int index, struct ath__stage *stage,
                           ath_error *err) {
    memset(stage, 0, sizeof *stage);
    ATH_TRY(ath__stage_config(source->config, index, &stage->config, err));
    const ath_config *config = stage->config;
    int64_t           count = ath_dataset_describe(source->train_set).count, batch = ath__config_int(config, "batch");
    enum ath__network_use use = ath__features_wanted(config) ? ATH_NETWORK_TRAINS_FEATURES : ATH_NETWORK_TRAINS;
    if (batch > count)
        return ath__fail(err, ATH_USAGE, "batch", "batch=%lld is larger than the training set of %lld images",
                         (long long)batch, (long long)count);
    ATH_TRY(ath__setup_network(config, source->model, use, source->hooks, &stage->network, err));
    ATH_TRY(ath__setup_class_weights(config, source->train_set, stage->network, err));
    stage->epochs = ath__config_int(config, "epochs");
    stage->steps_per_epoch = (count + batch - 1) / batch;
    ATH_TRY(ath__rate_read(config, stage->steps_per_epoch, source->hooks, &stage->rate, err));
    stage->network->steps_per_epoch = (double)stage->steps_per_epoch;
    stage->network->run_steps = (double)stage->rate.steps;
    ATH_TRY(check_momentum(stage, err));
    ath__rate_remark_length(&stage->rate, source->hooks);
    tell_groups(stage, source->hooks);
    return ATH_OK;
}

static ath_status open_features(const struct ath__stage_source *source, struct ath__stage *stage, ath_error *err) {
    struct ath__feature_source of = {.config = stage->config,
                                     .hooks = source->hooks,
                                     .network = stage->network,
                                     .dataset = source->train_set,
                                     .preprocess = source->preprocess,
                                     .train = true};
    double                     begin = ath__seconds();
    ATH_TRY(ath__features_open(&of, &stage->train_features, err));
    of.dataset = source->val_set;
    of.train = false;
    ATH_TRY(ath__features_open(&of, &stage->val_features, err));
    stage->feature_seconds = ath__seconds() - begin;
    return ATH_OK;
}

ath_status ath__stage_feed(const struct ath__stage_source *source, struct ath__stage *stage, ath_error *err) {
    const ath_config *config = stage->config;
    if (ath__features_wanted(config)) {
        ATH_TRY(open_features(source, stage, err));
    } else {
        ATH_TRY(ath__setup_loader(config, source->train_set, source->preprocess, true, &stage->train_loader, err));
        ATH_TRY(ath__setup_loader(config, source->val_set, source->preprocess, false, &stage->val_loader, err));
    }
    stage->train = (struct ath__feed){stage->train_loader, stage->train_features};
    stage->val = (struct ath__feed){stage->val_loader, stage->val_features};
    return ATH_OK;
}

void ath__stage_close(struct ath__stage *stage) {
    ath__loader_close(stage->train_loader);
    ath__loader_close(stage->val_loader);
    ath__features_close(stage->train_features);
    ath__features_close(stage->val_features);
    ath__network_destroy(stage->network);
    ath_config_destroy(stage->config);
    memset(stage, 0, sizeof *stage);
}

ath_status ath__stage_hand_over(struct ath__stage *from, struct ath__stage *to, ath_error *err) {
    struct ath__store *store = to->network->store;
    if (from->network->settings.ema > 0.0) ath__average_swap(from->network);
    for (int i = 0; i < store->count; i++) {
        struct ath__entry       *entry = &store->entries[i];
        const struct ath__entry *same = ath__store_find(from->network->store, entry->name);
        if (!ath__is_model_tensor(entry)) continue;
        if (!same || !ath_shape_equal(&same->shape, &entry->shape))
            return ath__fail(err, ATH_FAILED, entry->name, "the stage before has no '%s'", entry->name);
        memcpy(entry->data, same->data, (size_t)ath_shape_count(&entry->shape) * sizeof(float));
    }
    ath__network_changed(to->network);
    ath__network_begin(to->network);
    return ATH_OK;
}
