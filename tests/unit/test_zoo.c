/* The zoo: sizes, names, options and the errors that a user meets. */
#include "athanor/model.h"
#include "graph/ir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Parameters, buffers (running means and variances, frozen parameters) and multiply-accumulates at batch 1, counted from the same layers
 * written in PyTorch; the published figures agree where there are any. */
static const struct {
    const char *model, *options;
    int64_t     params, buffers, macs;
} sizes[] = {
    {"lenet5", NULL, 61706, 0, 416520},
    {"lenet5-k3", NULL, 81194, 0, 274656},
    {"lenet5", "kernel=3", 81194, 0, 274656},
    {"lenet5-half", NULL, 15738, 0, 133740},
    {"lenet5", "width=0.5", 15738, 0, 133740},
    {"lenet5-relu", NULL, 61706, 0, 416520},
    {"lenet5-shallow", NULL, 31786, 0, 344960},
    {"lenet5", "depth=3", 122538, 0, 784520},
    {"alexnet", NULL, 46764746, 0, 938146176},
    {"resnet18-mnist", NULL, 11178378, 7808, 318657536},
    {"resnet18-cifar", NULL, 11173962, 9600, 555422720},
    {"resnet18-cifar", "depth=34", 21282122, 17024, 1159402496},
    {"resnet20-cifar", NULL, 269722, 1376, 40551040},
    {"resnet32-cifar", NULL, 464154, 2272, 68862592},
    {"resnet44-cifar", NULL, 658586, 3168, 97174144},
    {"resnet56-cifar", NULL, 853018, 4064, 125485696},
    {"resnet18", NULL, 11689512, 9600, 1814073344},
    {"resnet34", NULL, 21797672, 17024, 3663761408},
    {"resnet50", NULL, 25557032, 53120, 4089184256},
    {"resnet9", NULL, 6573120, 4480, 379261952},
    {"wrn", NULL, 36479194, 17952, 5243328768},
    {"wrn-28-10", NULL, 36479194, 17952, 5243328768},
    {"wrn-16-4", NULL, 2748890, 3616, 392612352},
    {"wrn-16-8", NULL, 10961370, 7200, 1548145664},
    {"wrn-40-2", NULL, 2243546, 5408, 327599360},
    {"vgg11-bn", NULL, 132868840, 5504, 7609090048},
    {"vgg16-bn", NULL, 138365992, 8448, 15470264320},
    {"vgg11-bn-cifar", NULL, 9231114, 5504, 152769536},
    {"vgg16-bn-cifar", NULL, 14728266, 8448, 313201664},
    {"mobilenetv2-cifar", NULL, 2296922, 35088, 91154944},
    {"mobilenetv2", NULL, 3504872, 34112, 300774272},
    {"mobilenetv2", "bn=folded", 3487816, 0, 300774272},
    {"mobilenetv2", "padding=same", 3504872, 34112, 300774272},
    {"mobilenetv2", "width=0.5", 1968680, 18544, 97131840},
    {"mobilenetv2", "width=1.4", 6108776, 47936, 582195824},
    {"mobilenetv2", "pool=flatten", 64944872, 34112, 362214272},
    {"mobilenetv1", NULL, 4231976, 21888, 568740352},
    {"mobilenetv3-small", NULL, 2542856, 12112, 56510400},
    {"mobilenetv3-large", NULL, 5483032, 24400, 216589760},
    {"efficientnet-b0", NULL, 5288548, 42016, 385814752},
    {"shufflenetv2", NULL, 2278604, 16180, 144907992},
    {"shufflenetv2-0.5", NULL, 1366792, 7952, 40476448},
    {"shufflenetv2-1.5", NULL, 3503624, 23440, 295759392},
    {"shufflenetv2-2.0", NULL, 7393996, 33716, 583253464},
    {"fastnet94", NULL, 1971352, 3744, 118147360},
    {"fastnet94", "head=muon", 1971352, 3744, 118147360},
    {"fastnet95", NULL, 4604440, 5664, 301560864},
    {"fastnet96", NULL, 9915416, 9504, 451967264},
};

