/* athanor eval */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static double percent(const ath_class_score *score) {
    return score->images > 0 ? 100.0 * (double)score->correct / (double)score->images : 0.0;
}

static json_t *to_json(const ath_eval_result *r) {
    json_t *classes = json_array(), *confusion = json_array();
    for (int c = 0; c < r->classes; c++) {
        json_array_append_new(classes,
                              json_pack("{s:s, s:I, s:I, s:f}", "class", r->per_class[c].name, "images",
                                        (json_int_t)r->per_class[c].images, "correct",
                                        (json_int_t)r->per_class[c].correct, "top1", percent(&r->per_class[c])));
        json_t *row = json_array();
        for (int k = 0; k < r->classes; k++) json_array_append_new(row, json_integer(r->confusion[c * r->classes + k]));
        json_array_append_new(confusion, row);
    }
    return json_pack("{s:I, s:f, s:f, s:f, s:o, s:o}", "images", (json_int_t)r->images, "top1", r->top1, "top5",
                     r->top5, "loss", r->loss, "per_class", classes, "confusion", confusion);
}

static void print_text(const ath_eval_result *r) {
    char images[32];
    printf("%s images: top-1 %.2f%%, top-5 %.2f%%, loss %.4f\n", console_count(r->images, images), r->top1, r->top5,
           r->loss);
    for (int c = 0; c < r->classes && r->classes <= 100; c++)
        printf("  %-16s %6.2f%%  (%lld of %lld)\n", r->per_class[c].name, percent(&r->per_class[c]),
               (long long)r->per_class[c].correct, (long long)r->per_class[c].images);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_eval_result result;
    ath_hooks       hooks = console_hooks();
    ath_status      status = ath_eval(invocation->config, &hooks, &result, err);
    if (status == ATH_OK) {
        if (invocation->json)
            status = json_print(to_json(&result), err);
        else
            print_text(&result);
    }
    ath_eval_result_free(&result);
    return status;
}

const struct verb verb_eval = {
    .name = "eval",
    .summary = "score a trained network on a data set",
    .examples = "  athanor eval                                  the last run's best model on its validation images\n"
                "  athanor eval run=runs/lenet split=test --json\n"
                "  athanor eval weights=model.safetensors data=mnist\n",
    .keys = "run weights weights.partial model data split tta batch resize normalize threads precision",
    .computes = true,
    .run = run,
};
