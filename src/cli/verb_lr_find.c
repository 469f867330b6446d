/* athanor lr-find */
#include "cli/console.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void print_text(const ath_lr_curve *curve) {
    int step = curve->count / 20 > 0 ? curve->count / 20 : 1;
    printf("%12s %10s %10s\n", "lr", "loss", "smoothed");
    for (int i = 0; i < curve->count; i += step)
        printf("%12.3g %10.4f %10.4f\n", curve->points[i].lr, curve->points[i].loss, curve->points[i].smooth);
    if (curve->diverged_at > 0.0) printf("the loss ran away at lr=%.3g\n", curve->diverged_at);
    if (curve->suggested > 0.0)
        printf("steepest descent at lr=%.2g, minimum at lr=%.2g\nsuggested: lr=%.2g\n", curve->steepest, curve->minimum,
               curve->suggested);
    else
        printf(
            "the loss did not fall at any rate: try lr.steps=300, another init, or 'athanor doctor' on these settings\n");
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_lr_curve curve;
    ath_hooks    hooks = console_hooks();
    char         title[200];
    const char  *figure = invocation_file(invocation, "lr-find.png");
    ath_status   status = ath_lr_find(invocation->config, &hooks, &curve, err);
    if (status != ATH_OK) return status;
    snprintf(title, sizeof title, "learning-rate range of %.80s on %.80s", ath_config_get(invocation->config, "model"),
             ath_config_get(invocation->config, "data"));
    status = ath_lr_curve_plot(&curve, title, figure, err);
    if (status == ATH_OK) {
        if (invocation->json) {
            char *json = ath_lr_curve_json(&curve);
            if (json) puts(json);
            ath_text_free(json);
        } else {
            print_text(&curve);
        }
        console_note("curve: %s", figure);
    }
    ath_lr_curve_free(&curve);
    return status;
}

const struct verb verb_lr_find = {
    .name = "lr-find",
    .summary = "find a learning rate by raising it step by step",
    .examples = "  athanor lr-find model=lenet5-relu data=digits batch=64 momentum=0.9\n"
                "  athanor lr-find recipe=mnist/lenet5 lr.min=0.001 lr.max=50 lr.steps=200 -o range.png\n"
                "  athanor lr-find recipe=mnist/lenet5 --json\n"
                "\nNothing is saved but the figure (lr-find.png, or -o FILE).\n",
    .keys =
        "lr.min lr.max lr.steps model data resize normalize batch micro_batch optimizer momentum nesterov weight_decay "
        "label_smoothing init weights seed out threads precision",
    .computes = true,
    .run = run,
};
