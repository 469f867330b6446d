/* athanor predict */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    bool    json;
    int64_t read, broken;
};

static json_t *to_json(const ath_prediction *p) {
    if (p->problem) return json_pack("{s:s, s:s}", "path", p->path, "error", p->problem);
    json_t *top = json_array();
    for (int i = 0; i < p->count; i++)
        json_array_append_new(top,
                              json_pack("{s:s, s:f}", "class", p->top[i].name, "probability", p->top[i].probability));
    return json_pack("{s:s, s:s, s:i, s:f, s:o}", "path", p->path, "class", p->top[0].name, "index", p->top[0].index,
                     "probability", p->top[0].probability, "top", top);
}

static void each(const ath_prediction *p, void *context) {
    struct sink *sink = context;
    if (p->problem) {
        sink->broken++;
        console_note("%s: %s", p->path, p->problem);
    } else {
        sink->read++;
    }
    if (sink->json) {
        json_print(to_json(p), NULL);
        return;
    }
    if (p->problem) return;
    printf("%-40s %-16s %6.2f%%", p->path, p->top[0].name, 100.0 * p->top[0].probability);
    for (int i = 1; i < p->count && i < 3; i++) printf("   %s %.2f%%", p->top[i].name, 100.0 * p->top[i].probability);
    printf("\n");
}

/* Appends the lines of stdin to the words. */
static ath_status read_paths(const char ***words, int *count, ath_error *err) {
    char   *line = NULL;
    size_t  capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, stdin)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = '\0';
        if (length == 0) continue;
        const char **wider = realloc((void *)*words, ((size_t)*count + 1) * sizeof *wider);
        char        *copy = wider ? strdup(line) : NULL;
        if (wider) *words = wider;
        if (!copy) {
            free(line);
            snprintf(err->message, sizeof err->message, "out of memory");
            return err->code = ATH_MEMORY;
        }
        (*words)[(*count)++] = copy;
    }
    free(line);
    return ATH_OK;
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    struct sink  sink = {.json = invocation->json};
    const char **words = NULL;
    int          count = 0;
    ath_status   status = ATH_OK;
    for (int i = 0; i < invocation->word_count && status == ATH_OK; i++) {
        if (strcmp(invocation->words[i], "-") == 0) {
            status = read_paths(&words, &count, err);
            continue;
        }
        const char **wider = realloc((void *)words, ((size_t)count + 1) * sizeof *wider);
        if (!wider) break;
        words = wider;
        words[count] = strdup(invocation->words[i]);
        if (words[count]) count++;
    }
    if (status == ATH_OK) status = ath_predict(invocation->config, words, count, each, &sink, err);
    if (status == ATH_OK && sink.broken > 0)
        console_note("%lld images predicted, %lld could not be read", (long long)sink.read, (long long)sink.broken);
    for (int i = 0; i < count; i++) free((void *)(uintptr_t)words[i]);
    free((void *)words);
    return status;
}

const struct verb verb_predict = {
    .name = "predict",
    .summary = "classify images with a trained network",
    .examples = "  athanor predict digit.pgm another.png         with the last run's best model\n"
                "  athanor predict run=runs/lenet t10k-images-idx3-ubyte.gz:0-9\n"
                "  athanor predict data=mnist split=test:0-99 --json\n"
                "  ls *.pgm | athanor predict weights=model.safetensors -\n",
    .keys = "run weights model data split tta top batch threads precision",
    .computes = true,
    .run = run,
};
