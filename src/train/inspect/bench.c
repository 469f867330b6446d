/* `athanor bench`: times whole steps on synthetic images that lie in memory.
 *
 * A training step is forward, loss, backward and SGD with momentum, as a user's loop does it; an inference step is the
 * forward pass. Two steps warm up; the rest are timed one by one.
 */
#include "athanor/train.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/str.h"
#include "train/settings.h"
#include "train/setup.h"

#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 2 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct bench {
    ath_config          *config;
    ath_model           *model;
    struct ath__network *network;
    float               *images;
    int32_t             *labels;
    double              *seconds;
    int64_t              batch, steps;
    bool                 train;
};

static void ignore(void *context, const struct ath__samples *samples, const float *logits, const float *losses) {
    (void)context;
    (void)samples;
    (void)logits;
    (void)losses;
}

static ath_status make_samples(struct bench *bench, ath_error *err) {
    int channels, height, width, classes = ath_model_classes(bench->model);
    ath_model_input(bench->model, &channels, &height, &width);
    size_t count = (size_t)bench->batch * (size_t)channels * (size_t)height * (size_t)width;
    bench->images = ath__alloc_array(count, sizeof(float));
    bench->labels = ATH_NEW_ARRAY(int32_t, bench->batch);
    bench->seconds = ATH_NEW_ARRAY(double, bench->steps);
    if (!bench->images || !bench->labels || !bench->seconds) return ath__fail_memory(err, "bench");
    struct ath__rng rng;
    ath__rng_start(&rng, 1, ATH_RNG_TEST, 0, 0);
    for (size_t i = 0; i < count; i++) bench->images[i] = 2.0f * ath__rng_uniform(&rng) - 1.0f;
    for (int64_t i = 0; i < bench->batch; i++) bench->labels[i] = (int32_t)ath__rng_below(&rng, (uint32_t)classes);
    return ATH_OK;
}

static ath_status run_steps(struct bench *bench, ath_error *err) {
    struct ath__samples samples = {.images = bench->images, .labels = bench->labels, .count = bench->batch};
    for (int64_t s = -WARM_UP; s < bench->steps; s++) {
        double     start = ath__seconds();
        ath_status status =
            bench->train ? ath__network_step(bench->network, &samples, 1e-4, (uint64_t)(s + WARM_UP), ignore, NULL, err)
                         : ath__network_eval(bench->network, &samples, ignore, NULL, err);
        if (status != ATH_OK) return status;
        if (s >= 0) bench->seconds[s] = ath__seconds() - start;
    }
    return ATH_OK;
}

static void fill(const struct bench *bench, ath_bench_result *result) {
    const double *s = bench->seconds;
    int64_t       n = bench->steps;
    double        median = n % 2 ? s[n / 2] : 0.5 * (s[n / 2 - 1] + s[n / 2]), images = (double)bench->batch;
    memset(result, 0, sizeof *result);
    ath__str_copy(result->model, sizeof result->model, ath__config_text(bench->config, "model"));
    ath__str_copy(result->mode, sizeof result->mode, bench->train ? "train" : "infer");
    ath__str_copy(result->precision, sizeof result->precision, bench->network->settings.bf16 ? "bf16" : "f32");
    result->batch = bench->batch;
    result->threads = ath__threads();
    result->step_ms_min = 1e3 * s[0];
    result->step_ms_median = 1e3 * median;
    result->step_ms_max = 1e3 * s[n - 1];
    result->images_per_second_min = images / s[n - 1];
    result->images_per_second_median = images / median;
    result->images_per_second_max = images / s[0];
    result->peak_rss_mib = (double)ath__peak_rss() / 1048576.0;
}

ath_status ath_bench(const ath_config *config, ath_bench_result *result, ath_error *err) {
    struct bench bench = {.train = strcmp(ath__config_text(config, "mode"), "train") == 0,
                          .batch = ath__config_int(config, "batch"),
                          .steps = ath__config_int(config, "steps")};
    ath_status   status = ath_config_copy(config, &bench.config, err);
    if (status == ATH_OK && !ath__config_given(config, "momentum") &&
        strcmp(ath__config_text(config, "optimizer"), "sgd") == 0)
        status = ath_config_set(bench.config, "momentum", "0.9", ATH_ORIGIN_RECIPE, err);
    ath__setup_threads(config);
    if (status == ATH_OK) status = ath__setup_model(bench.config, NULL, NULL, &bench.model, err);
    if (status == ATH_OK)
        status = ath__setup_network(bench.config, bench.model, bench.train ? ATH_NETWORK_TRAINS : ATH_NETWORK_EVALUATES,
                                    NULL, &bench.network, err);
    if (status == ATH_OK) status = ath__network_start(bench.network, ath__config_text(config, "init"), 1, err);
    if (status == ATH_OK) status = make_samples(&bench, err);
    if (status == ATH_OK) status = run_steps(&bench, err);
    if (status == ATH_OK) {
        qsort(bench.seconds, (size_t)bench.steps, sizeof(double), by_value);
        fill(&bench, result);
    }
    ath__free(bench.images);
    ath__free(bench.labels);
    ath__free(bench.seconds);
    ath__network_destroy(bench.network);
    ath_model_destroy(bench.model);
    ath_config_destroy(bench.config);
    return status;
}
