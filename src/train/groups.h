/* Parameter groups: which parameters are updated by which optimiser, at which rate and with how much decay.
 *
 * Rules come in an order; the first whose patterns match a parameter's name takes it, and what none takes keeps the
 * run's own settings. The words `head` and `backbone` among the patterns stand for the last layer (head.h) and for the
 * rest. Two things split groups further: `decay.exclude` takes weight decay away from norms or biases,
 * and an optimiser that is not made for a parameter's shape (Muon: fewer than two dimensions) leaves it to another.
 */
#ifndef ATH_TRAIN_GROUPS_H
#define ATH_TRAIN_GROUPS_H

#include "graph/store.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

enum { ATH_DECAY_EXCLUDE_NORM = 1, ATH_DECAY_EXCLUDE_BIAS = 2, ATH_GROUP_MAX_RULES = 16 };

/* What the configuration says of one group. Texts are borrowed. */
struct ath__group_rule {
    const char                  *name, *match;
    const struct ath__optimizer *optimizer;
    struct ath__optim_settings   optim;
    double                       lr;            /* times the run's rate */
    struct ath__duration         from, until;   /* when it is updated; until 0 = to the end */
    char                         name_text[32]; /* where a reader keeps the name */
};

/* One group of the store, as it is updated. */
struct ath__param_group {
    char                         name[64]; /* "main", "bias", "main, no decay" */
    const struct ath__optimizer *optimizer;
    struct ath__optim_settings   optim;
    double                       lr;
    struct ath__duration         from, until;
    int                          parameters;
};

struct ath__groups {
    struct ath__param_group       at[ATH_STORE_MAX_GROUPS];
    int                           count;
    const struct ath__group_rule *rules; /* borrowed while groups are being assigned */
    int                           rule_count;
    int                           taken[ATH_GROUP_MAX_RULES]; /* parameters that each rule took */
    unsigned                      decay_exclude;              /* ATH_DECAY_EXCLUDE_* */
    const char                   *freeze;                     /* patterns of what is not trained; or NULL */
    const ath_graph              *graph;                      /* whose parameters are assigned */
    const bool                   *is_head;                    /* by value of the graph; borrowed likewise */
    struct ath__group_rule        main;                       /* the run's own settings */
    bool                          full;                       /* more groups than the store takes */
};

/* The group's rate for the step that follows `step` steps, when the run's is `lr`: 0 outside of its time. */
double ath__group_rate(const struct ath__param_group *group, double lr, uint64_t step, double steps_per_epoch);

/* ath__group_fn over ath__groups: the group of a parameter, made when it is the first of its kind. */
int ath__groups_assign(void *groups, const char *name, const ath_shape *shape);

/* Behind the assignment: ATH_USAGE when there are too many groups, or a rule took nothing. */
ath_status ath__groups_check(const struct ath__groups *groups, ath_error *err);

/* What must be the same when a run is resumed: for every parameter the group, its optimiser and settings, as one JSON
 * object. Freed with ath__free; NULL when memory runs out. */
char *ath__groups_text(const struct ath__groups *groups, const struct ath__store *store);

/* Does `name` match one of the patterns (with * and ?), which commas separate? */
bool ath__name_matches(const char *patterns, const char *name);

#endif