static ath_model *model_of(const char *name, const char *option) {
    ath_model *model = NULL;
    ath_error  err = {0};
    if (ath_model_create(name, &model, &err) != ATH_OK) fail_msg("%s: %s", name, err.message);
    if (option) {
        char        key[64];
        const char *equals = strchr(option, '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - option), option);
        if (ath_model_set(model, key, equals + 1, &err) != ATH_OK) fail_msg("%s %s: %s", name, option, err.message);
    }
    return model;
}

static void counts_are_right(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ath_model       *model = model_of(sizes[i].model, sizes[i].options);
        ath_model_counts counts;
        ath_error        err = {0};
        if (ath_model_count(model, &counts, &err) != ATH_OK) fail_msg("%s: %s", sizes[i].model, err.message);
        if (counts.params != sizes[i].params || counts.buffers != sizes[i].buffers || counts.macs != sizes[i].macs)
            fail_msg("%s %s: %lld parameters, %lld buffers, %lld multiply-accumulates", sizes[i].model,
                     sizes[i].options ? sizes[i].options : "", (long long)counts.params, (long long)counts.buffers,
                     (long long)counts.macs);
        ath_model_destroy(model);
    }
}

static void every_variant_is_counted(void **state) {
    (void)state;
    ath_zoo_entry entry;
    for (int i = 0; ath_zoo_at(i, &entry); i++) {
        int found = 0;
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            found |= strcmp(sizes[j].model, entry.name) == 0 && !sizes[j].options;
        if (!found) fail_msg("no counts are asserted for %s", entry.name);
        assert_true(entry.summary[0] != '\0');
    }
    assert_false(ath_zoo_at(-1, &entry));
}

static void stem_for_small_images(void **state) {
    (void)state;
    ath_model       *model = model_of("resnet18", "stem=cifar");
    ath_model_counts counts;
    assert_int_equal(ath_model_set_input(model, 3, 32, 32, NULL), ATH_OK);
    assert_int_equal(ath_model_set_classes(model, 10, NULL), ATH_OK);
    assert_int_equal(ath_model_count(model, &counts, NULL), ATH_OK);
    assert_int_equal(counts.params, 11173962);
    assert_int_equal(counts.macs, 555422720);
    ath_model_destroy(model);
}

/* Builds at batch 2 and returns the graph, which the caller destroys. */
static ath_graph *graph_of(const ath_model *model, bool train, ath_value *logits) {
    int channels, height, width;
    ath_model_input(model, &channels, &height, &width);
    ath_graph *graph = ath_graph_create();
    assert_non_null(graph);
    ath_value x = ath_input(graph, "x", ATH_F32, ath_shape_of(2, channels, height, width));
    ath_value rng = train ? ath_input(graph, "rng", ATH_I32, ath_shape_of(4)) : ATH_NONE;
    *logits = ath_model_build(model, graph, x, train, rng);
    return graph;
}

/* The names of all parameters and states, in the order of their making, one a line. */
static void names_of(const ath_graph *graph, char *text, size_t capacity) {
    size_t used = 0;
    for (int i = 0; i < graph->value_count; i++) {
        const struct ath__value *value = &graph->values[i];
        if (value->leaf != ATH_LEAF_PARAM && value->leaf != ATH_LEAF_STATE) continue;
        used += (size_t)snprintf(text + used, capacity - used, "%s\n", value->name);
        assert_true(used < capacity);
    }
}

static void lenet_names(void **state) {
    (void)state;
    static const char expected[] = "conv1.weight\nconv1.bias\nconv2.weight\nconv2.bias\nfc1.weight\nfc1.bias\n"
                                   "fc2.weight\nfc2.bias\nfc3.weight\nfc3.bias\n";
    char              names[512];
    ath_value         logits;
    ath_model        *model = model_of("lenet5", NULL);
    ath_graph        *graph = graph_of(model, true, &logits);
    ath_shape         shape = ath_value_shape(graph, logits), right = ath_shape_of(2, 10);
    names_of(graph, names, sizeof names);
    assert_string_equal(names, expected);
    assert_true(ath_shape_equal(&shape, &right));
    ath_graph_destroy(graph);
    ath_model_destroy(model);
    model = model_of("lenet5-shallow", NULL);
    graph = graph_of(model, true, &logits);
    names_of(graph, names, sizeof names);
    assert_string_equal(names, "conv1.weight\nconv1.bias\nfc1.weight\nfc1.bias\n");
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}

static size_t append_norm(char *text, size_t capacity, const char *scope) {
    return (size_t)snprintf(text, capacity, "%s.weight\n%s.bias\n%s.running_mean\n%s.running_var\n", scope, scope,
                            scope, scope);
}

