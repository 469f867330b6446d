/* Scratch memory of a written program: which value lies where.
 *
 * A value lives from the call that writes it to the last that reads it. The largest are placed first, each at the lowest
 * place where nothing that lives at the same time is in the way.
 */
#include "base/error.h"
#include "base/mem.h"
#include "format/c99/c99_program.h"
#include "graph/pass.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 }; /* floats */

const struct ath__node *ath__c99_taken_act(const struct ath__export *net, const struct ath__node *node) {
    if (node->op != &ath__op_conv2d && node->op != &ath__op_matmul && node->op != &ath__op_binary) return NULL;
    const struct ath__node *reader = ath__sole_reader(net->graph, node->out[0]);
    return reader && reader->op == &ath__op_act ? reader : NULL;
}

bool ath__c99_is_taken(const struct ath__export *net, const struct ath__node *node) {
    int producer = node->op == &ath__op_act ? net->graph->values[node->in[0]].node : -1;
    return producer >= 0 && ath__c99_taken_act(net, &net->graph->nodes[producer]) == node;
}

struct life {
    ath_value value;
    int       first, last;
    size_t    size, at;
};

static int larger_first(const void *a, const void *b) {
    const struct life *x = a, *y = b;
    if (x->size != y->size) return x->size < y->size ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_place(const void *a, const void *b) {
    const struct life *x = *(const struct life *const *)a, *y = *(const struct life *const *)b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The lives of all values, the input's first. An activation that is computed with its product writes where the product
 * would. */
static int list_lives(const struct ath__export *net, struct life *lives, int *of_value) {
    int count = 0;
    for (int i = -1; i < net->graph->order_count; i++) {
        const struct ath__node *node = i < 0 ? NULL : ath__export_node(net, i);
        const struct ath__node *act = node ? ath__c99_taken_act(net, node) : NULL;
        if (node && ath__c99_is_taken(net, node)) continue;
        ath_value value = !node ? net->input : act ? act->out[0] : node->out[0];
        size_t    size = (size_t)ath_shape_count(&net->graph->values[value].desc.shape);
        of_value[value] = count;
        lives[count++] = (struct life){value, i, i, (size + ALIGN - 1) / ALIGN * ALIGN, 0};
        for (int k = 0; node && k < node->ins; k++)
            if (node->in[k] != ATH_NONE && of_value[node->in[k]] >= 0) lives[of_value[node->in[k]]].last = i;
    }
    lives[of_value[net->output]].last = net->graph->order_count;
    return count;
}

/* `sorted` has room for all lives. */
static size_t place_lives(struct life *lives, int count, const struct life **sorted) {
    size_t end = 0;
    for (int i = 0; i < count; i++) {
        int others = 0;
        for (int k = 0; k < i; k++)
            if (lives[k].first <= lives[i].last && lives[i].first <= lives[k].last) sorted[others++] = &lives[k];
        qsort(sorted, (size_t)others, sizeof *sorted, by_place);
        size_t at = 0;
        for (int k = 0; k < others; k++) {
            if (at + lives[i].size <= sorted[k]->at) break;
            if (sorted[k]->at + sorted[k]->size > at) at = sorted[k]->at + sorted[k]->size;
        }
        lives[i].at = at;
        if (at + lives[i].size > end) end = at + lives[i].size;
    }
    return end;
}

ath_status ath__c99_place_values(struct ath__c99 *c) {
    const struct ath__export *net = c->net;
    size_t                    room = (size_t)net->graph->order_count + 1;
    struct life              *lives = ATH_NEW_ARRAY(struct life, room);
    int                      *of_value = ATH_NEW_ARRAY(int, net->graph->value_count + 1);
    const struct life       **sorted = ath__alloc_array(room, sizeof *sorted);
    ath_status                status = ATH_OK;
    if (!lives || !of_value || !sorted) {
        status = ath__fail_memory(c->err, "export");
        goto done;
    }
    for (int v = 0; v < net->graph->value_count; v++) of_value[v] = -1;
    int count = list_lives(net, lives, of_value);
    qsort(lives, (size_t)count, sizeof *lives, larger_first);
    c->scratch = place_lives(lives, count, sorted);
    for (int i = 0; i < count; i++) c->place[lives[i].value] = lives[i].at;
done:
    ath__free(lives);
    ath__free(of_value);
    ath__free(sorted);
    return status;
}
