/* Times implementations on case files (the format of the tests, tests/support/impl_case.h).
 *
 *     bench_impl [FILE.case | "CASE LINE"] [only=NAME] [wish=plain|nhwc|8c|16c|16n|8i8o|8o8i] [low=1] [seconds=0.5]
 *
 * For each case each row of the device but the reference runs for `seconds` after a warm-up, with activations as the
 * device prefers them or as `wish` says. Printed: the fastest and the median run, GFLOP/s of the fastest and its share
 * of the processor's measured multiply-add rate, and GB/s of its operands.
 */
#include "base/clock.h"
#include "base/cpuinfo.h"
#include "base/parallel.h"
#include "device/choose.h"
#include "support/impl_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- the ceiling: independent chains of multiply-adds in registers, on all threads ------------------------------ */

enum { PEAK_STEPS = 1 << 17, PEAK_REPEATS = 500, PEAK_CHAINS = 12 };

struct peak {
    float  sink[64];
    double flop; /* per task */
};

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void peak_avx2(int64_t task, void *context) {
    struct peak *peak = context;
    __m256       sum[PEAK_CHAINS], a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.001F);
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_set1_ps((float)i);
    for (int step = 0; step < PEAK_STEPS; step++)
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm256_fmadd_ps(sum[i], a, b);
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = _mm256_add_ps(sum[0], sum[i]);
    peak->sink[task % 64] = _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) static void peak_avx512(int64_t task, void *context) {
    struct peak *peak = context;
    __m512       sum[PEAK_CHAINS], a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.001F);
    for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_set1_ps((float)i);
    for (int step = 0; step < PEAK_STEPS; step++)
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++) sum[i] = _mm512_fmadd_ps(sum[i], a, b);
    for (int i = 1; i < PEAK_CHAINS; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    peak->sink[task % 64] = _mm512_cvtss_f32(sum[0]);
}
#endif

