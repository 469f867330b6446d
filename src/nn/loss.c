/* The table of losses, and what they share: targets, class weights, the divisor of the mean.
 *
 * Hard labels become rows of zeros and a one without a gather, from element-wise functions alone:
 *
 *     h_nk = relu(1 - |label_n - k|)        exact for whole numbers below 2^24
 *     t_nk = h_nk / sum_j h_nj              1 where h is; 0/0 for a label that is no class, so that it is heard
 */
#include "nn/loss.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "graph/op.h"

#include <string.h>

static const struct ath__loss *const table[] = {
#define ATH_LOSS(name) &ath__loss_##name,
#include "nn/loss_list.h"
#undef ATH_LOSS
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct ath__loss *ath__loss_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

ath_status ath__loss_find(const char *name, const struct ath__loss **loss, ath_error *err) {
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, table[i]->name) == 0) {
            *loss = table[i];
            return ATH_OK;
        }
    }
    const char *closest = ath__str_closest(name, names, COUNT);
    return ath__fail(err, ATH_USAGE, "loss", "unknown loss '%s'; did you mean '%s'?", name,
                     closest ? closest : names[0]);
}

ath_value ath__loss_build(ath_graph *graph, const struct ath__loss *loss, const struct ath__loss_settings *settings,
                          ath_value logits, ath_value labels) {
    if (ath_graph_status(graph, NULL) != ATH_OK) return ATH_NONE;
    ath_scope_push(graph, "loss");
    ath_value losses = (loss ? loss : table[0])->build(graph, settings, logits, labels);
    ath_scope_pop(graph);
    return losses;
}

double ath__loss_divisor(const struct ath__loss *loss, const struct ath__loss_settings *settings, const int32_t *labels,
                         int64_t count) {
    if (!settings->weights || !labels || !(loss ? loss : table[0])->weighted_mean) return (double)count;
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) sum += (double)settings->weights[labels[i]];
    return sum > 0.0 ? sum : (double)count; /* only classes of weight 0: their losses are 0 as well */
}

/* The constant (K) of the given numbers, or of 0, 1 .. K-1. */
static ath_value row_constant(ath_graph *graph, const char *name, const float *numbers, int64_t classes) {
    float *data = ath__alloc_array((size_t)classes, sizeof(float));
    if (!data) return ath_graph_fail(graph, ATH_MEMORY, "out of memory");
    for (int64_t k = 0; k < classes; k++) data[k] = numbers ? numbers[k] : (float)k;
    ath_tensor tensor = {.dtype = ATH_F32, .shape = ath_shape_of(classes), .data = data};
    ath_value  value = ath_constant(graph, name, &tensor);
    ath__free(data);
    return value;
}

ath_value ath__loss_weights(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits) {
    if (!settings->weights) return ATH_NONE;
    return row_constant(graph, "class_weights", settings->weights, ath_value_shape(graph, logits).dims[1]);
}

ath_value ath__loss_targets(ath_graph *graph, const struct ath__loss_settings *settings, ath_value logits,
                            ath_value labels) {
    int64_t   classes = ath_value_shape(graph, logits).dims[1];
    ath_value t = labels;
    if (ath_value_dtype(graph, labels) == ATH_I32) {
        ath_value number = ath__graph_apply(graph, &ath__op_cast, &(ath_cast_attrs){.dtype = ATH_F32}, &labels, 1);
        ath_value column = ath_reshape(graph, number, ath_shape_of(-1, 1));
        ath_value away = ath_binary_op(graph, column, row_constant(graph, "classes", NULL, classes), ATH_BINARY_SUB);
        ath_value hot = ath_relu(graph, ath_scale(graph, ath_unary_op(graph, away, ATH_UNARY_ABS), -1.0, 1.0));
        t = ath_binary_op(graph, hot, ath_reduce_op(graph, hot, ATH_REDUCE_SUM, 1u << 1, true), ATH_BINARY_DIV);
    }
    double s = settings->smoothing;
    return s > 0.0 ? ath_scale(graph, t, 1.0 - s, s / (double)classes) : t;
}
