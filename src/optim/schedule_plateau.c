/* Plateau: the rate is multiplied by a factor when a metric has not got better for `patience` epochs (PyTorch's
 * ReduceLROnPlateau):
 *
 *     better    loss:     value < best * (1 - threshold),  absolute: value < best - threshold
 *               accuracy: value > best * (1 + threshold),  absolute: value > best + threshold
 *     bad       epochs in a row that were not better; 0 behind a better one and during a cooldown
 *     drop      when bad > patience: rate = max(rate * factor, min_lr), unless that changes it by 1e-8 or less; then
 *               `cooldown` epochs do not count
 */
#include "optim/schedule.h"

#include <math.h>

static const double least_change = 1e-8;

static const char *const metric_names[ATH_PLATEAU_METRICS] = {"val_top1", "val_loss", "train_top1", "train_loss"};

const char *ath__plateau_metric_name(int metric) {
    return metric >= 0 && metric < ATH_PLATEAU_METRICS ? metric_names[metric] : "?";
}

bool ath__plateau_falls(int metric) {
    return metric == ATH_PLATEAU_VAL_LOSS || metric == ATH_PLATEAU_TRAIN_LOSS;
}

const char *ath__plateau_decision_name(ath__plateau_decision decision) {
    static const char *const names[] = {"better", "wait", "cooldown", "drop", "at minimum"};
    return names[decision];
}

void ath__plateau_start(struct ath__plateau *plateau) {
    *plateau = (struct ath__plateau){.share = 1.0};
}

static bool is_better(const struct ath__plateau *plateau, const struct ath__plateau_rule *rule, double value) {
    bool falls = ath__plateau_falls((int)rule->metric), absolute = rule->absolute > 0.0;
    if (!plateau->started) return !isnan(value);
    if (falls) return value < (absolute ? plateau->best - rule->threshold : plateau->best * (1.0 - rule->threshold));
    return value > (absolute ? plateau->best + rule->threshold : plateau->best * (1.0 + rule->threshold));
}

ath__plateau_decision ath__plateau_observe(struct ath__plateau *plateau, const struct ath__plateau_rule *rule,
                                           double peak, double value) {
    ath__plateau_decision decision = ATH_PLATEAU_WAIT;
    if (is_better(plateau, rule, value)) {
        plateau->started = true;
        plateau->best = value;
        plateau->bad = 0;
        decision = ATH_PLATEAU_BETTER;
    } else {
        plateau->bad++;
    }
    if (plateau->cooldown > 0) {
        plateau->cooldown--;
        plateau->bad = 0;
        if (decision == ATH_PLATEAU_WAIT) decision = ATH_PLATEAU_COOLDOWN;
    }
    if ((double)plateau->bad <= rule->patience) return decision;
    double rate = peak * plateau->share, lower = fmax(rate * rule->factor, rule->min_lr);
    plateau->cooldown = (int64_t)rule->cooldown;
    plateau->bad = 0;
    if (!(rate - lower > least_change)) return ATH_PLATEAU_AT_MINIMUM;
    plateau->share = lower / peak;
    plateau->drops++;
    return ATH_PLATEAU_DROP;
}

static double factor(const struct ath__schedule_settings *settings, const struct ath__schedule_time *time) {
    (void)settings;
    return time->plateau;
}

const struct ath__schedule ath__schedule_plateau = {
    .name = "plateau",
    .summary = "times schedule.factor when schedule.metric has not got better for schedule.patience epochs",
    .keys = {{"metric", "val_top1"},
             {"factor", "0.1"},
             {"patience", "10"},
             {"threshold", "1e-4"},
             {"threshold_mode", "rel"},
             {"cooldown", "0"},
             {"min_lr", "0"}},
    .factor = factor,
    .reads_metric = true,
};
