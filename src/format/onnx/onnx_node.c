/* What mappings ask of a node: attributes, inputs on the host and in the graph, outputs. */
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/onnx/onnx_import.h"
#include "graph/ir.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_CONSTANT = 64, MOST_HOST_BYTES = 256 << 20, MOST_VALUE_ELEMENTS = 1 << 29, LONGEST_NAME = 200 };

static void fail_with(struct ath__onnx_node *n, ath_status code, const char *format, va_list args) {
    char text[400];
    if (n->im->status != ATH_OK) return;
    vsnprintf(text, sizeof text, format, args);
    const char *name = n->proto->name ? n->proto->name : "";
    if (!*name && n->proto->n_output > 0) name = n->proto->output[0];
    n->im->status =
        ath__fail(n->im->err, code, n->im->file->path, "%s '%.80s' (opset %lld)%s: %s", n->op ? n->op->name : "node",
                  name, (long long)n->opset, code == ATH_UNSUPPORTED ? " is not supported" : "", text);
}

void ath__onnx_fail(struct ath__onnx_node *n, ath_status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_with(n, code, format, args);
    va_end(args);
}

void ath__onnx_refuse(struct ath__onnx_node *n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_with(n, ATH_UNSUPPORTED, format, args);
    va_end(args);
}

bool ath__onnx_failed(const struct ath__onnx_node *n) {
    return n->im->status != ATH_OK || ath_graph_status(n->graph, NULL) != ATH_OK;
}

