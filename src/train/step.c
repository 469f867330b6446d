/* Running a network's programs over samples: optimiser steps with micro-batches, and evaluation.
 *
 * With micro-batches a step is: prologue; body for every piece of the batch, gradients adding up; epilogue. A last
 * piece of another size runs on its own plan over the same accumulators.
 */
#include "base/error.h"
#include "train/network.h"

#include <math.h>

struct piece {
    struct ath__plan   *plan;
    struct ath__samples samples;
};

static bool all_finite(const float *values, int64_t count) {
    float sum = 0.0f; /* a NaN or infinity anywhere shows in x * 0 */
    for (int64_t i = 0; i < count; i++) sum += values[i] * 0.0f;
    return sum == 0.0f;
}

static ath_status set_step_inputs(struct ath__plan *plan, const float *lr, const float *scale, ath_error *err) {
    ATH_TRY(ath__plan_input(plan, "lr", lr, err));
    return ath__plan_input(plan, "loss_scale", scale, err);
}

/* Forward and backward over one piece. */
static ath_status run_piece(struct ath__network *network, const struct piece *piece, uint64_t step, int index,
                            ath__network_sink sink, void *context, ath_error *err) {
    int32_t rng[4] = {(int32_t)(uint32_t)network->seed, (int32_t)(uint32_t)(network->seed >> 32), (int32_t)step, index};
    ATH_TRY(ath__plan_input(piece->plan, "images", piece->samples.images, err));
    ATH_TRY(ath__plan_input(piece->plan, "labels", piece->samples.labels, err));
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

ath_status ath__network_step(struct ath__network *network, const struct ath__samples *samples, double lr, uint64_t step,
                             ath__network_sink sink, void *context, ath_error *err) {
    int64_t micro = network->micro > 0 && network->micro < samples->count ? network->micro : samples->count;
    bool    accumulate = micro < samples->count;
    double  divisor =
        ath__loss_divisor(network->settings.loss, &network->settings.loss_settings, samples->labels, samples->count);
    float rate = (float)lr, scale = 1.0f / (float)divisor;
    int   channels, height, width;
    ath_model_input(network->model, &channels, &height, &width);
    int64_t           image = (int64_t)channels * height * width;
    struct ath__plan *first = NULL;
    int               index = 0;
    for (int64_t at = 0; at < samples->count; at += micro, index++) {
        struct piece piece = {.samples = {samples->images + at * image, samples->labels + at,
                                          at + micro <= samples->count ? micro : samples->count - at}};
        ATH_TRY(ath__program_plan(network->train, piece.samples.count, accumulate, &piece.plan, err));
        ATH_TRY(set_step_inputs(piece.plan, &rate, &scale, err));
        if (!first) first = piece.plan;
        ATH_TRY(run_piece(network, &piece, step, index, sink, context, err));
    }
    ATH_TRY(ath__plan_run(first, ATH_PHASE_EPILOGUE, 0, err));
    ath__network_changed(network);
    return ATH_OK;
}

ath_status ath__network_eval(struct ath__network *network, const struct ath__samples *samples, ath__network_sink sink,
                             void *context, ath_error *err) {
    struct ath__plan *plan = NULL;
    ATH_TRY(ath__program_plan(network->eval, samples->count, false, &plan, err));
    ATH_TRY(ath__plan_input(plan, "images", samples->images, err));
    ATH_TRY(ath__plan_refresh(plan, network->version, err));
    ATH_TRY(ath__plan_run(plan, ATH_PHASE_BODY, 0, err));
    sink(context, samples, ath__plan_output(plan, "logits", NULL), NULL);
    return ATH_OK;
}
