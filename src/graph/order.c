/* Liveness and order: which nodes are needed, and a topological order of them.
 *
 * Needed is what an output or a stored value depends on. Among the nodes whose operands are ready the one with the
 * lowest key runs next. Keys are creation order; a pass that replaces nodes gives the new one the old key. So a weight
 * gradient runs right behind the data gradient beside it, while its operands are still in memory. Nodes that overwrite
 * parameters come last, because everything that reads the old value must run before.
 */
#include "base/error.h"
#include "base/mem.h"
#include "graph/op.h"

#include <math.h>

/* Does the node replace parameters (rather than a running statistic)? */
static bool updates_params(const ath_graph *graph, const struct ath__node *node) {
    for (int i = 0; i < node->outs; i++) {
        if (node->out[i] == ATH_NONE) continue;
        ath_value leaf = graph->values[node->out[i]].stored_in;
        if (leaf == ATH_NONE) continue;
        ath__leaf kind = graph->values[leaf].leaf;
        if (kind == ATH_LEAF_FLAT || kind == ATH_LEAF_PARAM) return true;
    }
    return false;
}

static bool is_root(const ath_graph *graph, const struct ath__node *node) {
    for (int i = 0; i < node->outs; i++) {
        if (node->out[i] == ATH_NONE) continue;
        const struct ath__value *value = &graph->values[node->out[i]];
        if (value->is_output || value->stored_in != ATH_NONE) return true;
    }
    return false;
}

static int producer_of(const ath_graph *graph, ath_value value) {
    return value == ATH_NONE ? -1 : graph->values[value].node;
}

/* Marks every node that a root depends on; the rest is dead. `stack` has room for all nodes. */
static void mark_live(ath_graph *graph, bool *live, int *stack) {
    int depth = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead || !is_root(graph, &graph->nodes[n]) || live[n]) continue;
        live[n] = true;
        stack[depth++] = n;
        while (depth > 0) {
            const struct ath__node *node = &graph->nodes[stack[--depth]];
            for (int i = 0; i < node->ins; i++) {
                int producer = producer_of(graph, node->in[i]);
                if (producer < 0 || live[producer]) continue;
                live[producer] = true;
                stack[depth++] = producer;
            }
        }
    }
    for (int n = 0; n < graph->node_count; n++)
        if (!live[n]) graph->nodes[n].dead = true;
}

/* A binary heap of node indices by key. */
struct heap {
    const ath_graph *graph;
    const bool      *late; /* nodes that overwrite parameters */
    int             *items;
    int              count;
};

static double heap_key(const struct heap *heap, int node) {
    return heap->late[node] ? HUGE_VAL : heap->graph->nodes[node].key;
}

static bool heap_before(const struct heap *heap, int a, int b) {
    double ka = heap_key(heap, a), kb = heap_key(heap, b);
    return ka < kb || (!(kb < ka) && a < b);
}

static void heap_swap(struct heap *heap, int i, int j) {
    int item = heap->items[i];
    heap->items[i] = heap->items[j];
    heap->items[j] = item;
}

static void heap_push(struct heap *heap, int node) {
    int i = heap->count++;
    heap->items[i] = node;
    for (; i > 0 && heap_before(heap, heap->items[i], heap->items[(i - 1) / 2]); i = (i - 1) / 2)
        heap_swap(heap, i, (i - 1) / 2);
}

static int heap_pop(struct heap *heap) {
    int top = heap->items[0];
    heap->items[0] = heap->items[--heap->count];
    for (int i = 0;;) {
        int least = i, left = 2 * i + 1, right = left + 1;
        if (left < heap->count && heap_before(heap, heap->items[left], heap->items[least])) least = left;
        if (right < heap->count && heap_before(heap, heap->items[right], heap->items[least])) least = right;
        if (least == i) return top;
        heap_swap(heap, i, least);
        i = least;
    }
}

/* Counts, per node, the operands that other nodes make; and lists each node's readers (first[n] .. first[n+1]). */
static int count_edges(const ath_graph *graph, int *waiting, int *first) {
    int edges = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead) continue;
        for (int i = 0; i < graph->nodes[n].ins; i++) {
            int producer = producer_of(graph, graph->nodes[n].in[i]);
            if (producer < 0) continue;
            waiting[n]++;
            first[producer + 1]++;
            edges++;
        }
    }
    for (int n = 0; n < graph->node_count; n++) first[n + 1] += first[n];
    return edges;
}

static void list_readers(const ath_graph *graph, const int *first, int *fill, int *readers) {
    for (int n = 0; n < graph->node_count; n++) fill[n] = first[n];
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead) continue;
        for (int i = 0; i < graph->nodes[n].ins; i++) {
            int producer = producer_of(graph, graph->nodes[n].in[i]);
            if (producer >= 0) readers[fill[producer]++] = n;
        }
    }
}

static void settle_rates(ath_graph *graph) {
    for (int i = 0; i < graph->order_count; i++) {
        struct ath__node *node = &graph->nodes[graph->order[i]];
        node->rate = ath__graph_node_rate(graph, node);
        for (int o = 0; o < node->outs; o++)
            if (node->out[o] != ATH_NONE) graph->values[node->out[o]].rate = node->rate;
    }
}

ath_status ath__graph_order(ath_graph *graph, ath_error *err) {
    size_t     count = (size_t)graph->node_count + 2;
    ath_status status = ATH_OK;
    bool      *live = ATH_NEW_ARRAY(bool, count), *late = ATH_NEW_ARRAY(bool, count);
    int       *stack = ATH_NEW_ARRAY(int, count), *waiting = ATH_NEW_ARRAY(int, count);
    int       *first = ATH_NEW_ARRAY(int, count), *readers = NULL;
    int       *order = ath__realloc(graph->order, count * sizeof(int));
    if (order) graph->order = order;
    if (!live || !late || !stack || !waiting || !first || !order) {
        status = ath__fail_memory(err, "graph order");
        goto done;
    }
    mark_live(graph, live, stack);
    int edges = count_edges(graph, waiting, first);
    readers = ATH_NEW_ARRAY(int, edges + 1);
    if (!readers) {
        status = ath__fail_memory(err, "graph order");
        goto done;
    }
    list_readers(graph, first, stack, readers);
    struct heap heap = {.graph = graph, .late = late, .items = stack};
    int         alive = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].dead) continue;
        alive++;
        late[n] = updates_params(graph, &graph->nodes[n]);
        if (waiting[n] == 0) heap_push(&heap, n);
    }
    graph->order_count = 0;
    while (heap.count > 0) {
        int n = heap_pop(&heap);
        graph->order[graph->order_count++] = n;
        for (int r = first[n]; r < first[n + 1]; r++)
            if (--waiting[readers[r]] == 0) heap_push(&heap, readers[r]);
    }
    if (graph->order_count != alive) {
        status = ath__fail(err, ATH_FAILED, "graph order", "the graph has a cycle");
        goto done;
    }
    settle_rates(graph);
done:
    ath__free(live);
    ath__free(late);
    ath__free(stack);
    ath__free(waiting);
    ath__free(first);
    ath__free(readers);
    return status;
}
