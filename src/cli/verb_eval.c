/* athanor eval */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A share; null where there is nothing to divide by. */
static json_t *share(double percent) {
    return isfinite(percent) ? json_real(percent) : json_null();
}

static json_t *class_json(const ath_class_score *s) {
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "class", s->name, "images", (json_int_t)s->images,
                  "correct", (json_int_t)s->correct, "predicted", (json_int_t)s->predicted, "top1", share(s->recall),
                  "recall", share(s->recall), "precision", share(s->precision), "f1", share(s->f1));
    if (strcmp(s->title, s->name) != 0) json_object_set_new(object, "title", json_string(s->title));
    if (*s->group) json_object_set_new(object, "group", json_string(s->group));
    return object;
}

static json_t *groups_json(const ath_eval_result *r) {
    json_t *groups = json_array();
    for (int g = 0; g < r->groups; g++) {
        const ath_group_score *s = &r->per_group[g];
        json_array_append_new(groups, json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "group", s->name, "images",
                                                (json_int_t)s->images, "correct", (json_int_t)s->correct, "within",
                                                (json_int_t)s->within, "top1", share(s->top1), "group_top1",
                                                share(s->group_top1)));
    }
    return groups;
}

static json_t *calibration_json(const ath_eval_result *r) {
    json_t *bins = json_array();
    for (int b = 0; b < ATH_CALIBRATION_BINS; b++)
        json_array_append_new(bins, json_pack("{s:I, s:I, s:f, s:f}", "images", (json_int_t)r->calibration[b].images,
                                              "correct", (json_int_t)r->calibration[b].correct, "accuracy",
                                              r->calibration[b].accuracy, "confidence", r->calibration[b].confidence));
    return bins;
}

static json_t *worst_json(const ath_eval_result *r) {
    json_t *worst = json_array();
    for (int i = 0; i < r->worst_count; i++) {
        const ath_mistake *m = &r->worst[i];
        json_array_append_new(worst,
                              json_pack("{s:I, s:s, s:s, s:o, s:o, s:o}", "index", (json_int_t)m->index, "class",
                                        r->per_class[m->label].name, "predicted", r->per_class[m->predicted].name,
                                        "probability", share(m->probability), "class_probability",
                                        share(m->label_probability), "loss", share(m->loss)));
    }
    return worst;
}

static json_t *to_json(const ath_eval_result *r) {
    json_t *classes = json_array(), *confusion = json_array();
    for (int c = 0; c < r->classes; c++) {
        json_array_append_new(classes, class_json(&r->per_class[c]));
        json_t *row = json_array();
        for (int k = 0; k < r->classes; k++) json_array_append_new(row, json_integer(r->confusion[c * r->classes + k]));
        json_array_append_new(confusion, row);
    }
    json_t *seen = json_pack("{s:i, s:I, s:f}", "classes", r->seen_classes, "images", (json_int_t)r->seen_images,
                             "top1", r->top1_seen);
    json_t *object =
        json_pack("{s:I, s:f, s:o, s:f, s:o, s:f, s:f, s:s, s:o, s:o, s:o, s:o}", "images", (json_int_t)r->images,
                  "top1", r->top1, "seen", seen, "top5", r->top5, "loss", share(r->loss), "mean_confidence",
                  r->confidence, "calibration_error", r->calibration_error, "tta", r->tta, "per_class", classes,
                  "confusion", confusion, "calibration", calibration_json(r), "worst", worst_json(r));
    if (r->groups > 0) json_object_set_new(object, "per_group", groups_json(r));
    if (r->skipped > 0) json_object_set_new(object, "skipped", json_integer(r->skipped));
    return object;
}

static void print_text(const ath_eval_result *r) {
    char images[32];
    printf("%s images: top-1 %.2f%%, top-5 %.2f%%, loss %.4f, mean confidence %.2f%%, calibration error %.2f%%\n",
           console_count(r->images, images), r->top1, r->top5, r->loss, r->confidence, r->calibration_error);
    if (r->seen_classes < r->classes)
        printf("%lld of them are of the %d classes that occur in training: top-1 %.2f%%\n", (long long)r->seen_images,
               r->seen_classes, r->top1_seen);
    for (int c = 0; c < r->classes && r->classes <= 100; c++) {
        const ath_class_score *s = &r->per_class[c];
        char                   found[64];
        snprintf(found, sizeof found, "(%lld of %lld)", (long long)s->correct, (long long)s->images);
        printf("  ");
        console_pad(s->title, 16);
        putchar(' ');
        if (s->images > 0)
            printf("%6.2f%%", s->recall);
        else
            printf("   none");
        printf("  %-16s", found);
        if (s->predicted > 0) printf("  precision %6.2f%%", s->precision);
        printf("\n");
    }
    for (int g = 0; g < r->groups; g++) {
        const ath_group_score *s = &r->per_group[g];
        if (g == 0) printf("groups: right class, right group\n");
        printf("  ");
        console_pad(s->name, 16);
        printf(" %6.2f%%  %6.2f%%  (%lld images)\n", s->top1, s->group_top1, (long long)s->images);
    }
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
    .keys =
        "run weights weights.partial model data split tta batch resize resize.rounding crop interpolation normalize "
        "bad_images labels threads precision",
    .computes = true,
    .run = run,
};