static void resnet_cifar_names(void **state) {
    (void)state;
    char   expected[8192], names[8192], scope[64];
    size_t used = (size_t)snprintf(expected, sizeof expected, "conv1.weight\n");
    used += append_norm(expected + used, sizeof expected - used, "bn1");
    for (int stage = 1; stage <= 4; stage++) {
        for (int block = 0; block < 2; block++) {
            for (int i = 1; i <= 2; i++) {
                used += (size_t)snprintf(expected + used, sizeof expected - used, "layer%d.%d.conv%d.weight\n", stage,
                                         block, i);
                snprintf(scope, sizeof scope, "layer%d.%d.bn%d", stage, block, i);
                used += append_norm(expected + used, sizeof expected - used, scope);
            }
            if (stage == 1 || block == 1) continue;
            used += (size_t)snprintf(expected + used, sizeof expected - used, "layer%d.0.shortcut.0.weight\n", stage);
            snprintf(scope, sizeof scope, "layer%d.0.shortcut.1", stage);
            used += append_norm(expected + used, sizeof expected - used, scope);
        }
    }
    snprintf(expected + used, sizeof expected - used, "linear.weight\nlinear.bias\n");
    ath_value  logits;
    ath_model *model = model_of("resnet18-cifar", NULL);
    ath_graph *graph = graph_of(model, true, &logits);
    names_of(graph, names, sizeof names);
    assert_string_equal(names, expected);
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}

