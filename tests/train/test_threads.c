/* The number of threads is no setting of the experiment: whatever `threads` and `loader.threads` are, a run sees the same
 * images in the same order, each in the same augmented form, with the same labels. Where own kernels compute the whole
 * net its parameters come out in the same bits as well, since these split sums by shape (docs/numerics.md). */
#include "athanor/train.h"
#include "base/mem.h"
#include "train/doctor/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 320, BATCH = 64, EPOCHS = 2, STEPS = EPOCHS * IMAGES / BATCH, PIXELS = 28 * 28 };

/* What one training saw and became. */
struct seen {
    uint64_t images[STEPS]; /* hash of each batch's pixels and labels */
    double   losses[STEPS];
    float   *params;
    size_t   count;
};

static void must(ath_status status, const ath_error *err) {
    if (status != ATH_OK) fail_msg("%s (%s)", err->message, err->where);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t state, const void *data, size_t size) {
    const unsigned char *at = data;
    for (size_t i = 0; i < size; i++) state = (state ^ at[i]) * UINT64_C(0x100000001b3);
    return state;
}

static void train(const char *threads, const char *loaders, struct seen *seen) {
    const char *const pairs[] = {"model",          "lenet5-relu", "data",         "digits",
                                 "data.n",         "400",         "data.holdout", "0.2",
                                 "batch",          "64",          "lr",           "0.05",
                                 "init",           "kaiming",     "threads",      threads,
                                 "seed",           "5",           "augment",      "[crop(3),rotate(10),erase]",
                                 "loader.threads", loaders};
    ath_config       *config = NULL;
    ath_error         err = {0};
    struct ath__trial trial;
    must(ath_config_create(&config, &err), &err);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i += 2)
        must(ath_config_set(config, pairs[i], pairs[i + 1], ATH_ORIGIN_COMMAND_LINE, &err), &err);
    must(ath__trial_open(&trial, config, NULL, &err), &err);
    assert_int_equal(trial.steps_per_epoch, IMAGES / BATCH);
    for (int s = 0; s < STEPS; s++) {
        struct ath__samples given;
        must(ath__trial_step(&trial, 0.05, &seen->losses[s], &given, &err), &err);
        assert_int_equal(given.count, BATCH);
        seen->images[s] = hash(UINT64_C(0xcbf29ce484222325), given.images, sizeof(float) * BATCH * PIXELS);
        seen->images[s] = hash(seen->images[s], given.labels, sizeof(int32_t) * BATCH);
    }
    const struct ath__store *store = trial.network->store;
    seen->count = store->params_count;
    seen->params = ath__alloc_array(seen->count, sizeof(float));
    assert_non_null(seen->params);
    memcpy(seen->params, store->params, seen->count * sizeof(float));
    ath__trial_close(&trial);
    ath_config_destroy(config);
}

static void threads_change_nothing(void **state) {
    (void)state;
    static const char *const others[][2] = {{"2", "1"}, {"3", "1"}, {"1", "3"}, {"2", "4"}};
    struct seen              first;
    train("1", "1", &first);
    for (int s = 1; s < STEPS; s++) assert_true(first.images[s] != first.images[s - 1]); /* the hash does see images */
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct seen other;
        train(others[i][0], others[i][1], &other);
        for (int s = 0; s < STEPS; s++)
            if (other.images[s] != first.images[s])
                fail_msg("threads=%s loader.threads=%s: batch %d holds other images", others[i][0], others[i][1], s);
        assert_memory_equal(other.losses, first.losses, sizeof first.losses);
        assert_memory_equal(other.params, first.params, first.count * sizeof(float));
        ath__free(other.params);
    }
    ath__free(first.params);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
