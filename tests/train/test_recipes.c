/* Every recipe of the source tree is one that runs could start from: its keys are known, its net is built, its schedule
 * and its optimiser fit together, and every group takes some parameters. Data and weights are not needed. */
#include "athanor/config.h"
#include "train/rate.h"
#include "train/setup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void must(ath_status status, const char *recipe, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s: %s", recipe, err->message);
}

/* The network of fastnet94 takes its first filters from images and is built all the same. */
static void look_at(const char *name, const char *path) {
    ath_error             err = {0};
    ath_config           *config = NULL;
    ath_model            *model = NULL;
    struct ath__network  *network = NULL;
    struct ath__rate_plan rate;
    must(ath_config_create(&config, &err), name, &err);
    must(ath_config_load(config, path, &err), name, &err);
    assert_true(*ath_config_get(config, "data"));
    must(ath__setup_model(config, NULL, NULL, &model, &err), name, &err);
    must(ath__rate_read(config, 100, NULL, &rate, &err), name, &err);
    must(ath__setup_network(config, model, ATH_NETWORK_TRAINS, NULL, &network, &err), name, &err);
    ath__network_destroy(network);
    ath_model_destroy(model);
    ath_config_destroy(config);
}

static void recipes_can_be_run(void **state) {
    (void)state;
    ath_error   err = {0};
    ath_recipe *recipes = NULL;
    int         count = 0, seen = 0;
    assert_int_equal(setenv("ATHANOR_RECIPES", ATHANOR_TEST_SOURCE "/../recipes", 1), 0);
    must(ath_recipes_list(&recipes, &count, &err), "list", &err);
    for (int i = 0; i < count; i++) {
        if (strncmp(recipes[i].path, ATHANOR_TEST_SOURCE, strlen(ATHANOR_TEST_SOURCE)) != 0) continue;
        if (!*recipes[i].summary) fail_msg("%s: its first line says nothing", recipes[i].name);
        look_at(recipes[i].name, recipes[i].path);
        seen++;
    }
    ath_recipes_free(recipes);
    assert_true(seen >= 30);
}

static double real(const ath_config *config, const char *key) {
    return strtod(ath_config_get(config, key), NULL);
}

/* airbench states rates and decays per 1,024 images of a summed loss, free of momentum: what plain SGD is given is
 * lr / (1 + 1 / (1 - momentum)) for the mean loss and decay / lr, for biases of norms 64 times the rate and a 64th of
 * the decay. */
static void fast_recipes_are_airbench(void **state) {
    (void)state;
    static const struct {
        const char *name, *model;
        double      lr, decay, epochs;
    } published[] = {{"cifar10/fast95", "fastnet95", 10.0, 0.0153, 15.0},
                     {"cifar10/fast96", "fastnet96", 9.0, 0.012, 37.0}};
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        char        path[1024];
        ath_error   err = {0};
        ath_config *config = NULL;
        snprintf(path, sizeof path, ATHANOR_TEST_SOURCE "/../recipes/%s.yaml", published[i].name);
        must(ath_config_create(&config, &err), path, &err);
        must(ath_config_load(config, path, &err), path, &err);
        assert_string_equal(ath_config_get(config, "model"), published[i].model);
        double momentum = real(config, "momentum"), scale = 1.0 + 1.0 / (1.0 - momentum);
        assert_true(momentum == 0.85);
        assert_true(real(config, "batch") == 1024.0 && real(config, "epochs") == published[i].epochs);
        assert_true(fabs(real(config, "lr") * scale / published[i].lr - 1.0) < 1e-6);
        assert_true(fabs(real(config, "weight_decay") * published[i].lr / published[i].decay - 1.0) < 1e-6);
        assert_true(fabs(real(config, "group.norm.weight_decay") * 64.0 / real(config, "weight_decay") - 1.0) < 1e-6);
        assert_true(real(config, "group.norm.lr") == 64.0);
        assert_true(fabs(real(config, "lookahead.end") - (1.0 - pow(0.95, 5.0))) < 1e-7);
        ath_config_destroy(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(recipes_can_be_run),
                                       cmocka_unit_test(fast_recipes_are_airbench)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