/* GFLOP/s of all threads together; 0 where no kernel fits. */
static double measure_peak(void) {
    struct peak  peak = {{0}, 0};
    ath__task_fn body = NULL;
    double       lanes = 0, best = 0;
#if defined(__x86_64__)
    if (ath__cpuinfo()->tier >= ATH_CPU_AVX2) body = peak_avx2, lanes = 8;
    if (ath__cpuinfo()->tier >= ATH_CPU_AVX512) body = peak_avx512, lanes = 16;
#endif
    if (body == NULL) return 0;
    int tasks = ath__threads();
    for (int repeat = 0; repeat < PEAK_REPEATS; repeat++) {
        double start = ath__seconds();
        ath__parallel(tasks, body, &peak);
        double rate = tasks * 2.0 * lanes * PEAK_CHAINS * PEAK_STEPS / (ath__seconds() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    return best;
}

/* ---- timing ----------------------------------------------------------------------------------------------------- */

struct options {
    const char *cases, *only, *wish;
    bool        low;
    double      seconds, peak;
};

enum { MAX_RUNS = 2000 };

static int by_time(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double operand_bytes(const struct impl_trial *trial) {
    size_t bytes = 0;
    for (int i = 0; i < trial->c->ins; i++) bytes += trial->in_memory[i].bytes;
    for (int i = 0; i < trial->c->outs; i++) bytes += trial->out_memory[i].bytes;
    return (double)bytes;
}

static void time_trial(struct impl_trial *trial, const struct options *options) {
    static double times[MAX_RUNS];
    char          text[512];
    int           runs = 0;
    impl_trial_text(trial, text, sizeof text);
    for (double begin = ath__seconds(); runs < MAX_RUNS && (runs < 5 || ath__seconds() - begin < options->seconds);) {
        double start = ath__seconds();
        if (impl_trial_run(trial, -1, -1) != ATH_OK) {
            printf("  %-14s failed\n", trial->impl->name);
            return;
        }
        times[runs++] = ath__seconds() - start;
    }
    qsort(times, (size_t)runs, sizeof times[0], by_time);
    double gflops = 2e-9 * (double)impl_case_macs(trial->c) / times[0];
    printf("  %-14s min %9.3f ms  median %9.3f ms  %8.1f GFLOP/s (%3.0f%% of peak)  %6.1f GB/s  [%s]\n",
           trial->impl->name, times[0] * 1e3, times[runs / 2] * 1e3, gflops,
           options->peak > 0 ? 100 * gflops / options->peak : 0, operand_bytes(trial) * 1e-9 / times[0], text);
    fflush(stdout);
}

static struct ath__layout wish_of(const struct impl_case *c, const struct options *options) {
    int64_t widest = 0;
    if (options->wish == NULL) {
        for (int i = 0; i < c->ins; i++)
            if (c->in[i].present && c->in[i].shape.rank == 4 && c->in[i].shape.dims[1] > widest)
                widest = c->in[i].shape.dims[1];
        if (c->out[0].shape.rank == 4 && c->out[0].shape.dims[1] > widest) widest = c->out[0].shape.dims[1];
        return ath__device_cpu()->prefer(widest, c->in[0].shape.dims[0], options->low ? ATH_BF16 : ATH_F32);
    }
    if (strcmp(options->wish, "nhwc") == 0) return ath__layout_channels_last(4);
    if (strcmp(options->wish, "8c") == 0) return ath__layout_channel_blocks(8);
    if (strcmp(options->wish, "16c") == 0) return ath__layout_channel_blocks(16);
    if (strcmp(options->wish, "16n") == 0) return ath__layout_batch_blocks(16);
    if (strcmp(options->wish, "8i8o") == 0 || strcmp(options->wish, "8o8i") == 0) { /* packed weights, for reorders */
        struct ath__layout layout = ath__layout_channel_blocks(8);
        layout.blocks = 2;
        layout.block_size[1] = 8;
        layout.block_dim[0] = options->wish[1] == 'i';
        layout.block_dim[1] = options->wish[1] != 'i';
        return layout;
    }
    return ath__layout_plain();
}

static void bench_case(const struct impl_case *c, const struct options *options) {
    struct trial_wish wish = {"bench", wish_of(c, options), ath__layout_plain(), options->low};
    printf("%s\n", c->line);
    for (const struct ath__impl *const *row = ath__device_cpu()->impls; *row != NULL; row++) {
        if (!ath__impl_serves(*row, c->op->name)) continue;
        bool wanted =
            options->only != NULL ? strcmp((*row)->name, options->only) == 0 : strcmp((*row)->name, "ref") != 0;
        if (!wanted) continue;
        struct impl_trial trial;
        char              why[256];
        impl_trial_describe(&trial, c, *row, &wish);
        const char *reason = impl_trial_choose(&trial);
        if (reason != NULL) {
            printf("  %-14s refuses: %s\n", (*row)->name, reason);
            continue;
        }
        if (impl_trial_open(&trial, why))
            time_trial(&trial, options);
        else
            printf("  %-14s %s\n", (*row)->name, why);
        impl_trial_close(&trial);
    }
}

int main(int argc, char **argv) {
    struct options    options = {.seconds = 0.5};
    struct impl_case *cases = NULL, single;
    int               count = 0;
    char              why[256];
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "only=", 5) == 0)
            options.only = argv[i] + 5;
        else if (strncmp(argv[i], "wish=", 5) == 0)
            options.wish = argv[i] + 5;
        else if (strncmp(argv[i], "low=", 4) == 0)
            options.low = argv[i][4] == '1';
        else if (strncmp(argv[i], "seconds=", 8) == 0)
            options.seconds = atof(argv[i] + 8);
        else
            options.cases = argv[i];
    }
    if (options.cases == NULL) {
        fprintf(
            stderr,
            "usage: bench_impl FILE.case | \"CASE LINE\" [only=NAME] [wish=plain|nhwc|8c|16c|16n|8i8o|8o8i] [low=1] "
            "[seconds=0.5]\n");
        return 2;
    }
    bool line = strchr(options.cases, ' ') != NULL;
    if (line ? !impl_case_parse(options.cases, &single, why) : !impl_cases_load(options.cases, &cases, &count, why)) {
        fprintf(stderr, "%s\n", why);
        return 2;
    }
    options.peak = measure_peak();
    printf("%s, %d threads, tier %s, multiply-add peak %.1f GFLOP/s\n", ath__cpuinfo()->name, ath__threads(),
           ath__cpu_tier_name(ath__cpuinfo()->tier), options.peak);
    if (line) bench_case(&single, &options);
    for (int i = 0; i < count; i++) bench_case(&cases[i], &options);
    if (line) impl_case_free(&single);
    impl_cases_free(cases, count);
    return 0;
}
