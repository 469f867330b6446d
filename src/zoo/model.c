/* Models: one description of a network, built into any graph (include/athanor/model.h).
 *
 * A model is a zoo variant with option values, or the net of a YAML file; training, evaluation, export, profile and
 * merge all come through ath_model_build.
 */
#include "zoo/model.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"
#include "zoo/net_file.h"

#include <stdio.h>
#include <string.h>

enum { MOST_CHANNELS = 65536, MOST_SIDE = 65536, MOST_CLASSES = 1000000, MOST_NAMES = 256 };

static const struct ath__option no_options[] = {ATH_OPT_END};

static const struct ath__option *option_table(const ath_model *model) {
    return model->family ? model->family->options : no_options;
}

static bool is_file_name(const char *name) {
    size_t length = strlen(name);
    return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(name + length - 4, ".yml") == 0);
}

static ath_status unknown_name(const char *name, ath_error *err) {
    const char                    *names[MOST_NAMES] = {NULL};
    const struct ath__zoo_family  *family;
    const struct ath__zoo_variant *variant;
    size_t                         count = 0;
    while (count < MOST_NAMES && (variant = ath__zoo_variant_at((int)count, &family)) != NULL)
        names[count++] = variant->name;
    const char *near = ath__str_closest(name, names, count);
    if (near) return ath__fail(err, ATH_USAGE, "model", "no model is called '%s'; did you mean '%s'?", name, near);
    return ath__fail(err, ATH_USAGE, "model",
                     "no model is called '%s'; 'athanor models' lists them, and a file of your own ends in .yaml",
                     name);
}

/* Fills the model from the zoo variant of its name. */
static ath_status open_variant(ath_model *model, ath_error *err) {
    const struct ath__zoo_variant *variant = ath__zoo_find(model->name, &model->family);
    if (!variant) {
        model->family = NULL;
        return unknown_name(model->name, err);
    }
    model->options = ath__alloc_zeroed(model->family->options_size);
    if (!model->options) return ath__fail_memory(err, "model");
    model->channels = variant->channels;
    model->height = variant->height;
    model->width = variant->width;
    model->classes = variant->classes;
    ath__option_defaults(model->family->options, model->options);
    return ath__option_set_all(model->family->options, model->options, "model.", variant->preset, err);
}

static ath_status open_net(ath_model *model, const char *text, size_t size, ath_error *err) {
    ATH_TRY(text ? ath__net_parse(model->name, text, size, &model->net, err)
                 : ath__net_read(model->name, &model->net, err));
    ath__net_header(model->net, &model->channels, &model->height, &model->width, &model->classes);
    return ATH_OK;
}

/* A zoo variant, a file, or (text not NULL) a file's text. */
static ath_status create(const char *name, const char *text, size_t size, ath_model **model, ath_error *err) {
    *model = NULL;
    ath_model *made = ATH_NEW(ath_model);
    if (!made) return ath__fail_memory(err, "model");
    made->name = ath__strdup(name);
    ath_status status = made->name ? ATH_OK : ath__fail_memory(err, "model");
    if (status == ATH_OK)
        status = text || is_file_name(name) ? open_net(made, text, size, err) : open_variant(made, err);
    if (status != ATH_OK) {
        ath_model_destroy(made);
        return status;
    }
    *model = made;
    return ATH_OK;
}

ath_status ath_model_create(const char *name, ath_model **model, ath_error *err) {
    return create(name, NULL, 0, model, err);
}

ath_status ath_model_create_text(const char *name, const char *text, size_t size, ath_model **model, ath_error *err) {
    return create(name, text, size, model, err);
}

const char *ath_model_text(const ath_model *model) {
    return model->net ? ath__net_text(model->net) : NULL;
}

void ath_model_destroy(ath_model *model) {
    if (!model) return;
    ath__net_destroy(model->net);
    ath__free(model->options);
    ath__free(model->name);
    ath__free(model);
}

ath_status ath_model_set(ath_model *model, const char *key, const char *value, ath_error *err) {
    return ath__option_set(option_table(model), model->options, "model.", key, value, err);
}

const char *ath_model_get(ath_model *model, const char *key) {
    const struct ath__option *option = ath__option_find(option_table(model), key);
    if (!option) return NULL;
    ath__option_value_text(option, model->options, model->text, sizeof model->text);
    return model->text;
}

bool ath__model_option_is(const ath_model *model, const char *key, const char *value) {
    const struct ath__option *option = ath__option_find(option_table(model), key);
    char                      text[64];
    if (!option) return false;
    ath__option_value_text(option, model->options, text, sizeof text);
    return strcmp(text, value) == 0;
}

bool ath_model_option_at(ath_model *model, int i, ath_model_option *option) {
    const struct ath__option *row = option_table(model);
    for (; row->name && i > 0; i--) row++;
    if (i < 0 || !row->name) return false;
    ath__option_allowed_text(row, model->text, sizeof model->text);
    *option = (ath_model_option){
        .name = row->name, .summary = row->summary, .fallback = row->fallback, .allowed = model->text};
    return true;
}

