/* athanor train */
#include "cli/console.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_train_result result;
    ath_hooks        hooks = console_hooks();
    ath_status       status = ath_train(invocation->config, &hooks, &result, err);
    if (result.epochs > 0 && (status == ATH_OK || status == ATH_TARGET)) {
        char params[32], speed[32];
        console_note(
            "%s on %s: best validation top-1 %.2f%% (epoch %lld), last %.2f%%; %s parameters, %.1f s, %s images/s, "
            "planned memory %.0f MiB",
            result.model, result.data, result.top1_best, (long long)result.epoch_best, result.top1_last,
            console_count(result.params, params), result.seconds,
            console_count((int64_t)result.images_per_second, speed), (double)result.planned_bytes / 1048576.0);
        if (strcmp(result.tta, "none") != 0)
            console_note("the best epoch's weights with tta=%s: top-1 %.2f%%, loss %.4f", result.tta, result.top1_final,
                         result.loss_final);
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
                "  athanor train model=lenet5 data=mnist reparam=wn lr=0.3\n"
                "\nThe first Ctrl-C finishes the step and saves a checkpoint.\n",
    .keys =
        "model data resize normalize epochs batch micro_batch lr optimizer momentum nesterov weight_decay schedule "
        "schedule.every schedule.factor schedule.end warmup loss loss.gamma class_weights label_smoothing tta init weights weights.partial freeze reparam "
        "seed threads precision device target_top1 require_top1 patience out resume extend overwrite "
        "checkpoint.seconds layout implementation loader.threads",
    .computes = true,
    .run = run,
};
