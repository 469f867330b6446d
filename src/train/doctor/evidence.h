/* Evidence: everything that the doctor's rules look at, in one structure.
 *
 * Each part is gathered by one function and may be missing (`known` false, counts 0); a rule asks for what it needs and
 * keeps silent without it. Rules see this structure alone, so that a test can plant any evidence.
 */
#ifndef ATH_TRAIN_EVIDENCE_H
#define ATH_TRAIN_EVIDENCE_H

#include "athanor/train.h"
#include "data/loader.h"
#include "train/vitals.h"

/* The network, as its training graph says. */
struct ath__net_facts {
    bool    known;
    int64_t params;
    int     convs, norms, dropouts, linears;
    int     saturating;            /* sigmoid and tanh activations */
    int     height, width;         /* of the input */
    int     early;                 /* the image is smaller by this factor where the second convolution sees it */
    int     map_height, map_width; /* what the last convolution wider than 1x1 sees */
    double  padding_share;         /* of the convolutions' weights: those that only ever meet padding */
    char    padding_layer[64];     /* the first convolution with such weights */
    bool    stem_option;           /* the model has stem=cifar and does not use it */
};

/* The images. Counts are always there; the rest takes a scan (`scanned`). */
struct ath__data_facts {
    bool    known, scanned;
    int64_t train, val;
    int     classes, channels;
    int64_t looked_train, looked_val; /* images that the scan reached */
    int64_t duplicates;               /* training images that equal an earlier one */
    int64_t conflicts;                /* of them, with another label */
    int64_t conflict_a, conflict_b;   /* an example */
    int64_t shared;                   /* validation images that equal a training image */
    int64_t shared_val, shared_train; /* an example */
    int64_t smallest, largest;        /* images of the rarest and of the most frequent class */
    int     smallest_class, largest_class;
    double  mean[4], deviation[4]; /* per channel, of what the network sees */
};

/* The rate as planned, from ath__schedule_rate. */
struct ath__plan_facts {
    bool    known;
    int64_t steps, steps_per_epoch;
    double  peak, last;
    double  peak_step; /* at which the peak is reached */
    double  dead_step; /* from which on the rate stays below a thousandth of the peak; `steps` if never */
    double  warmup_steps;
    double  lowest; /* rate behind the warm-up; the peak if the warm-up takes the whole run */
};

/* A few steps with the run's own settings, thrown away afterwards. */
struct ath__trial_facts {
    int64_t steps;                            /* 0 = none */
    double  loss_first, loss_high, loss_last; /* of the first batch; of any; mean of the last quarter */
    bool    diverged;
    double  lr;         /* of the last step */
    double  ratio;      /* |step| / |weights|, mean of the second half */
    double  growth;     /* |weights| behind the last step over those at the start */
    double  dead_share; /* of the units of the layer `dead_layer`, at the end; NAN = not counted */
    char    dead_layer[64];
    bool    equal_rows; /* all filters of a layer start equal */
    char    equal_layer[64];
    bool    equal_head; /* the same of the last layer, whose rows part at the first step */
};

/* How a run went. */
struct ath__run_facts {
    const ath_epoch          *epochs;
    int64_t                   epoch_count;
    const struct ath__vitals *vitals;
    int64_t                   vitals_count;
    bool                      ended; /* to its planned or an early end */
    bool                      diverged;
    int64_t                   diverged_step;
    double                    diverged_lr;
    int                       stage;             /* the last that log.jsonl says was begun; 0 = none but the first */
    bool                      precision_missing; /* bf16 was asked for and is not to be had here */
};

/* What training starts from, and what of it is trained. */
struct ath__tuning_facts {
    bool known;
    bool prepared_otherwise; /* weights= says how its images were prepared, and this run does it differently */
    char there[160], here[160];
};

struct ath__evidence {
    const ath_config        *config;
    struct ath__net_facts    net;
    struct ath__data_facts   data;
    struct ath__plan_facts   plan;
    struct ath__trial_facts  trial;
    struct ath__run_facts    run;
    struct ath__tuning_facts tuning;
};

/* The network's facts from its graph; `steps_per_epoch` > 0 gives the plan's as well. */
ath_status ath__evidence_network(struct ath__evidence *evidence, const ath_model *model, ath_error *err);
ath_status ath__evidence_plan(struct ath__evidence *evidence, int64_t steps_per_epoch, ath_error *err);
/* What weights= says of itself, where it is a file of ours; a missing file is somebody else's fault to find. */
void ath__evidence_tuning(struct ath__evidence *evidence, const struct ath__preprocess *preprocess);
/* Counts; with `scan` every image of both splits is read, for at most `seconds` a split. */
void       ath__evidence_counts(struct ath__evidence *evidence, const ath_dataset *train, const ath_dataset *val);
ath_status ath__evidence_scan(struct ath__evidence *evidence, const ath_dataset *train, const ath_dataset *val,
                              const struct ath__preprocess *preprocess, double seconds, ath_error *err);
/* At most `steps` steps within `seconds`. */
ath_status ath__evidence_try(struct ath__evidence *evidence, int64_t steps, double seconds, ath_error *err);

/* What a run folder says. `record` owns the arrays that evidence->run points to. */
struct ath__run_record {
    ath_config         *config;
    ath_config         *stage; /* settings of the last stage begun, which alone is looked at; NULL = no stages */
    ath_epoch          *epochs;
    int64_t             epoch_count;
    struct ath__vitals *vitals;
    int64_t             vitals_count;
};
ath_status ath__evidence_run(struct ath__evidence *evidence, const char *folder, struct ath__run_record *record,
                             ath_error *err);
void       ath__run_record_free(struct ath__run_record *record);

/* The vitals among the lines of log.jsonl; broken lines are passed over. `seen` (may be NULL) is called with every line.
 * Freed with ath__free. */
ath_status ath__vitals_collect(const char *text, size_t size, struct ath__vitals **vitals, int64_t *count,
                               void (*seen)(const char *line, size_t size, void *context), void *context,
                               ath_error *err);

#endif
