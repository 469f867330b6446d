/* Counting hits, summing losses, and what follows from the sums.
 *
 * A sample is a top-k hit when fewer than k classes have a larger logit, or an equal one at a lower index. With details
 * on, for every image the class of the largest logit and its probability p = softmax(x)_max are noted:
 *
 *     recall_c    = M[c][c] / sum_j M[c][j]            M: confusion matrix, row = true class
 *     precision_c = M[c][c] / sum_i M[i][c]
 *     F1_c        = 2 M[c][c] / (sum_j M[c][j] + sum_i M[i][c])
 *     ECE         = sum_b n_b / n |hits_b / n_b - mean p in b|     15 bins of equal width, b = floor(15 p)
 *
 * (Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo et al., "On
 * calibration of modern neural networks", ICML 2017). A row with a logit that is no number, or whose largest is not
 * finite, predicts nothing: it is a miss, and stands neither in the matrix nor in a bin.
 */
#include "train/metrics.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

ath_status ath__metrics_start(struct ath__metrics *metrics, int classes, bool details, ath_error *err) {
    *metrics = (struct ath__metrics){.classes = classes};
    if (details) {
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

/* log sum_c exp(x_c) */
static double log_sum_exp(const float *logits, int classes) {
    double largest = logits[0], sum = 0.0;
    for (int c = 1; c < classes; c++) largest = fmax(largest, (double)logits[c]);
    for (int c = 0; c < classes; c++) sum += exp((double)logits[c] - largest);
    return log(sum) + largest;
}

/* The largest loss first; one that is no number counts as the largest there is. */
static bool is_worse(double a, double b) {
    return !isnan(b) && (isnan(a) || a > b);
}

static void note_worst(struct ath__metrics *metrics, const ath_mistake *mistake) {
    int at = metrics->worst_count;
    while (at > 0 && is_worse(mistake->loss, metrics->worst[at - 1].loss)) at--;
    if (at == ATH_WORST) return;
    int last = metrics->worst_count < ATH_WORST ? metrics->worst_count++ : ATH_WORST - 1;
    memmove(&metrics->worst[at + 1], &metrics->worst[at], (size_t)(last - at) * sizeof metrics->worst[0]);
    metrics->worst[at] = *mistake;
}

static void note_details(struct ath__metrics *metrics, const ath_mistake *mistake, bool usable) {
    note_worst(metrics, mistake);
    if (!usable) return;
    int bin = (int)(mistake->probability * ATH_CALIBRATION_BINS);
    if (bin >= ATH_CALIBRATION_BINS) bin = ATH_CALIBRATION_BINS - 1;
    metrics->confusion[(size_t)mistake->label * (size_t)metrics->classes + (size_t)mistake->predicted]++;
    metrics->bin_images[bin]++;
    metrics->bin_hits[bin] += mistake->label == mistake->predicted;
    metrics->bin_confidence[bin] += mistake->probability;
}

void ath__metrics_add(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct ath__metrics *metrics = context;
    int                  classes = metrics->classes;
    for (int64_t i = 0; i < samples->count; i++, logits += classes) {
        int  label = samples->labels[i], before = 0, best = 0;
        bool numbers = true;
        for (int c = 0; c < classes; c++) {
            before += logits[c] > logits[label] || (c < label && logits[c] >= logits[label]);
            numbers = numbers && !isnan(logits[c]);
            if (logits[c] > logits[best]) best = c;
        }
        bool usable = numbers && isfinite(logits[best]);
        metrics->hits1 += usable && best == label;
        metrics->hits5 += usable && before < 5 && isfinite(logits[label]);
        double total = losses && !metrics->confusion ? 0.0 : log_sum_exp(logits, classes);
        double loss = losses ? (double)losses[i] : total - (double)logits[label];
        metrics->loss_sum += loss;
        if (!metrics->confusion) continue;
        ath_mistake mistake = {.index = metrics->images + i,
                               .label = label,
                               .predicted = best,
                               .loss = loss,
                               .probability = exp((double)logits[best] - total),
                               .label_probability = exp((double)logits[label] - total)};
        note_details(metrics, &mistake, usable);
    }
    metrics->images += samples->count;
}

static double percent(double part, int64_t whole) {
    return 100.0 * part / (double)whole; /* not a number where there is nothing */
}

double ath__metrics_top1(const struct ath__metrics *metrics) {
    return metrics->images > 0 ? percent((double)metrics->hits1, metrics->images) : 0.0;
}

double ath__metrics_top5(const struct ath__metrics *metrics) {
    return metrics->images > 0 ? percent((double)metrics->hits5, metrics->images) : 0.0;
}

double ath__metrics_loss(const struct ath__metrics *metrics) {
    return metrics->images > 0 ? metrics->loss_sum / (double)metrics->images : 0.0;
}

/* Names, counts and shares of the classes. */
static ath_status fill_classes(const struct ath__metrics *metrics, struct ath__class_labels labels,
                               ath_class_score *scores, ath_error *err) {
    size_t classes = (size_t)metrics->classes;
    for (size_t row = 0; row < classes; row++) {
        for (size_t column = 0; column < classes; column++) {
            int64_t count = metrics->confusion[row * classes + column];
            scores[row].images += count;
            scores[column].predicted += count;
            if (row == column) scores[row].correct = count;
        }
    }
    for (size_t c = 0; c < classes; c++) {
        ath_class_score *score = &scores[c];
        char             number[32];
        snprintf(number, sizeof number, "%zu", c);
        score->name = ath__strdup(labels.names ? labels.names[c] : number);
        score->title = ath__strdup(labels.titles ? labels.titles[c] : labels.names ? labels.names[c] : number);
        score->group = ath__strdup(labels.groups ? labels.groups[c] : "");
        if (!score->name || !score->title || !score->group) return ath__fail_memory(err, "evaluation");
        score->recall = percent((double)score->correct, score->images);
        score->precision = percent((double)score->correct, score->predicted);
        score->f1 = percent(2.0 * (double)score->correct, score->images + score->predicted);
    }
    return ATH_OK;
}

static int group_of(const ath_eval_result *result, const char *name) {
    int g = 0;
    while (g < result->groups && strcmp(result->per_group[g].name, name) != 0) g++;
    return g;
}

/* Sums over the classes of each group. Behind fill_classes. */
static ath_status fill_groups(ath_eval_result *result, ath_error *err) {
    int                    classes = result->classes;
    const ath_class_score *scores = result->per_class;
    int                   *groups = ATH_NEW_ARRAY(int, classes);
    result->per_group = ATH_NEW_ARRAY(ath_group_score, classes);
    if (!groups || !result->per_group) {
        ath__free(groups);
        return ath__fail_memory(err, "evaluation");
    }
    for (int c = 0; c < classes; c++) {
        groups[c] = *scores[c].group ? group_of(result, scores[c].group) : -1;
        if (groups[c] == result->groups) result->per_group[result->groups++].name = scores[c].group;
    }
    for (int r = 0; r < classes; r++) {
        if (groups[r] < 0) continue;
        ath_group_score *group = &result->per_group[groups[r]];
        group->images += scores[r].images;
        group->correct += scores[r].correct;
        for (int c = 0; c < classes; c++)
            if (groups[c] == groups[r]) group->within += result->confusion[r * classes + c];
    }
    for (int g = 0; g < result->groups; g++) {
        ath_group_score *group = &result->per_group[g];
        group->top1 = percent((double)group->correct, group->images);
        group->group_top1 = percent((double)group->within, group->images);
    }
    ath__free(groups);
    return ATH_OK;
}

static void fill_calibration(const struct ath__metrics *metrics, ath_eval_result *result) {
    int64_t images = 0;
    double  confidence = 0.0, error = 0.0;
    for (int b = 0; b < ATH_CALIBRATION_BINS; b++) {
        int64_t count = metrics->bin_images[b];
        result->calibration[b] = (ath_calibration_bin){.images = count, .correct = metrics->bin_hits[b]};
        images += count;
        confidence += metrics->bin_confidence[b];
        error += fabs((double)metrics->bin_hits[b] - metrics->bin_confidence[b]);
        if (count == 0) continue;
        result->calibration[b].accuracy = percent((double)metrics->bin_hits[b], count);
        result->calibration[b].confidence = percent(metrics->bin_confidence[b], count);
    }
    result->confidence = images > 0 ? percent(confidence, images) : 0.0;
    result->calibration_error = images > 0 ? percent(error, images) : 0.0;
}

ath_status ath__metrics_result(const struct ath__metrics *metrics, struct ath__class_labels labels, const char *tta,
                               ath_eval_result *result, ath_error *err) {
    size_t classes = (size_t)metrics->classes;
    memset(result, 0, sizeof *result);
    result->images = metrics->images;
    result->top1 = ath__metrics_top1(metrics);
    result->top5 = ath__metrics_top5(metrics);
    result->loss = ath__metrics_loss(metrics);
    ath__str_copy(result->tta, sizeof result->tta, tta);
    fill_calibration(metrics, result);
    result->classes = metrics->classes;
    result->per_class = ATH_NEW_ARRAY(ath_class_score, classes);
    result->confusion = ATH_NEW_ARRAY(int64_t, classes * classes);
    result->worst = ATH_NEW_ARRAY(ath_mistake, ATH_WORST);
    if (!result->per_class || !result->confusion || !result->worst) return ath__fail_memory(err, "evaluation");
    memcpy(result->confusion, metrics->confusion, classes * classes * sizeof(int64_t));
    memcpy(result->worst, metrics->worst, sizeof metrics->worst);
    result->worst_count = metrics->worst_count;
    ATH_TRY(fill_classes(metrics, labels, result->per_class, err));
    return labels.groups ? fill_groups(result, err) : ATH_OK;
}

void ath_eval_result_free(ath_eval_result *result) {
    for (int c = 0; result->per_class && c < result->classes; c++) {
        ath__free((void *)(uintptr_t)result->per_class[c].name);
        ath__free((void *)(uintptr_t)result->per_class[c].title);
        ath__free((void *)(uintptr_t)result->per_class[c].group);
    }
    ath__free(result->per_class);
    ath__free(result->per_group);
    ath__free(result->confusion);
    ath__free(result->worst);
    memset(result, 0, sizeof *result);
}
