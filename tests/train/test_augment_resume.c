/* A run with random transforms and mixed labels, stopped after each number of steps and resumed, ends with the same
 * weights, bit for bit, as the run that was left alone; also with more loader threads. */
#include "athanor/athanor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCHES = 6, EPOCHS = 2, MAX_FILE = 1 << 20 };

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

static int stop_at_zero(void *context) {
    int *steps = context;
    return --*steps <= 0;
}

/* Trains, for `steps` steps at most; pairs of keys and values end with NULL. */
static ath_status train(const char *const *pairs, int steps) {
    ath_config      *config = NULL;
    ath_train_result result;
    ath_error        err = {0};
    ath_hooks        hooks = {.stop = stop_at_zero, .context = &steps};
    must(ath_config_create(&config, &err), &err);
    for (; pairs[0]; pairs += 2) must(ath_config_set(config, pairs[0], pairs[1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    ath_status status = ath_train(config, &hooks, &result, &err);
    if (status != ATH_INTERRUPTED) must(status, &err);
    ath_config_destroy(config);
    return status;
}

static ath_status begin(const char *folder, const char *threads, int steps) {
    const char *const pairs[] = {"model",
                                 "lenet5",
                                 "data",
                                 "digits",
                                 "data.n",
                                 "120",
                                 "batch",
                                 "20",
                                 "epochs",
                                 "2",
                                 "lr",
                                 "0.05",
                                 "momentum",
                                 "0.9",
                                 "threads",
                                 "1",
                                 "seed",
                                 "3",
                                 "augment",
                                 "[crop(2,reflect),flip(mode=alternate),rotate(15),erase,mixup(0.4),cutmix]",
                                 "loader.threads",
                                 threads,
                                 "out",
                                 folder,
                                 "overwrite",
                                 "true",
                                 NULL};
    return train(pairs, steps);
}

static size_t read_weights(const char *folder, char *data) {
    char path[256];
    snprintf(path, sizeof path, "%s/weights/last.safetensors", folder);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is missing", path);
    size_t size = fread(data, 1, MAX_FILE, file);
    fclose(file);
    assert_in_range(size, 1000, MAX_FILE - 1);
    return size;
}

static char calm[MAX_FILE], other[MAX_FILE];

static void stopped_anywhere(void **state) {
    (void)state;
    assert_int_equal(begin("augment-calm", "1", 1000), ATH_OK);
    size_t size = read_weights("augment-calm", calm);
    for (int steps = 1; steps < BATCHES * EPOCHS; steps += 2) {
        const char *const again[] = {"resume", "augment-stopped", "loader.threads", "2", NULL};
        assert_int_equal(begin("augment-stopped", "3", steps), ATH_INTERRUPTED);
        assert_int_equal(train(again, 1000), ATH_OK);
        assert_int_equal(read_weights("augment-stopped", other), size);
        if (memcmp(calm, other, size) != 0) fail_msg("stopped after %d steps, it ends with other weights", steps);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stopped_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
