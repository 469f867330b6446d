/* Walking an ONNX graph: names to values, inputs and initialisers, node after node. */
#include "format/onnx/onnx_import.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/ir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    NEWEST_OPSET = 27,   /* whose operators the list was compared with */
    MOST_NODES = 100000, /* of one graph */
    MOST_OPERANDS = 4096,
    LONGEST_SCOPE = 120,
};

struct ath__onnx_slot {
    struct ath__onnx_value *value; /* NULL = empty */
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

static size_t hash_of(const char *name) {
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(hash ^ hash >> 29);
}

struct ath__onnx_value *ath__onnx_find(const struct ath__onnx_importer *im, const char *name) {
    for (size_t at = hash_of(name);; at++) {
        struct ath__onnx_value *value = im->slots[at & (im->slot_count - 1)].value;
        if (!value || strcmp(value->name, name) == 0) return value;
    }
}

bool ath__onnx_is_initializer(const struct ath__onnx_importer *im, const char *name) {
    const struct ath__onnx_value *value = ath__onnx_find(im, name);
    return value && value->initializer;
}

static ath_status fail(struct ath__onnx_importer *im, ath_status code, const char *text, const char *name) {
    if (im->status == ATH_OK) im->status = ath__fail(im->err, code, im->file->path, text, name);
    return im->status;
}

/* A new value under `name`, which must be free. */
static struct ath__onnx_value *define(struct ath__onnx_importer *im, const char *name) {
    if (ath__onnx_find(im, name)) {
        fail(im, ATH_DATA, "the name '%.80s' is given to two values", name);
        return NULL;
    }
    struct ath__onnx_value *made = ATH_ARENA_NEW(&im->arena, struct ath__onnx_value);
    if (!made) {
        im->status = ath__fail_memory(im->err, im->file->path);
        return NULL;
    }
    made->name = name;
    made->graph = ATH_NONE;
    size_t at = hash_of(name);
    while (im->slots[at & (im->slot_count - 1)].value) at++;
    im->slots[at & (im->slot_count - 1)].value = made;
    return made;
}

static ath_status make_slots(struct ath__onnx_importer *im) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    size_t                      names = graph->n_initializer + graph->n_input;
    if (graph->n_node > MOST_NODES) return fail(im, ATH_DATA, "the graph has more than 100000 nodes%s", "");
    for (size_t i = 0; i < graph->n_node; i++) names += graph->node[i]->n_output;
    for (im->slot_count = 64; im->slot_count < 2 * names + 2;) im->slot_count *= 2;
    im->slots = ATH_NEW_ARRAY(struct ath__onnx_slot, im->slot_count);
    return im->slots ? ATH_OK : ath__fail_memory(im->err, im->file->path);
}

/* ---- opset ------------------------------------------------------------------------------------------------------- */

static ath_status read_opset(struct ath__onnx_importer *im) {
    const Athanor__Onnx__Model *model = im->file->model;
    im->opset = 1; /* files of the first version do not say */
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;
        if (!domain || !*domain || strcmp(domain, "ai.onnx") == 0) im->opset = model->opset_import[i]->version;
    }
    if (im->opset >= 1 && im->opset <= NEWEST_OPSET) return ATH_OK;
    return ath__fail(im->err, ATH_UNSUPPORTED, im->file->path,
                     "this file needs operator set %" PRId64 "; 1 to %d are known: export it with an older one",
                     im->opset, (int)NEWEST_OPSET);
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

static ath_status add_initializers(struct ath__onnx_importer *im) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const Athanor__Onnx__Tensor *proto = graph->initializer[i];
        if (!proto->name || !*proto->name) return fail(im, ATH_DATA, "an initializer has no name%s", "");
        struct ath__onnx_tensor *tensor = ATH_ARENA_NEW(&im->arena, struct ath__onnx_tensor);
        struct ath__onnx_value  *value = define(im, proto->name);
        if (!tensor || !value) return im->status != ATH_OK ? im->status : ath__fail_memory(im->err, im->file->path);
        ATH_TRY(ath__onnx_tensor_read(im->file, proto, tensor, im->err));
        value->type = tensor->type;
        value->host = tensor;
        value->initializer = true;
        /* Vectors and larger are weights; a single number, a shape, an index is a constant. */
        value->fixed = tensor->type != ATH_ONNX_FLOAT || tensor->count <= 1 || tensor->rank == 0;
    }
    return ATH_OK;
}

