/* Optimisers: graph functions over one flat array of parameters.
 *
 * An optimiser appends element-wise nodes from (parameters, gradient, its own states) to new values of parameters and
 * states; fusion makes them one pass over memory (graph/fuse_chain.c).
 */
#ifndef ATH_OPTIM_OPTIMIZER_H
#define ATH_OPTIM_OPTIMIZER_H

#include "graph/ir.h"

enum { ATH_OPTIM_MAX_SLOTS = 4 };

struct ath__optim_settings {
    double momentum, weight_decay;
    bool   nesterov;
};

/* What a step works on: values of one graph, all f32 (count), lr f32 (). */
struct ath__optim_step {
    ath_value params, grad, lr;
    ath_value slot[ATH_OPTIM_MAX_SLOTS];
};

struct ath__optimizer {
    const char *name, *summary;
    /* Number of state arrays under these settings. */
    int (*slots)(const struct ath__optim_settings *settings);
    /* Appends the step; stores results with ath__graph_store. */
    void (*build)(ath_graph *graph, const struct ath__optim_settings *settings, const struct ath__optim_step *step);
};

#define ATH_OPTIMIZER(name) extern const struct ath__optimizer ath__optimizer_##name;
#include "optim/optim_list.h"
#undef ATH_OPTIMIZER

/* By name; ATH_USAGE with a suggestion. */
ath_status ath__optimizer_find(const char *name, const struct ath__optimizer **optimizer, ath_error *err);
/* Row i; NULL past the end. */
const struct ath__optimizer *ath__optimizer_at(int i);

#endif
