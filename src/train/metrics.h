/* Scores of predictions: the one place where accuracy and loss are computed. */
#ifndef ATH_TRAIN_METRICS_H
#define ATH_TRAIN_METRICS_H

#include "train/network.h"

struct ath__metrics {
    int      classes;
    int64_t  images, hits1, hits5;
    double   loss_sum;
    int64_t *confusion; /* classes x classes, row = true class; NULL when not asked for */
};

/* Zero counts; `confusion`: keep a confusion matrix. */
ath_status ath__metrics_start(struct ath__metrics *metrics, int classes, bool confusion, ath_error *err);
void       ath__metrics_free(struct ath__metrics *metrics);

/* ath__network_sink: adds samples. The loss is `losses` where given (training), else -log softmax(logits)[label]. */
void ath__metrics_add(void *metrics, const struct ath__samples *samples, const float *logits, const float *losses);

double ath__metrics_top1(const struct ath__metrics *metrics); /* percent */
double ath__metrics_top5(const struct ath__metrics *metrics);
double ath__metrics_loss(const struct ath__metrics *metrics); /* mean */

/* softmax of one row in double precision. */
void ath__softmax_row(const float *logits, int classes, double *probabilities);

#endif