/* The one image input of a model. */
static ath_status add_images(struct ath__onnx_importer *im, ath_value images) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    bool                        found = false;
    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = graph->input[i]->name;
        if (!name || !*name || ath__onnx_find(im, name)) continue;
        if (found)
            return fail(im, ATH_UNSUPPORTED, "a classifier has one input, but this graph has '%s' as well", name);
        struct ath__onnx_value *value = define(im, name);
        if (!value) return im->status;
        value->type = ATH_ONNX_FLOAT;
        value->graph = images;
        found = true;
    }
    return found ? ATH_OK : fail(im, ATH_UNSUPPORTED, "this graph has no input%s", "");
}

static ath_status add_feed(struct ath__onnx_importer *im, const struct ath__onnx_feed *feed) {
    struct ath__onnx_value *value = define(im, feed->name);
    if (!value) return im->status;
    const struct ath__onnx_tensor *tensor = feed->tensor;
    value->type = tensor->type;
    value->host = tensor;
    value->fixed = tensor->type != ATH_ONNX_FLOAT || tensor->count == 0 || tensor->rank > ATH_MAX_RANK;
    if (value->fixed) return ATH_OK;
    value->graph = ath_input(im->graph, feed->name, ATH_F32, ath_shape_make(tensor->rank, tensor->dims));
    return ath_graph_status(im->graph, im->err);
}

static ath_status add_inputs(struct ath__onnx_importer *im, const struct ath__onnx_feed *feeds, int feed_count) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    for (int i = 0; i < feed_count; i++) ATH_TRY(add_feed(im, &feeds[i]));
    for (size_t i = 0; i < graph->n_input; i++)
        if (graph->input[i]->name && !ath__onnx_find(im, graph->input[i]->name))
            return fail(im, ATH_USAGE, "no values are given for the input '%s'", graph->input[i]->name);
    return ATH_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static bool is_own_domain(const char *domain) {
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static void find_op(struct ath__onnx_node *n) {
    const char *name = n->proto->op_type ? n->proto->op_type : "";
    for (int i = 0; is_own_domain(n->proto->domain) && (n->op = ath__onnx_op_at(i)); i++)
        if (strcmp(n->op->name, name) == 0) break;
    if (!n->op) {
        n->im->status = ath__fail(
            n->im->err, ATH_UNSUPPORTED, n->im->file->path,
            "%.60s%s%.40s '%.80s' is not supported: this operator is not imported (docs/onnx.md lists those that are)",
            *name ? name : "(no operator)", is_own_domain(n->proto->domain) ? "" : " of the domain ",
            is_own_domain(n->proto->domain) ? "" : n->proto->domain, n->proto->name ? n->proto->name : "");
        return;
    }
    if (n->opset < n->op->since) ath__onnx_fail(n, ATH_DATA, "the operator exists from opset %d on", n->op->since);
}

/* The layer that a node belongs to: its weight's name without the last part, else its own name without the operator's
 * that PyTorch ends it with. */
static void scope_of(const struct ath__onnx_node *n, char *scope, size_t capacity) {
    const char *name = n->proto->name && *n->proto->name ? n->proto->name
                       : n->proto->n_output > 0          ? n->proto->output[0]
                                                         : "";
    char        end = '/';
    for (size_t i = 1; i < n->proto->n_input && i < 3; i++)
        if (ath__onnx_is_initializer(n->im, n->proto->input[i]) && strchr(n->proto->input[i], '.')) {
            name = n->proto->input[i];
            end = '.';
            break;
        }
    const char *last = strrchr(name, end);
    if (*name == '/') name++;
    size_t length = last && last > name ? (size_t)(last - name) : strlen(name), used = 0;
    for (size_t i = 0; i < length && used + 1 < capacity && used < LONGEST_SCOPE; i++)
        if ((unsigned char)name[i] > 0x20 && (unsigned char)name[i] < 0x7F) scope[used++] = name[i];
    scope[used] = '\0';
}

static ath_status define_outputs(struct ath__onnx_node *n) {
    for (int i = 0; i < n->outs; i++) {
        const char *name = n->proto->output[i];
        if (!*name) continue;
        if (!n->out[i]) {
            ath__onnx_refuse(n, "output %d ('%.60s') is not computed", i, name);
            return n->im->status;
        }
        /* The mapping's value may be an input's (Identity): each name gets a record of its own. */
        struct ath__onnx_value *value = define(n->im, name);
        if (!value) return n->im->status;
        *value = *n->out[i];
        value->name = name;
    }
    return ATH_OK;
}

/* Whether anything reads output i: optional results that nobody reads need not be there. */
static void drop_unread(const struct ath__onnx_importer *im, struct ath__onnx_node *n) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    for (int i = 1; i < n->outs; i++) {
        bool read = n->out[i] != NULL;
        for (size_t k = 0; k < graph->n_node && !read; k++)
            for (size_t j = 0; j < graph->node[k]->n_input && !read; j++)
                read = strcmp(graph->node[k]->input[j], n->proto->output[i]) == 0;
        for (size_t k = 0; k < graph->n_output && !read; k++)
            read = graph->output[k]->name && strcmp(graph->output[k]->name, n->proto->output[i]) == 0;
        if (!read) n->proto->output[i][0] = '\0';
    }
}

