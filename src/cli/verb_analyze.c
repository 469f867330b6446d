/* athanor analyze */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void list_kinds(void) {
    ath_analysis_entry entry;
    for (int i = 0; ath_analysis_at(i, &entry); i++) printf("what=%-12s %s\n", entry.name, entry.summary);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_analysis result;
    ath_hooks    hooks = console_hooks();
    const char  *what = ath_config_get(invocation->config, "what");
    if (!what || !*what) {
        list_kinds();
        return ATH_OK;
    }
    ath_status status = ath_analyze(invocation->config, invocation->words, invocation->word_count,
                                    invocation_file(invocation, NULL), &hooks, &result, err);
    if (status == ATH_OK && invocation->json) {
        printf("%s\n", result.json);
    } else if (status == ATH_OK) {
        fputs(result.text, stdout);
        if (*result.figure) console_note("%s", result.figure);
    }
    ath_analysis_free(&result);
    return status;
}

const struct verb verb_analyze = {
    .name = "analyze",
    .summary = "look into a trained network",
    .examples = "  athanor analyze                                    lists the kinds\n"
                "  athanor analyze what=gradcam photo.jpg             where the last run's best model saw the class\n"
                "  athanor analyze what=gradcam run=runs/photos val:0-8 -o seen.png\n"
                "  athanor analyze what=gradcam class=cat layer=features.14 photo.jpg --json\n",
    .keys = "what layer class run weights model data resize crop normalize out threads",
    .computes = true,
    .run = run,
};
