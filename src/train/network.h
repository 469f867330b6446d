/* A network under training or evaluation: model, parameters, and the programs that run it.
 *
 * The training program's graph is forward, backward and optimiser step:
 *
 *     images -> logits -> losses (N) -> gradients -> pack per group -> optimiser -> parameters
 *
 * Inputs: images, labels, rng (per batch); loss_scale and the update's scalars (per step). Outputs: logits, losses, and
 * grad_norm where it is asked for. With soft targets the input `targets` f32 (N, classes) stands in the place of
 * `labels`.
 * The evaluation program's graph is the forward pass; input images, output logits.
 */
#ifndef ATH_TRAIN_NETWORK_H
#define ATH_TRAIN_NETWORK_H

#include "athanor/model.h"
#include "graph/program.h"
#include "nn/loss.h"
#include "optim/optimizer.h"
#include "train/cut.h"
#include "train/groups.h"

enum { ATH_NETWORK_MAX_SCALARS = ATH_STORE_MAX_GROUPS * ATH_OPTIM_MAX_SCALARS + 8 };

struct ath__network_settings {
    const struct ath__optimizer  *optimizer; /* NULL: evaluation only */
    struct ath__optim_settings    optim;
    const struct ath__loss       *loss; /* NULL: cross-entropy */
    struct ath__loss_settings     loss_settings;
    bool                          soft_targets; /* samples may have two labels each */
    const struct ath__group_rule *rules;        /* parameter groups; borrowed while the network is created */
    int                           rule_count;
    unsigned                      decay_exclude;   /* ATH_DECAY_EXCLUDE_* */
    int64_t                       lookahead_steps; /* 0 = no Lookahead */
    double                        lookahead_alpha, lookahead_end, lookahead_power;
    bool                          lookahead_statistics;
    double                        clip_norm, clip_value; /* 0 = no clipping */
    bool                          measure_norm;          /* of the gradient, also without clipping */
    double                        sam;                   /* radius of sharpness-aware minimisation; 0 = none */
    double                        ema;                   /* decay of the weights' running average; 0 = none */
    const char                   *freeze; /* what is not trained: `backbone`, or patterns (* and ?) of names; or NULL */
    enum ath__norms               norms;  /* whose statistics stand still in training */
    bool                          features; /* train the part behind the frozen one alone, on that one's results */
    bool                          bf16;
    const char                   *layout, *only; /* see ath__assign_options; NULL = automatic */
};

struct ath__network {
    const ath_model             *model; /* borrowed */
    struct ath__network_settings settings;
    struct ath__store           *store;
    struct ath__program         *train, *eval, *ascent; /* ascent: the first half of a step of SAM, or NULL */
    struct ath__program         *backbone, *head;       /* where features are kept, else NULL (forward.h) */
    struct ath__program         *statistics;            /* made when first needed (recalibrate.h) */
    ath_shape                    features;              /* of one image: (1, ...) */
    uint64_t                     first_step;            /* of the run, at which this network's training began */
    uint64_t                     seed;                  /* of dropout */
    int64_t                      micro;                 /* micro-batch size, 0 = whole batches */
    uint64_t                     version;               /* counts changes of the parameters */
    bool                         averaged;              /* the parameters are their running average now (average.h) */
    struct ath__groups           groups;
    bool                        *is_head;         /* by entry of the store (head.h) */
    double                       steps_per_epoch; /* of the run; for groups that are updated for some epochs */
    double                       run_steps;       /* of the whole run; 0 = not known */
    float                        loss_scale;
    double                       momentum; /* of the next step, where a schedule cycles it; 0 = as set */
    double  grad_norm; /* of the last step, before clipping; not a number where it is not measured */
    float   scalars[ATH_NETWORK_MAX_SCALARS]; /* of the update */
    float  *targets;                          /* soft targets of a piece of the batch, as large as was needed so far */
    int64_t targets_capacity;
    float  *class_weights; /* what settings.loss_settings.weights points to; or NULL */
};

/* Parameters are zero until started or loaded. Borrows the model. */
ath_status ath__network_create(const ath_model *model, const struct ath__network_settings *settings,
                               struct ath__network **network, ath_error *err);
void       ath__network_destroy(struct ath__network *network);

/* Weights of the classes in the loss, one per class (copied); before the first step. */
ath_status ath__network_weigh_classes(struct ath__network *network, const float *weights, ath_error *err);

/* Starting values by policy ("xavier" ...) and seed. */
ath_status ath__network_start(struct ath__network *network, const char *policy, uint64_t seed, ath_error *err);

/* To be called when parameters were loaded from elsewhere behind the start: slow weights and averages begin where the
 * parameters are. A restored run has them already. */
void ath__network_begin(struct ath__network *network);

/* One batch as the programs take it: images f32 (count,C,H,W), or the features of images. With soft targets, sample i has
 * the label labels[i] with the weight weights[i] and second[i] with the rest; both may be NULL, then labels[i] has it
 * all. */
struct ath__samples {
    const float   *images;
    const int32_t *labels;
    int64_t        count;
    const int32_t *second;
    const float   *weights;
    bool           features; /* `images` are features: what training takes, and nothing else, where they are kept */
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

/* The features of images, (count, ...): what the frozen part makes of them in inference mode. Valid until the next
 * call. */
ath_status ath__network_features(struct ath__network *network, const struct ath__samples *samples,
                                 const float **features, ath_error *err);

/* To be called after parameters or states were changed from outside (loaded, restored). */
void ath__network_changed(struct ath__network *network);

/* Shows the graph to `trace` after every pass of the plans compiled from now on. */
void ath__network_trace(struct ath__network *network,
                        void (*trace)(void *context, const char *pass, const ath_graph *graph), void *context);

/* Planned bytes of the largest plan so far, over both programs. */
size_t ath__network_planned(const struct ath__network *network);

#endif