ath_status ath_model_set_input(ath_model *model, int channels, int height, int width, ath_error *err) {
    if (channels < 1 || channels > MOST_CHANNELS || height < 1 || height > MOST_SIDE || width < 1 || width > MOST_SIDE)
        return ath__fail(err, ATH_USAGE, "model",
                         "input of %d channels and %dx%d pixels is not possible; each of the three is 1 to %d",
                         channels, height, width, (int)MOST_SIDE);
    model->channels = channels;
    model->height = height;
    model->width = width;
    return ATH_OK;
}

ath_status ath_model_set_classes(ath_model *model, int classes, ath_error *err) {
    if (classes < 2 || classes > MOST_CLASSES)
        return ath__fail(err, ATH_USAGE, "model", "%d classes are not possible; a classifier has 2 to %d", classes,
                         (int)MOST_CLASSES);
    model->classes = classes;
    return ATH_OK;
}

void ath_model_input(const ath_model *model, int *channels, int *height, int *width) {
    *channels = model->channels;
    *height = model->height;
    *width = model->width;
}

int ath_model_classes(const ath_model *model) {
    return model->classes;
}

const char *ath_model_name(const ath_model *model) {
    return model->name;
}

ath_status ath_model_set_reparam(ath_model *model, const char *name, ath_error *err) {
    const struct ath__weight_transform *transform;
    ATH_TRY(ath__weight_transform_find(name, &transform, err));
    model->transform = transform;
    return ATH_OK;
}

const char *ath_model_reparam(const ath_model *model) {
    return model->transform ? model->transform->name : "none";
}

ath_value ath_model_build(const ath_model *model, ath_graph *graph, ath_value x, bool train, ath_value rng) {
    if (ath_graph_status(graph, NULL) != ATH_OK) return ATH_NONE;
    ath_shape shape = ath_value_shape(graph, x);
    if (shape.rank != 4 || shape.dims[1] != model->channels)
        return ath_graph_fail(graph, ATH_USAGE, "%s takes images (N,%d,H,W), but is given rank %d with %lld channels",
                              model->name, model->channels, shape.rank,
                              (long long)(shape.rank > 1 ? shape.dims[1] : 0));
    struct ath__nn nn = ath__nn_start(graph, train, rng);
    nn.transform = model->transform;
    ath_value logits = model->net ? ath__net_build(model->net, &nn, x, model->classes)
                                  : model->family->build(&nn, x, model->options, model->classes);
    if (logits == ATH_NONE) return ATH_NONE;
    ath_shape out = ath_value_shape(graph, logits), right = ath_shape_of(shape.dims[0], model->classes);
    if (ath_shape_equal(&out, &right)) return logits;
    return ath_graph_fail(
        graph, ATH_USAGE,
        "%s ends in a value of rank %d with %lld columns instead of (N,%d) logits; let its last layer "
        "be a linear one with `out: classes`",
        model->name, out.rank, (long long)(out.rank > 1 ? out.dims[1] : 0), model->classes);
}

int64_t ath__model_start_images(const ath_model *model) {
    return model->family && model->family->start ? model->family->start_images : 0;
}

ath_status ath__model_start(const ath_model *model, const struct ath__zoo_images *images, struct ath__store *store,
                            ath_error *err) {
    return model->family->start(model->options, images, store, err);
}

static void count_graph(const ath_graph *graph, ath_model_counts *counts) {
    for (int i = 0; i < graph->value_count; i++) {
        const struct ath__value *value = &graph->values[i];
        int64_t                  size = ath_shape_count(&value->desc.shape);
        if (value->leaf == ATH_LEAF_PARAM && !value->frozen) counts->params += size;
        if (value->leaf == ATH_LEAF_STATE || value->frozen) counts->buffers += size;
    }
    for (int i = 0; i < graph->node_count; i++) {
        const struct ath__node *node = &graph->nodes[i];
        if (!node->op->macs || node->rate != ATH_RATE_BATCH) continue;
        /* Multiply-accumulates read the shapes of images, weights and the result alone. */
        struct ath__desc in[4] = {0}, out = {0};
        for (int j = 0; j < node->ins && j < 4; j++)
            if (node->in[j] != ATH_NONE) in[j] = graph->values[node->in[j]].desc;
        if (node->outs > 0 && node->out[0] != ATH_NONE) out = graph->values[node->out[0]].desc;
        counts->macs += (int64_t)node->op->macs(node->attrs, in, &out);
    }
}

ath_status ath_model_count(const ath_model *model, ath_model_counts *counts, ath_error *err) {
    *counts = (ath_model_counts){0};
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "model");
    ath_value x = ath_input(graph, "x", ATH_F32, ath_shape_of(1, model->channels, model->height, model->width));
    ath_model_build(model, graph, x, false, ATH_NONE);
    ath_status status = ath_graph_status(graph, err);
    if (status == ATH_OK) count_graph(graph, counts);
    ath_graph_destroy(graph);
    return status;
}
