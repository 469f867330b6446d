/* Stages as settings: from a recipe's list and from the command line, what goes before what, and what is refused. That
 * they train, and resume, is in test_resume.c.
 */
#include "athanor/athanor.h"
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

int main(void) {
    write_file("stages-test.yaml", recipe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),     cmocka_unit_test(test_own_defaults), cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_replaced), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
