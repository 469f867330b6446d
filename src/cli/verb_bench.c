/* athanor bench */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static json_t *to_json(const ath_bench_result *r) {
    return json_pack("{s:s, s:s, s:I, s:s, s:i, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}, s:f}", "model", r->model, "mode",
                     r->mode, "batch", (json_int_t)r->batch, "precision", r->precision, "threads", r->threads,
                     "step_ms", "min", r->step_ms_min, "median", r->step_ms_median, "max", r->step_ms_max,
                     "images_per_second", "min", r->images_per_second_min, "median", r->images_per_second_median, "max",
                     r->images_per_second_max, "peak_rss_mib", r->peak_rss_mib);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_bench_result r;
    ath_status       status = ath_bench(invocation->config, &r, err);
    if (status != ATH_OK) return status;
    if (invocation->json) return json_print(to_json(&r), err);
    char speed[32];
    printf("%s %s batch %lld %s %d threads: %.2f ms a step (median; %.2f to %.2f), %s images/s, peak memory %.0f MiB\n",
           r.model, r.mode, (long long)r.batch, r.precision, r.threads, r.step_ms_median, r.step_ms_min, r.step_ms_max,
           console_count((int64_t)r.images_per_second_median, speed), r.peak_rss_mib);
    return ATH_OK;
}

const struct verb verb_bench = {
    .name = "bench",
    .summary = "time training or inference steps on synthetic images",
    .examples = "  athanor bench model=lenet5 batch=256\n"
                "  athanor bench model=resnet18-cifar batch=128 mode=infer steps=20 --json\n",
    .keys = "model input classes batch micro_batch mode steps precision threads layout implementation reparam",
    .computes = true,
    .run = run,
};
