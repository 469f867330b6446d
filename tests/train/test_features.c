/* Training on kept features: the same run as without them, kept by content and computed anew when damaged; what the
 * head is; how it starts; and the momentum with coupled decay that MindSpore calls Momentum, step by step.
 */
#include "athanor/athanor.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/dataset.h"
#include "train/feature_file.h"
#include "train/settings.h"
#include "train/setup.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char net_file[] = "name: feature-net\n"
                               "input: [1, 28, 28]\n"
                               "classes: 10\n"
                               "layers:\n"
                               "  - conv: {out: 8, kernel: 3, stride: 2, padding: 1, bias: false}\n"
                               "  - batch_norm\n"
                               "  - relu\n"
                               "  - conv: {out: 16, kernel: 3, stride: 2, padding: 1, bias: false}\n"
                               "  - batch_norm\n"
                               "  - relu\n"
                               "  - flatten\n"
                               "  - dropout: {p: 0.1}\n"
                               "  - linear: {out: classes}\n";

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* Remarks of the last run, one a line. */
static struct ath__str said;

static void on_remark(const ath_remark *remark, void *context) {
    (void)context;
    ath__str_printf(&said, "%s: %s\n", remark->code, remark->text);
}

static ath_config *config_of(const char *const *pairs) {
    ath_config *config = NULL;
    ath_error   err = {0};
    must(ath_config_create(&config, &err), &err);
    for (; pairs[0]; pairs += 2) must(ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    return config;
}

static const char *const usual[] = {"model",     "feature-net.yaml",
                                    "data",      "digits",
                                    "data.n",    "300",
                                    "batch",     "32",
                                    "epochs",    "3",
                                    "lr",        "0.05",
                                    "normalize", "auto",
                                    "seed",      "3",
                                    "momentum",  "0.9",
                                    "threads",   "2",
                                    "overwrite", "true",
                                    NULL};

/* Trains with the usual settings and more. */
static ath_status train_with(const char *const *more, ath_train_result *result, ath_error *err) {
    const ath_hooks hooks = {.remark = on_remark};
    ath_config     *config = config_of(usual);
    for (; more[0]; more += 2) must(ath_config_set(config, more[0], more[1], ATH_ORIGIN_COMMAND_LINE, err), err);
    ath__str_free(&said);
    ath_status status = ath_train(config, &hooks, result, err);
    ath_config_destroy(config);
    return status;
}

#define TRAIN(result, ...) train_or_fail(result, (const char *const[]){__VA_ARGS__, NULL})
static void train_or_fail(ath_train_result *result, const char *const *more) {
    ath_error err = {0};
    must(train_with(more, result, &err), &err);
}

static int files_in(const char *folder, char last[512]) {
    DIR *dir = opendir(folder);
    int  count = 0;
    for (struct dirent *item; dir && (item = readdir(dir)) != NULL;) {
        if (!strstr(item->d_name, ".safetensors")) continue;
        count++;
        if (last) snprintf(last, 512, "%s/%.250s", folder, item->d_name);
    }
    if (dir) closedir(dir);
    return count;
}

static void forget(const char *folder) {
    char path[512];
    while (files_in(folder, path) > 0) assert_int_equal(unlink(path), 0);
}

/* ---- the same run ------------------------------------------------------------------------------------------------ */

/* Frozen norms keep their statistics with and without features, dropout is keyed by the step, and both runs see the
 * images in the same order: they differ in the rounding of features alone (other kernels for other batch sizes), some
 * 2^-22 of them, which 30 steps of a convex problem carry on without magnifying it. */
static void test_same_run(void **state) {
    (void)state;
    ath_train_result whole, cached;
    TRAIN(&whole, "freeze", "backbone", "out", "features-whole");
    forget("features-kept");
    TRAIN(&cached, "freeze", "backbone", "features", "cache", "features.folder", "features-kept", "out",
          "features-cached");
    assert_true(whole.top1_last > 30.0); /* it does learn */
    assert_true(fabs(whole.loss_last - cached.loss_last) < 1e-4 * whole.loss_last);
    assert_true(fabs(whole.top1_last - cached.top1_last) < 100.0 / 50.0);
}

/* The last word of training is what eval says of the file, to the last bit. */
static void test_eval_agrees(void **state) {
    (void)state;
    ath_train_result trained;
    ath_eval_result  scored;
    ath_error        err = {0};
    TRAIN(&trained, "freeze", "backbone", "features", "cache", "features.folder", "features-kept", "out",
          "features-eval");
    ath_config *config = config_of((const char *const[]){"run", "features-eval", NULL});
    must(ath_eval(config, NULL, &scored, &err), &err);
    assert_true(scored.top1 == trained.top1_final);
    assert_true(scored.loss == trained.loss_final);
    /* And the epochs' own figures come from the same logits, but for their rounding. */
    assert_true(trained.top1_best == trained.top1_final);
    ath_eval_result_free(&scored);
    ath_config_destroy(config);
}

/* ---- kept by content --------------------------------------------------------------------------------------------- */

static void test_key(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
        int         made; /* files that are computed: the training split's and the validation split's views */
    } changes[] = {
        {"lr", "0.01", 0},        {"batch", "50", 0},       {"epochs", "2", 0},   {"label_smoothing", "0.1", 0},
        {"augment", "[flip]", 0}, /* the plain view is of the images as they are */
        {"seed", "4", 2},         /* another start of the backbone */
        {"init", "kaiming", 2},   {"normalize", "none", 2}, {"data.n", "320", 2}, {"layout", "plain", 2},
        {"resize", "20", 2},
    };
    ath_train_result result;
    int              files = 2;
    forget("features-key");
    TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-key", "normalize", "0.1:0.3",
          "epochs", "1", "out", "features-run");
    assert_int_equal(files_in("features-key", NULL), files);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-key", "normalize",
              "0.1:0.3", "epochs", "1", "out", "features-run", changes[i].key, changes[i].value);
        int made = files_in("features-key", NULL) - files;
        if (made != changes[i].made)
            fail_msg("%s=%s made %d files instead of %d", changes[i].key, changes[i].value, made, changes[i].made);
        assert_true((strstr(ath__str_text(&said), "there already") != NULL) == (made == 0));
        files += made;
    }
}

