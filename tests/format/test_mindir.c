/* Networks written as MindIR: the file is a model whose every operand is the input, a parameter or an earlier result, whose
 * nodes name primitives that are there, and whose weights are the export's. Whether MindSpore computes the same with it,
 * tools/consumers/mindspore_check asks MindSpore.
 */
#include "base/file.h"
#include "base/mem.h"
#include "format/export.h"
#include "mindir.pb-c.h"
#include "support/small_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static Athanor__Mindir__ModelProto *write_and_read(struct small_network *small, struct ath__export *net) {
    struct ath__export_source source = {.model = small->model,
                                        .store = small->network->store,
                                        .name = "net",
                                        .softmax = true,
                                        .images = {.interpolation = "bilinear", .deviation = {1.0, 1.0, 1.0}}};
    struct ath__str           notes = {0};
    ath_error                 err = {0};
    char                     *data;
    size_t                    size;
    must(ath__export_create(&source, net, &err), &err);
    must(ath__graph_format_find("mindir")->write(net, NULL, "net.mindir", &notes, &err), &err);
    must(ath__file_read("net.mindir", 64 << 20, &data, &size, &err), &err);
    Athanor__Mindir__ModelProto *model = athanor__mindir__model_proto__unpack(NULL, size, (uint8_t *)data);
    assert_non_null(model);
    ath__free(data);
    ath__str_free(&notes);
    return model;
}

/* Is the operand made before node `end`? */
static bool is_made(const Athanor__Mindir__GraphProto *graph, const char *name, size_t end) {
    if (strcmp(graph->input[0]->name, name) == 0) return true;
    for (size_t i = 0; i < graph->n_parameter; i++)
        if (strcmp(graph->parameter[i]->name, name) == 0) return true;
    for (size_t i = 0; i < end; i++)
        if (strcmp(graph->node[i]->output[0], name) == 0) return true;
    return false;
}

static bool has_primitive(const Athanor__Mindir__ModelProto *model, const char *type) {
    if (strcmp(type, "Constant") == 0) return true;
    for (size_t i = 0; i < model->n_primitives; i++)
        if (strncmp(type, "REF::", 5) == 0 && strcmp(model->primitives[i]->name, type + 5) == 0) return true;
    return false;
}

static int count_of(const Athanor__Mindir__ModelProto *model, const char *word) {
    int count = 0;
    for (size_t i = 0; i < model->graph->n_node; i++) count += strstr(model->graph->node[i]->op_type, word) != NULL;
    return count;
}

static void check_model(const Athanor__Mindir__ModelProto *model) {
    const Athanor__Mindir__GraphProto *graph = model->graph;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Athanor__Mindir__NodeProto *node = graph->node[i];
        assert_true(has_primitive(model, node->op_type));
        assert_false(is_made(graph, node->output[0], i));
        for (size_t k = 0; k < node->n_input; k++)
            if (!is_made(graph, node->input[k], i)) fail_msg("%s reads '%s'", node->name, node->input[k]);
    }
    assert_true(is_made(graph, graph->output[0]->name, graph->n_node));
    for (size_t i = 0; i < graph->n_parameter; i++) {
        size_t bytes = sizeof(float);
        for (size_t d = 0; d < graph->parameter[i]->n_dims; d++) bytes *= (size_t)graph->parameter[i]->dims[d];
        assert_int_equal(graph->parameter[i]->raw_data.len, bytes);
    }
}

static void check_net(const char *name, int channels, int size, int convolutions, int sums) {
    struct small_network small;
    struct ath__export   net;
    small_network_make(&small, name, "", channels, size, 10);
    Athanor__Mindir__ModelProto *model = write_and_read(&small, &net);
    check_model(model);
    assert_int_equal(count_of(model, "Conv2D"), convolutions);
    assert_int_equal(count_of(model, "Add:"), sums);
    assert_int_equal(count_of(model, "Softmax"), 1);
    /* The first weight, bit for bit. */
    const struct ath__node             *first = ath__export_node(&net, 0);
    const Athanor__Mindir__TensorProto *weight = model->graph->parameter[0];
    assert_string_equal(strchr(weight->name, ':') + 1, ath__export_value(&net, first->in[1])->name);
    assert_memory_equal(weight->raw_data.data, ath__export_constant(&net, first->in[1]), weight->raw_data.len);
    athanor__mindir__model_proto__free_unpacked(model, NULL);
    ath__export_free(&net);
    small_network_free(&small);
}

/* BiasAdd is counted with the sums, by its ending. */
static void nets(void **state) {
    (void)state;
    check_net("lenet5", 1, 28, 2, 2 + 3);
    check_net("resnet20-cifar", 3, 32, 19, 19 + 1 + 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
