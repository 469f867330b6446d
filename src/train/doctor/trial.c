/* Steps that leave no trace. */
#include "train/doctor/trial.h"

#include "base/error.h"
#include "train/class_weights.h"
#include "train/settings.h"
#include "train/setup.h"

#include <string.h>

ath_status ath__trial_open(struct ath__trial *trial, const ath_config *config, const ath_hooks *hooks, ath_error *err) {
    memset(trial, 0, sizeof *trial);
    ath__setup_threads(config);
    ATH_TRY(ath__setup_data(config, ATH_SPLIT_TRAIN, &trial->train_set, err));
    ATH_TRY(ath__setup_preprocess(config, trial->train_set, &trial->preprocess, err));
    ATH_TRY(ath__setup_model(config, trial->train_set, &trial->preprocess, &trial->model, err));
    ATH_TRY(ath__setup_network(config, trial->model, ATH_NETWORK_TRAINS, hooks, &trial->network, err));
    ATH_TRY(ath__setup_loader(config, trial->train_set, &trial->preprocess, true, &trial->loader, err));
    ATH_TRY(ath__metrics_start(&trial->metrics, ath_model_classes(trial->model), false, err));
    ATH_TRY(ath__setup_class_weights(config, trial->train_set, trial->network, err));
    ATH_TRY(ath__setup_start(config, trial->train_set, &trial->preprocess, hooks, trial->network, err));
    trial->steps_per_epoch = ath__loader_batches(trial->loader);
    return ath__loader_start(trial->loader, 0, 0, err);
}

void ath__trial_close(struct ath__trial *trial) {
    ath__loader_close(trial->loader);
    ath__network_destroy(trial->network);
    ath_model_destroy(trial->model);
    ath_dataset_close(trial->train_set);
    ath__metrics_free(&trial->metrics);
    memset(trial, 0, sizeof *trial);
}

ath_status ath__trial_step(struct ath__trial *trial, double lr, double *loss, struct ath__samples *samples,
                           ath_error *err) {
    struct ath__batch batch;
    ATH_TRY(ath__loader_next(trial->loader, &batch, err));
    if (batch.count == 0) {
        ATH_TRY(ath__loader_start(trial->loader, ++trial->epoch, 0, err));
        ATH_TRY(ath__loader_next(trial->loader, &batch, err));
    }
    struct ath__samples given = ath__setup_samples(&batch);
    ATH_TRY(ath__metrics_start(&trial->metrics, trial->metrics.classes, false, err));
    ath_status status =
        ath__network_step(trial->network, &given, lr, (uint64_t)trial->step++, ath__metrics_add, &trial->metrics, err);
    *loss = ath__metrics_loss(&trial->metrics);
    if (samples) *samples = given;
    return status;
}
