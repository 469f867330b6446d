/* athanor version */
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>

static ath_status run(const struct invocation *invocation, ath_error *err) {
    if (invocation->json)
        return json_print(json_pack("{s:s, s:s}", "version", ath_version(), "build", ath_build_info()), err);
    printf("athanor %s (%s)\n", ath_version(), ath_build_info());
    return ATH_OK;
}

const struct verb verb_version = {
    .name = "version",
    .summary = "version and build",
    .examples = "  athanor version\n",
    .run = run,
};
