/* Every net of the zoo trains and evaluates on kernels: no convolution or matrix product of its plans is left to the
 * reference, whatever the processor (ATHANOR_CPU masks it) and the precision. The slowest way to compute is a fault that
 * no other test would see.
 */
#include "athanor/model.h"
#include "base/cpuinfo.h"
#include "graph/op.h"
#include "optim/optimizer.h"
#include "train/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { BATCH = 2 };

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static int slow_product(const char *model, const char *what, const struct ath__program *program) {
    const struct ath__node *node = ath__program_on_reference(program);
    if (!node) return 0;
    print_error("%s, %s: %s %s runs on the reference: %s\n", model, what, node->scope, node->op->name, node->refusals);
    return 1;
}

static int check_model(const char *name, bool bf16) {
    ath_error                    err = {0};
    ath_model                   *model;
    struct ath__network         *network;
    struct ath__plan            *plan;
    struct ath__network_settings settings = {.bf16 = bf16};
    char                         what[64];
    must(ath_model_create(name, &model, &err), &err);
    must(ath__optimizer_find("sgd", &settings.optimizer, &err), &err);
    must(ath__network_create(model, &settings, &network, &err), &err);
    must(ath__program_plan(network->train, BATCH, false, &plan, &err), &err);
    must(ath__program_plan(network->eval, BATCH, false, &plan, &err), &err);
    snprintf(what, sizeof what, "training, %s", bf16 ? "bf16" : "f32");
    int slow = slow_product(name, what, network->train);
    snprintf(what, sizeof what, "evaluation, %s", bf16 ? "bf16" : "f32");
    slow += slow_product(name, what, network->eval);
    ath__network_destroy(network);
    ath_model_destroy(model);
    return slow;
}

static void check_zoo(bool bf16) {
    ath_zoo_entry entry;
    int           slow = 0;
    for (int i = 0; ath_zoo_at(i, &entry); i++) slow += check_model(entry.name, bf16);
    assert_int_equal(slow, 0);
}

static void test_f32(void **state) {
    (void)state;
    check_zoo(false);
}

static void test_bf16(void **state) {
    (void)state;
    if (ath__cpuinfo()->tier < ATH_CPU_AVX512BF16) skip(); /* runs fall back to f32 there, and say so */
    check_zoo(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_f32), cmocka_unit_test(test_bf16)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
