/* The row of MindIR, MindSpore's format for networks: mindspore.load and nn.GraphCell run it.
 *
 * Written is the dialect of MindSpore 2.x, whose operators take most of their settings as operands. The preprocessing and the
 * classes go along as texts under user_info, which MindSpore hands out with the model.
 */
#include "format/mindspore/mindir.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/mindspore/proto_sink.h"

#include <inttypes.h>
#include <string.h>

#include "athanor_config.h"

enum { MIND_IR_VERSION = 3, TYPE_F32 = 1, INFO = 2 };

static char *own(const char *text) {
    return (char *)(uintptr_t)text; /* packing does not write to it */
}

/* Input and output with their shapes. */
struct ends {
    Athanor__Mindir__TensorProto    tensor[2], *tensors[2];
    Athanor__Mindir__ValueInfoProto info[2], *infos[2];
    int64_t                         dims[2][ATH_MAX_RANK];
};

static void describe_end(struct ends *ends, int i, const char *name, const ath_shape *shape) {
    athanor__mindir__tensor_proto__init(&ends->tensor[i]);
    athanor__mindir__value_info_proto__init(&ends->info[i]);
    memcpy(ends->dims[i], shape->dims, sizeof ends->dims[i]);
    ends->tensor[i].n_dims = (size_t)shape->rank;
    ends->tensor[i].dims = ends->dims[i];
    ends->tensor[i].has_data_type = 1;
    ends->tensor[i].data_type = TYPE_F32;
    ends->tensors[i] = &ends->tensor[i];
    ends->info[i].name = own(name);
    ends->info[i].n_tensor = 1;
    ends->info[i].tensor = &ends->tensors[i];
    ends->infos[i] = &ends->info[i];
}

/* ---- what belongs to the network -------------------------------------------------------------------------------- */

static json_t *texts(const char *const *list, int count) {
    json_t *array = json_array();
    for (int i = 0; list && i < count; i++) json_array_append_new(array, json_string(list[i]));
    return array;
}

static char *preprocess_text(const struct ath__export *net) {
    const struct ath__export_images *images = &net->images;
    json_t                          *mean = json_array(), *deviation = json_array();
    for (int c = 0; c < net->channels && c < 4; c++) {
        json_array_append_new(mean, json_real(images->mean[c]));
        json_array_append_new(deviation, json_real(images->deviation[c]));
    }
    json_t *json = json_pack("{s:[i,i], s:i, s:[i,i], s:s, s:o, s:o}", "resize", images->resize_height,
                             images->resize_width, "resize_shorter", images->resize_shorter, "crop",
                             images->crop_height, images->crop_width, "interpolation",
                             images->interpolation ? images->interpolation : "", "mean", mean, "deviation", deviation);
    if (images->rounding) json_object_set_new(json, "rounding", json_string(images->rounding));
    char *text = ath__json_text(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(json);
    return text;
}

static char *classes_text(const struct ath__export *net) {
    json_t *json = texts(net->class_names, net->classes);
    char   *text = ath__json_text(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static ath_status pack(struct ath__mindir *m, struct ends *ends,
                       Athanor__Mindir__ModelProto__UserInfoEntry *const *info, const char *path) {
    Athanor__Mindir__GraphProto graph = ATHANOR__MINDIR__GRAPH_PROTO__INIT;
    Athanor__Mindir__ModelProto model = ATHANOR__MINDIR__MODEL_PROTO__INIT;
    struct ath__proto_sink     *sink;
    graph.name = own(m->net->name);
    graph.n_node = m->nodes.count;
    graph.node = (Athanor__Mindir__NodeProto **)m->nodes.items;
    graph.n_parameter = m->parameters.count;
    graph.parameter = (Athanor__Mindir__TensorProto **)m->parameters.items;
    graph.n_input = graph.n_output = 1;
    graph.input = &ends->infos[0];
    graph.output = &ends->infos[1];
    model.ir_version = own("1.1");
    model.producer_name = own("Athanor");
    model.producer_version = own(ATHANOR_VERSION);
    model.model_version = own("2.0.0");
    model.graph = &graph;
    model.has_little_endian = 1;
    model.little_endian = 1;
    model.n_primitives = m->primitives.count;
    model.primitives = (Athanor__Mindir__PrimitiveProto **)m->primitives.items;
    model.has_mind_ir_version = 1;
    model.mind_ir_version = MIND_IR_VERSION;
    model.n_user_info = INFO;
    model.user_info = (Athanor__Mindir__ModelProto__UserInfoEntry **)(uintptr_t)info;
    if (athanor__mindir__model_proto__get_packed_size(&model) > INT32_MAX)
        return ath__fail(m->err, ATH_UNSUPPORTED, path,
                         "a network of 2 GiB and more does not fit into one protobuf file");
    ATH_TRY(ath__proto_sink_open(path, &sink, m->err));
    athanor__mindir__model_proto__pack_to_buffer(&model, &sink->base);
    return ath__proto_sink_close(sink);
}

static ath_status build(struct ath__mindir *m, const char *path) {
    const struct ath__export                  *net = m->net;
    struct ends                                ends;
    char                                       input[160];
    Athanor__Mindir__ModelProto__UserInfoEntry entries[INFO], *const list[INFO] = {&entries[0], &entries[1]};
    snprintf(input, sizeof input, "%.64s:%.64s", net->name, net->graph->values[net->input].name);
    m->names[net->input] = input;
    for (int i = 0; i < net->graph->order_count; i++) ATH_TRY(ath__mindir_node(m, ath__export_node(net, i)));
    describe_end(&ends, 0, input, &net->graph->values[net->input].desc.shape);
    describe_end(&ends, 1, m->names[net->output], &net->graph->values[net->output].desc.shape);
    char *preprocess = preprocess_text(net), *classes = classes_text(net);
    for (int i = 0; i < INFO; i++) athanor__mindir__model_proto__user_info_entry__init(&entries[i]);
    entries[0].key = own("athanor.preprocess");
    entries[0].value = preprocess;
    entries[1].key = own("athanor.class_names");
    entries[1].value = classes;
    ath_status status = preprocess && classes ? pack(m, &ends, list, path) : ath__fail_memory(m->err, path);
    ath__free(preprocess);
    ath__free(classes);
    return status;
}

static ath_status write_mindir(const struct ath__export *net, const void *options, const char *path,
                               struct ath__str *notes, ath_error *err) {
    struct ath__mindir m = {.net = net, .err = err};
    (void)options;
    m.names = ath__alloc_array((size_t)net->graph->value_count + 1, sizeof *m.names);
    ath_status status = m.names ? build(&m, path) : ath__fail_memory(err, path);
    if (status == ATH_OK)
        ath__str_append(notes, "the image has to be resized and normalised before; how, and the classes, stand in the "
                               "file's user_info\n");
    ath__free(m.names);
    ath__arena_free(&m.arena);
    return status;
}

const struct ath__graph_format ath__graph_format_mindir = {
    .name = "mindir",
    .summary = "MindSpore's network: mindspore.load and nn.GraphCell (2.x)",
    .endings = "mindir",
    .write = write_mindir,
};
