/* Constant folding: what depends on constants only is computed once, in double precision, and becomes a constant.
 *
 * This is what makes re-parameterisation partial evaluation: with parameters turned into constants, weight transforms
 * and merged branches collapse into plain weights.
 */
#include "base/error.h"
#include "base/mem.h"
#include "graph/interp.h"
#include "graph/op.h"
#include "graph/pass.h"
#include "tensor/dtype.h"

#include <stdio.h>

static bool feeds_others(const ath_graph *graph, ath_value value) {
    if (graph->values[value].is_output || graph->values[value].stored_in != ATH_NONE) return true;
    for (int i = 0; i < graph->order_count; i++) {
        const struct ath__node *node = &graph->nodes[graph->order[i]];
        if (node->rate == ATH_RATE_CONST) continue;
        for (int k = 0; k < node->ins; k++)
            if (node->in[k] == value) return true;
    }
    return false;
}

static ath_status fold_value(ath_graph *graph, struct ath__interp *interp, ath_value value, ath_error *err) {
    ATH_TRY(ath__interp_eval(interp, value, err));
    struct ath__desc desc = graph->values[value].desc;
    size_t           count = (size_t)ath_shape_count(&desc.shape);
    void            *data = ath__alloc_array(count, ath_dtype_size(desc.dtype));
    if (!data) return ath__fail_memory(err, "constant folding");
    ath__convert(data, desc.dtype, ath__interp_data(interp, value), ATH_F64, count);
    char name[48];
    snprintf(name, sizeof name, "folded.%d", value);
    ath_tensor tensor = {.dtype = desc.dtype, .shape = desc.shape, .data = data};
    ath_value  constant = ath_constant(graph, name, &tensor);
    ath__free(data);
    if (constant != ATH_NONE) {
        const char *old_name = graph->values[value].name;
        ath__graph_redirect(graph, value, constant);
        if (old_name) {
            graph->values[constant].name = old_name;
            graph->values[value].name = NULL;
        }
    }
    return ath_graph_status(graph, err);
}

ath_status ath__pass_fold(ath_graph *graph, ath_error *err) {
    ATH_TRY(ath__graph_order(graph, err));
    bool any = false;
    for (int i = 0; i < graph->order_count; i++) any |= graph->nodes[graph->order[i]].rate == ATH_RATE_CONST;
    if (!any) return ATH_OK;
    struct ath__interp *interp = NULL;
    ATH_TRY(ath__interp_create(graph, &interp, err));
    ath_status status = ATH_OK;
    int        count = graph->order_count;
    for (int i = 0; status == ATH_OK && i < count; i++) {
        const struct ath__node *node = &graph->nodes[graph->order[i]];
        if (node->rate != ATH_RATE_CONST) continue;
        for (int o = 0; status == ATH_OK && o < node->outs; o++)
            if (node->out[o] != ATH_NONE && feeds_others(graph, node->out[o]))
                status = fold_value(graph, interp, node->out[o], err);
    }
    ath__interp_destroy(interp);
    if (status != ATH_OK) return status;
    return ath__graph_order(graph, err);
}
