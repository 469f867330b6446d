/* Running a network's programs over samples: optimiser steps with micro-batches, and evaluation.
 *
 * With micro-batches a step is: prologue; body for every piece of the batch, gradients adding up; epilogue. A last
 * piece of another size runs on its own plan over the same accumulators. With SAM a step is two such passes.
 *
 * Soft targets of a sample with the labels a (weight w) and b:   t_k = w [k = a] + (1 - w) [k = b]
 */
#include "base/error.h"
#include "base/mem.h"
#include "train/average.h"
#include "train/lookahead.h"
#include "train/network.h"
#include "train/update.h"

#include <math.h>
#include <string.h>

struct piece {
    struct ath__plan   *plan;
    struct ath__samples samples;
};

static bool all_finite(const float *values, int64_t count) {
    float sum = 0.0f; /* a NaN or infinity anywhere shows in x * 0 */
    for (int64_t i = 0; i < count; i++) sum += values[i] * 0.0f;
    return sum == 0.0f;
}

/* A label that is no class makes the loss not-a-number: it is never ignored silently. */
static void add_target(float *row, int classes, int32_t label, float weight) {
    if (label >= 0 && label < classes)
        row[label] += weight;
    else
        row[0] = NAN;
}

/* labels or targets, whichever the graph takes. */
static ath_status set_labels(struct ath__network *network, const struct piece *piece, ath_error *err) {
    const struct ath__samples *samples = &piece->samples;
    int                        classes = ath_model_classes(network->model);
    if (!network->settings.soft_targets) return ath__plan_input(piece->plan, "labels", samples->labels, err);
    if (samples->count > network->targets_capacity) {
        ath__free(network->targets);
        network->targets = ath__alloc_array((size_t)samples->count * (size_t)classes, sizeof(float));
        network->targets_capacity = network->targets ? samples->count : 0;
        if (!network->targets) return ath__fail_memory(err, "targets");
    }
    memset(network->targets, 0, (size_t)samples->count * (size_t)classes * sizeof(float));
    for (int64_t i = 0; i < samples->count; i++) {
        float *row = network->targets + i * classes, weight = samples->weights ? samples->weights[i] : 1.0f;
        add_target(row, classes, samples->labels[i], weight);
        if (samples->second) add_target(row, classes, samples->second[i], 1.0f - weight);
    }
    return ath__plan_input(piece->plan, "targets", network->targets, err);
}

static const char *input_name(const struct ath__samples *samples) {
    return samples->features ? "features" : "images";
}

/* Numbers of one sample. */
static int64_t sample_size(const struct ath__network *network, const struct ath__samples *samples) {
    int channels, height, width;
    if (samples->features) return ath_shape_count(&network->features);
    ath_model_input(network->model, &channels, &height, &width);
    return (int64_t)channels * height * width;
}

/* Forward and backward over one piece. */
static ath_status run_piece(struct ath__network *network, const struct piece *piece, uint64_t step, int index,
                            ath__network_sink sink, void *context, ath_error *err) {
    int32_t rng[4] = {(int32_t)(uint32_t)network->seed, (int32_t)(uint32_t)(network->seed >> 32), (int32_t)step, index};
    ATH_TRY(ath__plan_input(piece->plan, input_name(&piece->samples), piece->samples.images, err));
    ATH_TRY(set_labels(network, piece, err));
    ATH_TRY(ath__plan_input(piece->plan, "rng", rng, err));
    ATH_TRY(ath__plan_refresh(piece->plan, network->version, err));
    ATH_TRY(ath__plan_run(piece->plan, ATH_PHASE_BODY, index, err));
    const float *losses = ath__plan_output(piece->plan, "losses", NULL);
    const float *logits = ath__plan_output(piece->plan, "logits", NULL);
    if (sink) sink(context, &piece->samples, logits, losses);
    if (!all_finite(losses, piece->samples.count))
        return ath__fail(err, ATH_DIVERGED, NULL, "the loss is no longer a finite number");
    return ATH_OK;
}

void ath__network_changed(struct ath__network *network) {
    network->version++;
}

/* One pass of a step. */
struct pass {
    struct ath__program *program;
    double               lr;
    uint64_t             step;
    ath__network_sink    sink;
    void                *context;
    bool                 updates; /* its plans take the update's scalars */
    struct ath__plan    *first;   /* whose epilogue counts */
};