/* The names of what has values, in the order of their making. */
static void expect_values(const char *name, const char *const *present, const char *const *absent) {
    ath_value  logits;
    ath_model *model = model_of(name, NULL);
    ath_graph *graph = graph_of(model, true, &logits);
    ath_error  err = {0};
    if (ath_graph_status(graph, &err) != ATH_OK) fail_msg("%s: %s", name, err.message);
    for (int i = 0; present[i]; i++)
        if (ath__graph_find(graph, present[i]) == ATH_NONE) fail_msg("%s has no %s", name, present[i]);
    for (int i = 0; absent[i]; i++)
        if (ath__graph_find(graph, absent[i]) != ATH_NONE) fail_msg("%s has %s", name, absent[i]);
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* First, last and peculiar names of the nets as PyTorch's definitions give them. */
static void names_of_the_others(void **state) {
    (void)state;
    expect_values("vgg16-bn",
                  NAMES("features.0.weight", "features.0.bias", "features.1.running_var", "features.3.weight",
                        "features.7.weight", "features.14.weight", "features.24.weight", "features.34.weight",
                        "features.40.weight", "features.41.running_mean", "classifier.0.weight", "classifier.3.bias",
                        "classifier.6.weight"),
                  NAMES("features.6.weight", "features.43.weight", "classifier.1.weight"));
    expect_values(
        "vgg11-bn",
        NAMES("features.4.weight", "features.8.weight", "features.11.weight", "features.25.weight", "features.26.bias"),
        NAMES("features.28.weight"));
    expect_values("vgg16-bn-cifar", NAMES("features.41.weight", "classifier.bias"), NAMES("classifier.0.weight"));
    expect_values("mobilenetv2-cifar",
                  NAMES("conv1.weight", "layers.0.conv1.weight", "layers.0.shortcut.0.weight",
                        "layers.0.shortcut.1.running_var", "layers.16.bn3.bias", "conv2.weight", "bn2.weight",
                        "linear.bias"),
                  NAMES("layers.2.shortcut.0.weight", "layers.3.shortcut.0.weight", "layers.17.conv1.weight"));
    expect_values(
        "mobilenetv2",
        NAMES("features.0.0.weight", "features.0.1.running_mean", "features.1.conv.0.0.weight",
              "features.1.conv.1.weight", "features.1.conv.2.running_var", "features.2.conv.0.1.bias",
              "features.2.conv.1.0.weight", "features.2.conv.2.weight", "features.17.conv.3.bias",
              "features.18.0.weight", "features.18.1.weight", "classifier.1.weight", "classifier.1.bias"),
        NAMES("features.0.0.bias", "features.1.conv.3.weight", "features.19.0.weight", "classifier.0.weight"));
    expect_values("wrn-16-4",
                  NAMES("conv1.weight", "block1.layer.0.bn1.weight", "block1.layer.0.convShortcut.weight",
                        "block3.layer.1.conv2.weight", "bn1.running_mean", "fc.bias"),
                  NAMES("bn2.weight", "block1.layer.1.convShortcut.weight", "block1.layer.2.conv1.weight"));
    expect_values("resnet9",
                  NAMES("prep_conv.weight", "prep_bn.bias", "layer1_residual_res2_bn.running_var", "layer3_conv.weight",
                        "linear.weight"),
                  NAMES("linear.bias", "layer2_residual_res1_conv.weight", "prep_conv.bias"));
    expect_values(
        "fastnet96",
        NAMES("whiten.weight", "whiten.bias", "layers.1.conv1.weight", "layers.3.norm3.running_mean", "head.weight"),
        NAMES("head.bias", "layers.0.conv1.weight", "layers.1.conv1.bias"));
}

/* Whitening filters and the norms' scales are never trained; everything else is. */
static void frozen_parameters(void **state) {
    (void)state;
    ath_value  logits;
    ath_model *model = model_of("fastnet94", NULL);
    ath_graph *graph = graph_of(model, true, &logits);
    int        frozen = 0;
    for (int i = 0; i < graph->value_count; i++) {
        const struct ath__value *value = &graph->values[i];
        if (value->leaf != ATH_LEAF_PARAM) continue;
        bool is_scale = strstr(value->name, ".norm") && strstr(value->name, ".weight");
        assert_int_equal(value->frozen, is_scale || strcmp(value->name, "whiten.weight") == 0);
        frozen += value->frozen;
    }
    assert_int_equal(frozen, 7);
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}

/* The article's net has a biased projection and nothing behind it. */
static void resnet_mnist_projection(void **state) {
    (void)state;
    ath_value  logits;
    ath_model *model = model_of("resnet18-mnist", NULL);
    ath_graph *graph = graph_of(model, true, &logits);
    assert_true(ath__graph_find(graph, "layer2.0.downsample.0.weight") != ATH_NONE);
    assert_true(ath__graph_find(graph, "layer2.0.downsample.0.bias") != ATH_NONE);
    assert_true(ath__graph_find(graph, "layer2.0.downsample.1.weight") == ATH_NONE);
    assert_true(ath__graph_find(graph, "layer1.0.downsample.0.weight") == ATH_NONE);
    assert_true(ath__graph_find(graph, "conv1.bias") != ATH_NONE);
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}

/* With a weight transform the net's weights keep their plain names, as results; g and v are the parameters. */
static void weight_norm_names(void **state) {
    (void)state;
    ath_value  logits;
    ath_model *model = model_of("lenet5", NULL);
    ath_error  err;
    assert_int_equal(ath_model_set_reparam(model, "wn", &err), ATH_OK);
    assert_string_equal(ath_model_reparam(model), "wn");
    ath_graph *graph = graph_of(model, true, &logits);
    assert_int_equal(ath_graph_status(graph, &err), ATH_OK);
    static const char *const layers[] = {"conv1", "conv2", "fc1", "fc2", "fc3"};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.weight", layers[i]);
        const struct ath__value *weight = ath__graph_value(graph, ath__graph_find(graph, name));
        snprintf(name, sizeof name, "%s.weight_v", layers[i]);
        const struct ath__value *v = ath__graph_value(graph, ath__graph_find(graph, name));
        snprintf(name, sizeof name, "%s.weight_g", layers[i]);
        const struct ath__value *g = ath__graph_value(graph, ath__graph_find(graph, name));
        assert_non_null(weight);
        assert_non_null(v);
        assert_non_null(g);
        assert_int_equal(weight->leaf, ATH_LEAF_NONE);
        assert_int_equal(weight->rate, ATH_RATE_STEP);
        assert_int_equal(v->leaf, ATH_LEAF_PARAM);
        assert_int_equal(v->init.kind, ATH_INIT_WEIGHT);
        assert_int_equal(g->init.kind, ATH_INIT_FROM);
        assert_true(ath_shape_equal(&weight->desc.shape, &v->desc.shape));
        assert_int_equal(ath_shape_count(&g->desc.shape), v->desc.shape.dims[0]);
    }
    ath_model_counts counts;
    assert_int_equal(ath_model_count(model, &counts, &err), ATH_OK);
    assert_int_equal(counts.params, 61706 + 6 + 16 + 120 + 84 + 10); /* one gain a filter */
    assert_int_equal(counts.macs, 416520);
    ath_graph_destroy(graph);
    assert_int_equal(ath_model_set_reparam(model, "wm", &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "wn"));
    assert_int_equal(ath_model_set_reparam(model, "none", &err), ATH_OK);
    assert_string_equal(ath_model_reparam(model), "none");
    ath_model_destroy(model);
}

