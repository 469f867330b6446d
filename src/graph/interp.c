/* The interpreter on the reference bodies: every value a plain array of doubles, every node one call of op->ref. */
#include "graph/interp.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"
#include "tensor/dtype.h"

#include <math.h>

struct ath__interp {
    ath_graph *graph;
    int        values;
    double   **data; /* per value; NULL = not computed */
};

static double *value_alloc(struct ath__interp *interp, ath_value value) {
    if (!interp->data[value]) {
        int64_t count = ath_shape_count(&interp->graph->values[value].desc.shape);
        interp->data[value] = ATH_NEW_ARRAY(double, count);
    }
    return interp->data[value];
}

void ath__interp_destroy(struct ath__interp *interp) {
    if (!interp) return;
    for (int i = 0; interp->data && i < interp->values; i++) ath__free(interp->data[i]);
    ath__free(interp->data);
    ath__free(interp);
}

void ath__interp_set(struct ath__interp *interp, ath_value leaf, const void *data) {
    const struct ath__desc *desc = &interp->graph->values[leaf].desc;
    ath__convert(interp->data[leaf], ATH_F64, data, desc->dtype, (size_t)ath_shape_count(&desc->shape));
}

ath_status ath__interp_create(ath_graph *graph, struct ath__interp **interp, ath_error *err) {
    struct ath__interp *made = ATH_NEW(struct ath__interp);
    if (!made) return ath__fail_memory(err, "interpreter");
    made->graph = graph;
    made->values = graph->value_count;
    made->data = ATH_NEW_ARRAY(double *, graph->value_count + 1);
    ath_status status = made->data ? ATH_OK : ath__fail_memory(err, "interpreter");
    for (int i = 0; status == ATH_OK && i < graph->value_count; i++) {
        const struct ath__value *value = &graph->values[i];
        if (value->leaf == ATH_LEAF_NONE) continue;
        if (!value_alloc(made, i))
            status = ath__fail_memory(err, "interpreter");
        else if (value->leaf == ATH_LEAF_CONST)
            ath__interp_set(made, i, value->constant);
    }
    if (status != ATH_OK) {
        ath__interp_destroy(made);
        return status;
    }
    *interp = made;
    return ATH_OK;
}

double *ath__interp_data(struct ath__interp *interp, ath_value value) {
    return value >= 0 && value < interp->values ? interp->data[value] : NULL;
}

/* Runs one node whose operands are there. */
static ath_status run_node(struct ath__interp *interp, const struct ath__node *node, ath_error *err) {
    ath_status              status = ATH_OK;
    const ath_graph        *graph = interp->graph;
    struct ath__ref_tensor *in = ATH_NEW_ARRAY(struct ath__ref_tensor, node->ins + 1);
    struct ath__ref_tensor  out[ATH_MAX_OUTS] = {{{0}, NULL}};
    if (!in) return ath__fail_memory(err, "interpreter");
    for (int i = 0; i < node->ins; i++)
        if (node->in[i] != ATH_NONE)
            in[i] = (struct ath__ref_tensor){graph->values[node->in[i]].desc.shape, interp->data[node->in[i]]};
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE) continue;
        out[o].shape = graph->values[node->out[o]].desc.shape;
        out[o].data = value_alloc(interp, node->out[o]);
        if (!out[o].data) status = ath__fail_memory(err, "interpreter");
    }
    if (status == ATH_OK) {
        struct ath__ref ref = {.attrs = node->attrs, .ins = node->ins, .outs = node->outs, .in = in, .out = out};
        node->op->ref(&ref);
    }
    ath__free(in);
    return status;
}

static bool has_bad_number(const struct ath__interp *interp, const struct ath__node *node) {
    for (int o = 0; o < node->outs; o++) {
        if (node->out[o] == ATH_NONE) continue;
        int64_t count = ath_shape_count(&interp->graph->values[node->out[o]].desc.shape);
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(interp->data[node->out[o]][i])) return true;
    }
    return false;
}

ath_status ath__interp_run(struct ath__interp *interp, int *nan_node, ath_error *err) {
    if (nan_node) *nan_node = -1;
    for (int i = 0; i < interp->graph->order_count; i++) {
        const struct ath__node *node = &interp->graph->nodes[interp->graph->order[i]];
        ATH_TRY(run_node(interp, node, err));
        if (nan_node && *nan_node < 0 && has_bad_number(interp, node)) *nan_node = interp->graph->order[i];
    }
    return ATH_OK;
}

ath_status ath__interp_eval(struct ath__interp *interp, ath_value value, ath_error *err) {
    if (interp->data[value]) return ATH_OK;
    const struct ath__node *node = &interp->graph->nodes[interp->graph->values[value].node];
    for (int i = 0; i < node->ins; i++)
        if (node->in[i] != ATH_NONE) ATH_TRY(ath__interp_eval(interp, node->in[i], err));
    return run_node(interp, node, err);
}
