/* The inference graph that writers start from: it computes what the network computes, every value has a name of its own,
 * parameters are constants, and batch norms are gone, or found where they were to be kept.
 *
 * Tolerance: the graph runs in double precision on weights that folding rounded to float32, the network in float32, so
 * both differ by the rounding of one forward pass: u * sqrt(terms of the longest sum) per layer, over the layers.
 */
#include "format/export.h"
#include "format/tensor_format.h"
#include "graph/interp.h"
#include "graph/pass.h"
#include "support/small_network.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static struct ath__export_source source_of(const struct small_network *net) {
    return (struct ath__export_source){.model = net->model, .store = net->network->store, .name = "net"};
}

static void check_names(const struct ath__export *net) {
    for (int i = 0; i < net->graph->order_count; i++) {
        const struct ath__node *node = ath__export_node(net, i);
        for (int k = 0; k < node->ins; k++) {
            if (node->in[k] == ATH_NONE) continue;
            assert_non_null(ath__export_value(net, node->in[k])->name);
            assert_int_equal(ath__graph_find(net->graph, ath__export_value(net, node->in[k])->name), node->in[k]);
        }
        assert_int_equal(ath__graph_find(net->graph, ath__export_value(net, node->out[0])->name), node->out[0]);
    }
}

/* The largest difference of the graph's output and the network's, in units of the largest logit. */
static double difference(const struct ath__export *net, const float *image, const float *logits) {
    struct ath__interp *interp;
    ath_error           err = {0};
    must(ath__interp_create(net->graph, &interp, &err), &err);
    ath__interp_set(interp, net->input, image);
    must(ath__interp_eval(interp, net->output, &err), &err);
    const double *got = ath__interp_data(interp, net->output);
    double        worst = 0.0, largest = 0.0;
    for (int c = 0; c < net->classes; c++) {
        worst = fmax(worst, fabs(got[c] - (double)logits[c]));
        largest = fmax(largest, fabs(got[c]));
    }
    ath__interp_destroy(interp);
    return worst / largest;
}

static void same_logits(const char *name, const struct ath__export *net, struct small_network *small, int layers) {
    float *image = small_network_image(small, 5), *logits = small_network_logits(small, image);
    double tolerance = layers * ldexp(1.0, -24) * sqrt(512.0 * 9.0), off = difference(net, image, logits);
    if (off > tolerance) fail_msg("%s: logits differ by %g of the largest, more than %g", name, off, tolerance);
    ath__free(image);
    ath__free(logits);
}

static void check_net(const char *name, const char *options, int channels, int size, int layers) {
    struct small_network      small;
    struct ath__export        net;
    ath_error                 err = {0};
    struct ath__export_source source;
    small_network_make(&small, name, options, channels, size, 10);
    source = source_of(&small);
    must(ath__export_create(&source, &net, &err), &err);
    check_names(&net);
    same_logits(name, &net, &small, layers);
    ath__export_free(&net);
    small_network_free(&small);
}

static void plain_nets(void **state) {
    (void)state;
    check_net("lenet5", "", 1, 28, 5);
}

static void residual_nets(void **state) {
    (void)state;
    check_net("resnet20-cifar", "", 3, 32, 20);
    check_net("wrn-16-4", "width=1", 3, 32, 16);
    check_net("mobilenetv2-cifar", "", 3, 32, 53);
}

/* Convolution, batch norm and activation become two nodes; the weights keep their layer's name. */
static void batch_norms_are_folded(void **state) {
    struct small_network small;
    struct ath__export   net;
    ath_error            err = {0};
    (void)state;
    small_network_make(&small, "resnet20-cifar", "", 3, 32, 10);
    struct ath__export_source source = source_of(&small);
    must(ath__export_create(&source, &net, &err), &err);
    const struct ath__node *first = ath__export_node(&net, 0);
    assert_string_equal(first->op->name, "conv2d");
    assert_string_equal(ath__export_value(&net, first->in[1])->name, "conv1.weight");
    assert_string_equal(ath__export_value(&net, first->in[2])->name, "conv1.bias");
    assert_string_equal(ath__export_node(&net, 1)->op->name, "act");
    for (int i = 0; i < net.graph->order_count; i++) {
        const struct ath__node *node = ath__export_node(&net, i);
        if (strcmp(node->op->name, "binary") == 0)
            assert_int_equal(((const ath_binary_attrs *)node->attrs)->kind, ATH_BINARY_ADD); /* residual sums alone */
    }
    ath__export_free(&net);
    small_network_free(&small);
}

/* Kept batch norms: the graph computes the same, and each norm's parameters are found under their own names. */
static void batch_norms_are_kept(void **state) {
    struct small_network small;
    struct ath__export   net;
    ath_error            err = {0};
    (void)state;
    small_network_make(&small, "mobilenetv2-cifar", "", 3, 32, 10);
    struct ath__export_source source = source_of(&small);
    source.keep_norms = true;
    must(ath__export_create(&source, &net, &err), &err);
    check_names(&net);
    int convolutions = 0, halves = 0;
    for (int i = 0; i < net.graph->order_count; i++) {
        const struct ath__node *node = ath__export_node(&net, i);
        convolutions += strcmp(node->op->name, "conv2d") == 0;
        halves += ath__export_norm_of(&net, node) != NULL;
    }
    assert_int_equal(net.norm_count, convolutions);
    assert_int_equal(halves, 2 * net.norm_count);
    assert_string_equal(ath__export_value(&net, net.norms[0].gamma)->name, "bn1.weight");
    assert_string_equal(ath__export_value(&net, net.norms[0].variance)->name, "bn1.running_var");
    assert_true(net.norms[0].eps == 1e-5);
    same_logits("batch norms kept", &net, &small, 53);
    ath__export_free(&net);
    small_network_free(&small);
}

/* A weight transform folds away: the network is the plain one. */
static void transforms_are_folded(void **state) {
    struct small_network small;
    struct ath__export   net;
    ath_error            err = {0};
    (void)state;
    small_network_make(&small, "lenet5", "", 1, 28, 10);
    must(ath_model_set_reparam(small.model, "wn", &err), &err);
    ath__network_destroy(small.network);
    must(ath__network_create(small.model, &(struct ath__network_settings){.optimizer = NULL}, &small.network, &err),
         &err);
    must(ath__network_start(small.network, "kaiming", 3, &err), &err);
    struct ath__export_source source = source_of(&small);
    source.softmax = true;
    must(ath__export_create(&source, &net, &err), &err);
    assert_int_equal(net.graph->order_count, 13); /* lenet's twelve nodes and the softmax */
    assert_string_equal(ath__export_value(&net, ath__export_node(&net, 0)->in[1])->name, "conv1.weight");
    assert_string_equal(ath__export_value(&net, net.output)->name, "probabilities");
    assert_true(net.softmax);
    ath__export_free(&net);
    small_network_free(&small);
}

static void endings(void **state) {
    (void)state;
    assert_true(ath__path_ends("a/net.TXT", "c txt"));
    assert_true(ath__path_ends("net.c", "c txt"));
    assert_false(ath__path_ends("net.cc", "c txt"));
    assert_false(ath__path_ends("a.txt/net", "c txt"));
    assert_false(ath__path_ends(".txt", "c txt"));
    assert_false(ath__path_ends("txt", "c txt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_nets),
        cmocka_unit_test(residual_nets),
        cmocka_unit_test(batch_norms_are_folded),
        cmocka_unit_test(batch_norms_are_kept),
        cmocka_unit_test(transforms_are_folded),
        cmocka_unit_test(endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