static void *no_memory(struct ath__onnx_node *n) {
    if (n->im->status == ATH_OK) n->im->status = ath__fail_memory(n->im->err, n->im->file->path);
    return NULL;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

const Athanor__Onnx__Attribute *ath__onnx_attr(const struct ath__onnx_node *n, const char *name) {
    for (size_t i = 0; i < n->proto->n_attribute; i++)
        if (n->proto->attribute[i]->name && strcmp(n->proto->attribute[i]->name, name) == 0)
            return n->proto->attribute[i];
    return NULL;
}

int64_t ath__onnx_attr_int(const struct ath__onnx_node *n, const char *name, int64_t fallback) {
    const Athanor__Onnx__Attribute *attr = ath__onnx_attr(n, name);
    return attr && attr->has_i ? attr->i : fallback;
}

double ath__onnx_attr_real(const struct ath__onnx_node *n, const char *name, double fallback) {
    const Athanor__Onnx__Attribute *attr = ath__onnx_attr(n, name);
    return attr && attr->has_f ? (double)attr->f : fallback;
}

const char *ath__onnx_attr_text(struct ath__onnx_node *n, const char *name, const char *fallback) {
    const Athanor__Onnx__Attribute *attr = ath__onnx_attr(n, name);
    if (!attr || !attr->has_s) return fallback;
    char *copy = ath__arena_alloc(&n->im->arena, attr->s.len + 1);
    if (!copy) return no_memory(n);
    if (attr->s.len > 0) memcpy(copy, attr->s.data, attr->s.len);
    return copy;
}

int ath__onnx_attr_ints(struct ath__onnx_node *n, const char *name, int64_t *list, int capacity) {
    const Athanor__Onnx__Attribute *attr = ath__onnx_attr(n, name);
    if (!attr) return -1;
    if (attr->n_ints > (size_t)capacity) {
        ath__onnx_refuse(n, "'%s' has %zu numbers; at most %d are possible", name, attr->n_ints, capacity);
        return 0;
    }
    for (size_t i = 0; i < attr->n_ints; i++) list[i] = attr->ints[i];
    return (int)attr->n_ints;
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

bool ath__onnx_has(const struct ath__onnx_node *n, int i) {
    return i < n->ins && n->in[i];
}

int ath__onnx_dims(const struct ath__onnx_importer *im, const struct ath__onnx_value *v, int64_t *dims) {
    if (v->graph == ATH_NONE && v->host) {
        for (int i = 0; i < v->host->rank; i++) dims[i] = v->host->dims[i];
        return v->host->rank;
    }
    ath_shape shape = ath_value_shape(im->graph, v->graph);
    for (int i = 0; i < shape.rank; i++) dims[i] = shape.dims[i];
    return shape.rank;
}

bool ath__onnx_shape(struct ath__onnx_node *n, const struct ath__onnx_value *v, ath_shape *shape) {
    int64_t dims[ATH_ONNX_MAX_RANK] = {0};
    *shape = (ath_shape){.rank = 0};
    if (!v) {
        ath__onnx_fail(n, ATH_DATA, "an input is missing");
        return false;
    }
    int rank = ath__onnx_dims(n->im, v, dims);
    if (rank > ATH_MAX_RANK) {
        ath__onnx_refuse(n, "a value has %d dimensions; up to %d are computed with", rank, (int)ATH_MAX_RANK);
        return false;
    }
    *shape = ath_shape_make(rank, dims);
    return n->im->status == ATH_OK;
}

bool ath__onnx_axis(struct ath__onnx_node *n, int64_t axis, int rank, int *out) {
    *out = 0;
    if (axis < -rank || axis >= rank) {
        ath__onnx_fail(n, ATH_DATA, "axis %lld does not exist in %d dimensions", (long long)axis, rank);
        return false;
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

int ath__onnx_ints(struct ath__onnx_node *n, int i, const char *what, int64_t *list, int capacity) {
    const struct ath__onnx_value *v = ath__onnx_has(n, i) ? n->in[i] : NULL;
    if (!v || !v->host) {
        ath__onnx_refuse(n, v ? "its %s depend on the image; they must be constant" : "its input for %s is missing",
                         what);
        return -1;
    }
    if (v->host->count > capacity) {
        ath__onnx_refuse(n, "%lld numbers for %s; at most %d are possible", (long long)v->host->count, what, capacity);
        return -1;
    }
    for (int64_t k = 0; k < v->host->count; k++) {
        double value = ath__onnx_get(v->host, k);
        list[k] = value >= 9223372036854775808.0    ? INT64_MAX
                  : value <= -9223372036854775808.0 ? INT64_MIN
                                                    : (int64_t)value;
    }
    return (int)v->host->count;
}

double ath__onnx_number(struct ath__onnx_node *n, int i, const char *what, double fallback) {
    if (!ath__onnx_has(n, i)) return fallback;
    if (n->in[i]->host && n->in[i]->host->count == 1) return ath__onnx_get(n->in[i]->host, 0);
    ath__onnx_refuse(n, "its %s must be one constant number", what);
    return fallback;
}

/* ---- into the graph ---------------------------------------------------------------------------------------------- */

static bool add_leaf(struct ath__onnx_node *n, const char *name, ath_value value,
                     const struct ath__onnx_tensor *tensor) {
    struct ath__onnx_importer *im = n->im;
    if (im->leaf_count == im->leaf_capacity) {
        int                    wider = im->leaf_capacity ? 2 * im->leaf_capacity : 64;
        struct ath__onnx_leaf *moved = ath__realloc(im->leaves, (size_t)wider * sizeof *moved);
        if (!moved) return no_memory(n) != NULL;
        im->leaves = moved;
        im->leaf_capacity = wider;
    }
    im->leaves[im->leaf_count++] = (struct ath__onnx_leaf){name, value, tensor};
    return true;
}

/* Leaves are named without the scope of the node that reads them first. */
static const char *leave_scope(ath_graph *graph, char *scope, size_t capacity) {
    ath__str_copy(scope, capacity, graph->scope);
    size_t length = strlen(scope);
    if (length > 0) scope[length - 1] = '\0';
    ath_scope_pop(graph);
    return scope;
}

/* A name for parameter files: the file's own if it is text of a reasonable length. */
static const char *leaf_name(struct ath__onnx_node *n, const char *name) {
    bool usable =
        *name && strlen(name) <= LONGEST_NAME && strncmp(name, "optimizer.", 10) != 0 && strcmp(name, "x") != 0;
    uint32_t code;
    for (const char *at = name; usable && *at;) {
        int length = ath__utf8_next(at, &code);
        usable = length > 0 && code > 0x20 && code != 0x7F;
        at += length;
    }
    if (usable) return name;
    char text[32];
    snprintf(text, sizeof text, "tensor.%d", n->im->constants++);
    const char *copy = ath__arena_strdup(&n->im->arena, text);
    return copy ? copy : no_memory(n);
}

enum leaf_kind { LEAF_PARAM, LEAF_STATE };

static ath_value make_leaf(struct ath__onnx_node *n, const char *wanted, const struct ath__onnx_tensor *tensor,
                           enum leaf_kind kind, ath_init init) {
    char        scope[300];
    const char *name = leaf_name(n, wanted);
    if (!name || ath__onnx_failed(n)) return ATH_NONE;
    if (tensor->rank > ATH_MAX_RANK || tensor->count == 0) {
        ath__onnx_refuse(n,
                         "'%.60s' has %d dimensions and %lld elements; 1 to %d dimensions are possible, and none empty",
                         name, tensor->rank, (long long)tensor->count, (int)ATH_MAX_RANK);
        return ATH_NONE;
    }
    ath_shape   shape = ath_shape_make(tensor->rank, tensor->dims);
    const char *outer = leave_scope(n->graph, scope, sizeof scope);
    ath_value   value =
        kind == LEAF_PARAM ? ath_param(n->graph, name, shape, init) : ath_state(n->graph, name, shape, init);
    ath_scope_push(n->graph, outer);
    if (value == ATH_NONE || !add_leaf(n, name, value, tensor)) return ATH_NONE;
    return value;
}

/* Numbers of any type as float32. Whole numbers have to survive it. */
static const struct ath__onnx_tensor *as_float(struct ath__onnx_node *n, const struct ath__onnx_tensor *tensor) {
    if (tensor->type == ATH_ONNX_FLOAT) return tensor;
    struct ath__onnx_tensor *made = ath__onnx_host_new(n, ATH_ONNX_FLOAT, tensor->rank, tensor->dims);
    for (int64_t i = 0; made && i < tensor->count; i++) {
        double value = ath__onnx_get(tensor, i);
        ath__onnx_put(made, i, value);
        if (ath__onnx_type_is_integer(tensor->type) && ath__onnx_get(made, i) != value) {
            ath__onnx_refuse(n, "element type %s: the number %.0f is not exact in float32",
                             ath__onnx_type_name(tensor->type), value);
            return NULL;
        }
    }
    return made;
}

static ath_value make_constant(struct ath__onnx_node *n, const struct ath__onnx_tensor *tensor) {
    char text[32], scope[300];
    tensor = as_float(n, tensor);
    if (!tensor || ath__onnx_failed(n)) return ATH_NONE;
    snprintf(text, sizeof text, "constant.%d", n->im->constants++);
    if (tensor->count > SMALL_CONSTANT || tensor->count == 0) {
        const char *name = ath__arena_strdup(&n->im->arena, text);
        return name ? make_leaf(n, name, tensor, LEAF_STATE, (ath_init){.kind = ATH_INIT_ZEROS}) : ATH_NONE;
    }
    ath_tensor  numbers = {ATH_F32, ath_shape_make(tensor->rank, tensor->dims), tensor->data};
    const char *outer = leave_scope(n->graph, scope, sizeof scope);
    ath_value   value = tensor->rank <= ATH_MAX_RANK ? ath_constant(n->graph, text, &numbers) : ATH_NONE;
    ath_scope_push(n->graph, outer);
    if (tensor->rank > ATH_MAX_RANK) ath__onnx_refuse(n, "a constant has %d dimensions", tensor->rank);
    return value;
}

ath_value ath__onnx_graph(struct ath__onnx_node *n, struct ath__onnx_value *v) {
    if (!v) ath__onnx_fail(n, ATH_DATA, "an input is missing");
    if (ath__onnx_failed(n)) return ATH_NONE;
    if (v->graph != ATH_NONE) return v->graph;
    if (v->initializer && !v->fixed)
        v->graph = make_leaf(n, v->name, v->host, LEAF_PARAM, (ath_init){.kind = ATH_INIT_ZEROS});
    else
        v->graph = make_constant(n, v->host);
    return v->graph;
}

ath_value ath__onnx_x(struct ath__onnx_node *n, int i) {
    if (!ath__onnx_has(n, i)) {
        ath__onnx_fail(n, ATH_DATA, "input %d is missing", i);
        return ATH_NONE;
    }
    return ath__onnx_graph(n, n->in[i]);
}

static ath_value named_leaf(struct ath__onnx_node *n, int i, enum leaf_kind kind, ath_init init) {
    struct ath__onnx_value *v = ath__onnx_has(n, i) ? n->in[i] : NULL;
    /* Exporters let equal statistics share one initializer: each norm keeps its own from here on. */
    if (v && kind == LEAF_STATE && v->graph != ATH_NONE && v->initializer && v->type == ATH_ONNX_FLOAT)
        return make_leaf(n, "", v->host, kind, init);
    if (v && v->graph == ATH_NONE && v->initializer && v->type == ATH_ONNX_FLOAT && v->host->rank > 0)
        v->graph = make_leaf(n, v->name, v->host, kind, init);
    return ath__onnx_x(n, i);
}

ath_value ath__onnx_weight(struct ath__onnx_node *n, int i, ath_init init) {
    return named_leaf(n, i, LEAF_PARAM, init);
}

ath_value ath__onnx_statistic(struct ath__onnx_node *n, int i) {
    return named_leaf(n, i, LEAF_STATE, (ath_init){.kind = ATH_INIT_CONSTANT, .value = i == 4 ? 1.0 : 0.0});
}

ath_value ath__onnx_constant(struct ath__onnx_node *n, const double *numbers, const ath_shape *shape) {
    struct ath__onnx_tensor *tensor = ath__onnx_host_new(n, ATH_ONNX_FLOAT, shape->rank, shape->dims);
    for (int64_t i = 0; tensor && i < tensor->count; i++) ath__onnx_put(tensor, i, numbers[i]);
    return tensor ? make_constant(n, tensor) : ATH_NONE;
}

/* ---- outputs ----------------------------------------------------------------------------------------------------- */

struct ath__onnx_value *ath__onnx_computed(struct ath__onnx_node *n, ath_value value, int type) {
    if (value == ATH_NONE || ath__onnx_failed(n)) return NULL;
    ath_shape shape = ath_value_shape(n->graph, value);
    int64_t   count = ath_shape_count(&shape);
    if (count > MOST_VALUE_ELEMENTS) {
        ath__onnx_refuse(n, "a value of %.1f GiB; up to 2 GiB are computed with",
                         (double)count * sizeof(float) / 1073741824.0);
        return NULL;
    }
    struct ath__onnx_value *made = ATH_ARENA_NEW(&n->im->arena, struct ath__onnx_value);
    if (!made) return no_memory(n);
    *made = (struct ath__onnx_value){.name = "", .type = type, .graph = value};
    return made;
}

void ath__onnx_set_value(struct ath__onnx_node *n, int i, struct ath__onnx_value *value) {
    if (value && i < n->outs) n->out[i] = value;
}

void ath__onnx_set(struct ath__onnx_node *n, int i, ath_value value) {
    int type = ath__onnx_has(n, 0) ? n->in[0]->type : ATH_ONNX_FLOAT;
    ath__onnx_set_value(n, i, ath__onnx_computed(n, value, type));
}

bool ath__onnx_all_fixed(const struct ath__onnx_node *n) {
    for (int i = 0; i < n->ins; i++)
        if (n->in[i] && !n->in[i]->fixed) return false;
    return true;
}

struct ath__onnx_tensor *ath__onnx_host_new(struct ath__onnx_node *n, int type, int rank, const int64_t *dims) {
    int64_t count;
    size_t  size = ath__onnx_type_size(type);
    if (n->im->status != ATH_OK) return NULL;
    if (!ath__onnx_count(type, rank, dims, MOST_HOST_BYTES - n->im->host_bytes, &count)) {
        ath__onnx_refuse(n, "the constants that this graph computes are too large");
        return NULL;
    }
    n->im->host_bytes += (size_t)count * size;
    struct ath__onnx_tensor *made = ath__onnx_tensor_new(&n->im->arena, type, rank, dims);
    return made ? made : no_memory(n);
}

struct ath__onnx_value *ath__onnx_fixed(struct ath__onnx_node *n, const struct ath__onnx_tensor *tensor) {
    if (!tensor || n->im->status != ATH_OK) return NULL;
    struct ath__onnx_value *made = ATH_ARENA_NEW(&n->im->arena, struct ath__onnx_value);
    if (!made) return no_memory(n);
    *made =
        (struct ath__onnx_value){.name = "", .type = tensor->type, .host = tensor, .graph = ATH_NONE, .fixed = true};
    return made;
}
