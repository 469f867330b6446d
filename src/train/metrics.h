/* Scores of predictions: the one place where accuracy, loss, calibration and what is derived from the confusion matrix
 * are computed (docs/metrics.md). */
#ifndef ATH_TRAIN_METRICS_H
#define ATH_TRAIN_METRICS_H

#include "athanor/train.h"
#include "train/network.h"

enum { ATH_WORST = 24 }; /* images kept for their loss */

struct ath__metrics {
    int         classes;
    int64_t     images, hits1, hits5;
    double      loss_sum;
    int64_t    *confusion; /* classes x classes, row = true class; NULL when details are not asked for, and then: */
    int64_t     bin_images[ATH_CALIBRATION_BINS], bin_hits[ATH_CALIBRATION_BINS];
    double      bin_confidence[ATH_CALIBRATION_BINS]; /* sums of probabilities */
    ath_mistake worst[ATH_WORST]; /* the largest losses, falling; among equals the first image first */
    int         worst_count;
};

/* Zero counts; `details`: keep confusion matrix, calibration and the largest losses as well. */
ath_status ath__metrics_start(struct ath__metrics *metrics, int classes, bool details, ath_error *err);
void       ath__metrics_free(struct ath__metrics *metrics);

/* ath__network_sink: adds samples. The loss is `losses` where given (training), else -log softmax(logits)[label].
 * Images are numbered in the order in which they come. */
void ath__metrics_add(void *metrics, const struct ath__samples *samples, const float *logits, const float *losses);

double ath__metrics_top1(const struct ath__metrics *metrics); /* percent */
double ath__metrics_top5(const struct ath__metrics *metrics);
double ath__metrics_loss(const struct ath__metrics *metrics); /* mean */

/* What classes are called: a text of each, or NULL. Without names they have numbers, without titles their names. */
struct ath__class_labels {
    const char *const *names, *const *titles, *const *groups; /* a group's name, "" = none */
};

/* With details: everything as a result. `labels` are copied; freed by ath_eval_result_free. */
ath_status ath__metrics_result(const struct ath__metrics *metrics, struct ath__class_labels labels, const char *tta,
                               ath_eval_result *result, ath_error *err);

/* softmax of one row in double precision. */
void ath__softmax_row(const float *logits, int classes, double *probabilities);

#endif
