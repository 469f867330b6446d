/* Stages of a run in its configuration: stage.NUMBER.KEY, from `stages:` in a recipe or the command line.
 *
 * A stage is the run's settings with its own over them; a run without stages has one. What the command line says of a
 * key goes before what a recipe says of it for a stage. A stage with an optimizer or a schedule of its own begins with
 * that one's defaults, not with the settings of the run's.
 */
#ifndef ATH_TRAIN_STAGE_CONFIG_H
#define ATH_TRAIN_STAGE_CONFIG_H

#include "athanor/config.h"

#include <stdint.h>

enum { ATH_MAX_STAGES = 16 };

/* KEY of "stage.NUMBER.KEY"; NULL for anything else. */
const char *ath__stage_key(const char *key);

/* How many; *staged: the configuration has stages (one is possible). ATH_USAGE when a number is left out, and for keys
 * that are the run's (model, data, seed ...). */
ath_status ath__stage_count(const ath_config *config, int *count, bool *staged, ath_error *err);

/* The settings of stage `index` (from 0), without stages of their own. The caller's to destroy. */
ath_status ath__stage_config(const ath_config *config, int index, ath_config **stage, ath_error *err);

/* Epochs of all stages together. */
int64_t ath__stage_epochs(const ath_config *config);

#endif
