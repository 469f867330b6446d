/* athanor sweep */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <math.h>
#include <stdio.h>

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *to_json(const ath_sweep_result *result) {
    json_t *trials = json_array();
    for (int i = 0; i < result->count; i++) {
        const ath_trial_result *t = &result->trials[i];
        json_array_append_new(trials,
                              json_pack("{s:i, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:s}", "trial", t->number, "settings",
                                        t->settings, "state", t->state, "epochs", (json_int_t)t->epochs, "top1_best",
                                        number(t->top1_best), "top1_last", number(t->top1_last), "loss_last",
                                        number(t->loss_last), "seconds", number(t->seconds), "run", t->run));
    }
    return json_pack("{s:s, s:o}", "folder", result->folder, "trials", trials);
}

static void print_table(const ath_sweep_result *result) {
    printf("%5s  %9s  %9s  %9s  %6s  %8s  %-9s %s\n", "trial", "best %", "last %", "loss", "epochs", "seconds", "state",
           "settings");
    for (int i = 0; i < result->count; i++) {
        const ath_trial_result *t = &result->trials[i];
        printf("%5d  ", t->number);
        if (isnan(t->top1_best))
            printf("%9s  %9s  %9s  %6lld  %8s  ", "-", "-", "-", (long long)t->epochs, "-");
        else
            printf("%9.2f  %9.2f  %9.4f  %6lld  %8.1f  ", t->top1_best, t->top1_last, t->loss_last,
                   (long long)t->epochs, t->seconds);
        printf("%-9s %s\n", t->state, t->settings);
    }
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_sweep_result result;
    ath_hooks        hooks = console_hooks();
    ath_status       status = ath_sweep(invocation->config, &hooks, &result, err);
    if (status != ATH_OK) return status;
    if (invocation->json)
        status = json_print(to_json(&result), err);
    else
        print_table(&result);
    console_note("sweep folder: %s (sweep.csv, sweep.png, curves.png, a run folder per trial)", result.folder);
    ath_sweep_result_free(&result);
    return status;
}

const struct verb verb_sweep = {
    .name = "sweep",
    .summary = "train with many settings and rank them",
    .examples =
        "  athanor sweep recipe=digits/quickstart sweep.lr=0.01,0.03,0.1 sweep.batch=64,128\n"
        "  athanor sweep recipe=digits/quickstart sweep.lr=0.001..1:log method=random trials=12\n"
        "  athanor sweep recipe=digits/quickstart sweep.lr=0.001..1:log sweep.momentum=0,0.9 method=halving trials=27\n"
        "  athanor sweep resume=runs/my-sweep             goes on: finished trials are not repeated\n"
        "\nsweep.KEY=VALUES varies any key: a list (0.01,0.1) or a range (LOW..HIGH, LOW..HIGH:log, with :N for N points\n"
        "in a grid). halving trains all trials for a few epochs and goes on with the best.\n",
    .keys = "method trials halving seed epochs out resume overwrite model data recipe",
    .computes = true,
    .run = run,
};
