/* athanor runs [FOLDER ...] | show RUN | compare RUN RUN ... */
#include "cli/console.h"
#include "cli/findings.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *to_json(const ath_run_info *r) {
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "run", r->path, "model", r->model,
                     "data", r->data, "state", r->state, "epochs", (json_int_t)r->epochs, "epochs_wanted",
                     (json_int_t)r->epochs_wanted, "epoch_best", (json_int_t)r->epoch_best, "top1_best",
                     number(r->top1_best), "top1_last", number(r->top1_last), "loss_last", number(r->loss_last),
                     "seconds", number(r->seconds));
}

static void print_head(void) {
    printf("%-44s %-18s %-12s %9s %9s %9s %9s  %s\n", "run", "model", "data", "epochs", "best %", "last %", "seconds",
           "state");
}

static void print_row(const ath_run_info *r) {
    char epochs[48];
    snprintf(epochs, sizeof epochs, "%lld/%lld", (long long)r->epochs, (long long)r->epochs_wanted);
    printf("%-44s %-18s %-12s %9s ", r->path, r->model, r->data, epochs);
    if (isnan(r->top1_best))
        printf("%9s %9s %9s  %s\n", "-", "-", "-", r->state);
    else
        printf("%9.2f %9.2f %9.1f  %s\n", r->top1_best, r->top1_last, r->seconds, r->state);
}

static ath_status list(const struct invocation *invocation, const char *const *folders, int count, ath_error *err) {
    json_t    *all = invocation->json ? json_array() : NULL;
    ath_status status = ATH_OK;
    if (!all) print_head();
    for (int f = 0; f < count && status == ATH_OK; f++) {
        ath_run_info *runs = NULL;
        int           found = 0;
        status = ath_runs_find(folders[f], &runs, &found, err);
        for (int i = 0; i < found && status == ATH_OK; i++) {
            if (all)
                json_array_append_new(all, to_json(&runs[i]));
            else
                print_row(&runs[i]);
        }
        ath_runs_free(runs);
    }
    if (all && status == ATH_OK) return json_print(all, err);
    json_decref(all);
    return status;
}

static ath_status show(const struct invocation *invocation, const char *path, ath_error *err) {
    ath_run_info info;
    ath_status   status = ath_run_read(path, &info, err);
    if (status != ATH_OK) return status;
    if (invocation->json) return json_print(to_json(&info), err);
    print_head();
    print_row(&info);
    if (info.epochs > 0)
        printf("best in epoch %lld; last validation loss %.4f\n", (long long)info.epoch_best, info.loss_last);
    printf("what the doctor says: athanor doctor run=%s\n", path);
    return ATH_OK;
}

/* Names in the legend: the last parts of the paths. */
static ath_status compare(const struct invocation *invocation, ath_error *err) {
    int          count = invocation->word_count - 1;
    const char **paths = invocation->words + 1;
    const char  *figure = invocation->output ? invocation->output : "compare.png";
    ath_status   status = list(invocation, paths, count, err);
    if (status != ATH_OK) return status;
    const char **names = calloc((size_t)count + 1, sizeof *names);
    if (!names) {
        snprintf(err->message, sizeof err->message, "out of memory");
        return err->code = ATH_MEMORY;
    }
    for (int i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/');
        names[i] = slash && slash[1] ? slash + 1 : paths[i];
    }
    size_t length = strlen(figure);
    bool   svg = length > 4 && strcmp(figure + length - 4, ".svg") == 0;
    status = ath_runs_plot("runs", names, paths, count, svg ? NULL : figure, svg ? figure : NULL, err);
    free((void *)names);
    if (status == ATH_OK) console_note("curves: %s", figure);
    return status;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    static const char *const standard[] = {"runs"};
    int                      count = invocation->word_count;
    if (count == 0) return list(invocation, standard, 1, err);
    if (strcmp(invocation->words[0], "list") == 0)
        return count > 1 ? list(invocation, invocation->words + 1, count - 1, err) : list(invocation, standard, 1, err);
    if (strcmp(invocation->words[0], "show") == 0 && count == 2) return show(invocation, invocation->words[1], err);
    if (strcmp(invocation->words[0], "compare") == 0 && count > 2) return compare(invocation, err);
    snprintf(err->message, sizeof err->message,
             "say what to do: runs, runs list FOLDER, runs show RUN, runs compare RUN RUN ... -o FIGURE.png");
    err->where[0] = '\0';
    return err->code = ATH_USAGE;
}

const struct verb verb_runs = {
    .name = "runs",
    .summary = "list run folders, show one, compare several in one figure",
    .examples = "  athanor runs                                   those under runs/\n"
                "  athanor runs list runs/my-sweep --json\n"
                "  athanor runs show runs/last\n"
                "  athanor runs compare runs/a runs/b -o compare.png\n",
    .run = run,
};
