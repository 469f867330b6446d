/* `athanor graph`: the graph of a model's step after every stage of the pipeline. */
#include "athanor/train.h"

#include "base/error.h"
#include "base/mem.h"
#include "train/settings.h"
#include "train/setup.h"

#include <string.h>

struct show {
    const char      *stage; /* NULL: all */
    ath_graph_format format;
    void (*write)(const char *stage, const char *text, void *context);
    void *context;
    int   shown;
    bool  failed;
};

static void show_stage(void *context, const char *pass, const ath_graph *graph) {
    struct show *show = context;
    if (show->stage && strcmp(show->stage, pass) != 0) return;
    char *text = ath_graph_dump(graph, show->format);
    if (text) {
        show->write(pass, text, show->context);
        show->shown++;
    } else {
        show->failed = true;
    }
    ath_text_free(text);
}

ath_status ath_graph_show(const ath_config *config, bool train, const char *stage, ath_graph_format format,
                          void (*write)(const char *stage, const char *text, void *context), void *context,
                          ath_error *err) {
    struct show          show = {.stage = stage, .format = format, .write = write, .context = context};
    ath_model           *model = NULL;
    struct ath__network *network = NULL;
    struct ath__plan    *plan = NULL;
    ath_status           status = ath__setup_model(config, NULL, NULL, &model, err);
    if (status == ATH_OK)
        status =
            ath__setup_network(config, model, train ? ATH_NETWORK_TRAINS : ATH_NETWORK_EVALUATES, NULL, &network, err);
    if (status == ATH_OK) {
        ath__network_trace(network, show_stage, &show);
        status = ath__program_plan(train ? network->train : network->eval, ath__config_int(config, "batch"), false,
                                   &plan, err);
    }
    if (status == ATH_OK && show.failed) status = ath__fail_memory(err, "graph");
    if (status == ATH_OK && show.shown == 0)
        status = ath__fail(err, ATH_USAGE, "stage",
                           "no stage '%s' here; stages are build, fold, merge_affine (inference), fuse_norm, fuse_act, "
                           "fuse_chain, precision (bf16), assign",
                           stage);
    ath__network_destroy(network);
    ath_model_destroy(model);
    return status;
}
