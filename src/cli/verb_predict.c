/* athanor predict */
#include "cli/console.h"
#include "cli/json_out.h"
#include "cli/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of the command line, with the lines of standard input in the place of "-", and what became of them. */
struct job {
    const struct invocation *invocation;
    int                      at; /* the next word */
    bool                     reading;
    char                    *line;
    size_t                   capacity;
    int64_t                  read, broken, known, right;
};

static json_t *to_json(const ath_prediction *p) {
    if (p->problem) return json_pack("{s:o, s:o}", "path", json_text(p->path), "error", json_text(p->problem));
    json_t *top = json_array();
    for (int i = 0; i < p->count; i++) {
        const ath_guess *guess = &p->top[i];
        json_t *item = json_pack("{s:s, s:i, s:f, s:f}", "class", guess->name, "index", guess->index, "probability",
                                 guess->probability, "logit", guess->logit);
        if (strcmp(guess->title, guess->name) != 0) json_object_set_new(item, "title", json_string(guess->title));
        if (*guess->group) json_object_set_new(item, "group", json_string(guess->group));
        json_array_append_new(top, item);
    }
    json_t *object = json_pack("{s:o, s:s, s:i, s:f}", "path", json_text(p->path), "class", p->top[0].name, "index",
                               p->top[0].index, "probability", p->top[0].probability);
    if (strcmp(p->top[0].title, p->top[0].name) != 0)
        json_object_set_new(object, "title", json_string(p->top[0].title));
    if (*p->top[0].group) json_object_set_new(object, "group", json_string(p->top[0].group));
    if (p->truth) json_object_set_new(object, "truth", json_string(p->truth));
    json_object_set_new(object, "top", top);
    return object;
}

static void print_text(const ath_prediction *p) {
    const ath_guess *best = &p->top[0];
    char             text[600];
    console_pad(p->path, 40);
    snprintf(text, sizeof text, *best->group ? "%s (%s)" : "%s", best->title, best->group);
    putchar(' ');
    console_pad(text, 16);
    printf(" %6.2f%%", 100.0 * best->probability);
    for (int i = 1; i < p->count && i < 3; i++) printf("   %s %.2f%%", p->top[i].title, 100.0 * p->top[i].probability);
    if (p->truth && p->truth_index != best->index) printf("   [is %s]", p->truth_title);
    printf("\n");
}

static void each(const ath_prediction *p, void *context) {
    struct job *job = context;
    if (p->problem) {
        job->broken++;
        char path[1100], problem[1100];
        console_plain(p->path, path, sizeof path);
        console_plain(p->problem, problem, sizeof problem);
        console_note(strncmp(p->problem, p->path, strlen(p->path)) == 0 ? "%.0s%s" : "%s: %s", path, problem);
    } else {
        job->read++;
        job->known += p->truth_index >= 0;
        job->right += p->truth_index >= 0 && p->truth_index == p->top[0].index;
    }
    if (job->invocation->json)
        json_print(to_json(p), NULL);
    else if (!p->problem)
        print_text(p);
}

/* The next line of standard input that is not empty; NULL at its end. */
static const char *next_line(struct job *job) {
    ssize_t length;
    while ((length = getline(&job->line, &job->capacity, stdin)) >= 0) {
        while (length > 0 && (job->line[length - 1] == '\n' || job->line[length - 1] == '\r'))
            job->line[--length] = '\0';
        if (length > 0) return job->line;
    }
    return NULL;
}

static const char *next(void *context) {
    struct job *job = context;
    for (;;) {
        if (job->reading) {
            const char *line = next_line(job);
            if (line) return line;
            job->reading = false;
        }
        if (job->at == job->invocation->word_count) return NULL;
        const char *word = job->invocation->words[job->at++];
        if (strcmp(word, "-") != 0) return word;
        job->reading = true;
    }
}

static void tell_sums(const struct job *job) {
    if (job->broken > 0)
        console_note("%lld images predicted, %lld could not be read", (long long)job->read, (long long)job->broken);
    if (job->known > 1)
        console_note("%lld of the %lld images whose class is known are right: %.2f%%", (long long)job->right,
                     (long long)job->known, 100.0 * (double)job->right / (double)job->known);
}

static ath_status run(const struct invocation *invocation, ath_error *err) {
    struct job job = {.invocation = invocation};
    ath_status status = ATH_OK;
    if (invocation->word_count == 0) /* says what would have been right */
        status = ath_predict(invocation->config, NULL, 0, each, &job, err);
    else
        status = ath_predict_stream(invocation->config, next, each, &job, err);
    free(job.line);
    if (status != ATH_OK) return status;
    tell_sums(&job);
    if (job.read > 0 || job.broken == 0) return ATH_OK;
    snprintf(err->message, sizeof err->message, "none of the images could be read");
    err->where[0] = '\0';
    return err->code = ATH_DATA;
}

const struct verb verb_predict = {
    .name = "predict",
    .summary = "classify images with a trained network",
    .examples = "  athanor predict photo.jpg another.png         with the last run's best model\n"
                "  athanor predict run=runs/garbage photos/ sheet=sheet.png      a folder, with a contact sheet\n"
                "  athanor predict run=runs/lenet t10k-images-idx3-ubyte.gz:0-9\n"
                "  athanor predict data=mnist test:0-99 --json\n"
                "  find . -name '*.jpg' | athanor predict weights=model.safetensors -\n",
    .keys = "run weights model data split labels sheet tta top batch threads precision",
    .computes = true,
    .run = run,
};