/* n views are n files of the training split, of which augment= and seed decide all but the plain one. */
static void test_views(void **state) {
    (void)state;
    ath_train_result result;
    ath_error        err = {0};
    forget("features-views");
    TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-views", "features.views",
          "3", "augment", "[crop(2)]", "out", "features-run");
    assert_int_equal(files_in("features-views", NULL), 4);
    TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-views", "features.views",
          "4", "augment", "[crop(2)]", "out", "features-run");
    assert_int_equal(files_in("features-views", NULL), 5);
    TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-views", "features.views",
          "3", "augment", "[crop(3)]", "out", "features-run");
    assert_int_equal(files_in("features-views", NULL), 7);
    TRAIN(&result, "freeze", "backbone", "features", "cache", "features.folder", "features-views", "features.plain",
          "false", "augment", "[crop(3)]", "out", "features-run");
    assert_int_equal(files_in("features-views", NULL), 8);
    assert_int_equal(train_with((const char *const[]){"freeze", "backbone", "features", "cache", "features.views", "2",
                                                      "out", "features-run", NULL},
                                &result, &err),
                     ATH_USAGE);
    assert_non_null(strstr(err.message, "augment="));
    assert_int_equal(train_with((const char *const[]){"freeze", "backbone", "features", "cache", "features.views", "2",
                                                      "augment", "[mixup]", "out", "features-run", NULL},
                                &result, &err),
                     ATH_USAGE);
    assert_int_equal(train_with((const char *const[]){"features", "cache", "out", "features-run", NULL}, &result, &err),
                     ATH_USAGE);
    assert_non_null(strstr(err.message, "freeze=backbone"));
}

static void damage(const char *path, bool cut) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    if (cut) {
        assert_int_equal(truncate(path, st.st_size / 2), 0);
        return;
    }
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, (long)st.st_size - 7, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, (long)st.st_size - 7, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

