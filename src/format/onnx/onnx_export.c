/* Networks as ONNX files: operator set 17, IR version 8, an open batch dimension, class names and preprocessing in the
 * model's properties (the keys that the importer reads back).
 */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/onnx/onnx_build.h"
#include "format/onnx/onnx_tensor.h"

#include "athanor_config.h"

#include <string.h>

enum { IR_VERSION = 8, OPSET = 17, MOST_PROPERTIES = 8 };
#define MOST_BYTES ((size_t)1 << 31) /* of one protobuf message */

/* A tensor type of float with an open first dimension. */
static Athanor__Onnx__ValueInfo *value_info(struct ath__onnx_build *b, const char *name, const int64_t *dims,
                                            int rank) {
    Athanor__Onnx__ValueInfo   *info = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__ValueInfo);
    Athanor__Onnx__Type        *type = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__Type);
    Athanor__Onnx__TensorType  *tensor = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__TensorType);
    Athanor__Onnx__TensorShape *shape = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__TensorShape);
    Athanor__Onnx__Dimension  **list = ATH_ARENA_ARRAY(&b->arena, Athanor__Onnx__Dimension *, rank);
    Athanor__Onnx__Dimension   *each = ATH_ARENA_ARRAY(&b->arena, Athanor__Onnx__Dimension, rank);
    if (!info || !type || !tensor || !shape || !list || !each) {
        b->failed = true;
        return NULL;
    }
    athanor__onnx__value_info__init(info);
    athanor__onnx__type__init(type);
    athanor__onnx__tensor_type__init(tensor);
    athanor__onnx__tensor_shape__init(shape);
    for (int i = 0; i < rank; i++) {
        static char batch[] = "batch";
        athanor__onnx__dimension__init(&each[i]);
        each[i].has_dim_value = i > 0;
        each[i].dim_value = dims[i];
        each[i].dim_param = i == 0 ? batch : NULL;
        list[i] = &each[i];
    }
    shape->n_dim = (size_t)rank;
    shape->dim = list;
    tensor->has_elem_type = 1;
    tensor->elem_type = ATH_ONNX_FLOAT;
    tensor->shape = shape;
    type->tensor_type = tensor;
    info->name = ath__arena_strdup(&b->arena, name);
    info->type = type;
    return info;
}

/* ---- properties --------------------------------------------------------------------------------------------------------- */

struct properties {
    Athanor__Onnx__StringEntry *list[MOST_PROPERTIES];
    size_t                      count;
};

static void put(struct ath__onnx_build *b, struct properties *p, const char *key, json_t *json) {
    char                       *text = json ? ath__json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    Athanor__Onnx__StringEntry *entry = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__StringEntry);
    if (!text || !entry || p->count == MOST_PROPERTIES) {
        b->failed = true;
    } else {
        athanor__onnx__string_entry__init(entry);
        entry->key = ath__arena_strdup(&b->arena, key);
        entry->value = ath__arena_strdup(&b->arena, text);
        b->failed = b->failed || !entry->key || !entry->value;
        p->list[p->count++] = entry;
    }
    ath__free(text);
    json_decref(json);
}

static json_t *names_json(const char *const *names, int count) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, json_string(names[i]));
    return list;
}

/* As model files say it. */
static json_t *preprocess_json(const struct ath__export *net) {
    const struct ath__export_images *m = &net->images;
    json_t                          *mean = json_array(), *deviation = json_array();
    bool                             crop = m->crop_height > 0, both = m->resize_height > 0;
    const char                      *fit = m->resize_shorter > 0 ? "shorter"
                                           : both                ? (crop ? "exact" : "stretch")
                                           : crop                ? "crop"
                                                                 : "stretch";
    for (int c = 0; c < net->channels && c < 4; c++) {
        json_array_append_new(mean, json_real(m->mean[c]));
        json_array_append_new(deviation, json_real(m->deviation[c]));
    }
    json_t *json =
        json_pack("{s:i, s:i, s:s, s:o, s:o, s:s}", "height", net->height, "width", net->width, "filter",
                  m->interpolation ? m->interpolation : "bilinear", "mean", mean, "deviation", deviation, "fit", fit);
    if (m->rounding) json_object_set_new(json, "rounding", json_string(m->rounding));
    int fit_height = m->resize_shorter > 0 ? m->resize_shorter : m->resize_height;
    if (fit_height > 0) json_object_set_new(json, "fit_height", json_integer(fit_height));
    if (m->resize_width > 0) json_object_set_new(json, "fit_width", json_integer(m->resize_width));
    return json;
}

