/* Building the messages of a MindIR model in an arena. */
#include "base/error.h"
#include "format/mindspore/mindir.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_F32 = 1, TYPE_I64 = 7 };

typedef Athanor__Mindir__AttributeProto attribute;

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static void *out_of_memory(struct ath__mindir *m) {
    if (m->status == ATH_OK) m->status = ath__fail_memory(m->err, "export");
    return NULL;
}

static void *take(struct ath__mindir *m, size_t size) {
    void *memory = m->status == ATH_OK ? ath__arena_alloc(&m->arena, size) : NULL;
    return memory ? memory : out_of_memory(m);
}

static char *keep(struct ath__mindir *m, const char *text) {
    char *copy = m->status == ATH_OK ? ath__arena_strdup(&m->arena, text) : NULL;
    return copy ? copy : out_of_memory(m);
}

/* Old items stay behind in the arena, which all together is no more than the last. */
static void add(struct ath__mindir *m, struct ath__mindir_list *list, void *item) {
    if (!item) return;
    if (list->count == list->capacity) {
        size_t wider = list->capacity ? 2 * list->capacity : 64;
        void **moved = take(m, wider * sizeof *moved);
        if (!moved) return;
        if (list->count) memcpy(moved, list->items, list->count * sizeof *moved);
        list->items = moved;
        list->capacity = wider;
    }
    list->items[list->count++] = item;
}

