/* Sweeps: the same run with other settings, over and over.
 *
 * Grid and random search train every trial to its end. Successive halving (Jamieson and Talwalkar, AISTATS 2016) trains
 * all n trials for E / h^k epochs, with k = floor(log_h n), keeps the best n/h, trains those to E / h^(k-1), and so on up
 * to E. A trial that is not kept stops with a checkpoint; one that is goes on from there, bit for bit as if it had never
 * stopped. Each trial's schedule is that of the full E epochs: a kept trial is exactly the run that it would have been
 * alone.
 */
#include "train/tune/sweep.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/results_csv.h"
#include "train/settings.h"
#include "train/setup.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ath_status start_trials(struct ath__sweep *sweep, ath_error *err) {
    sweep->trials = ATH_NEW_ARRAY(ath_trial_result, sweep->plan.trials + 1);
    sweep->score = ATH_NEW_ARRAY(double, sweep->plan.trials + 1);
    sweep->alive = ATH_NEW_ARRAY(int, sweep->plan.trials + 1);
    if (!sweep->trials || !sweep->score || !sweep->alive) return ath__fail_memory(err, "sweep");
    for (int t = 0; t < sweep->plan.trials; t++) {
        ath_trial_result *trial = &sweep->trials[t];
        struct ath__str   text = {0};
        for (int a = 0; a < sweep->plan.axis_count; a++)
            ath__str_printf(&text, "%s%s=%s", a ? " " : "", sweep->plan.axes[a].key,
                            ath__sweep_value(&sweep->plan, t, a));
        *trial = (ath_trial_result){
            .number = t + 1, .state = "pending", .top1_best = NAN, .top1_last = NAN, .loss_last = NAN, .seconds = NAN};
        trial->settings = text.failed ? NULL : ath__strdup(ath__str_text(&text));
        ath__str_free(&text);
        if (!trial->settings) return ath__fail_memory(err, "sweep");
        char name[32];
        snprintf(name, sizeof name, "trial-%03d", t + 1);
        ATH_TRY(ath__group_file(&sweep->group, name, trial->run, err));
        sweep->score[t] = -INFINITY;
        sweep->alive[t] = t;
    }
    sweep->alive_count = sweep->plan.trials;
    return ATH_OK;
}

/* The best validation accuracy among the first `limit` epochs: what a trial had reached at that point, however far it
 * has come since. */
static double score_at(const char *run, int64_t limit) {
    char       path[ATH_PATH_MAX];
    ath_epoch *rows = NULL;
    int64_t    count = 0;
    double     best = -INFINITY;
    if (ath__path_join(path, run, "results.csv", NULL) != ATH_OK || !ath__file_exists(path)) return best;
    if (ath__results_csv_read(path, &rows, &count, NULL) != ATH_OK) return best;
    for (int64_t i = 0; i < count && rows[i].epoch <= limit; i++)
        if (rows[i].val_top1 > best) best = rows[i].val_top1;
    ath__free(rows);
    return best;
}

/* A run that diverged once would again. */
static bool diverged_before(const char *run) {
    ath_run_info info;
    return ath_run_read(run, &info, NULL) == ATH_OK && strcmp(info.state, "diverged") == 0;
}

static void note_result(ath_trial_result *trial, const ath_train_result *result, bool stopped) {
    trial->state = stopped ? "stopped" : "finished";
    trial->epochs = result->epochs;
    trial->top1_best = result->top1_best;
    trial->top1_last = result->top1_last;
    trial->loss_last = result->loss_last;
    trial->seconds = result->seconds;
}

static void note_failure(struct ath__sweep *sweep, ath_trial_result *trial, const char *state, const char *why) {
    ath_run_info info;
    trial->state = state;
    if (ath_run_read(trial->run, &info, NULL) == ATH_OK && info.epochs > 0) {
        trial->epochs = info.epochs;
        trial->seconds = info.seconds;
    }
    ath__remark(sweep->group.hooks, "TRIAL", true, "trial %d (%s) %s: %s", trial->number, trial->settings, state, why);
}

/* Trains trial t up to `limit` epochs (0: all). A trial's own failure is noted, not returned. */
static ath_status run_trial(struct ath__sweep *sweep, int t, int64_t limit, int64_t epochs, ath_error *err) {
    struct ath__setting_value values[ATH_SWEEP_MAX_AXES];
    ath_trial_result         *trial = &sweep->trials[t];
    ath_train_result          result;
    ath_error                 failure = {.code = ATH_OK};
    bool                      stopped = false;
    char                      name[32];
    if (strcmp(trial->state, "diverged") == 0 || strcmp(trial->state, "failed") == 0) return ATH_OK;
    if (diverged_before(trial->run)) {
        note_failure(sweep, trial, "diverged", "it did so before");
        return ATH_OK;
    }
    for (int a = 0; a < sweep->plan.axis_count; a++)
        values[a] = (struct ath__setting_value){sweep->plan.axes[a].key, ath__sweep_value(&sweep->plan, t, a)};
    snprintf(name, sizeof name, "trial-%03d", t + 1);
    ath__remark(sweep->group.hooks, "TRIAL", false, "trial %d of %d: %s", trial->number, sweep->plan.trials,
                trial->settings);
    ath_status status =
        ath__group_train(&sweep->group, name, values, sweep->plan.axis_count, limit, &result, &stopped, &failure);
    if (status == ATH_OK) {
        note_result(trial, &result, stopped);
        bool here = result.epochs <= (limit > 0 ? limit : epochs);
        sweep->score[t] = here ? result.top1_best : score_at(trial->run, limit);
    } else if (status == ATH_DIVERGED || status == ATH_USAGE) {
        note_failure(sweep, trial, status == ATH_DIVERGED ? "diverged" : "failed", failure.message);
    } else {
        if (err) *err = failure;
        return status;
    }
    return ath__sweep_write(sweep, err);
}