/* Several runs that compute the same features at the same time: none fails to keep them, none finds half a file. */
enum { WRITERS = 4, SAVES = 8, ROWS = 3000 };
static float shared_rows[ROWS * 16];
static void *save_and_load(void *context) {
    int      *faults = context;
    ath_shape shape = ath_shape_of(16);
    for (int i = 0; i < SAVES; i++) {
        ath_tensor_file file = {0};
        ath_error       err = {0};
        char            why[256];
        *faults += ath__feature_save("features-shared.safetensors", "key", ROWS, &shape, shared_rows, &err) != ATH_OK;
        *faults +=
            ath__feature_load("features-shared.safetensors", "key", ROWS, &shape, &file, why) != ATH_FEATURES_FOUND;
        ath_tensor_file_free(&file);
    }
    return NULL;
}
static void test_shared(void **state) {
    (void)state;
    pthread_t threads[WRITERS];
    int       faults[WRITERS] = {0};
    for (int i = 0; i < ROWS * 16; i++) shared_rows[i] = (float)i;
    for (int t = 0; t < WRITERS; t++) assert_int_equal(pthread_create(&threads[t], NULL, save_and_load, &faults[t]), 0);
    for (int t = 0; t < WRITERS; t++) assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (int t = 0; t < WRITERS; t++) assert_int_equal(faults[t], 0);
}

static void test_damaged(void **state) {
    (void)state;
    ath_train_result before, after;
    char             path[512];
    forget("features-bad");
    for (int cut = 0; cut < 2; cut++) {
        TRAIN(&before, "freeze", "backbone", "features", "cache", "features.folder", "features-bad", "out",
              "features-run");
        assert_int_equal(files_in("features-bad", path), 2);
        damage(path, cut);
        TRAIN(&after, "freeze", "backbone", "features", "cache", "features.folder", "features-bad", "out",
              "features-run");
        assert_non_null(strstr(ath__str_text(&said), "computed anew"));
        assert_true(before.loss_last == after.loss_last);
        TRAIN(&after, "freeze", "backbone", "features", "cache", "features.folder", "features-bad", "out",
              "features-run");
        assert_null(strstr(ath__str_text(&said), "computed anew"));
    }
}

/* ---- head and backbone ------------------------------------------------------------------------------------------- */

static struct ath__network *network_of(const char *model_name, const char *const *pairs, ath_model **model) {
    ath_error            err = {0};
    struct ath__network *network = NULL;
    ath_config          *config = config_of(pairs);
    must(ath_model_create(model_name, model, &err), &err);
    must(ath_model_set_classes(*model, 26, &err), &err);
    must(ath__setup_network(config, *model, ATH_NETWORK_TRAINS, NULL, &network, &err), &err);
    ath_config_destroy(config);
    return network;
}

/* Of every network of the zoo the head is one layer, with as many rows as classes. */
static void test_head(void **state) {
    (void)state;
    ath_zoo_entry entry;
    for (int z = 0; ath_zoo_at(z, &entry); z++) {
        ath_model           *model = NULL;
        struct ath__network *network =
            network_of(entry.name, (const char *const[]){"freeze", "backbone", NULL}, &model);
        int weights = 0, others = 0, trained = 0;
        for (int i = 0; i < network->store->count; i++) {
            const struct ath__entry *e = &network->store->entries[i];
            if (e->leaf != ATH_LEAF_PARAM) continue;
            trained += e->group != ATH_STORE_FROZEN;
            if (!network->is_head[i]) continue;
            assert_int_equal(e->shape.dims[0], 26);
            weights += e->shape.rank > 1;
            others += e->shape.rank == 1;
        }
        if (weights != 1 || others > 1 || trained != weights + others)
            fail_msg("%s: a head of %d weights and %d biases, %d parameters trained", entry.name, weights, others,
                     trained);
        ath__network_destroy(network);
        ath_model_destroy(model);
    }
}

