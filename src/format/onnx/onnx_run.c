/* Import, compile, run once. */
#include "format/onnx/onnx_run.h"

#include "base/error.h"
#include "contract/device.h"
#include "device/choose.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "graph/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct run {
    struct ath__onnx_file    *file;
    struct ath__onnx_feed    *feeds;
    int                       feed_count;
    struct ath__onnx_importer im;
    struct ath__nn            nn;
    struct ath__store        *store;
    struct ath__plan         *plan;
    const char              **computed; /* name in the plan of output i; NULL = known on the host */
    struct ath__arena        *arena;
    ath_error                *err;
};

static const Athanor__Onnx__ValueInfo *input_at(const struct ath__onnx_file *file, int i) {
    const Athanor__Onnx__Graph *graph = file->model->graph;
    for (size_t k = 0; k < graph->n_input; k++) {
        bool given = !graph->input[k]->name || !*graph->input[k]->name;
        for (size_t j = 0; j < graph->n_initializer && !given; j++)
            given = graph->initializer[j]->name && strcmp(graph->initializer[j]->name, graph->input[k]->name) == 0;
        if (!given && i-- == 0) return graph->input[k];
    }
    return NULL;
}

const char *ath__onnx_input_name(const struct ath__onnx_file *file, int i) {
    const Athanor__Onnx__ValueInfo *info = input_at(file, i);
    return info ? info->name : NULL;
}

/* Fixed sizes are as declared; the first dimension, a batch, may differ. */
static ath_status check_shape(struct run *r, const Athanor__Onnx__ValueInfo *info, const struct ath__onnx_tensor *t) {
    const Athanor__Onnx__TensorType *type = info->type ? info->type->tensor_type : NULL;
    if (!type || !type->shape) return ATH_OK;
    if (type->shape->n_dim != (size_t)t->rank) return ATH_OK; /* the nodes that read it will tell */
    for (int d = 1; d < t->rank; d++) {
        const Athanor__Onnx__Dimension *dim = type->shape->dim[d];
        if (dim->has_dim_value && dim->dim_value > 0 && dim->dim_value != t->dims[d])
            return ath__fail(r->err, ATH_DATA, info->name,
                             "dimension %d of the input '%.80s' is %" PRId64 ", of the array given %" PRId64, d,
                             info->name, dim->dim_value, t->dims[d]);
    }
    return ATH_OK;
}

static ath_status convert_feed(struct run *r, struct ath__onnx_feed *feed) {
    const Athanor__Onnx__ValueInfo *info;
    for (int i = 0; (info = input_at(r->file, i)) && strcmp(info->name, feed->name) != 0;) i++;
    if (!info) return ath__fail(r->err, ATH_USAGE, r->file->path, "the graph has no input '%.80s'", feed->name);
    ATH_TRY(check_shape(r, info, feed->tensor));
    int wanted = info->type && info->type->tensor_type ? info->type->tensor_type->elem_type : feed->tensor->type;
    if (wanted == feed->tensor->type || ath__onnx_type_size(wanted) == 0) return ATH_OK;
    struct ath__onnx_tensor *made = ath__onnx_tensor_new(r->arena, wanted, feed->tensor->rank, feed->tensor->dims);
    if (!made) return ath__fail_memory(r->err, feed->name);
    bool bits = feed->tensor->type == ATH_ONNX_UINT16 && wanted == ATH_ONNX_BFLOAT16;
    if (bits && made->count > 0) /* NumPy has no bfloat16: its bits come as uint16 */
        memcpy(made->data, feed->tensor->data, (size_t)made->count * 2);
    for (int64_t i = 0; !bits && i < made->count; i++) ath__onnx_put(made, i, ath__onnx_get(feed->tensor, i));
    feed->tensor = made;
    return ATH_OK;
}

/* What is but another view of an input or parameter has no memory of its own to be kept. */
static ath_value own_memory(ath_graph *graph, ath_value value) {
    ath_value at = value;
    while (graph->values[at].leaf == ATH_LEAF_NONE) {
        const struct ath__node *node = &graph->nodes[graph->values[at].node];
        if (!(node->op->traits & ATH_OP_VIEW)) return value;
        at = node->in[0];
    }
    return ath_scale(graph, value, 1.0, 0.0);
}

/* Values that nodes compute become outputs of the graph; the rest is known. */
static ath_status mark_outputs(struct run *r, bool *any) {
    const Athanor__Onnx__Graph *graph = r->file->model->graph;
    r->computed = ATH_ARENA_ARRAY(r->arena, const char *, graph->n_output);
    if (!r->computed) return ath__fail_memory(r->err, r->file->path);
    for (size_t i = 0; i < graph->n_output; i++) {
        const struct ath__onnx_value *value = ath__onnx_find(&r->im, graph->output[i]->name);
        if (value->host) continue;
        *any = true;
        char name[48];
        snprintf(name, sizeof name, "output.%zu", i);
        ath_value kept = own_memory(r->nn.graph, value->graph);
        ath_output(r->nn.graph, kept, name);
        ATH_TRY(ath_graph_status(r->nn.graph, r->err));
        r->computed[i] = r->nn.graph->values[kept].name;
    }
    return ATH_OK;
}

