/* athanor profile */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static json_t *to_json(const ath_profile *p) {
    json_t *layers = json_array();
    for (int i = 0; i < p->layer_count; i++) {
        const ath_layer_profile *l = &p->layers[i];
        json_array_append_new(layers, json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:s}", "name", l->name, "op", l->op,
                                                "shape", l->shape, "params", (json_int_t)l->params, "macs",
                                                (json_int_t)l->macs, "ms", l->ms, "implementation", l->impl));
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "params", (json_int_t)p->params, "macs", (json_int_t)p->macs,
                     "planned_bytes", (json_int_t)p->planned_bytes, "unshared_bytes", (json_int_t)p->unshared_bytes,
                     "parameter_bytes", (json_int_t)p->parameter_bytes, "layers", layers);
}

static void print_text(const ath_profile *p) {
    char   params[32], macs[32];
    double total = 0.0;
    printf("%-28s %-12s %-18s %12s %15s %9s  %s\n", "layer", "operator", "output", "parameters", "MACs/image",
           "ms/step", "implementation");
    for (int i = 0; i < p->layer_count; i++) {
        const ath_layer_profile *l = &p->layers[i];
        printf("%-28s %-12s %-18s %12s %15s %9.3f  %s\n", l->name, l->op, l->shape,
               l->params ? console_count(l->params, params) : "", l->macs ? console_count(l->macs, macs) : "", l->ms,
               l->impl);
        total += l->ms;
    }
    printf("%-28s %-12s %-18s %12s %15s %9.3f\n", "total", "", "", console_count(p->params, params),
           console_count(p->macs, macs), total);
    printf(
        "memory: %.1f MiB planned (activations, gradients, packed weights, scratch; %.1f MiB without sharing), %.1f MiB "
        "parameters\n",
        (double)p->planned_bytes / 1048576.0, (double)p->unshared_bytes / 1048576.0,
        (double)p->parameter_bytes / 1048576.0);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_profile profile;
    ath_status  status = ath_profile_model(invocation->config, &profile, err);
    if (status != ATH_OK) return status;
    if (invocation->json) {
        status = json_print(to_json(&profile), err);
    } else {
        print_text(&profile);
        if (invocation->stage) printf("\nrefusals:\n%s", profile.refusals);
    }
    ath_profile_free(&profile);
    return status;
}

const struct verb verb_profile = {
    .name = "profile",
    .summary = "parameters, MACs, time and memory, layer by layer",
    .examples = "  athanor profile model=resnet18-cifar batch=128\n"
                "  athanor profile model=lenet5 batch=256 mode=infer --json\n"
                "  athanor profile model=alexnet batch=32 --stage=refusals   also why faster implementations refused\n",
    .keys = "model input classes batch mode steps precision threads layout implementation reparam",
    .computes = true,
    .run = run,
};
