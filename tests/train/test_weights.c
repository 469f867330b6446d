/* Weights from files: what fits is loaded, a head for other classes starts anew, too little is an error, and the account
 * says so; a published net scores what it is published with; values that come from data come from it and stay. */
#include "train/weights.h"

#include "athanor/athanor.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/loader.h"
#include "train/data_start.h"
#include "train/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char path[] = "weights.safetensors";

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

struct net {
    ath_model           *model;
    struct ath__network *network;
};

static void net_open(struct net *net, const char *name, int classes, uint64_t seed) {
    struct ath__network_settings settings = {.optimizer = NULL};
    ath_error                    err = {0};
    must(ath_model_create(name, &net->model, &err), &err);
    must(ath_model_set_classes(net->model, classes, &err), &err);
    must(ath__network_create(net->model, &settings, &net->network, &err), &err);
    must(ath__network_start(net->network, "torch", seed, &err), &err);
}

static void net_close(struct net *net) {
    ath__network_destroy(net->network);
    ath_model_destroy(net->model);
}

/* Saves the net's tensors without those whose names begin with `without`, and with one that no net has. */
static void save(const struct net *net, const char *without) {
    const struct ath__store *store = net->network->store;
    ath_named_tensor        *tensors = ATH_NEW_ARRAY(ath_named_tensor, store->count + 2);
    ath_error                err = {0};
    int64_t                  batches = 3;
    int                      count = 0;
    assert_non_null(tensors);
    for (int i = 0; i < store->count; i++)
        if (!without || strncmp(store->entries[i].name, without, strlen(without)) != 0)
            tensors[count++] =
                (ath_named_tensor){store->entries[i].name, {ATH_F32, store->entries[i].shape, store->entries[i].data}};
    tensors[count++] = (ath_named_tensor){"bn1.num_batches_tracked", {ATH_I64, {0, {0}}, &batches}};
    tensors[count++] = (ath_named_tensor){"extra.weight", {ATH_F32, {1, {1}}, store->entries[0].data}};
    must(ath_safetensors_save(path, tensors, count, NULL, 0, &err), &err);
    ath__free(tensors);
}

static char told[1024];

static void on_remark(const ath_remark *remark, void *context) {
    (void)context;
    snprintf(told, sizeof told, "%s: %s", remark->code, remark->text);
}

static const ath_hooks hooks = {.remark = on_remark};

static void expect_told(const char *part) {
    if (!strstr(told, part)) fail_msg("'%s' does not say '%s'", told, part);
}

static bool same_values(const struct net *a, const struct net *b, const char *name) {
    const struct ath__entry *x = ath__store_find(a->network->store, name),
                            *y = ath__store_find(b->network->store, name);
    assert_non_null(x);
    assert_non_null(y);
    return memcmp(x->data, y->data, (size_t)ath_shape_count(&x->shape) * sizeof(float)) == 0;
}

static void everything_fits(void **state) {
    (void)state;
    struct net a, b;
    ath_error  err = {0};
    net_open(&a, "resnet20-cifar", 10, 1);
    net_open(&b, "resnet20-cifar", 10, 2);
    ath__store_find(a.network->store, "bn1.running_mean")->data[3] = 2.5f;
    save(&a, NULL);
    must(ath__weights_apply(path, false, &hooks, b.network, &err), &err);
    expect_told("WEIGHTS: weights.safetensors (safetensors): all 97 tensors loaded; 1 not used: extra.weight");
    for (int i = 0; i < a.network->store->count; i++)
        assert_true(same_values(&a, &b, a.network->store->entries[i].name));
    net_close(&a);
    net_close(&b);
}

static void another_head(void **state) {
    (void)state;
    struct net a, b, fresh;
    ath_error  err = {0};
    net_open(&a, "resnet20-cifar", 10, 1);
    net_open(&b, "resnet20-cifar", 7, 2);
    net_open(&fresh, "resnet20-cifar", 7, 2);
    save(&a, NULL);
    must(ath__weights_apply(path, false, &hooks, b.network, &err), &err);
    expect_told(
        "95 of 97 tensors loaded; the head is for 10 classes there and starts anew: linear.weight, linear.bias");
    assert_true(same_values(&a, &b, "layer3.2.conv2.weight"));
    assert_true(same_values(&fresh, &b, "linear.weight"));
    assert_true(same_values(&fresh, &b, "linear.bias"));
    net_close(&a);
    net_close(&b);
    net_close(&fresh);
}

