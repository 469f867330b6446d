/* athanor export */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void list_formats(void) {
    ath_export_format format;
    for (int i = 0; ath_export_format_at(i, &format); i++)
        printf("%-12s %s\n%-12s endings: %s\n", format.name, format.summary, "", format.endings);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_export_result result;
    const char       *path = invocation_file(invocation, NULL);
    if (!path) {
        list_formats();
        return ATH_OK;
    }
    ath_status status = ath_export(invocation->config, path, &result, err);
    if (status != ATH_OK) return status;
    if (invocation->json)
        return json_print(json_pack("{s:s, s:s, s:i, s:I, s:b, s:s}", "path", path, "format", result.format, "nodes",
                                    result.nodes, "constants", (json_int_t)result.constants, "softmax", result.softmax,
                                    "notes", result.notes),
                          err);
    char count[32];
    printf("%s (%s): %d operators, %s constants; %s come out\n", path, result.format, result.nodes,
           console_count(result.constants, count), result.softmax ? "probabilities" : "logits");
    for (char *line = strtok(result.notes, "\n"); line; line = strtok(NULL, "\n")) printf("  %s\n", line);
    return ATH_OK;
}

const struct verb verb_export = {
    .name = "export",
    .summary = "write a trained model as the network of another program",
    .examples = "  athanor export                                     lists the formats\n"
                "  athanor export run=runs/last out=net.txt\n"
                "  athanor export weights=net.safetensors out=net.txt export.softmax=true --json\n",
    .keys = "run weights format out threads",
    .run = run,
};
