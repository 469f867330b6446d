/* Guidance: the doctor, the learning-rate finder, repeated runs, sweeps, and a look at run folders.
 *
 * All of them take a configuration as ath_train does. docs/doctor.md and docs/tuning.md say what they do and how far
 * to trust them.
 */
#ifndef ATHANOR_TUNE_H
#define ATHANOR_TUNE_H

#include "athanor/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- doctor ------------------------------------------------------------------------------------------------------ */

/* One thing that the doctor found. */
typedef struct ath_finding {
    const char *code; /* "LR-DEAD", "STEM" ...; stable */
    const char *title;
    char        evidence[512]; /* what was seen, with numbers */
    char        cause[384];    /* what most likely brings it about */
    char        change[256];   /* the key=value to change, alternatives behind " or " */
    double      confidence;    /* 0 to 1; from 0.5 on it is a warning, below a hint */
} ath_finding;

typedef struct ath_findings {
    ath_finding *items; /* most certain first */
    int          count;
} ath_findings;

/* With run= (or resume=): examines that run folder, finished or under way, and writes doctor.json into it. Else examines
 * what ath_train would be given: configuration and data, and doctor.steps training steps (0: none), which leave no
 * trace. Finding nothing is ATH_OK with count 0. `findings` is freed with ath_findings_free. */
ATH_API ath_status ath_doctor(const ath_config *config, const ath_hooks *hooks, ath_findings *findings, ath_error *err);
ATH_API void       ath_findings_free(ath_findings *findings);

/* {"findings":[{"code","title","evidence","cause","change","confidence"} ...]}: doctor.json and `athanor doctor --json`.
 * Freed with ath_text_free; NULL when memory runs out. */
ATH_API char *ath_findings_json(const ath_findings *findings);

/* Rule i of the doctor: its code and title; false past the end. */
ATH_API bool ath_doctor_rule_at(int i, const char **code, const char **title);

/* ---- learning-rate finder ---------------------------------------------------------------------------------------- */

typedef struct ath_lr_point {
    double lr, loss, smooth;
} ath_lr_point;

/* Smith, "Cyclical learning rates for training neural networks" (2017), section 3.3: the rate rises exponentially, step
 * by step, until the loss does. */
typedef struct ath_lr_curve {
    ath_lr_point *points;
    int           count;
    double        steepest;    /* rate at which the smoothed loss falls fastest */
    double        minimum;     /* rate at which it is lowest */
    double        suggested;   /* the smaller of `steepest` and a tenth of `minimum`; 0 when the loss never fell */
    double        diverged_at; /* rate at which the loss ran away; 0 = it did not */
} ath_lr_curve;

/* Keys: those of ath_train; lr.min, lr.max (0: chosen by the optimiser), lr.steps. Nothing is saved. */
ATH_API ath_status ath_lr_find(const ath_config *config, const ath_hooks *hooks, ath_lr_curve *curve, ath_error *err);
ATH_API void       ath_lr_curve_free(ath_lr_curve *curve);
/* The curve as a figure, the suggestion ringed, and as JSON (freed with ath_text_free). */
ATH_API ath_status ath_lr_curve_plot(const ath_lr_curve *curve, const char *title, const char *png_path,
                                     ath_error *err);
ATH_API char      *ath_lr_curve_json(const ath_lr_curve *curve);

/* ---- repeated runs ----------------------------------------------------------------------------------------------- */

/* Mean, deviation (of a sample: divided by n - 1) and the interval that holds the true mean with 95% confidence, by
 * Student's t with n - 1 degrees of freedom. With n = 1 deviation and interval are infinite. */
typedef struct ath_interval {
    int64_t n;
    double  mean, deviation, low, high;
} ath_interval;
ATH_API ath_interval ath_interval_of(const double *values, int64_t count);

typedef struct ath_repeat_result {
    char              folder[1024];
    ath_train_result *runs; /* one per seed, in order */
    int64_t          *seeds;
    int               count;
    ath_interval      top1_best, top1_last, loss_last, seconds;
} ath_repeat_result;

/* Key repeat=N: N runs with the seeds seed, seed+1 ... in the folders OUT/seed-<seed>, then OUT/repeat.json and
 * OUT/curves.png. Finished runs found there are not repeated, interrupted ones are resumed. require_top1 is asked of the
 * mean. */
ATH_API ath_status ath_train_repeat(const ath_config *config, const ath_hooks *hooks, ath_repeat_result *result,
                                    ath_error *err);
ATH_API void       ath_repeat_result_free(ath_repeat_result *result);
ATH_API char      *ath_repeat_result_json(const ath_repeat_result *result);

/* ---- sweeps ------------------------------------------------------------------------------------------------------ */

typedef struct ath_trial_result {
    int         number;   /* from 1 */
    const char *settings; /* "lr=0.1 batch=64" */
    const char *state;    /* "finished", "stopped" (by halving), "diverged", "failed", "pending" */
    int64_t     epochs;
    double      top1_best, top1_last, loss_last, seconds; /* NAN where there is none yet */
    char        run[1024];
} ath_trial_result;

typedef struct ath_sweep_result {
    char              folder[1024];
    ath_trial_result *trials; /* by top1_best, best first */
    int               count;
} ath_sweep_result;

/* Keys sweep.KEY=values: a list (0.01,0.1,1) or a range (0.001..1, 0.001..1:log); method=grid|random|halving, trials=N.
 * Writes OUT/sweep.yaml, OUT/sweep.csv, OUT/sweep.png, OUT/curves.png and a run folder OUT/trial-NNN each. resume=OUT
 * goes on with a sweep: finished trials are read, interrupted ones resumed. A trial that diverges counts as the worst
 * and does not end the sweep. */
ATH_API ath_status ath_sweep(const ath_config *config, const ath_hooks *hooks, ath_sweep_result *result,
                             ath_error *err);
ATH_API void       ath_sweep_result_free(ath_sweep_result *result);

/* ---- run folders ------------------------------------------------------------------------------------------------- */

typedef struct ath_run_info {
    char    path[1024], model[64], data[64];
    char    state[16]; /* "finished", "diverged", "unfinished" (under way, or interrupted) */
    int64_t epochs, epochs_wanted, epoch_best;
    double  top1_best, top1_last, loss_last, seconds; /* NAN where no epoch is finished */
} ath_run_info;

/* Reads one run folder. ATH_USAGE if it is none. */
ATH_API ath_status ath_run_read(const char *path, ath_run_info *info, ath_error *err);
/* Every run folder in `folder` (two levels deep: those of repeats and sweeps too), by name. Freed with ath_runs_free. */
ATH_API ath_status ath_runs_find(const char *folder, ath_run_info **runs, int *count, ath_error *err);
ATH_API void       ath_runs_free(ath_run_info *runs);

#ifdef __cplusplus
}
#endif
#endif
