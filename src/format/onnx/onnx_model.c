/* The graph is imported twice, for two batches that do not occur as sizes in practice; what differs between the two
 * depends on the batch (zoo/graph_file.h). A softmax at the end goes: models give logits.
 */
#include "format/onnx/onnx_model.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "zoo/graph_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { USUAL_SIDE = 224, MOST_METADATA = 16 };

static const int64_t batches[2] = {5, 7};

struct import {
    struct ath__onnx_importer im;
    struct ath__nn            nn;
    ath_value                 images, logits;
};

struct job {
    struct ath__onnx_file file;
    struct import         import[2];
    int64_t               channels, height, width, batch;
    ath_error            *err;
};

/* The declared sizes of the image input; open sizes of the image are the usual ones. */
static ath_status read_input(struct job *job) {
    const Athanor__Onnx__Graph      *graph = job->file.model->graph;
    const Athanor__Onnx__TensorType *type = NULL;
    for (size_t i = 0; i < graph->n_input && !type; i++) {
        bool given = false;
        for (size_t k = 0; k < graph->n_initializer && !given; k++)
            given = graph->initializer[k]->name && graph->input[i]->name &&
                    strcmp(graph->initializer[k]->name, graph->input[i]->name) == 0;
        if (!given) type = graph->input[i]->type ? graph->input[i]->type->tensor_type : NULL;
    }
    if (!type || !type->shape || type->shape->n_dim != 4 || type->elem_type != ATH_ONNX_FLOAT)
        return ath__fail(
            job->err, ATH_UNSUPPORTED, job->file.path,
            "this graph is no classifier of images: its input must be float (N,C,H,W); 'athanor infer' runs it");
    int64_t dims[4];
    for (int d = 0; d < 4; d++) {
        const Athanor__Onnx__Dimension *dim = type->shape->dim[d];
        dims[d] = dim->has_dim_value && dim->dim_value > 0 ? dim->dim_value : d == 0 ? 0 : d == 1 ? 3 : USUAL_SIDE;
        if (dims[d] > 65536)
            return ath__fail(job->err, ATH_DATA, job->file.path, "an input of that size is not possible");
    }
    job->batch = dims[0];
    job->channels = dims[1];
    job->height = dims[2];
    job->width = dims[3];
    return ATH_OK;
}

/* What a softmax at the end was given; the value itself if there is none. */
static ath_value before_softmax(const ath_graph *graph, ath_value value) {
    for (ath_value at = value; graph->values[at].leaf == ATH_LEAF_NONE;) {
        const struct ath__node *node = &graph->nodes[graph->values[at].node];
        if (node->op == &ath__op_softmax) return node->in[0];
        if (node->op != &ath__op_reshape && node->op != &ath__op_permute) return value;
        at = node->in[0];
    }
    return value;
}

static ath_status import_for(struct job *job, int which) {
    struct import *import = &job->import[which];
    ath_graph     *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(job->err, job->file.path);
    import->nn = ath__nn_start(graph, true, ATH_NONE);
    import->nn.rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    import->images =
        ath_input(graph, "images", ATH_F32, ath_shape_of(batches[which], job->channels, job->height, job->width));
    import->im = (struct ath__onnx_importer){
        .file = &job->file, .nn = &import->nn, .batch = batches[which], .declared_batch = job->batch, .err = job->err};
    ATH_TRY(ath__onnx_import(&import->im, import->images, NULL, 0));
    struct ath__onnx_value *output = ath__onnx_find(&import->im, job->file.model->graph->output[0]->name);
    if (output->graph == ATH_NONE || output->type != ATH_ONNX_FLOAT)
        return ath__fail(job->err, ATH_UNSUPPORTED, job->file.path,
                         "this graph is no classifier: its output is a constant");
    import->logits = before_softmax(graph, output->graph);
    ath_shape shape = ath_value_shape(graph, import->logits);
    int64_t   classes = shape.rank >= 2 ? shape.dims[1] : 0;
    if (classes < 2 || ath_shape_count(&shape) != batches[which] * classes)
        return ath__fail(job->err, ATH_UNSUPPORTED, job->file.path,
                         "this graph is no classifier: its output must be (N, classes); 'athanor infer' runs it");
    if (shape.rank != 2) import->logits = ath_reshape(graph, import->logits, ath_shape_of(batches[which], classes));
    return ath_graph_status(graph, job->err);
}

/* ---- into the file ----------------------------------------------------------------------------------------------------- */

static ath_status put(struct ath__tensor_owner *owner, ath_tensor_file *file, const char *key, const char *value,
                      ath_error *err) {
    const char *copy = ath__arena_strdup(&owner->arena, value);
    if (!copy || file->metadata_count == MOST_METADATA) return ath__fail_memory(err, key);
    file->metadata[file->metadata_count++] = (ath_metadata){key, copy};
    return ATH_OK;
}

