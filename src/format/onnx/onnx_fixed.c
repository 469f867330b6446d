/* Constants and what is computed from shapes: evaluated at import.
 *
 *     Constant, ConstantOfShape, Shape, Size, Cast, Range, Equal, Where
 */
#include "format/onnx/onnx_import.h"
#include "format/onnx/onnx_small.h"

#include <math.h>
#include <string.h>

/* One number or a list of them as a tensor. */
static void constant_numbers(struct ath__onnx_node *n, int type, const double *list, int64_t count, bool scalar) {
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, type, scalar ? 0 : 1, &count);
    for (int64_t i = 0; y && i < count; i++) ath__onnx_put(y, i, list[i]);
    ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
}

void ath__onnx_constant_node(struct ath__onnx_node *n) {
    const Athanor__Onnx__Attribute *a;
    if ((a = ath__onnx_attr(n, "value")) && a->t) {
        struct ath__onnx_tensor *y = ATH_ARENA_NEW(&n->im->arena, struct ath__onnx_tensor);
        if (!y || n->im->status != ATH_OK) return;
        n->im->status = ath__onnx_tensor_read(n->im->file, a->t, y, n->im->err);
        ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
    } else if ((a = ath__onnx_attr(n, "value_float"))) {
        constant_numbers(n, ATH_ONNX_FLOAT, &(double){(double)a->f}, 1, true);
    } else if ((a = ath__onnx_attr(n, "value_int"))) {
        constant_numbers(n, ATH_ONNX_INT64, &(double){(double)a->i}, 1, true);
    } else if ((a = ath__onnx_attr(n, "value_ints")) || (a = ath__onnx_attr(n, "value_floats"))) {
        bool                     whole = strcmp(a->name, "value_ints") == 0;
        int64_t                  count = (int64_t)(whole ? a->n_ints : a->n_floats);
        struct ath__onnx_tensor *y = ath__onnx_host_new(n, whole ? ATH_ONNX_INT64 : ATH_ONNX_FLOAT, 1, &count);
        for (int64_t i = 0; y && i < count; i++) ath__onnx_put(y, i, whole ? (double)a->ints[i] : (double)a->floats[i]);
        ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
    } else {
        ath__onnx_refuse(n, "only tensors and numbers are read as constants, not texts or sparse tensors");
    }
}

void ath__onnx_constant_of_shape(struct ath__onnx_node *n) {
    int64_t                         dims[ATH_ONNX_MAX_RANK] = {0};
    const Athanor__Onnx__Attribute *a = ath__onnx_attr(n, "value");
    struct ath__onnx_tensor         value = {.type = ATH_ONNX_FLOAT};
    int                             rank = ath__onnx_ints(n, 0, "shape", dims, ATH_ONNX_MAX_RANK);
    if (rank < 0) return;
    if (a && a->t) {
        n->im->status = ath__onnx_tensor_read(n->im->file, a->t, &value, n->im->err);
        if (n->im->status != ATH_OK) return;
    }
    double                   number = value.count == 1 ? ath__onnx_get(&value, 0) : 0.0;
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, value.type, rank, dims);
    for (int64_t i = 0; y && i < y->count; i++) ath__onnx_put(y, i, number);
    ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
}

/* From opset 15 on `start` and `end` cut a piece out of the shape. */
void ath__onnx_shape_of(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK] = {0};
    double  list[ATH_ONNX_MAX_RANK] = {0};
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int     rank = ath__onnx_dims(n->im, n->in[0], dims), count = 0;
    int64_t start = ath__onnx_attr_int(n, "start", 0), end = ath__onnx_attr_int(n, "end", rank);
    if (start < 0) start += rank;
    if (end < 0) end += rank;
    for (int i = 0; i < rank; i++)
        if (i >= start && i < end) list[count++] = (double)dims[i];
    constant_numbers(n, ATH_ONNX_INT64, list, count, false);
}

void ath__onnx_size_of(struct ath__onnx_node *n) {
    int64_t dims[ATH_ONNX_MAX_RANK] = {0}, count = 1;
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    int rank = ath__onnx_dims(n->im, n->in[0], dims);
    for (int i = 0; i < rank; i++) count *= dims[i];
    constant_numbers(n, ATH_ONNX_INT64, &(double){(double)count}, 1, true);
}

static bool is_float(int type) {
    return type == ATH_ONNX_FLOAT || type == ATH_ONNX_DOUBLE || type == ATH_ONNX_FLOAT16 || type == ATH_ONNX_BFLOAT16;
}

