/* Reading the planned rate. */
#include "train/rate.h"

#include "base/error.h"
#include "train/settings.h"

#include <string.h>

ath_status ath__rate_read(const ath_config *config, int64_t steps_per_epoch, const ath_hooks *hooks,
                          struct ath__rate_plan *rate, ath_error *err) {
    (void)hooks;
    memset(rate, 0, sizeof *rate);
    ATH_TRY(ath__schedule_find(ath__config_text(config, "schedule"), &rate->schedule, err));
    ATH_TRY(ath__duration_parse(ath__config_text(config, "schedule.every"), &rate->settings.every, err));
    ATH_TRY(ath__duration_parse(ath__config_text(config, "warmup"), &rate->settings.warmup, err));
    rate->settings.factor = ath__config_real(config, "schedule.factor");
    rate->settings.end = ath__config_real(config, "schedule.end");
    rate->peak = ath__config_real(config, "lr");
    rate->steps_per_epoch = steps_per_epoch;
    rate->steps = steps_per_epoch * ath__config_int(config, "epochs");
    return ATH_OK;
}

double ath__rate_at(const struct ath__rate_plan *rate, int64_t step, double share) {
    return share *
           ath__schedule_rate(rate->schedule, &rate->settings, rate->peak, step, rate->steps, rate->steps_per_epoch);
}
