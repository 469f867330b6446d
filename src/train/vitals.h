/* Vitals: a few figures of every epoch that say how a run feels, cheap enough to be taken always.
 *
 * Batch losses are looked at as they pass. Once an epoch, at its last full batch, the parameters are copied before the
 * step and compared behind it: with w the weights (parameters of rank 2 and above; biases and scales start at 0 or 1 and
 * would blur the ratio) and w' those behind the step,
 *
 *     ratio = |w' - w| / |w|,   for all of them and for each tensor
 *
 * which holds for any optimiser. The gradient's norm comes from the packed gradient of that step. After epochs 1, 2, 4,
 * 8 ... the share of dead rectifier units is counted as well (train/dead_units.h).
 */
#ifndef ATH_TRAIN_VITALS_H
#define ATH_TRAIN_VITALS_H

#include "base/str.h"
#include "train/metrics.h"
#include "train/network.h"

/* Of one epoch. Figures that were not taken are not numbers (NAN), names then empty. */
struct ath__vitals {
    int64_t epoch; /* from 1 */
    double  lr_low, lr_high;
    double  loss_first, loss_last; /* mean over the first and the last tenth of the batches */
    double  loss_high;             /* of one batch */
    double  spikes;                /* batches whose loss was three times the running mean or more */
    double  grad_norm, weight_norm, ratio;
    double  probe_lr;    /* rate of the step that these are of */
    double  layer_ratio; /* the largest ratio of one tensor, which is called `layer` */
    char    layer[64];
    double  dead_share; /* of all rectifier units */
    double  dead_layer_share;
    char    dead_layer[64];  /* the first layer with at least four of five units dead, else the one with most */
    double  top_class_share; /* share of the validation images that the most predicted class takes */
    int64_t top_class;       /* -1 = unknown */
};

/* Takes the figures while an epoch runs. */
struct ath__vitals_taker {
    struct ath__vitals now;
    float             *before; /* the parameters before the probed step */
    size_t             count;
    int64_t            batches;         /* of an epoch */
    double             seen_loss, mean; /* sum over the epoch so far; running mean */
    int64_t            seen_images, steps, first_count, last_count;
    bool               probing;
};

ath_status ath__vitals_open(struct ath__vitals_taker *taker, const struct ath__network *network, int64_t batches,
                            ath_error *err);
void       ath__vitals_close(struct ath__vitals_taker *taker);

/* Around every step: `batch` is its number in the epoch, `metrics` the epoch's sums. `samples` are the step's. */
void       ath__vitals_before(struct ath__vitals_taker *taker, const struct ath__network *network,
                              const struct ath__metrics *metrics, int64_t batch);
ath_status ath__vitals_after(struct ath__vitals_taker *taker, struct ath__network *network,
                             const struct ath__samples *samples, const struct ath__metrics *metrics, int64_t batch,
                             int64_t epoch, double lr, ath_error *err);
/* The epoch (from 0) is over: the figures, with what the confusion matrix of the validation says. The next epoch may
 * begin. */
void ath__vitals_finish(struct ath__vitals_taker *taker, int64_t epoch, const struct ath__metrics *validation,
                        struct ath__vitals *vitals);

/* As the inside of a JSON object, for log.jsonl, and back. */
void ath__vitals_write(const struct ath__vitals *vitals, struct ath__str *fields);
/* Reads one line of log.jsonl: true if it is a whole "vitals" event. */
bool ath__vitals_read(const char *line, size_t size, struct ath__vitals *vitals);

#endif
