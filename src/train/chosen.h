/* Settings that belong to the optimizer or the schedule that was chosen: beta1 to Adam, schedule.every to step.
 *
 * Each of them has the default `auto`, which stands for the chosen one's own default. One that the chosen optimizer or
 * schedule does not read is an error, so that a momentum given to Adam is not silently without effect; but where the
 * choice itself comes from closer to the user than the setting (optimizer=adam on the command line, momentum in the
 * recipe), the setting is ignored and said so.
 */
#ifndef ATH_TRAIN_CHOSEN_H
#define ATH_TRAIN_CHOSEN_H

#include "athanor/train.h"

/* Which choice a setting belongs to. */
typedef enum ath__chooser { ATH_CHOOSER_NONE, ATH_CHOOSER_OPTIMIZER, ATH_CHOOSER_SCHEDULE } ath__chooser;
ath__chooser ath__chooser_of(const char *key);

/* The chosen optimizer's or schedule's default for the setting; "" if it must be given; NULL if it does not read it, or
 * the setting belongs to neither. */
const char *ath__chosen_default(const ath_config *config, const char *key);

/* Was the setting given further away than a choice that does not read it? Then it counts as not given. */
bool ath__chosen_ignores(const ath_config *config, const char *key);

/* ATH_USAGE for a setting of this choice that the chosen one does not read; remarks on ignored ones. */
ath_status ath__chosen_check(const ath_config *config, ath__chooser chooser, const ath_hooks *hooks, ath_error *err);

#endif
