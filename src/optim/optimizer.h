/* Optimisers: graph functions over one flat array of parameters.
 *
 * An optimiser appends element-wise nodes from (parameters, gradient, its own states) to new values of parameters and
 * states; fusion makes them one pass over memory (graph/fuse_chain.c). What changes from step to step (the rate, bias
 * corrections 1 - beta^t) comes in as scalars, computed in double precision from the number of the step alone: the plan
 * stays as it is, and a resumed run goes on with the same bits.
 */
#ifndef ATH_OPTIM_OPTIMIZER_H
#define ATH_OPTIM_OPTIMIZER_H

#include "graph/ir.h"

enum { ATH_OPTIM_MAX_SLOTS = 4, ATH_OPTIM_MAX_SCALARS = 8, ATH_OPTIM_MAX_KEYS = 10 };

/* The hyper-parameters of all optimisers: X(NAME), also the name of the setting. Flags are 0 or 1. */
#define ATH_OPTIM_MAP(X)                                                                                               \
    X(momentum)                                                                                                        \
    X(dampening)                                                                                                       \
    X(nesterov)                                                                                                        \
    X(weight_decay)                                                                                                    \
    X(beta1) X(beta2) X(eps) X(alpha) X(centered) X(momentum_decay) X(lr_decay) X(trust) X(ns_steps) X(renormalize)

struct ath__optim_settings {
#define ATH_OPTIM_FIELD_(name) double name;
    ATH_OPTIM_MAP(ATH_OPTIM_FIELD_)
#undef ATH_OPTIM_FIELD_
};

/* Where one parameter lies in the flat array. */
struct ath__optim_piece {
    int64_t   offset;
    ath_shape shape;
};

/* What a step works on: values of one graph, f32 (count) but for the scalars. */
struct ath__optim_step {
    ath_value                      params, grad;
    ath_value                      slot[ATH_OPTIM_MAX_SLOTS];
    ath_value                      scalar[ATH_OPTIM_MAX_SCALARS]; /* f32 () */
    const struct ath__optim_piece *pieces;                        /* the parameters, in order */
    int                            piece_count;
};

/* A hyper-parameter that an optimiser reads, and its default as text. */
struct ath__optim_key {
    const char *name, *fallback;
};

struct ath__optimizer {
    const char           *name, *summary;
    const char           *lr;                       /* default rate, as text */
    struct ath__optim_key keys[ATH_OPTIM_MAX_KEYS]; /* ends with a NULL name */
    /* Number of state arrays and of scalars under these settings. */
    int (*slots)(const struct ath__optim_settings *settings);
    int scalars;
    /* The scalars of step number `step`, from 1, at rate `lr`. Slots are zero before the first step. */
    void (*scalars_at)(const struct ath__optim_settings *settings, int64_t step, double lr, double *scalars);
    /* Appends the step: stores the new states with ath__graph_store and returns the new parameters. */
    ath_value (*build)(ath_graph *graph, const struct ath__optim_settings *settings,
                       const struct ath__optim_step *step);
    /* Optional: is it made for parameters of this shape? Others go to the optimiser `rest`. */
    bool (*fits)(const ath_shape *shape);
    const char *rest;
};

#define ATH_OPTIMIZER(name) extern const struct ath__optimizer ath__optimizer_##name;
#include "optim/optim_list.h"
#undef ATH_OPTIMIZER

/* By name; ATH_USAGE with a suggestion. */
ath_status ath__optimizer_find(const char *name, const struct ath__optimizer **optimizer, ath_error *err);
/* Row i; NULL past the end. */
const struct ath__optimizer *ath__optimizer_at(int i);

/* Is `name` a hyper-parameter of any optimiser ("beta1")? */
bool ath__optim_is_key(const char *name);
/* The optimiser's default for a hyper-parameter, or for "lr"; NULL if it has no such. */
const char *ath__optimizer_default(const struct ath__optimizer *optimizer, const char *name);
/* Every default into the settings. */
void ath__optimizer_defaults(const struct ath__optimizer *optimizer, struct ath__optim_settings *settings);
/* Sets one from text (a number, or true and false). ATH_USAGE for one that this optimiser does not read, saying which
 * it does and which optimisers read that one. Ranges are the caller's to check. */
ath_status ath__optimizer_set(const struct ath__optimizer *optimizer, struct ath__optim_settings *settings,
                              const char *name, const char *value, ath_error *err);
/* The present value; 0 for one that is none. */
double ath__optim_value(const struct ath__optim_settings *settings, const char *name);

#endif
