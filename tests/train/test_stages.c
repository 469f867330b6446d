/* Stages as settings: from a recipe's list and from the command line, what goes before what, and what is refused. That
 * they train, and resume, is in test_resume.c.
 */
#include "athanor/athanor.h"
#include "train/doctor/evidence.h"
#include "train/settings.h"
#include "train/stage_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_true(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static const char recipe[] = "model: lenet5\n"
                             "data: digits\n"
                             "lr: 0.1\n"
                             "momentum: 0.9\n"
                             "schedule: step\n"
                             "schedule.every: 5ep\n"
                             "stages:\n"
                             "  - epochs: 3\n"
                             "    freeze: [backbone, '*.bias']\n"
                             "  - epochs: 2\n"
                             "    lr: 0.01\n"
                             "    optimizer: adam\n"
                             "    schedule: cosine\n"
                             "    group:\n"
                             "      head:\n"
                             "        match: head\n"
                             "        lr: 5\n";

static ath_config *config_with(const char *const *pairs) {
    ath_config *config = NULL;
    ath_error   err = {0};
    must(ath_config_create(&config, &err), &err);
    must(ath_config_load(config, "stages-test.yaml", &err), &err);
    for (; pairs[0]; pairs += 2) must(ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    return config;
}
#define CONFIG(...) config_with((const char *const[]){__VA_ARGS__, NULL})

static ath_config *stage_of(ath_config *config, int index, int count) {
    ath_error   err = {0};
    ath_config *stage = NULL;
    int         found = 0;
    bool        staged = false;
    must(ath__stage_count(config, &found, &staged, &err), &err);
    assert_int_equal(found, count);
    assert_true(staged);
    must(ath__stage_config(config, index, &stage, &err), &err);
    ath_config_destroy(config);
    return stage;
}

static void check(ath_config *stage, const char *const *pairs) {
    for (; pairs[0]; pairs += 2) assert_string_equal(ath__config_text(stage, pairs[0]), pairs[1]);
    ath_config_destroy(stage);
}
#define CHECK(stage, ...) check(stage, (const char *const[]){__VA_ARGS__, NULL})

static void test_list(void **state) {
    (void)state;
    CHECK(stage_of(CONFIG(NULL), 0, 2), "epochs", "3", "lr", "0.1", "freeze", "[backbone,*.bias]", "momentum", "0.9",
          "schedule.every", "5ep");
    CHECK(stage_of(CONFIG(NULL), 1, 2), "epochs", "2", "lr", "0.01", "freeze", "", "group.head.lr", "5", "optimizer",
          "adam", "model", "lenet5");
}

/* An optimizer and a schedule of the stage's own bring their defaults: momentum is not Adam's, every is not cosine's. */
static void test_own_defaults(void **state) {
    (void)state;
    CHECK(stage_of(CONFIG(NULL), 1, 2), "momentum", "auto", "beta1", "0.9", "schedule.every", "auto", "schedule.end",
          "0");
}

static void test_command_line(void **state) {
    (void)state;
    CHECK(stage_of(CONFIG("epochs", "1"), 1, 2), "epochs", "1", "lr", "0.01");
    CHECK(stage_of(CONFIG("stage.2.lr", "0.5"), 1, 2), "lr", "0.5");
    CHECK(stage_of(CONFIG("stage.3.lr", "0.5"), 2, 3), "lr", "0.5", "epochs", "10", "momentum", "0.9");
}

/* A list in a recipe takes the place of that of the recipe which it builds on. */
static void test_replaced(void **state) {
    (void)state;
    ath_config *config = NULL;
    ath_error   err = {0};
    write_file("stages-later.yaml", "recipe: stages-test.yaml\nstages:\n  - epochs: 7\n");
    must(ath_config_create(&config, &err), &err);
    must(ath_config_load(config, "stages-later.yaml", &err), &err);
    CHECK(stage_of(config, 0, 1), "epochs", "7", "freeze", "", "lr", "0.1");
}

static void refuse_count(ath_config *config, const char *says) {
    ath_error err = {0};
    int       count;
    bool      staged;
    assert_int_equal(ath__stage_count(config, &count, &staged, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, says));
    ath_config_destroy(config);
}

static void test_refused(void **state) {
    (void)state;
    ath_config *config = CONFIG(NULL);
    ath_error   err = {0};
    refuse_count(CONFIG("stage.4.lr", "1"), "no stage 3");
    refuse_count(CONFIG("stage.1.data", "mnist"), "belongs to the whole run");
    refuse_count(CONFIG("stage.1.seed", "2"), "belongs to the whole run");
    refuse_count(CONFIG("stage.17.lr", "1"), "at most 16");
    static const char *const wrong[][3] = {
        {"stage.0.lr", "1", "stage.NUMBER.KEY"},    {"stage.x.lr", "1", "stage.NUMBER.KEY"},
        {"stage.1.", "1", "stage.NUMBER.KEY"},      {"stage.1.epoch", "1", "did you mean 'epochs'"},
        {"stage.1.epochs", "many", "whole number"}, {"stage.1.stage.2.lr", "1", "unknown key"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ath_status status = ath_config_set(config, wrong[i][0], wrong[i][1], ATH_ORIGIN_COMMAND_LINE, &err);
        if (status != ATH_USAGE || !strstr(err.message, wrong[i][2]))
            fail_msg("%s=%s: %s", wrong[i][0], wrong[i][1], status == ATH_OK ? "taken" : err.message);
    }
    ath_config_destroy(config);
    /* What one stage cannot do is said before the first begins, and before any data is looked for. */
    config = CONFIG("stage.2.momentum", "0.5", "data", "no-such-set");
    assert_int_equal(ath_train(config, NULL, NULL, &err), ATH_USAGE);
    assert_non_null(strstr(err.message, "does not use momentum"));
    ath_config_destroy(config);
}

/* A run of a stage of two epochs and one at another rate, looked at by the doctor. */
static void train_two_stages(const char *out, const char *second_rate, ath_status outcome,
                             struct ath__evidence *evidence, struct ath__run_record *record) {
    ath_config *config = NULL;
    ath_error   err = {0};
    const char *pairs[][2] = {{"model", "lenet5-relu"},
                              {"data", "digits"},
                              {"data.n", "200"},
                              {"batch", "50"},
                              {"lr", "0.01"},
                              {"stage.1.epochs", "2"},
                              {"stage.2.epochs", "1"},
                              {"stage.2.batch", "25"},
                              {"stage.2.lr", second_rate},
                              {"out", out},
                              {"overwrite", "true"}};
    must(ath_config_create(&config, &err), &err);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        must(ath_config_set(config, pairs[i][0], pairs[i][1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    ath_status status = ath_train(config, NULL, NULL, &err);
    if (status != outcome) fail_msg("%s", err.message);
    must(ath__evidence_run(evidence, out, record, &err), &err);
    ath_config_destroy(config);
}

static void test_judged_by_the_last(void **state) {
    (void)state;
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    train_two_stages("stages-run", "0.002", ATH_OK, &evidence, &record);
    assert_string_equal(ath__config_text(evidence.config, "lr"), "0.002");
    assert_string_equal(ath__config_text(evidence.config, "batch"), "25");
    assert_int_equal(evidence.run.stage, 2);
    assert_int_equal(evidence.run.epoch_count, 1);
    assert_int_equal(evidence.run.epochs[0].epoch, 3);
    assert_int_equal(evidence.run.vitals_count, 1);
    assert_int_equal(evidence.run.vitals[0].epoch, 3);
    assert_true(evidence.run.vitals[0].lr_high == 0.002);
    ath__run_record_free(&record);
    ath_run_info info;
    ath_error    err = {0};
    must(ath_run_read("stages-run", &info, &err), &err);
    assert_int_equal(info.epochs_wanted, 3);
}

/* The second stage ends before its first epoch does: the blame is not the first's, which went well. */
static void test_diverged_in_the_last(void **state) {
    (void)state;
    struct ath__evidence   evidence = {0};
    struct ath__run_record record;
    train_two_stages("stages-diverged", "1e6", ATH_DIVERGED, &evidence, &record);
    assert_string_equal(ath__config_text(evidence.config, "lr"), "1e6");
    assert_true(evidence.run.diverged);
    assert_int_equal(evidence.run.epoch_count, 0);
    ath__run_record_free(&record);
    ath_config  *doctor = NULL;
    ath_findings findings;
    ath_error    err = {0};
    must(ath_config_create(&doctor, &err), &err);
    must(ath_config_set(doctor, "run", "stages-diverged", ATH_ORIGIN_COMMAND_LINE, &err), &err);
    must(ath_doctor(doctor, NULL, &findings, &err), &err);
    assert_true(findings.count > 0);
    assert_string_equal(findings.items[0].code, "LR-HIGH");
    ath_findings_free(&findings);
    ath_config_destroy(doctor);
}

int main(void) {
    write_file("stages-test.yaml", recipe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_own_defaults),
        cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_judged_by_the_last),
        cmocka_unit_test(test_diverged_in_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
