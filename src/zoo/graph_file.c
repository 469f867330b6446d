/* Reading and building networks that are described as graphs (graph_file.h). Files are taken as hostile. */
#include "zoo/graph_file.h"

#include "base/error.h"
#include "base/option.h"
#include "graph/op.h"
#include "nn/weight_transform.h"

#include <stdio.h>
#include <string.h>

enum { MOST_VALUES = 20000, MOST_OPERANDS = 4096, LONGEST = 200, MOST_MARKS = 24, CLASSES = 0 };

/* Operators that a description may hold; the rest are gradients, losses and what passes insert. */
static const struct ath__op *const allowed[] = {
    &ath__op_conv2d, &ath__op_matmul, &ath__op_batch_norm, &ath__op_act,     &ath__op_unary,         &ath__op_binary,
    &ath__op_pool2d, &ath__op_reduce, &ath__op_expand,     &ath__op_reshape, &ath__op_adaptive_pool, &ath__op_permute,
    &ath__op_slice,  &ath__op_pad,    &ath__op_concat,     &ath__op_resize,  &ath__op_softmax,       &ath__op_dropout,
};
enum { ALLOWED = sizeof allowed / sizeof allowed[0] };

struct leaf {
    const char *name;
    ath__leaf   kind;
    ath_shape   shape;
    uint32_t    classes; /* bit d: dimension d is the number of classes */
    ath_init    init;
    float      *values; /* CONST */
};

/* An attribute's 8-byte place that is times * batch, or with times == CLASSES the number of classes. */
struct mark {
    size_t  offset;
    int64_t times;
};

struct node {
    const struct ath__op *op;
    int                   line, ins, marks;
    const char           *layer;
    int                  *in; /* places in `values`; -1 = missing */
    void                 *attrs;
    struct mark           mark[MOST_MARKS];
};

/* Values: 0 is x, then the leaves, then the nodes. */
struct ath__dag {
    const char  *file;
    int          leaf_count, node_count, output;
    struct leaf *leaves;
    struct node *nodes;
    const char **names;
    int         *slots; /* hash table over names: place + 1 */
    size_t       slot_count;
};

struct reader {
    struct ath__arena *arena;
    struct ath__dag   *dag;
    ath_error         *err;
};

#define FAIL(r, node, ...) ath__yaml_fail((r)->err, ATH_DATA, (r)->dag->file, (node)->line, __VA_ARGS__)

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static size_t hash_of(const char *name) {
    uint64_t hash = 1469598103934665603u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(hash ^ hash >> 29);
}

static int find(const struct ath__dag *dag, const char *name) {
    for (size_t at = hash_of(name);; at++) {
        int place = dag->slots[at & (dag->slot_count - 1)];
        if (place == 0 || strcmp(dag->names[place - 1], name) == 0) return place - 1;
    }
}

