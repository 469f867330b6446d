/* From a configuration to how parameters are updated. */
#ifndef ATH_TRAIN_SETUP_UPDATE_H
#define ATH_TRAIN_SETUP_UPDATE_H

#include "athanor/train.h"
#include "train/network.h"

/* optimizer= and its settings, group.*, decay.exclude=, clip.*, lookahead=, ema= into the network's settings. `rules`
 * has room for ATH_GROUP_MAX_RULES and must live as long as the network is being created. */
ath_status ath__setup_update(const ath_config *config, const ath_hooks *hooks, struct ath__network_settings *settings,
                             struct ath__group_rule *rules, ath_error *err);

#endif