/* Alive ones first, the best in front; equal ones in the order of their numbers. */
static void rank(struct ath__sweep *sweep) {
    for (int i = 1; i < sweep->alive_count; i++) {
        int moved = sweep->alive[i], at = i;
        for (; at > 0 && (sweep->score[sweep->alive[at - 1]] < sweep->score[moved] ||
                          (sweep->score[sweep->alive[at - 1]] == sweep->score[moved] && sweep->alive[at - 1] > moved));
             at--)
            sweep->alive[at] = sweep->alive[at - 1];
        sweep->alive[at] = moved;
    }
}

static ath_status run_rung(struct ath__sweep *sweep, int64_t limit, int64_t epochs, ath_error *err) {
    for (int i = 0; i < sweep->alive_count; i++)
        ATH_TRY(run_trial(sweep, sweep->alive[i], limit < epochs ? limit : 0, epochs, err));
    rank(sweep);
    return ATH_OK;
}

static ath_status halve(struct ath__sweep *sweep, ath_error *err) {
    int64_t epochs = ath__config_int(sweep->group.config, "epochs"),
            share = ath__config_int(sweep->group.config, "halving");
    int rungs = 0;
    for (int64_t n = sweep->plan.trials; n >= share && epochs / (int64_t)pow((double)share, rungs + 1) >= 1; n /= share)
        rungs++;
    for (int rung = rungs; rung >= 0; rung--) {
        int64_t limit = (int64_t)llround((double)epochs / pow((double)share, rung));
        ath__remark(sweep->group.hooks, "RUNG", false, "%d trials up to epoch %lld", sweep->alive_count,
                    (long long)limit);
        ATH_TRY(run_rung(sweep, limit, epochs, err));
        if (rung == 0) break;
        int keep = sweep->alive_count / (int)share;
        sweep->alive_count = keep > 1 ? keep : 1;
    }
    return ATH_OK;
}

/* By accuracy; those without one at the end. */
static int by_top1(const void *a, const void *b) {
    const ath_trial_result *x = a, *y = b;
    double p = isnan(x->top1_best) ? -1.0 : x->top1_best, q = isnan(y->top1_best) ? -1.0 : y->top1_best;
    if (p != q) return p > q ? -1 : 1;
    return x->number - y->number;
}

static void hand_over(struct ath__sweep *sweep, ath_sweep_result *result) {
    ath__str_copy(result->folder, sizeof result->folder, sweep->group.path);
    result->trials = sweep->trials;
    result->count = sweep->plan.trials;
    sweep->trials = NULL;
    qsort(result->trials, (size_t)result->count, sizeof *result->trials, by_top1);
}

static void close_sweep(struct ath__sweep *sweep) {
    for (int t = 0; sweep->trials && t < sweep->plan.trials; t++)
        ath__free((char *)(uintptr_t)sweep->trials[t].settings);
    ath__free(sweep->trials);
    ath__free(sweep->score);
    ath__free(sweep->alive);
    ath__sweep_plan_free(&sweep->plan);
}

/* resume=OUT: the settings that the sweep was begun with. */
static ath_status resolve(const ath_config *config, ath_config **own, ath_error *err) {
    const char *resume = ath__config_text(config, "resume");
    char        path[ATH_PATH_MAX];
    ATH_TRY(ath_config_copy(config, own, err));
    if (!*resume) return ATH_OK;
    ATH_TRY(ath__path_join(path, resume, "sweep.yaml", err));
    if (!ath__file_exists(path))
        return ath__fail(err, ATH_USAGE, "resume", "'%s' is no folder of a sweep: it has no sweep.yaml", resume);
    ATH_TRY(ath_config_load(*own, path, err));
    return ath_config_set(*own, "out", resume, ATH_ORIGIN_COMMAND_LINE, err);
}

ath_status ath_sweep(const ath_config *config, const ath_hooks *hooks, ath_sweep_result *result, ath_error *err) {
    struct ath__sweep sweep = {.group = {.hooks = hooks, .settings_name = "sweep.yaml"}};
    ath_config       *own = NULL;
    memset(result, 0, sizeof *result);
    ath_status status = resolve(config, &own, err);
    sweep.group.config = own;
    if (status == ATH_OK) status = ath__sweep_plan_make(own, &sweep.plan, err);
    bool random = status == ATH_OK && strcmp(ath__config_text(own, "method"), "random") == 0;
    if (status == ATH_OK) status = ath__group_open(&sweep.group, "sweep-", random ? "trials" : "", err);
    if (status == ATH_OK) status = start_trials(&sweep, err);
    if (status == ATH_OK) status = ath__sweep_write(&sweep, err);
    if (status == ATH_OK) {
        if (strcmp(ath__config_text(own, "method"), "halving") == 0)
            status = halve(&sweep, err);
        else
            status = run_rung(&sweep, ath__config_int(own, "epochs"), ath__config_int(own, "epochs"), err);
    }
    if (status == ATH_OK) status = ath__sweep_draw(&sweep, err);
    if (status == ATH_OK) hand_over(&sweep, result);
    if (status == ATH_INTERRUPTED && err)
        ath__fail(err, ATH_INTERRUPTED, NULL, "interrupted; go on with: athanor sweep resume=%s", sweep.group.path);
    close_sweep(&sweep);
    ath_config_destroy(own);
    return status;
}

void ath_sweep_result_free(ath_sweep_result *result) {
    for (int t = 0; t < result->count; t++) ath__free((char *)(uintptr_t)result->trials[t].settings);
    ath__free(result->trials);
    memset(result, 0, sizeof *result);
}