/* What Athanor's own ONNX files say of images and classes. */
static ath_status put_properties(const struct job *job, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                 const char *path, ath_error *err) {
    static const char *const kept[] = {"class_names", "class_groups", "preprocess"};
    for (size_t i = 0; i < job->file.model->n_metadata_props; i++) {
        const Athanor__Onnx__StringEntry *entry = job->file.model->metadata_props[i];
        for (size_t k = 0; k < sizeof kept / sizeof kept[0] && entry->key && entry->value; k++) {
            char key[32];
            snprintf(key, sizeof key, "athanor.%s", kept[k]);
            if (strcmp(entry->key, key) != 0) continue;
            ATH_TRY(ath__tensor_text_check(path, entry->value, err));
            ATH_TRY(put(owner, file, kept[k], entry->value, err));
        }
    }
    return ATH_OK;
}

static ath_status put_metadata(const struct job *job, struct ath__tensor_owner *owner, ath_tensor_file *file,
                               const char *path, const char *text, int64_t classes, ath_error *err) {
    char        input[96], count[24];
    const char *slash = strrchr(path, '/');
    file->metadata = ATH_ARENA_ARRAY(&owner->arena, ath_metadata, MOST_METADATA);
    if (!file->metadata) return ath__fail_memory(err, path);
    snprintf(input, sizeof input, "%" PRId64 "x%" PRId64 "x%" PRId64, job->channels, job->height, job->width);
    snprintf(count, sizeof count, "%" PRId64, classes);
    ATH_TRY(put(owner, file, "format", "athanor 1", err));
    ATH_TRY(put(owner, file, "model", slash ? slash + 1 : path, err));
    ATH_TRY(put(owner, file, "net", text, err));
    ATH_TRY(put(owner, file, "input", input, err));
    ATH_TRY(put(owner, file, "classes", count, err));
    return put_properties(job, owner, file, path, err);
}

static ath_status put_tensors(const struct ath__onnx_importer *im, struct ath__tensor_owner *owner,
                              ath_tensor_file *file, const char *path, ath_error *err) {
    file->tensors = ATH_ARENA_ARRAY(&owner->arena, ath_named_tensor, im->leaf_count + 1);
    if (!file->tensors) return ath__fail_memory(err, path);
    for (int i = 0; i < im->leaf_count; i++) {
        const struct ath__onnx_tensor *tensor = im->leaves[i].tensor;
        size_t                         bytes = (size_t)tensor->count * sizeof(float);
        ath_named_tensor              *to = &file->tensors[file->tensor_count];
        to->name = ath__arena_strdup(&owner->arena, im->leaves[i].name);
        to->tensor =
            (ath_tensor){ATH_F32, ath_shape_make(tensor->rank, tensor->dims), ath__arena_alloc(&owner->arena, bytes)};
        if (!to->name || !to->tensor.data) return ath__fail_memory(err, path);
        memcpy(to->tensor.data, tensor->data, bytes);
        file->tensor_count++;
    }
    return ATH_OK;
}

static ath_status describe(struct job *job, struct ath__tensor_owner *owner, ath_tensor_file *file, const char *path) {
    struct ath__str        text = {0};
    const struct import   *a = &job->import[0], *b = &job->import[1];
    int64_t                classes = ath_value_shape(a->nn.graph, a->logits).dims[1];
    struct ath__dag_source source = {.name = "imported",
                                     .graph = {a->nn.graph, b->nn.graph},
                                     .batch = {batches[0], batches[1]},
                                     .input = a->images,
                                     .output = a->logits,
                                     .channels = job->channels,
                                     .height = job->height,
                                     .width = job->width,
                                     .classes = classes};
    ath_status             status = a->logits == b->logits
                                        ? ath__dag_write(&source, &text, job->err)
                                        : ath__fail(job->err, ATH_UNSUPPORTED, path, "the network differs between batches");
    if (status == ATH_OK) status = put_metadata(job, owner, file, path, ath__str_text(&text), classes, job->err);
    if (status == ATH_OK) status = put_tensors(&a->im, owner, file, path, job->err);
    ath__str_free(&text);
    return status;
}

ath_status ath__onnx_model_read(const char *path, struct ath__tensor_owner *owner, ath_tensor_file *file,
                                ath_error *err) {
    struct job job = {.err = err};
    ath_status status = ath__onnx_file_read(path, owner->mapping.data, owner->mapping.size, &job.file, err);
    if (status == ATH_OK) status = read_input(&job);
    for (int i = 0; i < 2 && status == ATH_OK; i++) status = import_for(&job, i);
    if (status == ATH_OK) status = describe(&job, owner, file, path);
    for (int i = 0; i < 2; i++) {
        ath_graph_destroy(job.import[i].nn.graph);
        ath__onnx_import_end(&job.import[i].im);
    }
    ath__onnx_file_close(&job.file);
    return status;
}

const struct ath__tensor_format ath__tensor_format_onnx = {
    .name = "onnx",
    .summary = "ONNX's .onnx: a classifier's graph with its weights, trained on as a model of its own",
    .endings = "",
    .recognise = ath__onnx_is_model,
    .read = ath__onnx_model_read,
};
