/* athanor graph */
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

struct show {
    bool dot;
};

static void write_stage(const char *stage, const char *text, void *context) {
    const struct show *show = context;
    if (!show->dot) printf("== %s\n", stage);
    printf("%s\n", text);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    struct show show = {.dot = invocation->dot};
    const char *mode = ath_config_get(invocation->config, "mode");
    const char *stage = invocation->stage ? invocation->stage : invocation->dot ? "assign" : NULL;
    return ath_graph_show(invocation->config, strcmp(mode, "train") == 0, stage,
                          invocation->dot ? ATH_GRAPH_DOT : ATH_GRAPH_TEXT, write_stage, &show, err);
}

const struct verb verb_graph = {
    .name = "graph",
    .summary = "print a network's graph after every stage of the compiler",
    .examples = "  athanor graph model=lenet5 batch=256\n"
                "  athanor graph model=resnet18-cifar batch=128 --stage=assign\n"
                "  athanor graph model=lenet5 mode=infer --dot | dot -Tsvg > lenet.svg\n",
    .keys = "model input classes batch mode precision layout implementation reparam",
    .run = run,
};