/* Known numbers in another type. Types of eight bits and fewer are asked how they round and what becomes of large numbers. */
static void cast_known(struct ath__onnx_node *n, int to) {
    const struct ath__onnx_tensor *x = n->in[0]->host;
    struct ath__onnx_tensor       *y = ath__onnx_host_new(n, to, x->rank, x->dims);
    const char                    *mode = ath__onnx_attr_text(n, "round_mode", "up");
    bool                           saturate = ath__onnx_attr_int(n, "saturate", 1) != 0;
    enum ath__onnx_round           round = !mode || strcmp(mode, "up") == 0 ? ATH_ONNX_ROUND_UP
                                           : strcmp(mode, "down") == 0      ? ATH_ONNX_ROUND_DOWN
                                                                            : ATH_ONNX_ROUND_NEAREST;
    for (int64_t i = 0; y && i < y->count; i++) {
        double value = ath__onnx_get(x, i);
        if (ath__onnx_is_small(to))
            ((uint8_t *)y->data)[i] = ath__onnx_small_code(to, value, saturate, round);
        else
            ath__onnx_put(y, i, value);
    }
    ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
}

/* In the graph everything is float32: a cast between floating-point types does nothing there. */
void ath__onnx_cast(struct ath__onnx_node *n) {
    const Athanor__Onnx__Attribute *a = ath__onnx_attr(n, "to");
    int                             to = a && a->has_i ? (int)a->i : 0;
    if (a && a->has_s) { /* opset 1 to 5: a name */
        for (int type = 1; type <= 16; type++) {
            const char *name = ath__onnx_type_name(type);
            bool        same = strlen(name) == a->s.len;
            for (size_t i = 0; same && i < a->s.len; i++) same = (a->s.data[i] | 0x20) == (name[i] | 0x20);
            if (same) to = type;
        }
    }
    if (!ath__onnx_has(n, 0)) {
        ath__onnx_fail(n, ATH_DATA, "its input is missing");
        return;
    }
    if (ath__onnx_type_size(to) == 0) {
        ath__onnx_refuse(n, "elements of the type %s", a && a->has_s ? "of that name" : ath__onnx_type_name(to));
        return;
    }
    if (n->in[0]->fixed) {
        cast_known(n, to);
        return;
    }
    if (is_float(n->in[0]->type) && is_float(to)) {
        ath__onnx_set_value(n, 0, ath__onnx_computed(n, ath__onnx_x(n, 0), to));
        return;
    }
    if (n->im->batch == 0 && n->in[0]->host) { /* an input whose numbers are given */
        cast_known(n, to);
        return;
    }
    ath__onnx_refuse(n, "from %s to %s of what depends on the image", ath__onnx_type_name(n->in[0]->type),
                     ath__onnx_type_name(to));
}

void ath__onnx_range(struct ath__onnx_node *n) {
    double  start = ath__onnx_number(n, 0, "start", 0.0), limit = ath__onnx_number(n, 1, "limit", 0.0);
    double  delta = ath__onnx_number(n, 2, "step", 1.0);
    double  steps = ceil((limit - start) / delta);
    int64_t count = steps > 0.0 && steps < 1e9 ? (int64_t)steps : 0;
    if (ath__onnx_failed(n) || !ath__onnx_has(n, 0)) return;
    if (!isfinite(steps) || steps >= 1e9) {
        ath__onnx_fail(n, ATH_DATA, "a range of that length is not possible");
        return;
    }
    struct ath__onnx_tensor *y = ath__onnx_host_new(n, n->in[0]->type, 1, &count);
    for (int64_t i = 0; y && i < count; i++) ath__onnx_put(y, i, start + (double)i * delta);
    ath__onnx_set_value(n, 0, ath__onnx_fixed(n, y));
}

static double same(double a, double b) {
    return a == b;
}
void ath__onnx_equal(struct ath__onnx_node *n) {
    if (n->ins < 2 || !n->in[0] || !n->in[1]) {
        ath__onnx_fail(n, ATH_DATA, "it takes two inputs");
        return;
    }
    if (!n->in[0]->host || !n->in[1]->host) {
        ath__onnx_refuse(n, "comparing what depends on the image");
        return;
    }
    ath__onnx_set_value(n, 0, ath__onnx_host_binary(n, n->in[0], n->in[1], ATH_ONNX_BOOL, same));
}

static double keep_if(double value, double keep) {
    return keep != 0.0 ? value : 0.0;
}
static double keep_unless(double value, double drop) {
    return drop != 0.0 ? 0.0 : value;
}
static double sum_of(double a, double b) {
    return a + b;
}

/* A choice by constants. With a constant condition each side is masked and both added: not for infinities. */
void ath__onnx_where(struct ath__onnx_node *n) {
    if (n->ins < 3 || !n->in[0] || !n->in[1] || !n->in[2]) {
        ath__onnx_fail(n, ATH_DATA, "it takes three inputs");
        return;
    }
    if (!n->in[0]->host || !n->in[1]->host || !n->in[2]->host) {
        ath__onnx_refuse(n, "choosing by what depends on the image, or among it");
        return;
    }
    int                     type = n->in[1]->type;
    struct ath__onnx_value *a = ath__onnx_host_binary(n, n->in[1], n->in[0], type, keep_if);
    struct ath__onnx_value *b = ath__onnx_host_binary(n, n->in[2], n->in[0], type, keep_unless);
    ath__onnx_set_value(n, 0, ath__onnx_host_binary(n, a, b, type, sum_of));
}
