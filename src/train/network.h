/* A network under training or evaluation: model, parameters, and the programs that run it.
 *
 * The training program's graph is forward, backward and optimiser step:
 *
 *     images -> logits -> losses (N) -> gradients -> pack per group -> optimiser -> parameters
 *
 * Inputs: images, labels, rng (per batch); lr, loss_scale (per step). Outputs: logits, losses.
 * The evaluation program's graph is the forward pass; input images, output logits.
 */
#ifndef ATH_TRAIN_NETWORK_H
#define ATH_TRAIN_NETWORK_H

#include "athanor/model.h"
#include "graph/program.h"
#include "optim/optimizer.h"

struct ath__network_settings {
    const struct ath__optimizer *optimizer; /* NULL: evaluation only */
    struct ath__optim_settings   optim;
    double                       label_smoothing;
    const char *freeze; /* parameters whose name matches this pattern (* and ?) are not trained; or NULL */
    bool        bf16;
    const char *layout, *only; /* see ath__assign_options; NULL = automatic */
};

struct ath__network {
    const ath_model             *model; /* borrowed */
    struct ath__network_settings settings;
    struct ath__store           *store;
    struct ath__program         *train, *eval;
    uint64_t                     seed;    /* of dropout */
    int64_t                      micro;   /* micro-batch size, 0 = whole batches */
    uint64_t                     version; /* counts changes of the parameters */
};

/* Parameters are zero until started or loaded. Borrows the model. */
ath_status ath__network_create(const ath_model *model, const struct ath__network_settings *settings,
                               struct ath__network **network, ath_error *err);
void       ath__network_destroy(struct ath__network *network);

/* Starting values by policy ("xavier" ...) and seed. */
ath_status ath__network_start(struct ath__network *network, const char *policy, uint64_t seed, ath_error *err);

/* One batch as the programs take it: images f32 (count,C,H,W). */
struct ath__samples {
    const float   *images;
    const int32_t *labels;
    int64_t        count;
};

/* What a pass over samples yields: called once per (micro-)batch with logits (count, classes) and losses (count; NULL
 * in evaluation). */
typedef void (*ath__network_sink)(void *context, const struct ath__samples *samples, const float *logits,
                                  const float *losses);

/* One optimiser step: forward and backward over the samples, then the update with rate `lr`, unless a loss was not
 * finite: then ATH_DIVERGED, and the parameters are as before. `step` numbers the steps of the run (it keys dropout).
 */
ath_status ath__network_step(struct ath__network *network, const struct ath__samples *samples, double lr, uint64_t step,
                             ath__network_sink sink, void *context, ath_error *err);

/* Forward only, in evaluation form. */
ath_status ath__network_eval(struct ath__network *network, const struct ath__samples *samples, ath__network_sink sink,
                             void *context, ath_error *err);

/* To be called after parameters or states were changed from outside (loaded, restored). */
void ath__network_changed(struct ath__network *network);

/* Shows the graph to `trace` after every pass of the plans compiled from now on. */
void ath__network_trace(struct ath__network *network,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context);

/* Planned bytes of the largest plan so far, over both programs. */
size_t ath__network_planned(const struct ath__network *network);

/* The training plan's output that holds the packed gradient of a group, written into `name`, which is returned. */
const char *ath__network_gradient_name(char name[32], int group);

/* Does `name` match `pattern`, in which * stands for any characters and ? for one? Alternatives are separated by
 * commas. */
bool ath__name_matches(const char *pattern, const char *name);

#endif