static void keep_losses(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)logits;
    for (int64_t i = 0; i < samples->count; i++) ((double *)context)[i] = (double)losses[i];
}

/* Equal rows and no bias: every class has the same logit, whatever the image, so the loss is ln 26 = 3.2581. A loss is
 * computed in double and rounded to float. */
static void test_ones(void **state) {
    (void)state;
    enum { BATCH = 4, PIXELS = 3 * 32 * 32 };
    ath_error            err = {0};
    ath_model           *model = NULL;
    static float         images[BATCH * PIXELS];
    const int32_t        labels[BATCH] = {0, 25, 7, 7};
    double               losses[BATCH];
    struct ath__network *network =
        network_of("resnet20-cifar", (const char *const[]){"freeze", "backbone", "lr", "0.01", NULL}, &model);
    ath_config *config = config_of((const char *const[]){"init.head", "ones", "data", "digits", NULL});
    for (int i = 0; i < BATCH * PIXELS; i++) images[i] = (float)((i * 37) % 101) / 50.0f - 1.0f;
    struct ath__samples samples = {.images = images, .labels = labels, .count = BATCH};
    must(ath__setup_start(config, NULL, &(struct ath__preprocess){.height = 0}, NULL, network, &err), &err);
    must(ath__network_step(network, &samples, 0.01, 0, keep_losses, losses, &err), &err);
    for (int i = 0; i < BATCH; i++) assert_true(fabs(losses[i] - log(26.0)) <= log(26.0) * 0x1p-24);
    ath__network_destroy(network);
    ath_model_destroy(model);
    ath_config_destroy(config);
}

/* ---- MindSpore's Momentum ---------------------------------------------------------------------------------------- */

/* v = 0.8 v + (g + 3 w), w = w - 0.01 v, here for a net whose gradient is known: one input, two classes, no norm. With
 * the input x and label 0 and p = softmax(w x + b):  db = p - [1, 0],  dw = db x. */
static void test_momentum(void **state) {
    (void)state;
    static const char    file_text[] = "name: one-layer\ninput: [1, 1, 1]\nclasses: 2\nlayers:\n  - flatten\n"
                                       "  - linear: {out: classes}\n";
    static const double  lr = 0.01, momentum = 0.8, decay = 3.0, x = 1.5;
    double               w[4] = {0.5, -0.25, 0.125, 0.75}, v[4] = {0};
    ath_error            err = {0};
    ath_model           *model = NULL;
    struct ath__network *network = NULL;
    ath_config *config = config_of((const char *const[]){"optimizer", "sgd", "momentum", "0.8", "weight_decay", "3",
                                                         "decay.exclude", "norm", NULL});
    must(ath_model_create_text("one-layer", file_text, strlen(file_text), &model, &err), &err);
    must(ath__setup_network(config, model, ATH_NETWORK_TRAINS, NULL, &network, &err), &err);
    float *weight = ath__store_find(network->store, network->store->entries[0].name)->data;
    float *bias = ath__store_find(network->store, network->store->entries[1].name)->data;
    for (int i = 0; i < 2; i++) weight[i] = (float)w[i], bias[i] = (float)w[2 + i];
    ath__network_changed(network);
    const float         image = (float)x;
    const int32_t       label = 0;
    struct ath__samples samples = {.images = &image, .labels = &label, .count = 1};
    for (uint64_t t = 0; t < 3; t++) {
        double a = exp(w[0] * x + w[2]), b = exp(w[1] * x + w[3]), p = a / (a + b);
        double g[4] = {(p - 1.0) * x, (1.0 - p) * x, p - 1.0, 1.0 - p};
        for (int i = 0; i < 4; i++) {
            v[i] = momentum * v[i] + g[i] + decay * w[i];
            w[i] -= lr * v[i];
        }
        must(ath__network_step(network, &samples, lr, t, NULL, NULL, &err), &err);
        /* float32 state: some ten roundings a step, of numbers below 4 */
        for (int i = 0; i < 2; i++) {
            assert_true(fabs((double)weight[i] - w[i]) < 30.0 * 4.0 * 0x1p-24);
            assert_true(fabs((double)bias[i] - w[2 + i]) < 30.0 * 4.0 * 0x1p-24);
        }
    }
    ath__network_destroy(network);
    ath_model_destroy(model);
    ath_config_destroy(config);
}

