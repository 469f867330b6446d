/* Rewriting frozen batch norms, and finding the cut.
 *
 *     images -> [frozen ...] -> cut -> [trained ...] -> logits
 *
 * A value is constant for an image if its producer computes without chance and without the rest of the batch from
 * constants for the image and from parameters that are frozen. The cut is what nodes that are not constant read of it.
 */
#include "train/cut.h"

#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"

enum { X, GAMMA, BETA, MEAN, VARIANCE }; /* operands of batch_norm */
enum { Y, NEW_MEAN = 3, NEW_VARIANCE };  /* its results */

static bool is_frozen(const ath_graph *graph, ath_value value, const struct ath__store *store) {
    const struct ath__value *v = &graph->values[value];
    if (v->leaf != ATH_LEAF_PARAM || v->frozen) return v->leaf == ATH_LEAF_PARAM;
    const struct ath__entry *entry = ath__store_find(store, v->name);
    return entry && entry->group == ATH_STORE_FROZEN;
}

static void rewrite_norm(ath_graph *graph, int index) {
    const struct ath__node      node = graph->nodes[index];
    const ath_batch_norm_attrs *attrs = node.attrs;
    int                         first = graph->node_count;
    ath_value                   y = ath_batch_norm_eval(graph, node.in[X], node.in[GAMMA], node.in[BETA], node.in[MEAN],
                                                        node.in[VARIANCE], attrs->eps);
    if (y == ATH_NONE) return;
    for (int n = first; n < graph->node_count; n++) {
        graph->nodes[n].scope = node.scope;
        graph->nodes[n].key = node.key;
    }
    ath__graph_redirect(graph, node.out[Y], y);
    for (int o = NEW_MEAN; o <= NEW_VARIANCE; o++) graph->values[node.out[o]].stored_in = ATH_NONE;
    graph->nodes[index].dead = true;
}

void ath__cut_norms(ath_graph *graph, enum ath__norms norms, const struct ath__store *store) {
    int count = graph->node_count;
    for (int n = 0; n < count && norms != ATH_NORMS_UPDATE && ath_graph_status(graph, NULL) == ATH_OK; n++) {
        const struct ath__node *node = &graph->nodes[n];
        if (node->dead || node->op != &ath__op_batch_norm) continue;
        if (norms == ATH_NORMS_FROZEN ||
            (is_frozen(graph, node->in[GAMMA], store) && is_frozen(graph, node->in[BETA], store)))
            rewrite_norm(graph, n);
    }
}

void ath__cut_dropouts(ath_graph *graph) {
    for (int n = 0; n < graph->node_count; n++) {
        struct ath__node *node = &graph->nodes[n];
        if (node->dead || node->op != &ath__op_dropout) continue;
        node->dead = true;
        ath__graph_redirect(graph, node->out[0], node->in[0]);
    }
}

/* What the walk knows of a value. */
struct mark {
    bool seen, constant, images; /* looked at; the same for an image in every step; depends on the images */
};

/* May its results be kept? Nothing drawn, nothing of the batch's other images, no statistic that moves on. */
static bool computes_alone(const ath_graph *graph, const struct ath__node *node) {
    if (node->op->traits & ATH_OP_RANDOM || node->op == &ath__op_batch_norm) return false;
    for (int o = 0; o < node->outs; o++)
        if (node->out[o] != ATH_NONE && graph->values[node->out[o]].stored_in != ATH_NONE) return false;
    return true;
}

static struct mark look(const ath_graph *graph, ath_value value, ath_value images, const struct ath__store *store,
                        struct mark *marks) {
    if (marks[value].seen) return marks[value];
    const struct ath__value *v = &graph->values[value];
    struct mark              mark = {.seen = true, .images = value == images, .constant = true};
    if (v->node < 0) {
        bool step = v->leaf == ATH_LEAF_STEP_INPUT || (v->leaf == ATH_LEAF_INPUT && value != images);
        mark.constant = !step && (v->leaf != ATH_LEAF_PARAM || is_frozen(graph, value, store));
    } else {
        const struct ath__node *node = &graph->nodes[v->node];
        mark.constant = computes_alone(graph, node);
        for (int i = 0; i < node->ins; i++) {
            if (node->in[i] == ATH_NONE) continue;
            struct mark in = look(graph, node->in[i], images, store, marks);
            mark.constant = mark.constant && in.constant;
            mark.images = mark.images || in.images;
        }
    }
    marks[value] = mark;
    return mark;
}

static ath_status choose(const ath_graph *graph, ath_value images, const struct mark *marks, ath_value *cut,
                         ath_error *err) {
    int first = ATH_NONE, second = ATH_NONE;
    for (int v = 0; v < graph->value_count; v++) {
        const struct ath__value *value = &graph->values[v];
        if (!marks[v].seen || marks[v].constant || value->node < 0) continue;
        const struct ath__node *node = &graph->nodes[value->node];
        for (int i = 0; i < node->ins; i++) {
            ath_value in = node->in[i];
            if (in == ATH_NONE || !marks[in].constant || !marks[in].images || in == first) continue;
            second = first;
            first = in;
        }
    }
    if (second != ATH_NONE)
        return ath__fail(err, ATH_USAGE, "features",
                         "the trained part of the network reads the frozen part in more than one place: features=cache "
                         "needs freeze=backbone, or another pattern that leaves one place between them");
    if (first == ATH_NONE || first == images)
        return ath__fail(err, ATH_USAGE, "features",
                         "no part of the network behind the images is frozen, so there are no features to keep: "
                         "features=cache needs freeze=backbone (and bn.statistics other than update)");
    *cut = first;
    return ATH_OK;
}

ath_status ath__cut_find(const ath_graph *graph, ath_value images, ath_value logits, const struct ath__store *store,
                         ath_value *cut, ath_error *err) {
    struct mark *marks = ATH_NEW_ARRAY(struct mark, graph->value_count + 1);
    if (!marks) return ath__fail_memory(err, "features");
    ath_status status = ATH_OK;
    if (look(graph, logits, images, store, marks).constant)
        status = ath__fail(err, ATH_USAGE, "freeze", "everything is frozen: there is nothing to train");
    if (status == ATH_OK) status = choose(graph, images, marks, cut, err);
    ath__free(marks);
    return status;
}