static ath_status fill_store(struct run *r) {
    ATH_TRY(ath__store_create(r->nn.graph, NULL, NULL, &r->store, r->err));
    for (int i = 0; i < r->im.leaf_count; i++) {
        const struct ath__onnx_leaf *leaf = &r->im.leaves[i];
        struct ath__entry           *entry = ath__store_find(r->store, leaf->name);
        if (entry) memcpy(entry->data, leaf->tensor->data, (size_t)leaf->tensor->count * sizeof(float));
    }
    return ATH_OK;
}

static ath_status compile_and_run(struct run *r) {
    struct ath__compile_options options = {.device = ath__device_cpu(), .bind = ath__store_bind, .context = r->store};
    ath_graph                  *graph = r->nn.graph;
    r->nn.graph = NULL; /* the plan's from here on, also after a failure */
    ATH_TRY(ath__plan_compile(graph, &options, &r->plan, r->err));
    for (int i = 0; i < r->feed_count; i++) {
        const struct ath__onnx_value *value = ath__onnx_find(&r->im, r->feeds[i].name);
        if (value->graph != ATH_NONE && !value->fixed)
            ATH_TRY(ath__plan_input(r->plan, r->feeds[i].name, r->feeds[i].tensor->data, r->err));
    }
    ATH_TRY(ath__plan_refresh(r->plan, 1, r->err));
    return ath__plan_run(r->plan, ATH_PHASE_BODY, 0, r->err);
}

static ath_status collect(struct run *r, struct ath__onnx_result *results) {
    const Athanor__Onnx__Graph *graph = r->file->model->graph;
    for (size_t i = 0; i < graph->n_output; i++) {
        const struct ath__onnx_value *value = ath__onnx_find(&r->im, graph->output[i]->name);
        struct ath__desc              desc = {.shape = {.rank = 0}};
        const float                  *data = NULL;
        struct ath__onnx_tensor      *made;
        if (r->computed[i]) {
            data = ath__plan_output(r->plan, r->computed[i], &desc);
            if (!data) return ath__fail(r->err, ATH_FAILED, r->file->path, "an output was not computed");
            made = ath__onnx_tensor_new(r->arena, value->type, desc.shape.rank, desc.shape.dims);
        } else {
            made = ath__onnx_tensor_new(r->arena, value->type, value->host->rank, value->host->dims);
        }
        const char *name = ath__arena_strdup(r->arena, graph->output[i]->name);
        if (!made || !name) return ath__fail_memory(r->err, r->file->path);
        for (int64_t k = 0; data && k < made->count; k++) ath__onnx_put(made, k, (double)data[k]);
        if (!data && made->count > 0)
            memcpy(made->data, value->host->data, (size_t)made->count * ath__onnx_type_size(made->type));
        results[i] = (struct ath__onnx_result){name, *made};
    }
    return ATH_OK;
}

ath_status ath__onnx_run(struct ath__onnx_file *file, const struct ath__onnx_feed *feeds, int feed_count,
                         struct ath__arena *arena, struct ath__onnx_result **results, int *count, ath_error *err) {
    struct run r = {.file = file, .feed_count = feed_count, .arena = arena, .err = err};
    bool       any = false;
    ath_status status = ATH_OK;
    *count = (int)file->model->graph->n_output;
    *results = ATH_ARENA_ARRAY(arena, struct ath__onnx_result, *count + 1);
    r.feeds = ATH_ARENA_ARRAY(arena, struct ath__onnx_feed, feed_count + 1);
    ath_graph *graph = ath_graph_create();
    if (!graph || !*results || !r.feeds) status = ath__fail_memory(err, file->path);
    for (int i = 0; i < feed_count && status == ATH_OK; i++) {
        r.feeds[i] = feeds[i];
        status = convert_feed(&r, &r.feeds[i]);
    }
    r.nn = ath__nn_start(graph, false, ATH_NONE);
    r.im = (struct ath__onnx_importer){.file = file, .nn = &r.nn, .err = err};
    if (status == ATH_OK) status = ath__onnx_import(&r.im, ATH_NONE, r.feeds, feed_count);
    if (status == ATH_OK) status = mark_outputs(&r, &any);
    if (status == ATH_OK && any) status = fill_store(&r);
    if (status == ATH_OK && any) status = compile_and_run(&r);
    if (status == ATH_OK) status = collect(&r, *results);
    ath__plan_destroy(r.plan);
    ath_graph_destroy(r.nn.graph);
    ath__store_destroy(r.store);
    ath__onnx_import_end(&r.im);
    return status;
}