static void too_little(void **state) {
    (void)state;
    struct net a, b;
    ath_error  err = {0};
    net_open(&a, "resnet20-cifar", 10, 1);
    net_open(&b, "resnet20-cifar", 10, 2);
    save(&a, "layer3");
    assert_int_equal(ath__weights_apply(path, false, &hooks, b.network, &err), ATH_DATA);
    assert_non_null(strstr(err.message, "67 of 97"));
    assert_non_null(strstr(err.message, "weights.partial=true"));
    expect_told("30 missing: layer3.0.conv1.weight");
    expect_told("and 26 more");
    must(ath__weights_apply(path, true, &hooks, b.network, &err), &err);
    assert_true(same_values(&a, &b, "layer2.2.conv2.weight"));
    assert_false(same_values(&a, &b, "layer3.2.conv2.weight"));
    net_close(&a);
    net_close(&b);
    net_open(&a, "lenet5", 10, 1);
    net_open(&b, "lenet5-k3", 10, 2);
    save(&a, NULL);
    assert_int_equal(ath__weights_apply(path, false, &hooks, b.network, &err), ATH_DATA);
    expect_told("3 of another shape: conv1.weight (6x1x5x5 there, 6x1x3x3 here), conv2.weight");
    net_close(&a);
    net_close(&b);
    /* Nothing at all is too little too. */
    net_open(&a, "wrn-16-4", 10, 1);
    net_open(&b, "mobilenetv2-cifar", 10, 2);
    save(&a, "conv1");
    assert_int_equal(ath__weights_apply(path, false, &hooks, b.network, &err), ATH_DATA);
    net_close(&a);
    net_close(&b);
}

static void values_that_are_no_numbers(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct net a, b;
        ath_error  err = {0};
        net_open(&a, "lenet5", 10, 1);
        net_open(&b, "lenet5", 10, 2);
        ath__store_find(a.network->store, "fc2.bias")->data[5] = bad[i];
        save(&a, NULL);
        assert_int_equal(ath__weights_apply(path, true, &hooks, b.network, &err), ATH_DATA);
        assert_non_null(strstr(err.message, "'fc2.bias'"));
        assert_non_null(strstr(err.message, "position 5"));
        net_close(&a);
        net_close(&b);
    }
}

/* ---- a published net on real images ------------------------------------------------------------------------------ */

enum { IMAGES = 1000, SIDE = 32, PIXELS = 3 * SIDE * SIDE };

static void count_hits(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    int *hits = context;
    (void)losses;
    for (int64_t i = 0; i < samples->count; i++, logits += 10) {
        int best = 0;
        for (int c = 1; c < 10; c++)
            if (logits[c] > logits[best]) best = c;
        *hits += best == samples->labels[i];
    }
}

/* ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10 (legacy form, names with "module.") gets 915 of the first
 * 1,000 test images of CIFAR-10 right, in PyTorch and here. */
static void published_net(void **state) {
    (void)state;
    const char *data = getenv("ATHANOR_DATA");
    char        file[ATH_PATH_MAX], batch[ATH_PATH_MAX], *records = NULL;
    size_t      size;
    struct net  net;
    int         hits = 0;
    ath_error   err = {0};
    snprintf(file, sizeof file, "%s/weights/resnet20-12fca82f.th", data ? data : "");
    snprintf(batch, sizeof batch, "%s/cifar10/cifar-10-batches-bin/test_batch.bin", data ? data : "");
    if (!ath__file_exists(file) || !ath__file_exists(batch)) {
        print_message("skipped: ATHANOR_DATA has no weights/resnet20-12fca82f.th or no CIFAR-10\n");
        skip();
    }
    must(ath__file_read(batch, 64 << 20, &records, &size, &err), &err);
    assert_true(size >= IMAGES * (PIXELS + 1));
    net_open(&net, "resnet20-cifar", 10, 1);
    must(ath__weights_apply(file, false, &hooks, net.network, &err), &err);
    expect_told("(pytorch): all 97 tensors loaded");
    const struct ath__preprocess imagenet = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
    float                       *images = ATH_NEW_ARRAY(float, 250 * PIXELS);
    int32_t                      labels[250];
    assert_non_null(images);
    for (int at = 0; at < IMAGES; at += 250) {
        for (int i = 0; i < 250; i++) {
            const unsigned char *record = (const unsigned char *)records + (size_t)(at + i) * (PIXELS + 1);
            labels[i] = record[0];
            must(ath__preprocess_apply(&imagenet, record + 1, 3, SIDE, SIDE, images + (size_t)i * PIXELS, &err), &err);
        }
        struct ath__samples samples = {.images = images, .labels = labels, .count = 250};
        must(ath__network_eval(net.network, &samples, count_hits, &hits, &err), &err);
    }
    assert_int_equal(hits, 915);
    ath__free(images);
    ath__free(records);
    net_close(&net);
}

