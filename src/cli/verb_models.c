/* athanor models [NAME] */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static ath_status list(const struct invocation *invocation, ath_error *err) {
    ath_zoo_entry entry;
    json_t       *all = invocation->json ? json_array() : NULL;
    for (int i = 0; ath_zoo_at(i, &entry); i++) {
        if (all)
            json_array_append_new(all, json_pack("{s:s, s:s, s:[i,i,i], s:i}", "name", entry.name, "summary",
                                                 entry.summary, "input", entry.channels, entry.height, entry.width,
                                                 "classes", entry.classes));
        else
            printf("%-18s %dx%dx%-5d %s\n", entry.name, entry.channels, entry.height, entry.width, entry.summary);
    }
    return all ? json_print(all, err) : ATH_OK;
}

static void print_options(ath_model *model) {
    ath_model_option option;
    for (int i = 0; ath_model_option_at(model, i, &option); i++)
        printf("  model.%-16s %s (%s; %s)\n", option.name, option.summary, option.fallback, option.allowed);
}

static ath_status show(const char *name, const struct invocation *invocation, ath_error *err) {
    ath_model       *model = NULL;
    ath_model_counts counts;
    int              channels, height, width;
    ath_status       status = ath_model_create(name, &model, err);
    if (status == ATH_OK) status = ath_model_count(model, &counts, err);
    if (status == ATH_OK) {
        char params[32], macs[32];
        ath_model_input(model, &channels, &height, &width);
        if (invocation->json) {
            status = json_print(json_pack("{s:s, s:I, s:I, s:I, s:[i,i,i], s:i}", "name", name, "params",
                                          (json_int_t)counts.params, "buffers", (json_int_t)counts.buffers, "macs",
                                          (json_int_t)counts.macs, "input", channels, height, width, "classes",
                                          ath_model_classes(model)),
                                err);
        } else {
            printf("%s: input %dx%dx%d, %d classes, %s parameters, %s MACs an image\n", name, channels, height, width,
                   ath_model_classes(model), console_count(counts.params, params), console_count(counts.macs, macs));
            print_options(model);
        }
    }
    ath_model_destroy(model);
    return status;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    return invocation->word_count > 0 ? show(invocation->words[0], invocation, err) : list(invocation, err);
}

const struct verb verb_models = {
    .name = "models",
    .summary = "list the zoo, or show one model with its options and counts",
    .examples = "  athanor models\n  athanor models lenet5\n  athanor models examples/models/small-cnn.yaml --json\n",
    .run = run,
};
