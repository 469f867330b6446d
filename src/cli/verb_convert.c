/* athanor convert */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

static void list_formats(void) {
    ath_tensor_format format;
    for (int i = 0; ath_tensor_format_at(i, &format); i++)
        if (*format.endings)
            printf("%-12s %s\n%-12s endings: %s\n", format.name, format.summary, "", format.endings);
        else
            printf("%-12s %s\n%-12s only read\n", format.name, format.summary, "");
}

static ath_status usage(ath_error *err) {
    if (err) {
        err->code = ATH_USAGE;
        err->where[0] = '\0';
        snprintf(err->message, sizeof err->message, "convert takes two files: athanor convert IN OUT");
    }
    return ATH_USAGE;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    ath_convert_result result;
    const char        *to = invocation->word_count > 1 ? invocation->words[1] : invocation->output;
    if (invocation->word_count == 0 && !to) {
        list_formats();
        return ATH_OK;
    }
    if (invocation->word_count < 1 || invocation->word_count > 2 || !to) return usage(err);
    ath_status status = ath_convert(invocation->config, invocation->words[0], to, &result, err);
    if (status != ATH_OK) return status;
    if (invocation->json)
        return json_print(json_pack("{s:s, s:s, s:s, s:i, s:I, s:i, s:s}", "path", to, "from", result.from, "to",
                                    result.to, "tensors", result.tensors, "bytes", (json_int_t)result.bytes, "metadata",
                                    result.metadata, "notes", result.notes),
                          err);
    char count[32];
    printf("%s (%s): %d tensors, %s bytes, %d texts of metadata from %s (%s)\n", to, result.to, result.tensors,
           console_count(result.bytes, count), result.metadata, invocation->words[0], result.from);
    for (char *line = strtok(result.notes, "\n"); line; line = strtok(NULL, "\n")) printf("  %s\n", line);
    return ATH_OK;
}

const struct verb verb_convert = {
    .name = "convert",
    .summary = "write a file of weights in another format",
    .examples = "  athanor convert                                    lists the formats\n"
                "  athanor convert net.safetensors net.pth\n"
                "  athanor convert mobilenetv2-200_1067.ckpt net.safetensors\n"
                "  athanor convert net.pth net.ckpt names=keep        without MindSpore's names\n",
    .keys = "format names",
    .run = run,
};