static void put_properties(struct ath__onnx_build *b, struct properties *p) {
    const struct ath__export *net = b->net;
    put(b, p, "athanor.preprocess", preprocess_json(net));
    if (net->class_names) put(b, p, "athanor.class_names", names_json(net->class_names, net->classes));
    if (net->class_titles) put(b, p, "athanor.class_titles", names_json(net->class_titles, net->classes));
    if (net->class_groups) put(b, p, "athanor.class_groups", names_json(net->class_groups, net->classes));
}

/* ---- the file -------------------------------------------------------------------------------------------------------------- */

static ath_status write_model(struct ath__onnx_build *b, const char *path, ath_error *err) {
    const struct ath__export  *net = b->net;
    char                       name[256], producer[] = "athanor", version[] = ATHANOR_VERSION;
    struct properties          properties = {.count = 0};
    Athanor__Onnx__Graph       graph = ATHANOR__ONNX__GRAPH__INIT;
    Athanor__Onnx__Model       model = ATHANOR__ONNX__MODEL__INIT;
    Athanor__Onnx__OperatorSet opset = ATHANOR__ONNX__OPERATOR_SET__INIT, *opsets[] = {&opset};
    Athanor__Onnx__ValueInfo  *input =
        value_info(b, "input", (const int64_t[]){1, net->channels, net->height, net->width}, 4);
    Athanor__Onnx__ValueInfo *output =
        value_info(b, net->softmax ? "probabilities" : "logits", (const int64_t[]){1, net->classes}, 2);
    static char domain[] = "";
    put_properties(b, &properties);
    if (b->failed) return ath__fail_memory(err, path);
    ath__str_copy(name, sizeof name, net->name ? net->name : "network");
    graph.name = name;
    graph.n_node = b->node_count;
    graph.node = b->nodes;
    graph.n_initializer = b->tensor_count;
    graph.initializer = b->tensors;
    graph.n_input = graph.n_output = 1;
    graph.input = &input;
    graph.output = &output;
    opset.domain = domain;
    opset.has_version = 1;
    opset.version = OPSET;
    model.has_ir_version = 1;
    model.ir_version = IR_VERSION;
    model.producer_name = producer;
    model.producer_version = version;
    model.graph = &graph;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.n_metadata_props = properties.count;
    model.metadata_props = properties.list;
    size_t size = athanor__onnx__model__get_packed_size(&model);
    if (size >= MOST_BYTES)
        return ath__fail(err, ATH_UNSUPPORTED, path, "an ONNX file holds less than 2 GiB; this network needs %zu bytes",
                         size);
    uint8_t *bytes = ath__alloc(size);
    if (!bytes) return ath__fail_memory(err, path);
    athanor__onnx__model__pack(&model, bytes);
    ath_status status = ath__file_write(path, bytes, size, err);
    ath__free(bytes);
    return status;
}

/* Both nodes of a kept batch norm are one of ONNX's; the first says nothing. */
static ath_status build_node(struct ath__onnx_build *b, const struct ath__node *node, ath_error *err) {
    const struct ath__export_norm *norm = ath__export_norm_of(b->net, node);
    if (!norm) return ath__onnx_build_operator(b, node, err);
    if (node->out[0] == norm->scaled) return ATH_OK;
    const char *const in[] = {ath__onnx_build_value(b, norm->x), ath__onnx_build_value(b, norm->gamma),
                              ath__onnx_build_value(b, norm->beta), ath__onnx_build_value(b, norm->mean),
                              ath__onnx_build_value(b, norm->variance)};
    ath__onnx_build_node(b, "BatchNormalization", in, 5, ath__onnx_build_value(b, norm->y), node);
    ath__onnx_build_real(b, "epsilon", norm->eps);
    return ATH_OK;
}

static ath_status write_onnx(const struct ath__export *net, const void *options, const char *path,
                             struct ath__str *notes, ath_error *err) {
    struct ath__onnx_build b = {.net = net};
    ath_status             status = ATH_OK;
    (void)options;
    b.kept = ATH_NEW_ARRAY(bool, net->graph->value_count + 1);
    if (!b.kept) return ath__fail_memory(err, path);
    for (int i = 0; i < net->graph->order_count && status == ATH_OK; i++)
        status = build_node(&b, ath__export_node(net, i), err);
    if (status == ATH_OK) status = write_model(&b, path, err);
    if (status == ATH_OK)
        ath__str_append(
            notes,
            "class names and preprocessing are in the file's properties (athanor.*), for programs that look there\n");
    ath__free(b.kept);
    ath__free((void *)b.nodes);
    ath__free((void *)b.tensors);
    ath__arena_free(&b.arena);
    return status;
}

const struct ath__graph_format ath__graph_format_onnx = {
    .name = "onnx",
    .summary = "ONNX, operator set 17: for onnxruntime and what else reads it; any batch",
    .endings = "onnx",
    .keeps_norms = true,
    .write = write_onnx,
};
