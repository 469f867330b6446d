/* Evidence gathered from real networks and data: what the stem does to small images, images that the splits share,
 * labels that contradict each other, and runs whose figures are in their folders. */
#include "train/doctor/doctor.h"

#include "base/mem.h"
#include "train/setup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static ath_config *config;

static void set(const char *key, const char *value) {
    ath_error err = {0};
    if (ath_config_set(config, key, value, ATH_ORIGIN_COMMAND_LINE, &err) != ATH_OK) fail_msg("%s", err.message);
}

static int set_up(void **state) {
    char *folder = strdup("evidence-XXXXXX");
    if (!folder || !mkdtemp(folder) || chdir(folder) != 0) return -1;
    *state = folder;
    return ath_config_create(&config, NULL) == ATH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];
    ath_config_destroy(config);
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    int status = chdir("..") == 0 && system(command) == 0 ? 0 : -1;
    free(*state);
    return status;
}

static struct ath__net_facts look(const char *name, int channels, int size) {
    struct ath__evidence evidence = {.config = config};
    ath_model           *model = NULL;
    ath_error            err = {0};
    if (ath_model_create(name, &model, &err) != ATH_OK ||
        ath_model_set_input(model, channels, size, size, &err) != ATH_OK ||
        ath__evidence_network(&evidence, model, &err) != ATH_OK)
        fail_msg("%s", err.message);
    ath_model_destroy(model);
    return evidence.net;
}

/* A 3x3 convolution on a 1x1 map uses one of nine taps; on 2x2 with stride 2 (pad 1), four; on 2x2 with stride 1, all. In
 * the last stage of ResNet-18 at 32x32: 256*512 weights of nine taps with 4/9 used, 3 * 512*512 with 1/9, 1x1 all. */
static void stem_on_small_images(void **state) {
    (void)state;
    struct ath__net_facts n = look("resnet18", 3, 32);
    assert_int_equal(n.convs, 20);
    assert_int_equal(n.norms, 20);
    assert_int_equal(n.early, 4);
    assert_int_equal(n.map_height, 1);
    assert_true(n.stem_option);
    double idle = 256.0 * 512 * 9 * (1.0 - 4.0 / 9) + 3.0 * 512 * 512 * 9 * (1.0 - 1.0 / 9);
    double all = 64 * 3 * 49 + 4.0 * 64 * 64 * 9 + (64 * 128 + 3.0 * 128 * 128) * 9 + 64 * 128 +
                 (128 * 256 + 3.0 * 256 * 256) * 9 + 128 * 256 + (256 * 512 + 3.0 * 512 * 512) * 9 + 256 * 512;
    assert_true(fabs(n.padding_share - idle / all) < 1e-9);
    assert_string_equal(n.padding_layer, "layer4.0.conv1");
    n = look("resnet18", 3, 224);
    assert_true(n.padding_share == 0.0 && n.early == 4 && n.map_height == 7);
    n = look("resnet18-cifar", 3, 32);
    assert_true(n.padding_share == 0.0 && n.early == 1 && n.map_height == 4);
    n = look("lenet5", 1, 28);
    assert_true(n.padding_share == 0.0 && n.early == 2 && n.saturating > 0);
}

static ath_dataset *open_split(ath_split split) {
    ath_dataset *dataset = NULL;
    ath_error    err = {0};
    if (ath__setup_data(config, split, &dataset, &err) != ATH_OK) fail_msg("%s", err.message);
    return dataset;
}

static struct ath__data_facts scan(const ath_dataset *train, const ath_dataset *val) {
    struct ath__evidence   evidence = {.config = config};
    struct ath__preprocess plain = {.deviation = {1, 1, 1, 1}};
    ath_error              err = {0};
    if (ath__evidence_scan(&evidence, train, val, &plain, 60.0, &err) != ATH_OK) fail_msg("%s", err.message);
    return evidence.data;
}

static void what_splits_share(void **state) {
    (void)state;
    set("data", "digits");
    set("data.n", "600");
    ath_dataset           *train = open_split(ATH_SPLIT_TRAIN), *val = open_split(ATH_SPLIT_VAL);
    struct ath__data_facts d = scan(train, val);
    ath_dataset_stats      stats;
    assert_true(d.scanned && d.looked_train == 600 && d.looked_val == 100);
    assert_int_equal(d.shared, 0);
    assert_int_equal(d.duplicates, 0);
    assert_true(d.smallest >= 1 && d.largest < 120);
    assert_int_equal(ath_dataset_measure(train, &stats, NULL), ATH_OK);
    assert_true(fabs(d.mean[0] - stats.mean[0]) < 1e-9 && fabs(d.deviation[0] - stats.deviation[0]) < 1e-9);
    ath_dataset_stats_free(&stats);
    d = scan(train, train);
    assert_int_equal(d.shared, 600);
    ath_dataset_close(train);
    ath_dataset_close(val);
}