/* Prologue and body over all pieces. */
static ath_status run_pieces(struct ath__network *network, const struct ath__samples *samples, struct pass *pass,
                             ath_error *err) {
    int64_t micro = network->micro > 0 && network->micro < samples->count ? network->micro : samples->count;
    bool    accumulate = micro < samples->count;
    int64_t size = sample_size(network, samples);
    int     index = 0;
    double  divisor = ath__loss_divisor(network->settings.loss, &network->settings.loss_settings,
                                       network->settings.soft_targets ? NULL : samples->labels, samples->count);
    network->loss_scale = 1.0f / (float)divisor;
    for (int64_t at = 0; at < samples->count; at += micro, index++) {
        struct piece piece = {.samples = {.images = samples->images + at * size,
                                          .labels = samples->labels + at,
                                          .count = at + micro <= samples->count ? micro : samples->count - at,
                                          .second = samples->second ? samples->second + at : NULL,
                                          .weights = samples->weights ? samples->weights + at : NULL,
                                          .features = samples->features}};
        ATH_TRY(ath__program_plan(pass->program, piece.samples.count, accumulate, &piece.plan, err));
        ATH_TRY(ath__plan_input(piece.plan, "loss_scale", &network->loss_scale, err));
        if (pass->updates)
            ATH_TRY(ath__update_set(network, piece.plan, pass->lr, pass->step - network->first_step, err));
        if (!pass->first) pass->first = piece.plan;
        ATH_TRY(run_piece(network, &piece, pass->step, index, pass->sink, pass->context, err));
    }
    return ATH_OK;
}

/* SAM's first half: behind it the parameters stand at the worst point nearby. */
static ath_status ascend(struct ath__network *network, const struct ath__samples *samples, uint64_t step,
                         ath__network_sink sink, void *context, ath_error *err) {
    struct pass pass = {.program = network->ascent, .step = step, .sink = sink, .context = context};
    ATH_TRY(run_pieces(network, samples, &pass, err));
    ath__update_set_aside(network);
    ATH_TRY(ath__plan_run(pass.first, ATH_PHASE_EPILOGUE, 0, err));
    ath__network_changed(network);
    return ATH_OK;
}

ath_status ath__network_step(struct ath__network *network, const struct ath__samples *samples, double lr, uint64_t step,
                             ath__network_sink sink, void *context, ath_error *err) {
    struct pass pass = {.program = network->train, .lr = lr, .step = step, .context = context, .updates = true};
    if (network->ascent)
        ATH_TRY(ascend(network, samples, step, sink, context, err));
    else
        pass.sink = sink;
    ath_status status = run_pieces(network, samples, &pass, err);
    if (status != ATH_OK && network->ascent) {
        ath__update_put_back(network);
        ath__network_changed(network);
    }
    if (status != ATH_OK) return status;
    ATH_TRY(ath__plan_run(pass.first, ATH_PHASE_EPILOGUE, 0, err));
    const float *norm = ath__plan_output(pass.first, "grad_norm", NULL);
    network->grad_norm = norm ? (double)*norm : NAN;
    ath__lookahead_statistics(network, step - network->first_step);
    if (network->settings.ema > 0.0) ath__average_statistics(network, step - network->first_step);
    ath__network_changed(network);
    return ATH_OK;
}

/* One run of a forward program; *result is its output `name`. */
static ath_status run_forward(struct ath__network *network, struct ath__program *program,
                              const struct ath__samples *samples, const char *name, const float **result,
                              ath_error *err) {
    struct ath__plan *plan = NULL;
    ATH_TRY(ath__program_plan(program, samples->count, false, &plan, err));
    ATH_TRY(ath__plan_input(plan, input_name(samples), samples->images, err));
    ATH_TRY(ath__plan_refresh(plan, network->version, err));
    ATH_TRY(ath__plan_run(plan, ATH_PHASE_BODY, 0, err));
    *result = ath__plan_output(plan, name, NULL);
    return ATH_OK;
}

ath_status ath__network_eval(struct ath__network *network, const struct ath__samples *samples, ath__network_sink sink,
                             void *context, ath_error *err) {
    const float *logits = NULL;
    ATH_TRY(run_forward(network, samples->features ? network->head : network->eval, samples, "logits", &logits, err));
    sink(context, samples, logits, NULL);
    return ATH_OK;
}

ath_status ath__network_features(struct ath__network *network, const struct ath__samples *samples,
                                 const float **features, ath_error *err) {
    return run_forward(network, network->backbone, samples, "features", features, err);
}
