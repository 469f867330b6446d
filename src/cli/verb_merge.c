/* athanor merge */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_merge_result result;
    const char      *path = invocation_file(invocation, "merged.safetensors");
    ath_status       status = ath_merge(invocation->config, path, &result, err);
    if (status != ATH_OK) return status;
    if (invocation->json)
        return json_print(json_pack("{s:s, s:s, s:f, s:i, s:I, s:I}", "path", path, "from", result.from,
                                    "max_difference", result.max_difference, "images", result.images, "params_before",
                                    (json_int_t)result.params_before, "params_after", (json_int_t)result.params_after),
                          err);
    char before[32], after[32];
    printf("%s: %s merged away, %s -> %s parameters; on %d random images the logits differ by at most %.2e\n", path,
           result.from, console_count(result.params_before, before), console_count(result.params_after, after),
           result.images, result.max_difference);
    return ATH_OK;
}

const struct verb verb_merge = {
    .name = "merge",
    .summary = "turn a re-parameterised network into the plain one",
    .examples = "  athanor merge run=runs/lenet-wn -o lenet.safetensors\n"
                "  athanor merge weights=wn.safetensors --output=plain.safetensors --json\n",
    .keys = "run weights out threads",
    .run = run,
};
