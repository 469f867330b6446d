/* What a network's graph and the schedule say before a single step.
 *
 * A weight of a convolution meets padding only when its tap lies outside the map at every position of the window: with a
 * map of m places, kernel k, padding p, stride s and q outputs, tap r is used if 0 <= o*s - p + r*d < m for some o < q. A
 * 3x3 convolution on a 1x1 map uses one of its nine taps.
 */
#include "train/doctor/evidence.h"

#include "base/error.h"
#include "graph/op.h"
#include "train/rate.h"
#include "train/settings.h"

#include <math.h>
#include <string.h>

struct convolution {
    const char *scope;
    int64_t     in[2], kernel[2], filters, per_filter; /* weights of a filter */
    double      used;                                  /* share of the taps that meet the map somewhere */
};

static double used_taps(int64_t in, int64_t out, int64_t kernel, int64_t pad, int64_t stride, int64_t dilation) {
    int64_t used = 0;
    for (int64_t r = 0; r < kernel; r++) {
        bool meets = false;
        for (int64_t o = 0; o < out && !meets; o++) {
            int64_t place = o * stride - pad + r * dilation;
            meets = place >= 0 && place < in;
        }
        used += meets;
    }
    return kernel > 0 ? (double)used / (double)kernel : 1.0;
}

static struct convolution describe(const ath_graph *graph, const struct ath__node *node) {
    const ath_conv2d_attrs *a = node->attrs;
    const ath_shape        *x = &graph->values[node->in[0]].desc.shape, *w = &graph->values[node->in[1]].desc.shape,
                    *y = &graph->values[node->out[0]].desc.shape;
    struct convolution c = {.scope = node->scope,
                            .in = {x->dims[2], x->dims[3]},
                            .kernel = {w->dims[2], w->dims[3]},
                            .filters = w->dims[0],
                            .per_filter = w->dims[1] * w->dims[2] * w->dims[3],
                            .used = 1.0};
    for (int i = 0; i < 2; i++)
        c.used *= used_taps(x->dims[2 + i], y->dims[2 + i], w->dims[2 + i], a->pad[i], a->stride[i], a->dilation[i]);
    return c;
}

static void copy_scope(char *text, size_t capacity, const char *scope) {
    ath__str_copy(text, capacity, scope);
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '.') text[length - 1] = '\0';
}

static void walk(const ath_graph *graph, struct ath__net_facts *net) {
    double weights = 0.0, idle = 0.0;
    for (int n = 0; n < graph->node_count; n++) {
        const struct ath__node *node = &graph->nodes[n];
        net->norms += node->op == &ath__op_batch_norm;
        net->dropouts += node->op == &ath__op_dropout;
        net->linears += node->op == &ath__op_matmul;
        if (node->op == &ath__op_act) {
            int64_t kind = ((const ath_act_attrs *)node->attrs)->kind;
            net->saturating += kind == ATH_ACT_SIGMOID || kind == ATH_ACT_TANH;
        }
        if (node->op != &ath__op_conv2d) continue;
        struct convolution c = describe(graph, node);
        if (net->convs++ == 1 && c.in[0] > 0) net->early = (int)(net->height / c.in[0]);
        double count = (double)c.filters * (double)c.per_filter;
        weights += count;
        idle += count * (1.0 - c.used);
        if (c.used < 1.0 && !*net->padding_layer) copy_scope(net->padding_layer, sizeof net->padding_layer, c.scope);
        if (c.kernel[0] <= 1 && c.kernel[1] <= 1) continue;
        net->map_height = (int)c.in[0];
        net->map_width = (int)c.in[1];
    }
    net->padding_share = weights > 0.0 ? idle / weights : 0.0;
}

ath_status ath__evidence_network(struct ath__evidence *evidence, const ath_model *model, ath_error *err) {
    struct ath__net_facts *net = &evidence->net;
    ath_model_counts       counts;
    int                    channels;
    memset(net, 0, sizeof *net);
    ATH_TRY(ath_model_count(model, &counts, err));
    net->params = counts.params;
    ath_model_input(model, &channels, &net->height, &net->width);
    ath_graph *graph = ath_graph_create();
    if (!graph) return ath__fail_memory(err, "doctor");
    ath_value x = ath_input(graph, "images", ATH_F32, ath_shape_of(2, channels, net->height, net->width));
    ath_value rng = ath_input(graph, "rng", ATH_I32, ath_shape_of(4));
    ath_model_build(model, graph, x, true, rng);
    ath_status status = ath_graph_status(graph, err);
    if (status == ATH_OK) walk(graph, net);
    ath_graph_destroy(graph);
    struct ath__config_pair pair;
    ath_model_option        option;
    for (int i = 0; ath_model_option_at((ath_model *)(uintptr_t)model, i, &option); i++)
        net->stem_option = net->stem_option || (strcmp(option.name, "stem") == 0 && strstr(option.allowed, "cifar"));
    for (int i = 0; ath__config_pair(evidence->config, "model.", i, &pair); i++)
        if (strcmp(pair.key, "stem") == 0 && strcmp(pair.value, "cifar") == 0) net->stem_option = false;
    net->known = status == ATH_OK;
    return status;
}

/* The schedule at a few thousand points of the run. */
ath_status ath__evidence_plan(struct ath__evidence *evidence, int64_t steps_per_epoch, ath_error *err) {
    enum { POINTS = 4000 };
    struct ath__plan_facts *plan = &evidence->plan;
    struct ath__rate_plan   planned;
    memset(plan, 0, sizeof *plan);
    ATH_TRY(ath__rate_read(evidence->config, steps_per_epoch, NULL, &planned, err));
    plan->steps_per_epoch = steps_per_epoch;
    plan->steps = planned.steps;
    plan->warmup_steps = ath__duration_steps(&planned.settings.warmup, (double)steps_per_epoch);
    plan->dead_step = (double)plan->steps;
    plan->lowest = INFINITY;
    bool dead = false;
    for (int64_t i = 0, points = plan->steps < POINTS ? plan->steps : POINTS; i < points; i++) {
        int64_t step = points > 1 ? (int64_t)((double)i / (double)(points - 1) * (double)(plan->steps - 1)) : 0;
        double  rate = ath__rate_at(&planned, step, 1.0);
        if (rate > plan->peak) {
            plan->peak = rate;
            plan->peak_step = (double)step;
        }
        plan->last = rate;
        if ((double)step >= plan->warmup_steps) plan->lowest = fmin(plan->lowest, rate);
        bool low = rate < 1e-3 * plan->peak;
        if (low && !dead) plan->dead_step = (double)step;
        if (!low) plan->dead_step = (double)plan->steps;
        dead = low;
    }
    plan->lowest = fmin(plan->lowest, plan->peak);
    plan->known = plan->steps > 0;
    return ATH_OK;
}
