/* athanor train */
#include "cli/console.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void note_interval(const char *name, const char *unit, const ath_interval *i) {
    console_note("%s %.2f%s, deviation %.2f, 95%% interval %.2f to %.2f (%lld runs)", name, i->mean, unit, i->deviation,
                 i->low, i->high, (long long)i->n);
}

static ath_status run_repeat(const struct invocation *invocation, const ath_hooks *hooks, ath_error *err) {
    ath_repeat_result result;
    ath_status        status = ath_train_repeat(invocation->config, hooks, &result, err);
    if (result.count > 0) {
        note_interval("best validation top-1", "%", &result.top1_best);
        note_interval("last validation top-1", "%", &result.top1_last);
        console_note("folder: %s (repeat.json, curves.png, a run folder per seed)", result.folder);
        char *json = invocation->json ? ath_repeat_result_json(&result) : NULL;
        if (json) puts(json);
        ath_text_free(json);
    }
    ath_repeat_result_free(&result);
    return status;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_train_result result;
    ath_hooks        hooks = console_hooks();
    if (strcmp(ath_config_get(invocation->config, "repeat"), "1") != 0) return run_repeat(invocation, &hooks, err);
    ath_status status = ath_train(invocation->config, &hooks, &result, err);
    if (result.epochs > 0 && (status == ATH_OK || status == ATH_TARGET)) {
        char params[32], speed[32];
        console_note(
            "%s on %s: best validation top-1 %.2f%% (epoch %lld), last %.2f%%; %s parameters, %.1f s, %s images/s, "
            "planned memory %.0f MiB",
            result.model, result.data, result.top1_best, (long long)result.epoch_best, result.top1_last,
            console_count(result.params, params), result.seconds,
            console_count((int64_t)result.images_per_second, speed), (double)result.planned_bytes / 1048576.0);
        console_note("run folder: %s (curves.png, report.html, weights/best.safetensors)", result.run);
    }
    if (invocation->json && result.run[0]) {
        char *json = ath_train_result_json(&result);
        if (json) puts(json);
        ath_text_free(json);
    }
    return status;
}

const struct verb verb_train = {
    .name = "train",
    .summary = "train a network and write a run folder",
    .examples = "  athanor train model=lenet5 data=digits epochs=5 batch=64 lr=0.1 momentum=0.9\n"
                "  athanor train model=lenet5 data=mnist epochs=20 batch=256 lr=0.6 init=xavier\n"
                "  athanor train model=resnet18-mnist data=mnist resize=96 batch=256 lr=0.05 epochs=1\n"
                "  athanor train recipe=mnist/lenet5 seed=2 out=runs/second\n"
                "  athanor train resume=runs/last\n"
                "  athanor train recipe=mnist/lenet5 repeat=3 out=runs/three     mean and 95% interval of three seeds\n"
                "  athanor train model=lenet5 data=mnist reparam=wn lr=0.3\n"
                "\nThe first Ctrl-C finishes the step and saves a checkpoint.\n",
    .keys =
        "model data resize normalize epochs batch micro_batch lr optimizer momentum nesterov weight_decay schedule "
        "schedule.every schedule.factor schedule.end warmup label_smoothing init weights weights.partial freeze reparam "
        "seed threads precision device target_top1 require_top1 patience out resume extend overwrite "
        "checkpoint.seconds layout implementation loader.threads repeat",
    .computes = true,
    .run = run,
};
