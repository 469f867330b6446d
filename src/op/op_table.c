/* The operator table, and the helpers that the operator files share: texts and checks for shape inference, window
 * arithmetic, printing and comparing attributes, and the two pieces of gradient arithmetic that many operators need
 * (summing over broadcast dimensions, going behind a fused activation).
 */
#include "op/op_util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- table ------------------------------------------------------------------------------------------------------ */

const struct ath__op *const *ath__op_table(int *count) {
    static const struct ath__op *const table[] = {
#define ATH_OP(name) &ath__op_##name,
#include "op/op_list.h"
#undef ATH_OP
    };
    *count = (int)(sizeof table / sizeof *table);
    return table;
}

const struct ath__op *ath__op_find(const char *name) {
    int                          count;
    const struct ath__op *const *table = ath__op_table(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

/* Appends the entry `value` of "a|b|c", or the number where the list is too short. */
static void choice_print(const char *choices, int64_t value, struct ath__str *text) {
    const char *at = choices;
    for (int64_t i = 0; at != NULL && i < value; i++) {
        at = strchr(at, '|');
        if (at != NULL) at++;
    }
    if (at == NULL || value < 0) {
        ath__str_printf(text, "%lld", (long long)value);
        return;
    }
    ath__str_append_bytes(text, at, strcspn(at, "|"));
}

void ath__op_attrs_print(const struct ath__op *op, const void *attrs, struct ath__str *text) {
    for (const struct ath__attr *row = op->attrs; row != NULL && row->name != NULL; row++) {
        const char *base = (const char *)attrs + row->offset;
        ath__str_printf(text, "%s%s=", row == op->attrs ? "" : " ", row->name);
        for (int i = 0; i < row->count; i++) {
            int64_t integer;
            double  real;
            memcpy(&integer, base + (size_t)i * 8, sizeof integer);
            memcpy(&real, base + (size_t)i * 8, sizeof real);
            if (i > 0) ath__str_append(text, ",");
            if (row->type == ATH_ATTR_REAL)
                ath__str_printf(text, "%.9g", real);
            else if (row->type == ATH_ATTR_CHOICE)
                choice_print(row->choices, integer, text);
            else
                ath__str_printf(text, "%lld", (long long)integer);
        }
    }
}

bool ath__op_attrs_equal(const struct ath__op *op, const void *a, const void *b) {
    for (const struct ath__attr *row = op->attrs; row != NULL && row->name != NULL; row++)
        if (memcmp((const char *)a + row->offset, (const char *)b + row->offset, (size_t)row->count * 8) != 0)
            return false;
    return true;
}

/* ---- shape inference -------------------------------------------------------------------------------------------- */

ath_status ath__infer_fail(struct ath__infer *infer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(infer->why, sizeof infer->why, format, args);
    va_end(args);
    return ATH_USAGE;
}

void ath__infer_out(struct ath__infer *infer, int i, ath_dtype dtype, const ath_shape *shape) {
    infer->out[i] = ath__desc_plain(dtype, shape);
    infer->out[i].present = true;
    if (infer->outs <= i) infer->outs = i + 1;
}

void ath__infer_absent(struct ath__infer *infer, int i) {
    memset(&infer->out[i], 0, sizeof infer->out[i]);
    if (infer->outs <= i) infer->outs = i + 1;
}

struct ath__shape_text ath__shape_text(const ath_shape *shape) {
    struct ath__shape_text result;
    size_t                 used = 1;
    result.text[0] = '(';
    for (int i = 0; i < shape->rank && i < ATH_MAX_RANK; i++)
        used += (size_t)snprintf(result.text + used, sizeof result.text - used, i > 0 ? ",%lld" : "%lld",
                                 (long long)shape->dims[i]);
    snprintf(result.text + used, sizeof result.text - used, ")");
    return result;
}

bool ath__infer_has(const struct ath__infer *infer, int i) {
    return i < infer->ins && infer->in[i].present;
}

static bool dtype_is_float(ath_dtype dtype) {
    return dtype == ATH_F32 || dtype == ATH_BF16 || dtype == ATH_F64 || dtype == ATH_F16;
}

ath_status ath__infer_float(struct ath__infer *infer, int i, const char *what) {
    if (!ath__infer_has(infer, i)) return ath__infer_fail(infer, "operand %s is missing", what);
    if (!dtype_is_float(infer->in[i].dtype))
        return ath__infer_fail(infer, "%s must hold floating-point numbers, is %s", what,
                               ath_dtype_name(infer->in[i].dtype));
    return ATH_OK;
}

ath_status ath__infer_rank(struct ath__infer *infer, int i, const char *what, int rank) {
    ATH_TRY(ath__infer_float(infer, i, what));
    if (infer->in[i].shape.rank != rank)
        return ath__infer_fail(infer, "%s must have %d dimensions, is %s", what, rank,
                               ath__shape_text(&infer->in[i].shape).text);
    return ATH_OK;
}

ath_status ath__infer_shape(struct ath__infer *infer, int i, const char *what, const ath_shape *shape) {
    if (!ath__infer_has(infer, i)) return ath__infer_fail(infer, "operand %s is missing", what);
    if (!ath_shape_equal(&infer->in[i].shape, shape))
        return ath__infer_fail(infer, "%s must be %s, is %s", what, ath__shape_text(shape).text,
                               ath__shape_text(&infer->in[i].shape).text);
    return ATH_OK;
}

ath_status ath__infer_result(struct ath__infer *infer, int i, ath_dtype dtype, const ath_shape *shape) {
    int64_t count = 1;
    if (shape->rank < 0 || shape->rank > ATH_MAX_RANK)
        return ath__infer_fail(infer, "the result would have %d dimensions, at most %d are possible", shape->rank,
                               ATH_MAX_RANK);
    for (int d = 0; d < shape->rank; d++) {
        if (shape->dims[d] < 1)
            return ath__infer_fail(infer, "the result would have the empty shape %s", ath__shape_text(shape).text);
        if (count > ATH_COUNT_LIMIT / shape->dims[d])
            return ath__infer_fail(infer, "the result %s would have too many elements", ath__shape_text(shape).text);
        count *= shape->dims[d];
    }
    ath__infer_out(infer, i, dtype, shape);
    return ATH_OK;
}

ath_status ath__infer_choice(struct ath__infer *infer, const char *what, int64_t value, int count) {
    if (value < 0 || value >= count)
        return ath__infer_fail(infer, "unknown %s %lld (0 to %d are known)", what, (long long)value, count - 1);
    return ATH_OK;
}

bool ath__shape_broadcast(ath_shape *shape, const ath_shape *b) {
    ath_shape result = {.rank = shape->rank > b->rank ? shape->rank : b->rank};
    for (int i = 0; i < result.rank; i++) {
        int     from_a = i - (result.rank - shape->rank), from_b = i - (result.rank - b->rank);
        int64_t da = from_a >= 0 ? shape->dims[from_a] : 1, db = from_b >= 0 ? b->dims[from_b] : 1;
        if (da != db && da != 1 && db != 1) return false;
        result.dims[i] = da == 1 ? db : da;
    }
    *shape = result;
    return true;
}

ath_dtype ath__dtype_join(ath_dtype a, ath_dtype b) {
    return a == b ? a : ATH_F32;
}

int64_t ath__window_count(const struct ath__window *window) {
    int64_t room = window->in + window->before + window->after - ((window->kernel - 1) * window->dilation + 1);
    if (room < 0) return 0;
    int64_t count = (room + (window->ceil ? window->stride - 1 : 0)) / window->stride + 1;
    if (window->ceil && (count - 1) * window->stride >= window->in + window->before) count--;
    return count;
}

/* ---- gradients -------------------------------------------------------------------------------------------------- */

bool ath__node_has(const struct ath__node *node, int i) {
    return i < node->ins && node->in[i] != ATH_NONE;
}

ath_value ath__node_out(const ath_graph *graph, int node, int out) {
    return node < 0 ? ATH_NONE : graph->nodes[node].out[out];
}

bool ath__act_from_output(int64_t act) {
    static const bool table[] = {
#define ROW(name, text, from_output) from_output,
        ATH_ACT_MAP(ROW)
#undef ROW
    };
    return act >= 0 && act < ATH_ACT_COUNT && table[act];
}

ath_value ath__grad_act(ath_graph *graph, ath_value dy, ath_value y, int64_t act) {
    ath_act_attrs attrs = {.kind = act};
    if (act == ATH_ACT_NONE) return dy;
    if (!ath__act_from_output(act))
        return ath_graph_fail(graph, ATH_UNSUPPORTED,
                              "the gradient of a fused activation needs one that has its derivative from its output; "
                              "write the activation as a node of its own");
    return ath__graph_apply(graph, &ath__op_act_grad, &attrs, (ath_value[]){dy, y}, 2);
}

ath_value ath__grad_reduce_to(ath_graph *graph, ath_value value, const ath_shape *shape) {
    if (value == ATH_NONE) return ATH_NONE;
    ath_shape from = ath_value_shape(graph, value);
    int       lead = from.rank - shape->rank;
    uint32_t  axes = 0;
    for (int i = 0; i < from.rank; i++)
        if (i < lead || (shape->dims[i - lead] == 1 && from.dims[i] != 1)) axes |= 1u << i;
    if (axes != 0) value = ath_reduce_op(graph, value, ATH_REDUCE_SUM, axes, true);
    return ath_shape_equal(&from, shape) || lead == 0 ? value : ath_reshape(graph, value, *shape);
}
