/* Building a model in training form, evaluation form, and cut into backbone and head. */
#include "train/forward.h"

#include "train/cut.h"

ath_value ath__forward_images(const struct ath__network *network, ath_graph *graph, int64_t batch) {
    int channels, height, width;
    ath_model_input(network->model, &channels, &height, &width);
    return ath_input(graph, "images", ATH_F32, ath_shape_of(batch, channels, height, width));
}

/* Training form up to the cut; *cut is ATH_NONE after a fault. */
static ath_value build_to_cut(const struct ath__network *network, ath_graph *graph, int64_t batch, ath_value rng,
                              ath_value *cut) {
    ath_error err = {.code = ATH_OK};
    ath_value images = ath__forward_images(network, graph, batch);
    ath_value logits = ath_model_build(network->model, graph, images, true, rng);
    *cut = ATH_NONE;
    if (logits == ATH_NONE) return ATH_NONE;
    ath__cut_norms(graph, network->settings.norms, network->store);
    if (ath__cut_find(graph, images, logits, network->store, cut, &err) != ATH_OK)
        ath_graph_fail(graph, err.code, "%s", err.message);
    return logits;
}

/* The trained part alone, over an input in the place of the cut. */
static ath_value build_head(const struct ath__network *network, ath_graph *graph, int64_t batch, ath_value rng) {
    ath_value cut, logits = build_to_cut(network, graph, batch, rng, &cut);
    if (cut == ATH_NONE || logits == ATH_NONE) return ATH_NONE;
    ath_value features = ath_input(graph, "features", ATH_F32, ath_value_shape(graph, cut));
    ath__graph_redirect(graph, cut, features);
    return logits;
}

ath_value ath__forward_training(const struct ath__network *network, ath_graph *graph, int64_t batch, ath_value rng) {
    if (network->settings.features) return build_head(network, graph, batch, rng);
    ath_value logits = ath_model_build(network->model, graph, ath__forward_images(network, graph, batch), true, rng);
    if (logits != ATH_NONE) ath__cut_norms(graph, network->settings.norms, network->store);
    return logits;
}

void ath__forward_whole(void *context, ath_graph *graph, int64_t batch) {
    const struct ath__network *network = context;
    ath_value                  x = ath__forward_images(network, graph, batch);
    ath_output(graph, ath_model_build(network->model, graph, x, false, ATH_NONE), "logits");
}

void ath__forward_backbone(void *context, ath_graph *graph, int64_t batch) {
    const struct ath__network *network = context;
    ath_value                  cut, rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    build_to_cut(network, graph, batch, rng, &cut);
    ath_output(graph, cut, "features");
}

void ath__forward_head(void *context, ath_graph *graph, int64_t batch) {
    const struct ath__network *network = context;
    ath_value                  rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_value                  logits = build_head(network, graph, batch, rng);
    ath__cut_norms(graph, ATH_NORMS_FROZEN, network->store);
    ath__cut_dropouts(graph);
    ath_output(graph, logits, "logits");
}
