/* Counting hits, summing losses.
 *
 * A sample is a top-k hit when fewer than k classes have a larger logit, or an equal one at a lower index.
 */
#include "train/metrics.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>

ath_status ath__metrics_start(struct ath__metrics *metrics, int classes, bool confusion, ath_error *err) {
    *metrics = (struct ath__metrics){.classes = classes};
    if (confusion) {
        metrics->confusion = ATH_NEW_ARRAY(int64_t, (size_t)classes * (size_t)classes);
        if (!metrics->confusion) return ath__fail_memory(err, "confusion matrix");
    }
    return ATH_OK;
}

void ath__metrics_free(struct ath__metrics *metrics) {
    ath__free(metrics->confusion);
    metrics->confusion = NULL;
}

void ath__softmax_row(const float *logits, int classes, double *probabilities) {
    double largest = logits[0], sum = 0.0;
    for (int c = 1; c < classes; c++) largest = fmax(largest, (double)logits[c]);
    for (int c = 0; c < classes; c++) sum += probabilities[c] = exp((double)logits[c] - largest);
    for (int c = 0; c < classes; c++) probabilities[c] /= sum;
}

/* -log softmax(logits)[label] */
static double row_loss(const float *logits, int classes, int label) {
    double largest = logits[0], sum = 0.0;
    for (int c = 1; c < classes; c++) largest = fmax(largest, (double)logits[c]);
    for (int c = 0; c < classes; c++) sum += exp((double)logits[c] - largest);
    return log(sum) + largest - (double)logits[label];
}

void ath__metrics_add(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct ath__metrics *metrics = context;
    int                  classes = metrics->classes;
    for (int64_t i = 0; i < samples->count; i++, logits += classes) {
        int label = samples->labels[i], before = 0, best = 0;
        for (int c = 0; c < classes; c++) {
            before += logits[c] > logits[label] || (c < label && logits[c] >= logits[label]);
            if (logits[c] > logits[best]) best = c;
        }
        bool finite = logits[label] - logits[label] == 0.0f;
        metrics->hits1 += finite && before == 0;
        metrics->hits5 += finite && before < 5;
        metrics->loss_sum += losses ? (double)losses[i] : row_loss(logits, classes, label);
        if (metrics->confusion) metrics->confusion[(size_t)label * (size_t)classes + (size_t)best]++;
    }
    metrics->images += samples->count;
}

static double percent(int64_t part, int64_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

double ath__metrics_top1(const struct ath__metrics *metrics) {
    return percent(metrics->hits1, metrics->images);
}

double ath__metrics_top5(const struct ath__metrics *metrics) {
    return percent(metrics->hits5, metrics->images);
}

double ath__metrics_loss(const struct ath__metrics *metrics) {
    return metrics->images > 0 ? metrics->loss_sum / (double)metrics->images : 0.0;
}
