/* athanor devices */
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_device_info info;
    json_t         *all = invocation->json ? json_array() : NULL;
    for (int i = 0; ath_device_at(i, &info); i++) {
        if (all)
            json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:s, s:b, s:I}", "name", info.name, "detail",
                                                 info.detail, "usable", info.usable, "reason", info.reason, "bf16",
                                                 info.bf16, "memory", (json_int_t)info.memory));
        else if (info.usable)
            printf("%-8s %s, %.1f GiB, bfloat16 %s\n", info.name, info.detail, (double)info.memory / 1073741824.0,
                   info.bf16 ? "native" : "falls back to float32");
        else
            printf("%-8s not usable: %s\n", info.name, info.reason);
    }
    return all ? json_print(all, err) : ATH_OK;
}

const struct verb verb_devices = {
    .name = "devices",
    .summary = "where steps can be computed, and why not elsewhere",
    .examples = "  athanor devices\n  athanor devices --json\n",
    .run = run,
};