/* Its rule takes decay from what is called beta and gamma: the two parameters of every norm, and no other. */
static void test_exclusion(void **state) {
    (void)state;
    ath_model           *model = NULL;
    struct ath__network *network =
        network_of("resnet20-cifar", (const char *const[]){"weight_decay", "3", "decay.exclude", "norm", NULL}, &model);
    int without = 0;
    for (int i = 0; i < network->store->count; i++) {
        const struct ath__entry *e = &network->store->entries[i];
        if (e->leaf != ATH_LEAF_PARAM) continue;
        bool norm = strstr(e->name, "bn") != NULL;
        bool plain = network->groups.at[e->group].optim.weight_decay == 0.0;
        if (norm != plain) fail_msg("%s: weight decay %g", e->name, network->groups.at[e->group].optim.weight_decay);
        without += plain;
    }
    assert_int_equal(without, 2 * 19);
    ath__network_destroy(network);
    ath_model_destroy(model);
}

/* ---- batch norms ------------------------------------------------------------------------------------------------- */

/* One batch norm on the images themselves, and an epoch of full batches: the mean over the batches' means is the mean of
 * all pixels, whatever the order. Dropout and the steps before leave no trace. */
static void test_recalibrate(void **state) {
    (void)state;
    static const char bn_file[] = "name: first-norm\ninput: [1, 28, 28]\nclasses: 10\nlayers:\n  - batch_norm\n"
                                  "  - dropout: {p: 0.5}\n  - flatten\n  - linear: {out: classes}\n";
    FILE             *file = fopen("norm-net.yaml", "w");
    ath_train_result  result;
    ath_tensor_file   saved;
    ath_dataset_stats stats;
    ath_dataset      *train = NULL;
    ath_error         err = {0};
    assert_true(file && fputs(bn_file, file) >= 0 && fclose(file) == 0);
    TRAIN(&result, "model", "norm-net.yaml", "bn.statistics", "recalibrate", "batch", "50", "normalize", "none", "out",
          "features-norm");
    must(ath_safetensors_load("features-norm/weights/last.safetensors", &saved, &err), &err);
    must(ath_dataset_open("digits", ATH_SPLIT_TRAIN, &(ath_option_pair){"n", "300"}, 1, &train, &err), &err);
    must(ath_dataset_measure(train, &stats, &err), &err);
    assert_int_equal(ath_dataset_describe(train).count % 50, 0);
    for (int t = 0; t < saved.tensor_count; t++) {
        const char *name = saved.tensors[t].name;
        float       value = ((const float *)saved.tensors[t].tensor.data)[0];
        /* the batches' means, in float32, averaged in double */
        if (strstr(name, "running_mean")) assert_true(fabs((double)value - stats.mean[0]) < 64.0 * 0x1p-24);
        /* within batches alone: less than over all by the scatter of the batches' means, which 50 images leave small */
        if (strstr(name, "running_var"))
            assert_true(fabs((double)value / (stats.deviation[0] * stats.deviation[0]) - 1.0) < 0.01);
    }
    ath_dataset_stats_free(&stats);
    ath_dataset_close(train);
    ath_tensor_file_free(&saved);
}

int main(void) {
    FILE *file = fopen("feature-net.yaml", "w");
    if (!file || fputs(net_file, file) < 0 || fclose(file) != 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_run),  cmocka_unit_test(test_eval_agrees), cmocka_unit_test(test_key),
        cmocka_unit_test(test_views),     cmocka_unit_test(test_damaged),     cmocka_unit_test(test_shared),
        cmocka_unit_test(test_head),      cmocka_unit_test(test_ones),        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_exclusion), cmocka_unit_test(test_recalibrate),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ath__str_free(&said);
    return failed;
}
