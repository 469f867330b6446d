/* Losses: graph functions from logits and targets to one loss per sample, chosen by the key `loss=`.
 *
 * A loss is one file and one line of loss_list.h. Its targets t (N,K) are made in one place (ath__loss_targets):
 *
 *     t = (1 - s) * one_hot(label) + s / K        label smoothing s; soft targets take the place of one_hot(label)
 *
 * Class weights w multiply the terms of their class. What a step minimises is sum_n loss_n / ath__loss_divisor: by
 * PyTorch's conventions the number of samples, and under class weights, for the losses that are weighted means,
 * the sum of the labels' weights.
 */
#ifndef ATH_NN_LOSS_H
#define ATH_NN_LOSS_H

#include "athanor/graph.h"

struct ath__loss_settings {
    double       smoothing; /* s, at least 0 and less than 1 */
    double       gamma;     /* focal: the exponent, at least 0 */
    const float *weights;   /* one per class; NULL = all one. Borrowed */
};

struct ath__loss {
    const char *name, *summary;
    bool        weighted_mean; /* class weights divide as well as multiply */
    /* logits (N,K); labels i32 (N) or soft targets f32 (N,K). Returns f32 (N). */
    ath_value (*build)(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits, ath_value labels);
};

#define ATH_LOSS(name) extern const struct ath__loss ath__loss_##name;
#include "nn/loss_list.h"
#undef ATH_LOSS

/* By name; ATH_USAGE with a suggestion. */
ath_status ath__loss_find(const char *name, const struct ath__loss **loss, ath_error *err);
/* Row i; NULL past the end. */
const struct ath__loss *ath__loss_at(int i);

/* Appends the loss (NULL = cross-entropy). Its nodes stand in the scope "loss", whose results stay float32 in any
 * precision (graph/precision.c). */
ath_value ath__loss_build(ath_graph *graph, const struct ath__loss *loss, const struct ath__loss_settings *settings,
                          ath_value logits, ath_value labels);

/* What the sum over `count` samples is divided by. `labels` NULL: soft targets, which count one each. */
double ath__loss_divisor(const struct ath__loss *loss, const struct ath__loss_settings *settings, const int32_t *labels,
                         int64_t count);

/* For losses: t, without class weights; and the weights as a value (K), ATH_NONE where there are none. A label outside
 * 0..K-1 makes its row not-a-number. */
ath_value ath__loss_targets(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits,
                            ath_value labels);
ath_value ath__loss_weights(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits);

#endif
