/* Decisions of the plateau schedule: multiply the rate by a factor when a metric has not got better for some epochs.
 * PyTorch's ReduceLROnPlateau, but that the direction follows from the metric's name and the rate is kept as a share of
 * the peak.
 */
#ifndef ATH_OPTIM_PLATEAU_H
#define ATH_OPTIM_PLATEAU_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ath__plateau_metric {
    ATH_PLATEAU_VAL_TOP1,
    ATH_PLATEAU_VAL_LOSS,
    ATH_PLATEAU_TRAIN_TOP1,
    ATH_PLATEAU_TRAIN_LOSS,
    ATH_PLATEAU_METRICS,
} ath__plateau_metric;

struct ath__plateau_rule {
    double metric;    /* ath__plateau_metric */
    double factor;    /* multiplier at a drop */
    double patience;  /* epochs without improvement that are waited for */
    double threshold; /* smallest change that counts */
    double absolute;  /* 1: the threshold is absolute, 0: a share of the best value */
    double cooldown;  /* epochs behind a drop that do not count */
    double min_lr;    /* the rate never falls below */
};

/* What is remembered from epoch to epoch. */
struct ath__plateau {
    bool    started;
    double  best;
    double  share; /* of the peak rate */
    int64_t bad, cooldown;
    int64_t drops;
};

typedef enum ath__plateau_decision {
    ATH_PLATEAU_BETTER,
    ATH_PLATEAU_WAIT,
    ATH_PLATEAU_COOLDOWN,
    ATH_PLATEAU_DROP,
    ATH_PLATEAU_AT_MINIMUM, /* a drop was due, but the rate is as low as it may be */
} ath__plateau_decision;

/* "val_top1" ...; losses are to fall, everything else is to rise. */
const char *ath__plateau_metric_name(int metric);
bool        ath__plateau_falls(int metric);
/* "better", "wait", "cooldown", "drop", "at minimum" */
const char *ath__plateau_decision_name(ath__plateau_decision decision);

/* Nothing seen yet; the whole peak. */
void ath__plateau_start(struct ath__plateau *plateau);

/* Takes the metric of one more epoch. `peak` is the rate that share 1 stands for. */
ath__plateau_decision ath__plateau_observe(struct ath__plateau *plateau, const struct ath__plateau_rule *rule,
                                           double peak, double value);

#endif
