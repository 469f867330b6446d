/* athanor train */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void print_plan(const ath_schedule_plan *plan) {
    bool cycles = false, staged = plan->epochs > 0 && plan->rows[0].stage > 0;
    for (int64_t e = 0; e < plan->epochs; e++) cycles = cycles || plan->rows[e].momentum > 0.0;
    printf("%5s  %-12s %-12s %-12s %-12s%s%s\n", "epoch", "first step", "last step", "lowest", "highest",
           staged ? " stage" : "", cycles ? " momentum" : "");
    for (int64_t e = 0; e < plan->epochs; e++) {
        const ath_schedule_epoch *row = &plan->rows[e];
        printf("%5lld  %-12.6g %-12.6g %-12.6g %-12.6g", (long long)row->epoch, row->first, row->last, row->low,
               row->high);
        if (staged) printf(" %5d", row->stage);
        if (cycles) printf(" %.4g", row->momentum);
        putchar('\n');
    }
}

static json_t *plan_json(const ath_schedule_plan *plan, const char *png) {
    json_t *rows = json_array();
    for (int64_t e = 0; e < plan->epochs; e++) {
        const ath_schedule_epoch *row = &plan->rows[e];
        json_array_append_new(rows, json_pack("{s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "epoch", (json_int_t)row->epoch,
                                              "stage", row->stage, "first", row->first, "last", row->last, "low",
                                              row->low, "high", row->high, "momentum", row->momentum));
    }
    return json_pack("{s:s, s:s, s:f, s:I, s:I, s:s, s:o}", "schedule", plan->schedule, "optimizer", plan->optimizer,
                     "peak", plan->peak, "epochs", (json_int_t)plan->epochs, "steps_per_epoch",
                     (json_int_t)plan->steps_per_epoch, "plot", png, "rates", rows);
}

/* --show-schedule */
static ath_status show_schedule(const struct invocation *invocation, ath_error *err) {
    const char       *png = invocation->output ? invocation->output : "schedule.png";
    ath_schedule_plan plan;
    ath_hooks         hooks = console_hooks();
    ath_status        status = ath_schedule_show(invocation->config, &hooks, &plan, err);
    if (status != ATH_OK) return status;
    status = ath_schedule_plot(&plan, png, err);
    if (status == ATH_OK && invocation->json)
        status = json_print(plan_json(&plan, png), err);
    else if (status == ATH_OK)
        print_plan(&plan);
    if (status == ATH_OK) console_note("drawn in %s", png);
    ath_schedule_plan_free(&plan);
    return status;
}

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
    if (invocation->show_schedule) return show_schedule(invocation, err);
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
                "  athanor train recipe=mnist/lenet5 repeat=3 out=runs/three     mean and 95% interval of three seeds\n"
                "  athanor train model=lenet5 data=mnist reparam=wn lr=0.3\n"
                "  athanor train recipe=mnist/lenet5 schedule=one-cycle --show-schedule -o rate.png\n"
                "  athanor train model=lenet5 data=mnist optimizer=adamw decay.exclude=norm,bias ema=0.999\n"
                "  athanor train model=lenet5 data=mnist group.bias.match='*.bias' group.bias.lr=64\n"
                "\n--show-schedule prints and draws the planned learning rate without training.\n"
                "The first Ctrl-C finishes the step and saves a checkpoint.\n",
    .keys =
        "model data resize resize.rounding crop interpolation normalize bad_images labels augment epochs batch "
        "micro_batch lr optimizer momentum dampening nesterov weight_decay beta1 beta2 eps alpha centered "
        "momentum_decay lr_decay trust ns_steps renormalize decay.exclude clip.norm clip.value log.grad_norm "
        "lookahead lookahead.alpha lookahead.end lookahead.power lookahead.statistics sam ema schedule schedule.every "
        "schedule.factor schedule.milestones schedule.expression schedule.start schedule.end schedule.length "
        "schedule.power schedule.period schedule.growth schedule.rise schedule.div schedule.final_div schedule.anneal "
        "schedule.momentum_low schedule.momentum_high schedule.metric schedule.patience schedule.threshold "
        "schedule.threshold_mode schedule.cooldown schedule.min_lr warmup loss loss.gamma class_weights "
        "label_smoothing tta init init.head weights weights.partial freeze bn.statistics features features.views "
        "features.plain features.folder reparam seed threads precision device target_top1 require_top1 patience out "
        "resume extend overwrite checkpoint.seconds layout implementation loader.threads repeat",
    .computes = true,
    .run = run,
};
