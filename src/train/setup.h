/* From a configuration to the things that a run is made of. Every verb sets up through these, so that training,
 * evaluation, prediction, profile and merge cannot differ. */
#ifndef ATH_TRAIN_SETUP_H
#define ATH_TRAIN_SETUP_H

#include "athanor/data.h"
#include "athanor/train.h"
#include "data/loader.h"
#include "train/network.h"

/* Sends a remark to the hook; without a hook a warning goes to the log. `format` as in printf. */
void ath__remark(const ath_hooks *hooks, const char *code, bool warning, const char *format, ...) ATH_PRINTF(4, 5);

/* threads= for all kernels. */
void ath__setup_threads(const ath_config *config);

/* data= and data.*: opens one split. ATH_USAGE when data= is missing. */
ath_status ath__setup_data(const ath_config *config, ath_split split, ath_dataset **dataset, ath_error *err);

/* A remark when validation images are among the training images: accuracy on them is memory. */
ath_status ath__setup_compare(const ath_hooks *hooks, const ath_dataset *train, const ath_dataset *val, ath_error *err);

/* resize= and normalize=, for images like those of `train` (whose pixels `auto` measures); NULL: for photos, as the
 * model= takes them. */
ath_status ath__setup_preprocess(const ath_config *config, const ath_dataset *train, struct ath__preprocess *preprocess,
                                 ath_error *err);

/* model=, model.*, reparam=; input and classes from the data set, or, where that is NULL, the input from `preprocess`
 * (which may be NULL as well) and the model's own; then input= and classes=. */
ath_status ath__setup_model(const ath_config *config, const ath_dataset *dataset,
                            const struct ath__preprocess *preprocess, ath_model **model, ath_error *err);

/* What a network is for. */
enum ath__network_use {
    ATH_NETWORK_EVALUATES,
    ATH_NETWORK_TRAINS,
    ATH_NETWORK_TRAINS_FEATURES, /* the part behind the frozen one, on that one's results */
};

/* Everything of a network that the configuration decides: optimiser, precision (with a remark when bf16 is not to be
 * had), layout, micro-batches, soft targets where augment= mixes labels. */
ath_status ath__setup_network(const ath_config *config, const ath_model *model, enum ath__network_use use,
                              const ath_hooks *hooks, struct ath__network **network, ath_error *err);

/* Starting values by init= and seed=, then those that come from the training images and from weights=; a run that is
 * resumed has them in its checkpoint. */
ath_status ath__setup_start(const ath_config *config, const ath_dataset *train,
                            const struct ath__preprocess *preprocess, const ath_hooks *hooks,
                            struct ath__network *network, ath_error *err);

/* A loader over the data set; for training in random order and with augment=. */
ath_status ath__setup_loader(const ath_config *config, const ath_dataset *dataset,
                             const struct ath__preprocess *preprocess, bool train, struct ath__loader **loader,
                             ath_error *err);

/* A loader's batch as a network takes it. */
struct ath__samples ath__setup_samples(const struct ath__batch *batch);

#endif