/* "net:name"; dollar signs and colons are MindSpore's own separators. */
static const char *full_name(struct ath__mindir *m, const char *name) {
    char text[512];
    snprintf(text, sizeof text, "%s:%s", m->net->name, name);
    for (char *at = text + strlen(m->net->name) + 1; *at; at++)
        if (*at == ':' || *at == '$') *at = '_';
    return keep(m, text);
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

static attribute *attr_new(struct ath__mindir *m, const char *name, Athanor__Mindir__AttributeProto__Type type) {
    attribute *made = take(m, sizeof *made);
    if (!made) return NULL;
    athanor__mindir__attribute_proto__init(made);
    made->name = name ? keep(m, name) : NULL;
    made->has_type = 1;
    made->type = type;
    return made;
}

static attribute *attr_int(struct ath__mindir *m, const char *name, int64_t value,
                           Athanor__Mindir__AttributeProto__Type type) {
    attribute *made = attr_new(m, name, type);
    if (!made) return NULL;
    made->has_i = 1;
    made->i = value;
    return made;
}

attribute *ath__mindir_attr_int(struct ath__mindir *m, const char *name, int64_t value) {
    return attr_int(m, name, value, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__INT64);
}

attribute *ath__mindir_attr_flag(struct ath__mindir *m, const char *name, bool value) {
    return attr_int(m, name, value, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__BOOL);
}

attribute *ath__mindir_attr_text(struct ath__mindir *m, const char *name, const char *value) {
    attribute *made = attr_new(m, name, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__STRING);
    if (!made) return NULL;
    made->has_s = 1;
    made->s.len = strlen(value);
    made->s.data = (uint8_t *)keep(m, value);
    return made;
}

attribute *ath__mindir_attr_tuple(struct ath__mindir *m, const char *name, const int64_t *values, int count) {
    attribute *made = attr_new(m, name, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__TUPLE);
    if (!made) return NULL;
    made->values = take(m, (size_t)(count + 1) * sizeof *made->values);
    for (int i = 0; made->values && i < count; i++) {
        attribute *item = attr_new(m, NULL, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__INT64);
        int64_t   *number = item ? take(m, sizeof *number) : NULL;
        if (!number) return NULL;
        *number = values[i];
        item->n_ints = 1;
        item->ints = number;
        made->values[made->n_values++] = item;
    }
    return made;
}

static Athanor__Mindir__TensorProto *tensor_new(struct ath__mindir *m, const char *name, const int64_t *dims, int rank,
                                                int type, const void *data, size_t bytes) {
    Athanor__Mindir__TensorProto *made = take(m, sizeof *made);
    if (!made) return NULL;
    athanor__mindir__tensor_proto__init(made);
    made->dims = take(m, (size_t)(rank + 1) * sizeof *made->dims);
    if (!made->dims) return NULL;
    memcpy(made->dims, dims, (size_t)rank * sizeof *dims);
    made->n_dims = (size_t)rank;
    made->has_data_type = 1;
    made->data_type = type;
    made->name = name ? keep(m, name) : NULL;
    made->has_raw_data = data != NULL;
    made->raw_data.len = bytes;
    made->raw_data.data = (uint8_t *)(uintptr_t)data; /* packing does not write to it */
    return made;
}

static attribute *attr_tensor(struct ath__mindir *m, const char *name, Athanor__Mindir__TensorProto *tensor) {
    attribute *made = attr_new(m, name, ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__TENSORS);
    if (!made || !tensor) return NULL;
    made->tensors = take(m, sizeof *made->tensors);
    if (!made->tensors) return NULL;
    made->tensors[0] = tensor;
    made->n_tensors = 1;
    return made;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static Athanor__Mindir__NodeProto *node_new(struct ath__mindir *m, const char *type, const char *const *operands,
                                            int count, const char *result, attribute *attr) {
    Athanor__Mindir__NodeProto *made = take(m, sizeof *made);
    if (!made || !result || !attr) return NULL;
    athanor__mindir__node_proto__init(made);
    made->input = take(m, (size_t)(count + 1) * sizeof *made->input);
    made->output = take(m, sizeof *made->output);
    made->attribute = take(m, sizeof *made->attribute);
    if (!made->input || !made->output || !made->attribute) return NULL;
    for (int i = 0; i < count; i++) made->input[made->n_input++] = (char *)(uintptr_t)operands[i];
    made->output[made->n_output++] = (char *)(uintptr_t)result;
    made->attribute[made->n_attribute++] = attr;
    made->name = (char *)(uintptr_t)result;
    made->op_type = keep(m, type);
    add(m, &m->nodes, made);
    return made;
}

static const char *constant(struct ath__mindir *m, attribute *value) {
    char text[32];
    snprintf(text, sizeof text, "ValueNode_%d", m->constants++);
    const char *name = keep(m, text);
    return node_new(m, "Constant", NULL, 0, name, value) ? name : "";
}

const char *ath__mindir_int(struct ath__mindir *m, int64_t value) {
    return constant(m, ath__mindir_attr_int(m, "value", value));
}

const char *ath__mindir_flag(struct ath__mindir *m, bool value) {
    return constant(m, ath__mindir_attr_flag(m, "value", value));
}

const char *ath__mindir_real(struct ath__mindir *m, double value) {
    attribute *made = attr_new(m, "value", ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__FLOAT);
    if (!made) return "";
    made->has_f = 1;
    made->f = (float)value;
    return constant(m, made);
}

const char *ath__mindir_tuple(struct ath__mindir *m, const int64_t *values, int count) {
    return constant(m, ath__mindir_attr_tuple(m, "value", values, count));
}

const char *ath__mindir_vector(struct ath__mindir *m, const int64_t *values, int count) {
    int64_t *copy = take(m, (size_t)(count + 1) * sizeof *copy), dims = count;
    if (!copy) return "";
    memcpy(copy, values, (size_t)count * sizeof *copy);
    return constant(
        m, attr_tensor(m, "value", tensor_new(m, "value0", &dims, 1, TYPE_I64, copy, (size_t)count * sizeof *copy)));
}

const char *ath__mindir_parameter(struct ath__mindir *m, const char *name, const ath_shape *shape, const float *data) {
    const char *full = full_name(m, name);
    if (!full) return "";
    add(m, &m->parameters,
        tensor_new(m, full, shape->dims, shape->rank, TYPE_F32, data, (size_t)ath_shape_count(shape) * sizeof *data));
    return full;
}

/* ---- operators -------------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) {
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static bool same_attr(const attribute *a, const attribute *b) {
    if (!same_text(a->name, b->name) || a->type != b->type || a->has_i != b->has_i || (a->has_i && a->i != b->i) ||
        a->n_values != b->n_values || a->has_s != b->has_s || a->n_ints != b->n_ints)
        return false;
    if (a->has_s && (a->s.len != b->s.len || memcmp(a->s.data, b->s.data, a->s.len) != 0)) return false;
    if (a->n_ints && memcmp(a->ints, b->ints, a->n_ints * sizeof *a->ints) != 0) return false;
    for (size_t i = 0; i < a->n_values; i++)
        if (!same_attr(a->values[i], b->values[i])) return false;
    return true;
}

static bool same_primitive(const Athanor__Mindir__PrimitiveProto *primitive, const struct ath__mindir_call *call) {
    if (strcmp(primitive->op_type, call->type) != 0 || primitive->n_attribute != (size_t)call->attrs) return false;
    for (int i = 0; i < call->attrs; i++)
        if (!same_attr(primitive->attribute[i], call->attr[i])) return false;
    return true;
}

/* The entry of the list of primitives, "Conv2D:4"; a new one where none is the same. */
static const char *find_primitive(struct ath__mindir *m, const struct ath__mindir_call *call) {
    char text[64];
    for (int i = 0; i < call->attrs; i++)
        if (!call->attr[i]) return out_of_memory(m);
    for (size_t i = 0; i < m->primitives.count; i++) {
        const Athanor__Mindir__PrimitiveProto *primitive = m->primitives.items[i];
        if (same_primitive(primitive, call)) return primitive->name;
    }
    Athanor__Mindir__PrimitiveProto *made = take(m, sizeof *made);
    if (!made) return NULL;
    athanor__mindir__primitive_proto__init(made);
    snprintf(text, sizeof text, "%s:%zu", call->type, m->primitives.count + 1);
    made->name = keep(m, text);
    made->op_type = keep(m, call->type);
    made->instance_name = keep(m, "");
    made->has_prim_type = 1;
    made->prim_type = call->is_class ? ATHANOR__MINDIR__PRIMITIVE_PROTO__KIND__PRIMITIVE
                                     : ATHANOR__MINDIR__PRIMITIVE_PROTO__KIND__PRIMITIVE_FUNCTION;
    made->attribute = take(m, (size_t)(call->attrs + 1) * sizeof *made->attribute);
    if (m->status != ATH_OK) return NULL;
    for (int i = 0; i < call->attrs; i++) made->attribute[made->n_attribute++] = call->attr[i];
    add(m, &m->primitives, made);
    return made->name;
}

const char *ath__mindir_apply(struct ath__mindir *m, const struct ath__mindir_call *call, const ath_shape *shape,
                              const char *name) {
    char        type[96];
    const char *primitive = find_primitive(m, call), *full = full_name(m, name);
    attribute  *abstract = NULL;
    if (!primitive || !full) return "";
    snprintf(type, sizeof type, "REF::%s", primitive);
    if (shape) {
        abstract = attr_tensor(m, "shape", tensor_new(m, NULL, shape->dims, shape->rank, TYPE_F32, NULL, 0));
    } else { /* a tuple of the operands: its elements are described where they are made */
        abstract = attr_new(m, "shape", ATHANOR__MINDIR__ATTRIBUTE_PROTO__TYPE__TUPLE);
    }
    Athanor__Mindir__NodeProto *node = node_new(m, type, call->operand, call->operands, full, abstract);
    if (node) node->domain = keep(m, "Default");
    return node ? full : "";
}

const char *ath__mindir_value(struct ath__mindir *m, ath_value value) {
    if (m->names[value]) return m->names[value];
    const struct ath__value *record = ath__export_value(m->net, value);
    const float             *data = ath__export_constant(m->net, value);
    if (!data || record->desc.dtype != ATH_F32) {
        if (m->status == ATH_OK)
            m->status =
                ath__fail(m->err, ATH_UNSUPPORTED, record->name, "MindIR is written with float32 constants only");
        return "";
    }
    m->names[value] = ath__mindir_parameter(m, record->name, &record->desc.shape, data);
    return m->names[value];
}
