/* One pass in training form whose batch norms replace their statistics instead of mixing them in: with a momentum of 1
 * the running mean and variance behind a batch are the batch's (the variance with m / (m - 1), as always).
 *
 *     statistic = sum_b images_b * statistic_b / sum_b images_b
 */
#include "train/recalibrate.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "train/forward.h"

#include <string.h>

static void build(void *context, ath_graph *graph, int64_t batch) {
    const struct ath__network *network = context;
    ath_value                  rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_value                  logits = ath__forward_training(network, graph, batch, rng);
    ath__cut_dropouts(graph);
    for (int n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op == &ath__op_batch_norm) ((ath_batch_norm_attrs *)graph->nodes[n].attrs)->momentum = 1.0;
    ath_output(graph, logits, "logits");
}

static ath_status open_program(struct ath__network *network, ath_error *err) {
    const struct ath__network_settings *settings = &network->settings;
    struct ath__program_settings        program = {.build = build,
                                                   .build_context = network,
                                                   .store = network->store,
                                                   .options = {.device = ath__device_cpu(),
                                                               .training = true,
                                                               .bf16 = settings->bf16,
                                                               .layout = settings->layout,
                                                               .only = settings->only}};
    return network->statistics ? ATH_OK : ath__program_create(&program, &network->statistics, err);
}

static bool is_statistic(const struct ath__entry *entry) {
    return entry->leaf == ATH_LEAF_STATE &&
           (strstr(entry->name, ".running_mean") || strstr(entry->name, ".running_var"));
}

static ath_status run(struct ath__network *network, const struct ath__samples *samples, ath_error *err) {
    struct ath__plan *plan = NULL;
    ATH_TRY(ath__program_plan(network->statistics, samples->count, false, &plan, err));
    ATH_TRY(ath__plan_input(plan, samples->features ? "features" : "images", samples->images, err));
    ATH_TRY(ath__plan_refresh(plan, network->version, err));
    return ath__plan_run(plan, ATH_PHASE_BODY, 0, err);
}

/* Adds the statistics of every batch up. A batch that is too small for a variance (one image) is passed over. */
static ath_status add_up(struct ath__network *network, const struct ath__feed *feed, double *sums, double *images,
                         ath_error *err) {
    const struct ath__store *store = network->store;
    for (;;) {
        struct ath__samples samples;
        ATH_TRY(ath__feed_next(feed, &samples, err));
        if (samples.count == 0) return ATH_OK;
        if (samples.count < 2) continue;
        ATH_TRY(run(network, &samples, err));
        double *at = sums;
        for (int i = 0; i < store->count; i++) {
            if (!is_statistic(&store->entries[i])) continue;
            for (int64_t k = 0; k < ath_shape_count(&store->entries[i].shape); k++)
                *at++ += (double)samples.count * (double)store->entries[i].data[k];
        }
        *images += (double)samples.count;
    }
}

ath_status ath__recalibrate(struct ath__network *network, const struct ath__feed *feed, int64_t epoch, ath_error *err) {
    const struct ath__store *store = network->store;
    size_t                   count = 0;
    double                   images = 0.0;
    for (int i = 0; i < store->count; i++)
        if (is_statistic(&store->entries[i])) count += (size_t)ath_shape_count(&store->entries[i].shape);
    if (count == 0) return ATH_OK;
    double *sums = ATH_NEW_ARRAY(double, count);
    if (!sums) return ath__fail_memory(err, "batch norms");
    ath_status status = open_program(network, err);
    if (status == ATH_OK) status = ath__feed_start(feed, epoch, 0, err);
    if (status == ATH_OK) status = add_up(network, feed, sums, &images, err);
    const double *at = sums;
    for (int i = 0; status == ATH_OK && images > 0.0 && i < store->count; i++) {
        if (!is_statistic(&store->entries[i])) continue;
        for (int64_t k = 0; k < ath_shape_count(&store->entries[i].shape); k++)
            store->entries[i].data[k] = (float)(*at++ / images);
    }
    ath__network_changed(network);
    ath__free(sums);
    return status;
}
