/* `athanor merge`: a re-parameterised network becomes the plain one.
 *
 * The transformed weights are values of the graph that carry the plain parameters' names. They depend on parameters
 * only, so one run of the prologue yields them; everything else is copied. Both networks then see the same random
 * images, and the largest difference of their logits is reported.
 */
#include "athanor/train.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "train/settings.h"
#include "train/source.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IMAGES = 64 };

static int64_t trained_params(const struct ath__store *store) {
    int64_t count = 0;
    for (int i = 0; i < store->count; i++)
        if (store->entries[i].leaf == ATH_LEAF_PARAM) count += ath_shape_count(&store->entries[i].shape);
    return count;
}

/* Marks, in the transformed network's graph, every node value that is named like a parameter of the plain one. */
static int mark_outputs(ath_graph *graph, const struct ath__store *plain) {
    int marked = 0;
    for (int i = 0; i < plain->count; i++) {
        ath_value value = ath__graph_find(graph, plain->entries[i].name);
        if (value == ATH_NONE || graph->values[value].leaf != ATH_LEAF_NONE) continue;
        graph->values[value].is_output = true;
        marked++;
    }
    return marked;
}

static ath_status copy_values(const struct ath__network *from, const struct ath__plan *plan, struct ath__network *to,
                              ath_error *err) {
    for (int i = 0; i < to->store->count; i++) {
        struct ath__entry       *entry = &to->store->entries[i];
        const struct ath__entry *same = ath__store_find(from->store, entry->name);
        const float             *data = same ? same->data : plan ? ath__plan_output(plan, entry->name, NULL) : NULL;
        if (!data || (same && !ath_shape_equal(&same->shape, &entry->shape)))
            return ath__fail(err, ATH_FAILED, entry->name, "the re-parameterised network has no value for '%s'",
                             entry->name);
        memcpy(entry->data, data, (size_t)ath_shape_count(&entry->shape) * sizeof(float));
    }
    ath__network_changed(to);
    return ATH_OK;
}

static ath_status merge_weights(const struct ath__network *from, struct ath__network *to, ath_error *err) {
    int        channels, height, width;
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "merge");
    ath_model_input(from->model, &channels, &height, &width);
    ath_model_build(from->model, graph, ath_input(graph, "images", ATH_F32, ath_shape_of(2, channels, height, width)),
                    false, ATH_NONE);
    if (ath_graph_status(graph, err) != ATH_OK || mark_outputs(graph, to->store) == 0) {
        ath_status status = ath_graph_status(graph, err);
        ath_graph_destroy(graph);
        return status != ATH_OK ? status : copy_values(from, NULL, to, err);
    }
    struct ath__plan           *plan = NULL;
    struct ath__compile_options options = {
        .device = ath__device_cpu(), .training = true, .bind = ath__store_bind, .context = from->store};
    ATH_TRY(ath__plan_compile(graph, &options, &plan, err));
    ath_status status = ath__plan_run(plan, ATH_PHASE_PROLOGUE, 0, err);
    if (status == ATH_OK) status = copy_values(from, plan, to, err);
    ath__plan_destroy(plan);
    return status;
}

struct logits {
    float *data;
    size_t count;
};

static void keep_logits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    struct logits *kept = context;
    (void)samples;
    (void)losses;
    memcpy(kept->data, logits, kept->count * sizeof(float));
}

static ath_status compare(struct ath__network *a, struct ath__network *b, double *difference, ath_error *err) {
    int channels, height, width, classes = ath_model_classes(a->model);
    ath_model_input(a->model, &channels, &height, &width);
    size_t        pixels = (size_t)IMAGES * (size_t)channels * (size_t)height * (size_t)width;
    float        *images = ath__alloc_array(pixels, sizeof(float));
    int32_t       labels[IMAGES] = {0};
    struct logits first = {ath__alloc_array((size_t)IMAGES * (size_t)classes, sizeof(float)),
                           (size_t)IMAGES * (size_t)classes};
    struct logits second = {ath__alloc_array(first.count, sizeof(float)), first.count};
    ath_status    status = images && first.data && second.data ? ATH_OK : ath__fail_memory(err, "merge");
    if (status == ATH_OK) {
        struct ath__rng rng;
        ath__rng_start(&rng, 1, ATH_RNG_TEST, 0, 0);
        for (size_t i = 0; i < pixels; i++) images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
        struct ath__samples samples = {.images = images, .labels = labels, .count = IMAGES};
        status = ath__network_eval(a, &samples, keep_logits, &first, err);
        if (status == ATH_OK) status = ath__network_eval(b, &samples, keep_logits, &second, err);
    }
    *difference = 0.0;
    for (size_t i = 0; status == ATH_OK && i < first.count; i++)
        *difference = fmax(*difference, fabs((double)first.data[i] - (double)second.data[i]));
    ath__free(images);
    ath__free(first.data);
    ath__free(second.data);
    return status;
}

/* The plain model: the same zoo entry and options without the weight transform. */
static ath_status plain_model(struct ath__source *source, ath_model **plain, ath_error *err) {
    ath_tensor_file        file;
    struct ath__model_info info;
    if (ath_tensor_file_metadata(&source->file, "model")) {
        ATH_TRY(ath__model_file_open(source->path, &file, plain, &info, err));
        ath__model_info_free(&info);
        ath_tensor_file_free(&file);
    } else {
        return ath__fail(err, ATH_DATA, source->path, "only a model file written by Athanor can be merged");
    }
    return ath_model_set_reparam(*plain, "none", err);
}

ath_status ath_merge(const ath_config *config, const char *path, ath_merge_result *result, ath_error *err) {
    struct ath__source   source;
    ath_model           *plain = NULL;
    struct ath__network *network = NULL;
    memset(result, 0, sizeof *result);
    ath_status status = ath__source_open(config, NULL, &source, err);
    if (status == ATH_OK) {
        ath__str_copy(result->from, sizeof result->from, ath_model_reparam(source.model));
        status = plain_model(&source, &plain, err);
    }
    if (status == ATH_OK) status = ath__setup_network(source.config, plain, ATH_NETWORK_EVALUATES, NULL, &network, err);
    if (status == ATH_OK) status = merge_weights(source.network, network, err);
    if (status == ATH_OK) status = compare(source.network, network, &result->max_difference, err);
    if (status == ATH_OK) {
        result->images = IMAGES;
        result->params_before = trained_params(source.network->store);
        result->params_after = trained_params(network->store);
        status = ath__model_file_save(path, network, &source.info, err);
    }
    ath__network_destroy(network);
    ath_model_destroy(plain);
    ath__source_close(&source);
    return status;
}
