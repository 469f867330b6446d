/* ONNX messages in an arena. Everything is checked once at the end: `failed`. */
#include "format/onnx/onnx_build.h"

#include "base/mem.h"
#include "format/onnx/onnx_tensor.h"

#include <stdio.h>
#include <string.h>

static char *copy_text(struct ath__onnx_build *b, const char *text) {
    char *copy = ath__arena_strdup(&b->arena, text);
    if (!copy) b->failed = true;
    return copy;
}

/* Room for one more pointer. */
static bool grow(struct ath__onnx_build *b, void *list, size_t count, size_t *capacity) {
    void **array;
    memcpy(&array, list, sizeof array);
    if (count < *capacity) return true;
    size_t wider = *capacity ? 2 * *capacity : 128;
    void **moved = ath__realloc((void *)array, wider * sizeof *moved);
    if (!moved) {
        b->failed = true;
        return false;
    }
    *capacity = wider;
    memcpy(list, &moved, sizeof moved);
    return true;
}

const char *ath__onnx_build_node(struct ath__onnx_build *b, const char *op, const char *const *in, int ins,
                                 const char *to, const struct ath__node *of) {
    char                 text[320];
    Athanor__Onnx__Node *node = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__Node);
    char               **operands = ATH_ARENA_ARRAY(&b->arena, char *, ins + 1);
    if (!node || !operands || !grow(b, &b->nodes, b->node_count, &b->node_capacity)) {
        b->failed = true;
        return "";
    }
    athanor__onnx__node__init(node);
    if (!to) {
        snprintf(text, sizeof text, "onnx.t%d", b->made++);
        to = text;
    }
    for (int i = 0; i < ins; i++) operands[i] = copy_text(b, in[i]);
    node->n_input = (size_t)ins;
    node->input = operands;
    node->output = ATH_ARENA_ARRAY(&b->arena, char *, 1);
    node->op_type = copy_text(b, op);
    if (!node->output) {
        b->failed = true;
        return "";
    }
    node->n_output = 1;
    node->output[0] = copy_text(b, to);
    snprintf(text, sizeof text, "%s%s%s_%zu", of->scope, *of->scope ? "" : "graph.", op, b->node_count);
    node->name = copy_text(b, text);
    b->nodes[b->node_count++] = node;
    return b->failed ? "" : node->output[0];
}

static Athanor__Onnx__Attribute *attribute(struct ath__onnx_build *b, const char *name, int type) {
    enum { MOST = 12 };
    if (b->failed) return NULL;
    Athanor__Onnx__Node      *node = b->nodes[b->node_count - 1];
    Athanor__Onnx__Attribute *made = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__Attribute);
    if (!node->attribute) node->attribute = ATH_ARENA_ARRAY(&b->arena, Athanor__Onnx__Attribute *, MOST);
    if (!made || !node->attribute || node->n_attribute == MOST) {
        b->failed = true;
        return NULL;
    }
    athanor__onnx__attribute__init(made);
    made->name = copy_text(b, name);
    made->has_type = 1;
    made->type = type;
    node->attribute[node->n_attribute++] = made;
    return made;
}

void ath__onnx_build_int(struct ath__onnx_build *b, const char *name, int64_t value) {
    Athanor__Onnx__Attribute *made = attribute(b, name, 2);
    if (!made) return;
    made->has_i = 1;
    made->i = value;
}

void ath__onnx_build_real(struct ath__onnx_build *b, const char *name, double value) {
    Athanor__Onnx__Attribute *made = attribute(b, name, 1);
    if (!made) return;
    made->has_f = 1;
    made->f = (float)value;
}

void ath__onnx_build_ints(struct ath__onnx_build *b, const char *name, const int64_t *values, int count) {
    Athanor__Onnx__Attribute *made = attribute(b, name, 7);
    if (!made) return;
    made->ints = ATH_ARENA_ARRAY(&b->arena, int64_t, count + 1);
    if (!made->ints) {
        b->failed = true;
        return;
    }
    made->n_ints = (size_t)count;
    memcpy(made->ints, values, (size_t)count * sizeof *values);
}

void ath__onnx_build_text(struct ath__onnx_build *b, const char *name, const char *value) {
    Athanor__Onnx__Attribute *made = attribute(b, name, 3);
    char                     *copy = made ? copy_text(b, value) : NULL;
    if (!copy) return;
    made->has_s = 1;
    made->s = (ProtobufCBinaryData){strlen(copy), (uint8_t *)copy};
}

const char *ath__onnx_build_tensor(struct ath__onnx_build *b, const char *name, int type, int rank, const int64_t *dims,
                                   const void *data, size_t bytes, bool copy) {
    Athanor__Onnx__Tensor *made = ATH_ARENA_NEW(&b->arena, Athanor__Onnx__Tensor);
    void                  *own = copy ? ath__arena_alloc(&b->arena, bytes + 1) : NULL;
    if (!made || (copy && !own) || !grow(b, &b->tensors, b->tensor_count, &b->tensor_capacity)) {
        b->failed = true;
        return "";
    }
    if (copy) memcpy(own, data, bytes);
    athanor__onnx__tensor__init(made);
    made->name = copy_text(b, name);
    made->has_data_type = 1;
    made->data_type = type;
    made->n_dims = (size_t)rank;
    made->dims = ATH_ARENA_ARRAY(&b->arena, int64_t, rank + 1);
    if (!made->dims) b->failed = true;
    for (int i = 0; i < rank && made->dims; i++) made->dims[i] = dims[i];
    made->has_raw_data = 1;
    made->raw_data = (ProtobufCBinaryData){bytes, copy ? own : (uint8_t *)(uintptr_t)data};
    b->tensors[b->tensor_count++] = made;
    return b->failed ? "" : made->name;
}

const char *ath__onnx_build_shape(struct ath__onnx_build *b, const int64_t *values, int count) {
    char    name[32];
    int64_t size = count;
    snprintf(name, sizeof name, "onnx.shape%d", b->made++);
    return ath__onnx_build_tensor(b, name, ATH_ONNX_INT64, 1, &size, values, (size_t)count * sizeof *values, true);
}

const char *ath__onnx_build_number(struct ath__onnx_build *b, double value) {
    char  name[32];
    float number = (float)value;
    snprintf(name, sizeof name, "onnx.number%d", b->made++);
    return ath__onnx_build_tensor(b, name, ATH_ONNX_FLOAT, 0, NULL, &number, sizeof number, true);
}

const char *ath__onnx_build_value(struct ath__onnx_build *b, ath_value value) {
    if (value == ATH_NONE) return "";
    if (value == b->net->input) return "input";
    if (value == b->net->output) return b->net->softmax ? "probabilities" : "logits";
    const struct ath__value *record = ath__export_value(b->net, value);
    const void              *data = ath__export_constant(b->net, value);
    if (!data || b->kept[value]) return record->name;
    b->kept[value] = true;
    size_t bytes = (size_t)ath_shape_count(&record->desc.shape) * sizeof(float);
    return ath__onnx_build_tensor(b, record->name, ATH_ONNX_FLOAT, record->desc.shape.rank, record->desc.shape.dims,
                                  data, bytes, false);
}