static ath_status run_node(struct ath__onnx_importer *im, const Athanor__Onnx__Node *proto) {
    struct ath__onnx_node n = {.im = im, .graph = im->graph, .proto = proto, .opset = im->opset};
    if (proto->n_input > MOST_OPERANDS || proto->n_output > MOST_OPERANDS)
        return fail(im, ATH_DATA, "a node '%.80s' has more than 4096 operands", proto->name ? proto->name : "");
    find_op(&n);
    if (im->status != ATH_OK) return im->status;
    n.ins = (int)proto->n_input;
    n.outs = (int)proto->n_output;
    n.in = ATH_ARENA_ARRAY(&im->arena, struct ath__onnx_value *, n.ins + 1);
    n.out = ATH_ARENA_ARRAY(&im->arena, struct ath__onnx_value *, n.outs + 1);
    if (!n.in || !n.out) return ath__fail_memory(im->err, im->file->path);
    for (int i = 0; i < n.ins; i++) {
        if (!*proto->input[i]) continue;
        n.in[i] = ath__onnx_find(im, proto->input[i]);
        if (!n.in[i])
            ath__onnx_fail(&n, ATH_DATA, "its input '%.80s' is the result of no node before it", proto->input[i]);
    }
    char scope[LONGEST_SCOPE + 8];
    scope_of(&n, scope, sizeof scope);
    ath_scope_push(im->graph, *scope ? scope : proto->op_type);
    if (im->status == ATH_OK) n.op->map(&n);
    ath_error problem;
    if (im->status == ATH_OK && ath_graph_status(im->graph, &problem) != ATH_OK)
        ath__onnx_fail(&n, problem.code == ATH_USAGE ? ATH_DATA : problem.code, "%s", problem.message);
    ath_scope_pop(im->graph);
    if (im->status != ATH_OK) return im->status;
    drop_unread(im, &n);
    return define_outputs(&n);
}

ath_status ath__onnx_import(struct ath__onnx_importer *im, ath_value images, const struct ath__onnx_feed *feeds,
                            int feed_count) {
    const Athanor__Onnx__Graph *graph = im->file->model->graph;
    im->graph = im->nn->graph;
    ATH_TRY(read_opset(im));
    ATH_TRY(make_slots(im));
    /* Feeds come first: an initializer is but the default of an input of the same name. */
    if (im->batch == 0) {
        for (int i = 0; i < feed_count; i++)
            for (size_t k = 0; k < graph->n_initializer; k++)
                if (graph->initializer[k]->name && strcmp(graph->initializer[k]->name, feeds[i].name) == 0)
                    return fail(im, ATH_UNSUPPORTED, "the input '%s' has a value in the file already", feeds[i].name);
    }
    ATH_TRY(add_initializers(im));
    ATH_TRY(im->batch ? add_images(im, images) : add_inputs(im, feeds, feed_count));
    for (size_t i = 0; i < graph->n_node; i++) ATH_TRY(run_node(im, graph->node[i]));
    for (size_t i = 0; i < graph->n_output; i++)
        if (!graph->output[i]->name || !ath__onnx_find(im, graph->output[i]->name))
            return fail(im, ATH_DATA, "the output '%.80s' is the result of no node",
                        graph->output[i]->name ? graph->output[i]->name : "");
    if (graph->n_output == 0) return fail(im, ATH_DATA, "this graph has no output%s", "");
    return im->status;
}

void ath__onnx_import_end(struct ath__onnx_importer *im) {
    ath__free(im->slots);
    ath__free(im->leaves);
    ath__arena_free(&im->arena);
}