/* ---- values that come from data ---------------------------------------------------------------------------------- */

static void run(const char *const *pairs) {
    ath_config      *config;
    ath_train_result result;
    ath_error        err = {0};
    must(ath_config_create(&config, &err), &err);
    for (; *pairs; pairs += 2) must(ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    must(ath_train(config, NULL, &result, &err), &err);
    ath_config_destroy(config);
}

static void train(const char *folder, const char *epochs) {
    const char *const pairs[] = {"model", "fastnet94", "data",      "digits", "data.n", "128",  "resize",
                                 "32",    "epochs",    epochs,      "batch",  "32",     "lr",   "0.05",
                                 "seed",  "3",         "overwrite", "true",   "out",    folder, NULL};
    run(pairs);
}

/* After an epoch the whitening filters are still those of the first images, the norms' scales still 1, and the rest has
 * moved from its start. */
static void whitening_comes_from_data_and_stays(void **state) {
    (void)state;
    struct ath__network_settings settings = {.optimizer = NULL};
    struct ath__preprocess       preprocess = {.height = 32, .width = 32, .deviation = {1, 1, 1, 1}};
    ath_option_pair              option = {"n", "128"};
    ath_dataset                 *digits;
    struct net                   net;
    ath_tensor_file              file;
    ath_error                    err = {0};
    train("fast", "1");
    must(ath_model_create("fastnet94", &net.model, &err), &err);
    must(ath_model_set_input(net.model, 1, 32, 32, &err), &err);
    must(ath__network_create(net.model, &settings, &net.network, &err), &err);
    must(ath__network_start(net.network, "torch", 3, &err), &err);
    must(ath_dataset_open("digits", ATH_SPLIT_TRAIN, &option, 1, &digits, &err), &err);
    must(ath__data_start(net.network, digits, &preprocess, &err), &err);
    must(ath_tensor_file_load("fast/weights/last.safetensors", &file, &err), &err);
    for (int i = 0; i < net.network->store->count; i++) {
        const struct ath__entry *entry = &net.network->store->entries[i];
        const ath_tensor        *trained = ath_tensor_file_find(&file, entry->name);
        size_t                   bytes = (size_t)ath_shape_count(&entry->shape) * sizeof(float);
        assert_non_null(trained);
        bool kept = memcmp(trained->data, entry->data, bytes) == 0;
        bool is_scale = strstr(entry->name, ".norm") && strstr(entry->name, ".weight");
        if (kept != (is_scale || strcmp(entry->name, "whiten.weight") == 0))
            fail_msg("%s %s", entry->name, kept ? "was not trained" : "was trained");
    }
    const struct ath__entry *whiten = ath__store_find(net.network->store, "whiten.weight");
    double                   sum = 0.0;
    for (int k = 0; k < 4; k++) sum += fabs((double)whiten->data[k]);
    assert_int_equal(whiten->shape.dims[0], 8);
    assert_true(sum > 0.1);
    ath_tensor_file_free(&file);
    ath_dataset_close(digits);
    net_close(&net);
}

/* A resumed run takes its whitening filters from the checkpoint and ends as the run that was left alone, to the bit. */
static void resumed_start(void **state) {
    (void)state;
    const char *const more[] = {"resume", "halves", "extend", "true", "epochs", "2", NULL};
    char             *straight, *halves;
    size_t            size, other;
    ath_error         err = {0};
    train("straight", "2");
    train("halves", "1");
    run(more);
    must(ath__file_read("straight/weights/last.safetensors", 64 << 20, &straight, &size, &err), &err);
    must(ath__file_read("halves/weights/last.safetensors", 64 << 20, &halves, &other, &err), &err);
    assert_int_equal(size, other);
    assert_memory_equal(straight, halves, size);
    ath__free(straight);
    ath__free(halves);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_fits), cmocka_unit_test(another_head),
        cmocka_unit_test(too_little),      cmocka_unit_test(values_that_are_no_numbers),
        cmocka_unit_test(published_net),   cmocka_unit_test(whitening_comes_from_data_and_stays),
        cmocka_unit_test(resumed_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
