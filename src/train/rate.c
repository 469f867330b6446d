/* Reading a schedule, and remarks about one that cannot be meant. */
#include "train/rate.h"

#include "base/error.h"
#include "train/chosen.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ath_status check(const struct ath__rate_plan *rate, ath_error *err) {
    const struct ath__schedule_settings *s = &rate->settings;
    if ((s->momentum_low > 0.0) != (s->momentum_high > 0.0) || s->momentum_low > s->momentum_high)
        return ath__fail(
            err, ATH_USAGE, "schedule.momentum_low",
            "momentum cycles between schedule.momentum_low and schedule.momentum_high: give both, the lower "
            "one first (0.85 and 0.95)");
    if (rate->schedule == &ath__schedule_cosine_restarts && !(s->period.amount > 0.0))
        return ath__fail(err, ATH_USAGE, "schedule.period", "schedule.period must be longer than nothing: 10ep, say");
    return ATH_OK;
}

ath_status ath__rate_read(const ath_config *config, int64_t steps_per_epoch, const ath_hooks *hooks,
                          struct ath__rate_plan *rate, ath_error *err) {
    memset(rate, 0, sizeof *rate);
    ATH_TRY(ath__schedule_find(ath__config_text(config, "schedule"), &rate->schedule, err));
    ATH_TRY(ath__chosen_check(config, ATH_CHOOSER_SCHEDULE, hooks, err));
    ATH_TRY(ath__schedule_defaults(rate->schedule, &rate->settings, err));
    for (const struct ath__schedule_key *key = rate->schedule->keys; key->name; key++) {
        char name[64];
        snprintf(name, sizeof name, "schedule.%s", key->name);
        const char *value = ath__config_text(config, name);
        if (strcmp(value, "auto") == 0) value = "";
        ATH_TRY(ath__schedule_set(rate->schedule, &rate->settings, key->name, value, err));
    }
    ATH_TRY(ath__duration_parse(ath__config_text(config, "warmup"), &rate->settings.warmup, err));
    rate->peak = ath__config_real(config, "lr");
    rate->steps = ath__config_int(config, "epochs") * steps_per_epoch;
    rate->steps_per_epoch = steps_per_epoch;
    return check(rate, err);
}

/* First step, among the first tenth, whose rate is below a thousandth of the highest before it; -1 if there is none. */
static int64_t early_death(const struct ath__rate_plan *rate) {
    double  highest = 0.0;
    int64_t last = rate->steps / 10;
    for (int64_t step = 0; step < last; step++) {
        double now = ath__rate_at(rate, step, 1.0);
        if (now > highest) highest = now;
        if (now < 1e-3 * highest) return step;
    }
    return -1;
}

void ath__rate_remark_death(const struct ath__rate_plan *rate, const ath_hooks *hooks) {
    double  per_epoch = (double)rate->steps_per_epoch, run = (double)rate->steps;
    int64_t dead = early_death(rate);
    if (dead >= 0)
        ath__remark(
            hooks, "LR-DEAD", true,
            "the learning rate falls from %g to %.3g by step %lld of %lld (epoch %.2f of %.0f), where most of the "
            "run is still to come: nothing will be learnt behind it. Is the schedule counted in steps where epochs "
            "are meant? ('athanor train --show-schedule ...' draws it)",
            rate->peak, ath__rate_at(rate, dead, 1.0), (long long)dead, (long long)rate->steps,
            (double)dead / per_epoch, run / per_epoch);
}

void ath__rate_remark_length(const struct ath__rate_plan *rate, const ath_hooks *hooks) {
    double per_epoch = (double)rate->steps_per_epoch;
    double warmup = ath__duration_steps(&rate->settings.warmup, per_epoch), run = (double)rate->steps;
    double length = rate->schedule->steps ? rate->schedule->steps(&rate->settings, per_epoch) : 0.0;
    if (warmup >= run && warmup > 0.0)
        ath__remark(hooks, "SCHEDULE-LENGTH", true,
                    "the warm-up of %.4g epochs is as long as the run of %.4g: the peak rate is never reached",
                    warmup / per_epoch, run / per_epoch);
    else if (length > 0.0 && warmup + length > run * (1.0 + 1e-9))
        ath__remark(
            hooks, "SCHEDULE-LENGTH", true,
            "the schedule %s takes %.4g epochs and the run %.4g: it ends %.4g epochs too early, at a rate of %.3g",
            rate->schedule->name, (warmup + length) / per_epoch, run / per_epoch, (warmup + length - run) / per_epoch,
            ath__rate_at(rate, rate->steps - 1, 1.0));
    else if (length > 0.0 && !rate->schedule->open_ended && warmup + length < run * (1.0 - 1e-9))
        ath__remark(
            hooks, "SCHEDULE-LENGTH", true,
            "the schedule %s takes %.4g epochs and the run %.4g: the last %.4g epochs run at its final rate, %.3g",
            rate->schedule->name, (warmup + length) / per_epoch, run / per_epoch, (run - warmup - length) / per_epoch,
            ath__rate_at(rate, rate->steps - 1, 1.0));
}