static ath_status define(struct reader *r, const struct ath__yaml *at, const char *name, int place) {
    if (!name || !*name || strlen(name) > LONGEST) return FAIL(r, at, "a name is 1 to %d letters long", (int)LONGEST);
    if (find(r->dag, name) >= 0) return FAIL(r, at, "the name '%.80s' is used twice", name);
    size_t slot = hash_of(name);
    while (r->dag->slots[slot & (r->dag->slot_count - 1)]) slot++;
    r->dag->slots[slot & (r->dag->slot_count - 1)] = place + 1;
    r->dag->names[place] = ath__arena_strdup(r->arena, name);
    return r->dag->names[place] ? ATH_OK : ath__fail_memory(r->err, r->dag->file);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

/* "12", "K", or with `batch` "N" and "3N". *times: -1 a plain number, CLASSES, or how many batches. */
static bool read_size(const struct ath__yaml *node, bool batch, int64_t *value, int64_t *times) {
    const char *text = node->kind == ATH_YAML_SCALAR ? node->text : "";
    size_t      length = strlen(text);
    char        number[24];
    *times = -1;
    *value = 0;
    if (strcmp(text, "K") == 0) {
        *times = CLASSES;
        return true;
    }
    if (!batch || length == 0 || length >= sizeof number || text[length - 1] != 'N') return ath__parse_int(text, value);
    memcpy(number, text, length - 1);
    number[length - 1] = '\0';
    *times = 1;
    return length == 1 || (ath__parse_int(number, times) && *times > 0 && *times < INT32_MAX);
}

static ath_status read_shape(struct reader *r, const struct ath__yaml *node, struct leaf *leaf) {
    if (!node || node->kind != ATH_YAML_SEQUENCE || node->count > ATH_MAX_RANK) return ATH_DATA;
    leaf->shape.rank = node->count;
    for (int d = 0; d < node->count; d++) {
        int64_t times;
        if (!read_size(node->items[d], false, &leaf->shape.dims[d], &times)) return ATH_DATA;
        if (times == CLASSES) leaf->classes |= 1u << d;
        if (times != CLASSES && (leaf->shape.dims[d] < 1 || leaf->shape.dims[d] > INT32_MAX)) return ATH_DATA;
    }
    (void)r;
    return ATH_OK;
}

/* ---- leaves ------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char   *name;
    ath_init_kind kind;
} inits[] = {
    {"zeros", ATH_INIT_ZEROS}, {"constant", ATH_INIT_CONSTANT}, {"weight", ATH_INIT_WEIGHT}, {"bias", ATH_INIT_BIAS}};
enum { INITS = sizeof inits / sizeof inits[0] };

static ath_status read_init(struct reader *r, const struct ath__yaml *node, struct leaf *leaf) {
    const struct ath__yaml *init = ath__yaml_get(node, "init"), *value = ath__yaml_get(node, "value");
    const struct ath__yaml *fan_in = ath__yaml_get(node, "fan_in");
    leaf->init = (ath_init){.kind = ATH_INIT_ZEROS, .from = ATH_NONE, .fan_in = 1};
    bool found = !init;
    for (int i = 0; i < INITS && init && init->kind == ATH_YAML_SCALAR; i++)
        if (strcmp(init->text, inits[i].name) == 0) {
            leaf->init.kind = inits[i].kind;
            found = true;
        }
    if (!found) return FAIL(r, init, "init is zeros, constant, weight or bias");
    if (value && (value->kind != ATH_YAML_SCALAR || !ath__parse_real(value->text, &leaf->init.value)))
        return FAIL(r, value, "value must be a number");
    if (fan_in &&
        (fan_in->kind != ATH_YAML_SCALAR || !ath__parse_int(fan_in->text, &leaf->init.fan_in) || leaf->init.fan_in < 1))
        return FAIL(r, fan_in, "fan_in must be a whole number above 0");
    return ATH_OK;
}

static ath_status read_values(struct reader *r, const struct ath__yaml *node, struct leaf *leaf) {
    const struct ath__yaml *values = ath__yaml_get(node, "values");
    int64_t                 count = ath_shape_count(&leaf->shape);
    if (!values || values->kind != ATH_YAML_SEQUENCE || leaf->classes || values->count != count)
        return FAIL(r, node, "a constant needs 'values', one for each element");
    leaf->values = ATH_ARENA_ARRAY(r->arena, float, count + 1);
    if (!leaf->values) return ath__fail_memory(r->err, r->dag->file);
    for (int i = 0; i < values->count; i++) {
        double value;
        if (values->items[i]->kind != ATH_YAML_SCALAR || !ath__parse_real(values->items[i]->text, &value))
            return FAIL(r, values->items[i], "a value must be a number");
        leaf->values[i] = (float)value;
    }
    return ATH_OK;
}

static ath_status read_leaves(struct reader *r, const struct ath__yaml *list, ath__leaf kind) {
    struct ath__dag *dag = r->dag;
    if (list && list->kind == ATH_YAML_SCALAR && !list->text[0]) return ATH_OK;
    if (list && list->kind != ATH_YAML_MAPPING) return FAIL(r, list, "names with their shapes are wanted here");
    for (int i = 0; list && i < list->count; i++) {
        struct leaf            *leaf = &dag->leaves[dag->leaf_count];
        const struct ath__yaml *node = list->items[i];
        leaf->kind = kind;
        ATH_TRY(define(r, node, list->keys[i], 1 + dag->leaf_count));
        leaf->name = dag->names[1 + dag->leaf_count];
        if (read_shape(r, ath__yaml_get(node, "shape"), leaf) != ATH_OK)
            return FAIL(r, node, "'%.80s' needs a shape of up to %d numbers, like [32, 3, 3, 3]", leaf->name,
                        (int)ATH_MAX_RANK);
        ATH_TRY(kind == ATH_LEAF_CONST ? read_values(r, node, leaf) : read_init(r, node, leaf));
        dag->leaf_count++;
    }
    return ATH_OK;
}

/* ---- nodes -------------------------------------------------------------------------------------------------------------- */

static bool choice_of(const char *choices, const char *text, int64_t *value) {
    size_t length = strlen(text);
    for (*value = 0; choices; (*value)++) {
        size_t word = strcspn(choices, "|");
        if (word == length && strncmp(choices, text, length) == 0) return true;
        choices = choices[word] ? choices + word + 1 : NULL;
    }
    return false;
}

static ath_status read_attr(struct reader *r, const struct ath__yaml *value, const struct ath__attr *attr,
                            struct node *node) {
    int count = value->kind == ATH_YAML_SEQUENCE ? value->count : 1;
    if (value->kind == ATH_YAML_MAPPING || count > attr->count)
        return FAIL(r, value, "'%s' takes up to %d numbers", attr->name, attr->count);
    for (int i = 0; i < count; i++) {
        const struct ath__yaml *item = value->kind == ATH_YAML_SEQUENCE ? value->items[i] : value;
        size_t                  offset = attr->offset + (size_t)i * 8;
        int64_t                 whole = 0, times = -1;
        double                  real = 0.0;
        bool                    good = item->kind == ATH_YAML_SCALAR;
        if (good && attr->type == ATH_ATTR_REAL) good = ath__parse_real(item->text, &real);
        if (good && attr->type == ATH_ATTR_CHOICE) good = choice_of(attr->choices, item->text, &whole);
        if (good && attr->type == ATH_ATTR_INT) good = read_size(item, true, &whole, &times);
        if (!good)
            return FAIL(r, item, "'%s' cannot be '%.40s'", attr->name,
                        item->kind == ATH_YAML_SCALAR ? item->text : "?");
        if (times >= 0 && node->marks == MOST_MARKS) return FAIL(r, item, "too many sizes depend on the batch");
        if (times >= 0) node->mark[node->marks++] = (struct mark){offset, times};
        memcpy((char *)node->attrs + offset, attr->type == ATH_ATTR_REAL ? (void *)&real : (void *)&whole, 8);
    }
    return ATH_OK;
}

static ath_status read_operands(struct reader *r, const struct ath__yaml *item, struct node *node) {
    const struct ath__yaml *in = ath__yaml_get(item, "in");
    if (!in || in->kind != ATH_YAML_SEQUENCE || in->count < 1 || in->count > MOST_OPERANDS)
        return FAIL(r, item, "a node needs its operands: 'in: [x, weight]'");
    node->ins = in->count;
    node->in = ATH_ARENA_ARRAY(r->arena, int, in->count);
    if (!node->in) return ath__fail_memory(r->err, r->dag->file);
    for (int i = 0; i < in->count; i++) {
        const char *name = in->items[i]->kind == ATH_YAML_SCALAR ? in->items[i]->text : "";
        node->in[i] = strcmp(name, "-") == 0 ? -1 : find(r->dag, name);
        if (node->in[i] < 0 && strcmp(name, "-") != 0)
            return FAIL(r, in->items[i], "nothing before this node is called '%.80s'", name);
    }
    return ATH_OK;
}

static ath_status read_node(struct reader *r, const struct ath__yaml *item) {
    struct ath__dag *dag = r->dag;
    struct node     *node = &dag->nodes[dag->node_count];
    if (item->kind != ATH_YAML_MAPPING)
        return FAIL(r, item, "a node is written {name: v1, op: conv2d, in: [x, weight]}");
    const struct ath__yaml *op = ath__yaml_get(item, "op"), *name = ath__yaml_get(item, "name");
    const struct ath__yaml *layer = ath__yaml_get(item, "layer");
    for (int i = 0; i < ALLOWED && op && op->kind == ATH_YAML_SCALAR; i++)
        if (strcmp(allowed[i]->name, op->text) == 0) node->op = allowed[i];
    if (!node->op) return FAIL(r, op ? op : item, "a node needs an operator that networks are made of: 'op: conv2d'");
    node->line = item->line;
    node->layer = layer && layer->kind == ATH_YAML_SCALAR && strlen(layer->text) <= LONGEST
                      ? ath__arena_strdup(r->arena, layer->text)
                      : "";
    node->attrs = ath__arena_alloc(r->arena, node->op->attrs_size + 8);
    if (!node->attrs || !node->layer) return ath__fail_memory(r->err, dag->file);
    ATH_TRY(read_operands(r, item, node));
    for (int i = 0; i < item->count; i++) {
        const char             *key = item->keys[i];
        const struct ath__attr *attr = node->op->attrs;
        if (strcmp(key, "op") == 0 || strcmp(key, "name") == 0 || strcmp(key, "in") == 0 || strcmp(key, "layer") == 0)
            continue;
        while (attr && attr->name && strcmp(attr->name, key) != 0) attr++;
        if (!attr || !attr->name) return FAIL(r, item->items[i], "%s has no attribute '%.40s'", node->op->name, key);
        ATH_TRY(read_attr(r, item->items[i], attr, node));
    }
    ATH_TRY(define(r, item, name && name->kind == ATH_YAML_SCALAR ? name->text : NULL,
                   1 + dag->leaf_count + dag->node_count));
    dag->node_count++;
    return ATH_OK;
}

static int entries(const struct ath__yaml *list) {
    return list && list->kind != ATH_YAML_SCALAR ? list->count : 0;
}

static ath_status make_room(struct reader *r, const struct ath__yaml *root) {
    struct ath__dag *dag = r->dag;
    int              leaves = entries(ath__yaml_get(root, "parameters")) + entries(ath__yaml_get(root, "states")) +
                 entries(ath__yaml_get(root, "constants"));
    int nodes = entries(ath__yaml_get(root, "nodes")), all = 1 + leaves + nodes;
    if (all > MOST_VALUES) return FAIL(r, root, "the graph has more than %d values", (int)MOST_VALUES);
    for (dag->slot_count = 64; dag->slot_count < 2 * (size_t)all;) dag->slot_count *= 2;
    dag->slots = ATH_ARENA_ARRAY(r->arena, int, dag->slot_count);
    dag->names = ATH_ARENA_ARRAY(r->arena, const char *, all);
    dag->leaves = ATH_ARENA_ARRAY(r->arena, struct leaf, leaves + 1);
    dag->nodes = ATH_ARENA_ARRAY(r->arena, struct node, nodes + 1);
    return dag->slots && dag->names && dag->leaves && dag->nodes ? ATH_OK : ath__fail_memory(r->err, dag->file);
}

ath_status ath__dag_read(struct ath__arena *arena, const char *name, const struct ath__yaml *root,
                         struct ath__dag **dag, ath_error *err) {
    struct reader           r = {.arena = arena, .dag = ATH_ARENA_NEW(arena, struct ath__dag), .err = err};
    const struct ath__yaml *nodes = ath__yaml_get(root, "nodes"), *output = ath__yaml_get(root, "output");
    if (!r.dag) return ath__fail_memory(err, name);
    r.dag->file = name;
    ATH_TRY(make_room(&r, root));
    ATH_TRY(define(&r, root, "x", 0));
    ATH_TRY(read_leaves(&r, ath__yaml_get(root, "parameters"), ATH_LEAF_PARAM));
    ATH_TRY(read_leaves(&r, ath__yaml_get(root, "states"), ATH_LEAF_STATE));
    ATH_TRY(read_leaves(&r, ath__yaml_get(root, "constants"), ATH_LEAF_CONST));
    if (!nodes || nodes->kind != ATH_YAML_SEQUENCE)
        return FAIL(&r, nodes ? nodes : root, "'nodes' must be a list, one node behind each '-'");
    for (int i = 0; i < nodes->count; i++) ATH_TRY(read_node(&r, nodes->items[i]));
    r.dag->output = output && output->kind == ATH_YAML_SCALAR ? find(r.dag, output->text) : -1;
    if (r.dag->output < 0) return FAIL(&r, output ? output : root, "'output' must name a node");
    *dag = r.dag;
    return ATH_OK;
}

/* ---- building ------------------------------------------------------------------------------------------------------------ */

/* "features.0.0" of "features.0.0.weight"; false where the name does not end in .weight or is too long. */
static bool layer_of_weight(const char *name, char *layer, size_t capacity) {
    static const char ending[] = ".weight";
    size_t            length = strlen(name), tail = sizeof ending - 1;
    if (length <= tail || length - tail >= capacity || strcmp(name + length - tail, ending) != 0) return false;
    memcpy(layer, name, length - tail);
    layer[length - tail] = '\0';
    return true;
}

static ath_value build_leaf(struct ath__nn *nn, const struct leaf *leaf, int classes) {
    ath_shape shape = leaf->shape;
    char      layer[LONGEST + 8];
    for (int d = 0; d < shape.rank; d++)
        if (leaf->classes >> d & 1u) shape.dims[d] = classes;
    if (leaf->kind == ATH_LEAF_STATE) return ath_state(nn->graph, leaf->name, shape, leaf->init);
    if (leaf->kind == ATH_LEAF_CONST)
        return ath_constant(nn->graph, leaf->name, &(ath_tensor){ATH_F32, shape, leaf->values});
    uint32_t kind = shape.rank == 4 ? ATH_TRANSFORM_CONV : shape.rank == 2 ? ATH_TRANSFORM_LINEAR : 0;
    if (!nn->transform || leaf->init.kind != ATH_INIT_WEIGHT || !(nn->transform->applies & kind) ||
        !layer_of_weight(leaf->name, layer, sizeof layer))
        return ath_param(nn->graph, leaf->name, shape, leaf->init);
    ath_scope_push(nn->graph, layer);
    ath_value weight = nn->transform->apply(nn, &shape);
    ath_value_name(nn->graph, weight, "weight");
    ath_scope_pop(nn->graph);
    return weight;
}

static ath_value build_node(struct ath__nn *nn, const struct node *node, const ath_value *in, void *attrs) {
    const ath_batch_norm_attrs *norm = attrs;
    if (node->op == &ath__op_dropout) return ath__nn_dropout(nn, in[0], ((const ath_dropout_attrs *)attrs)->p);
    if (node->op != &ath__op_batch_norm) return ath__graph_apply(nn->graph, node->op, attrs, in, node->ins);
    if (node->ins != 5)
        return ath_graph_fail(nn->graph, ATH_DATA, "batch_norm takes x, gamma, beta, mean and variance");
    for (int i = 3; i < 5; i++) {
        const struct ath__value *state = ath__graph_value(nn->graph, in[i]);
        if (nn->train && (!state || state->leaf != ATH_LEAF_STATE))
            return ath_graph_fail(nn->graph, ATH_DATA, "a batch_norm's statistics must be states");
    }
    return nn->train ? ath_batch_norm_train(nn->graph, in[0], in[1], in[2], in[3], in[4], norm->eps, norm->momentum)
                     : ath_batch_norm_eval(nn->graph, in[0], in[1], in[2], in[3], in[4], norm->eps);
}

ath_value ath__dag_build(const struct ath__dag *dag, struct ath__nn *nn, ath_value x, int classes) {
    int        all = 1 + dag->leaf_count + dag->node_count;
    int64_t    batch = ath_value_shape(nn->graph, x).dims[0];
    ath_value *values = ATH_ARENA_ARRAY(&nn->graph->arena, ath_value, all);
    if (!values) return ath_graph_fail(nn->graph, ATH_MEMORY, "out of memory");
    values[0] = x;
    for (int i = 0; i < dag->leaf_count; i++) values[1 + i] = build_leaf(nn, &dag->leaves[i], classes);
    for (int i = 0; i < dag->node_count && ath_graph_status(nn->graph, NULL) == ATH_OK; i++) {
        const struct node *node = &dag->nodes[i];
        ath_value         *in = ATH_ARENA_ARRAY(&nn->graph->arena, ath_value, node->ins);
        char              *attrs = ath__arena_alloc(&nn->graph->arena, node->op->attrs_size + 8);
        if (!in || !attrs) return ath_graph_fail(nn->graph, ATH_MEMORY, "out of memory");
        memcpy(attrs, node->attrs, node->op->attrs_size);
        for (int m = 0; m < node->marks; m++) {
            int64_t size = node->mark[m].times == CLASSES ? classes : node->mark[m].times * batch;
            memcpy(attrs + node->mark[m].offset, &size, sizeof size);
        }
        for (int k = 0; k < node->ins; k++) in[k] = node->in[k] < 0 ? ATH_NONE : values[node->in[k]];
        if (*node->layer) ath_scope_push(nn->graph, node->layer);
        values[1 + dag->leaf_count + i] = build_node(nn, node, in, attrs);
        if (*node->layer) ath_scope_pop(nn->graph);
        if (ath_graph_status(nn->graph, NULL) != ATH_OK)
            snprintf(nn->graph->error.where, sizeof nn->graph->error.where, "%.200s:%d", dag->file, node->line);
    }
    return ath_graph_status(nn->graph, NULL) == ATH_OK ? values[dag->output] : ATH_NONE;
}
