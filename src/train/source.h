/* The trained model that a verb is about: run=FOLDER (its best weights) or weights=FILE. */
#ifndef ATH_TRAIN_SOURCE_H
#define ATH_TRAIN_SOURCE_H

#include "train/model_file.h"
#include "train/setup.h"

struct ath__source {
    ath_config            *config; /* the caller's, completed by the run's own settings */
    char                   path[1024];
    ath_tensor_file        file;
    ath_model             *model;
    struct ath__model_info info;
    struct ath__network   *network; /* weights loaded, evaluation only */

    bool numbered; /* the classes' names are their numbers */
};

/* Classes that nothing names are called by their numbers, "0" on, from here on. */
ath_status ath__source_number_classes(struct ath__source *source, ath_error *err);

/* ATH_USAGE when there is neither run= nor weights= nor a last run. A weights file that does not describe its model
 * needs model= and data= beside it. The source is the caller's to close, also after a failure. */
ath_status ath__source_open(const ath_config *config, const ath_hooks *hooks, struct ath__source *source,
                            ath_error *err);
void       ath__source_close(struct ath__source *source);

#endif