/* A short run leaves one line of vitals an epoch, and the doctor finds the folder's story in it. */
static void a_run_leaves_vitals(void **state) {
    (void)state;
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    ath_findings           findings;
    ath_error              err = {0};
    set("model", "lenet5-relu");
    set("data", "digits");
    set("data.n", "1500");
    set("epochs", "3");
    set("batch", "50");
    set("lr", "0.05");
    set("momentum", "0.9");
    set("init", "kaiming");
    set("normalize", "auto");
    set("out", "run");
    if (ath_train(config, NULL, NULL, &err) != ATH_OK) fail_msg("%s", err.message);
    if (ath__evidence_run(&evidence, "run", &record, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_int_equal(evidence.run.vitals_count, 3);
    assert_true(evidence.run.ended && !evidence.run.diverged);
    for (int i = 0; i < 3; i++) {
        const struct ath__vitals *v = &evidence.run.vitals[i];
        assert_int_equal(v->epoch, i + 1);
        assert_true(v->lr_low == 0.05 && v->lr_high == 0.05);
        assert_true(v->grad_norm > 0.0 && v->weight_norm > 1.0);
        assert_true(v->ratio > 1e-5 && v->ratio < 1.0 && v->layer_ratio >= v->ratio);
        assert_true(v->loss_first > 0.0 && v->loss_last > 0.0 && v->loss_high >= v->loss_last);
        assert_true(isnan(v->dead_share) == (i == 2)); /* after epochs 1, 2, 4 ... */
        assert_true(v->top_class_share > 0.0 && v->top_class_share <= 1.0);
    }
    assert_true(evidence.run.vitals[0].loss_first > evidence.run.vitals[2].loss_last);
    ath__run_record_free(&record);
    ath_config *doctor = NULL;
    assert_int_equal(ath_config_create(&doctor, NULL), ATH_OK);
    ath_config_set(doctor, "run", "run", ATH_ORIGIN_COMMAND_LINE, NULL);
    if (ath_doctor(doctor, NULL, &findings, &err) != ATH_OK) fail_msg("%s", err.message);
    for (int i = 0; i < findings.count; i++)
        if (findings.items[i].confidence >= 0.5) fail_msg("%s: %s", findings.items[i].code, findings.items[i].evidence);
    assert_int_equal(access("run/doctor.json", R_OK), 0);
    ath_findings_free(&findings);
    ath_config_destroy(doctor);
}

/* With plain SGD the step is lr times the gradient: ratio * weights = lr * |gradient of the weights|, which is at most the
 * whole gradient's norm, biases included, and no small part of it. */
static void ratio_and_gradient_agree(void **state) {
    (void)state;
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    ath_error              err = {0};
    set("model", "lenet5-relu");
    set("data", "digits");
    set("data.n", "400");
    set("epochs", "1");
    set("batch", "50");
    set("micro_batch", "25");
    set("lr", "0.01");
    set("out", "sgd");
    if (ath_train(config, NULL, NULL, &err) != ATH_OK) fail_msg("%s", err.message);
    if (ath__evidence_run(&evidence, "sgd", &record, &err) != ATH_OK) fail_msg("%s", err.message);
    const struct ath__vitals *v = &evidence.run.vitals[0];
    double                    moved = v->ratio * v->weight_norm;
    assert_true(moved <= 0.01 * v->grad_norm * (1.0 + 1e-4) && moved > 0.2 * 0.01 * v->grad_norm);
    ath__run_record_free(&record);
}

/* The rate of 3 kills this net, or worse; the doctor says so before the run and behind it. */
static void a_rate_too_high(void **state) {
    (void)state;
    ath_findings findings;
    ath_error    err = {0};
    set("model", "lenet5-relu");
    set("data", "digits");
    set("data.n", "2000");
    set("epochs", "2");
    set("batch", "50");
    set("lr", "3");
    set("momentum", "0.9");
    set("normalize", "auto");
    if (ath_doctor(config, NULL, &findings, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(findings.count > 0 && findings.items[0].confidence >= 0.6);
    assert_string_equal(findings.items[0].code, "LR-HIGH");
    ath_findings_free(&findings);
    set("out", "high");
    ath_status status = ath_train(config, NULL, NULL, &err);
    assert_true(status == ATH_OK || status == ATH_DIVERGED);
    set("run", "high");
    if (ath_doctor(config, NULL, &findings, &err) != ATH_OK) fail_msg("%s", err.message);
    assert_true(findings.count > 0 && findings.items[0].confidence >= 0.6);
    assert_true(strcmp(findings.items[0].code, "LR-HIGH") == 0 || strcmp(findings.items[0].code, "NO-LEARN") == 0);
    ath_findings_free(&findings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stem_on_small_images, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_splits_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_leaves_vitals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ratio_and_gradient_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rate_too_high, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