static void expect_refused(const char *name, const char *key, const char *value, const char *part) {
    ath_model *model = model_of(name, NULL);
    ath_error  err = {0};
    assert_int_equal(ath_model_set(model, key, value, &err), ATH_USAGE);
    if (!strstr(err.message, part)) fail_msg("%s=%s: '%s' does not say '%s'", key, value, err.message, part);
    ath_model_destroy(model);
}

static void bad_options(void **state) {
    (void)state;
    expect_refused("lenet5", "kernal", "3", "kernel");
    expect_refused("lenet5", "kernel", "4", "5");
    expect_refused("lenet5", "kernel", "three", "three");
    expect_refused("lenet5", "width", "0", "width");
    expect_refused("lenet5", "width", "-1", "width");
    expect_refused("lenet5", "width", "nan", "nan");
    expect_refused("lenet5", "depth", "9", "depth");
    expect_refused("lenet5", "activation", "rely", "relu");
    expect_refused("lenet5", "pooling", "mean", "avg");
    expect_refused("alexnet", "dropout", "1", "dropout");
    expect_refused("resnet18-cifar", "depth", "19", "18");
    expect_refused("wrn", "depth", "29", "28");
    expect_refused("vgg16-bn", "head", "small", "linear");
    expect_refused("fastnet94", "width", "64", "64-256-256");
    expect_refused("fastnet94", "convs", "4", "convs");
    ath_model *model = NULL;
    ath_error  err = {0};
    assert_int_equal(ath_model_create("lenet6", &model, &err), ATH_USAGE);
    assert_null(model);
    assert_non_null(strstr(err.message, "lenet5"));
}

static void options_read_back(void **state) {
    (void)state;
    ath_model *model = model_of("lenet5-k3", NULL);
    assert_string_equal(ath_model_get(model, "kernel"), "3");
    assert_string_equal(ath_model_get(model, "activation"), "sigmoid");
    assert_int_equal(ath_model_set(model, "activation", "relu", NULL), ATH_OK);
    assert_string_equal(ath_model_get(model, "activation"), "relu");
    assert_null(ath_model_get(model, "kernal"));
    assert_string_equal(ath_model_name(model), "lenet5-k3");
    assert_int_equal(ath_model_classes(model), 10);
    ath_model_option option;
    int              count = 0;
    while (ath_model_option_at(model, count, &option)) {
        assert_true(option.name[0] && option.summary[0]);
        assert_non_null(option.fallback);
        count++;
    }
    assert_int_equal(count, 5);
    ath_model_destroy(model);
}

/* An image that the net's poolings eat up is refused by name of the layer that it no longer fits. */
static void too_small_an_image(void **state) {
    (void)state;
    ath_model       *model = model_of("alexnet", NULL);
    ath_model_counts counts;
    ath_error        err = {0};
    assert_int_equal(ath_model_set_input(model, 1, 28, 28, &err), ATH_OK);
    assert_int_equal(ath_model_count(model, &counts, &err), ATH_USAGE);
    if (!strstr(err.message, "too small") || !strstr(err.message, "pool")) fail_msg("%s", err.message);
    assert_int_equal(ath_model_set_input(model, 0, 28, 28, &err), ATH_USAGE);
    assert_int_equal(ath_model_set_input(model, 1, 28, 1 << 30, &err), ATH_USAGE);
    assert_int_equal(ath_model_set_classes(model, 1, &err), ATH_USAGE);
    assert_int_equal(ath_model_set_classes(model, -5, &err), ATH_USAGE);
    ath_model_destroy(model);
}

static void wrong_channels(void **state) {
    (void)state;
    ath_model *model = model_of("lenet5", NULL);
    ath_graph *graph = ath_graph_create();
    ath_error  err = {0};
    ath_value  x = ath_input(graph, "x", ATH_F32, ath_shape_of(2, 3, 28, 28));
    assert_int_equal(ath_model_build(model, graph, x, false, ATH_NONE), ATH_NONE);
    assert_int_equal(ath_graph_status(graph, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "3"));
    ath_graph_destroy(graph);
    ath_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_right),      cmocka_unit_test(every_variant_is_counted),
        cmocka_unit_test(stem_for_small_images), cmocka_unit_test(lenet_names),
        cmocka_unit_test(names_of_the_others),   cmocka_unit_test(frozen_parameters),
        cmocka_unit_test(resnet_cifar_names),    cmocka_unit_test(resnet_mnist_projection),
        cmocka_unit_test(weight_norm_names),     cmocka_unit_test(bad_options),
        cmocka_unit_test(options_read_back),     cmocka_unit_test(too_small_an_image),
        cmocka_unit_test(wrong_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
