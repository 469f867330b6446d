/* The program: athanor VERB key=value ... [--json] [--quiet] [--show-config]
 *
 * Data goes to stdout; messages, progress and errors go to stderr. The exit code follows from the status (README).
 */
#include "cli/console.h"
#include "cli/verb.h"
#include "cli/wait_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *const table[] = {
#define ATH_VERB(name) &verb_##name,
#include "cli/verb_list.h"
#undef ATH_VERB
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct verb *verb_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

const struct verb *verb_find(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

/* Is the word key=value? Keys are lower-case words with dots and underscores; a path with '=' in it is not. */
static bool is_setting(const char *word) {
    size_t length = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_.-");
    return length > 0 && word[length] == '=' && word[0] != '-' && word[0] != '.';
}

static ath_status set(ath_config *config, const char *word, ath_error *err) {
    char   key[256];
    size_t length = strcspn(word, "=");
    if (length >= sizeof key) length = sizeof key - 1;
    memcpy(key, word, length);
    key[length] = '\0';
    return ath_config_set(config, key, word + strcspn(word, "=") + 1, ATH_ORIGIN_COMMAND_LINE, err);
}

static ath_status usage(ath_error *err, const char *format, const char *word) {
    if (err) {
        err->code = ATH_USAGE;
        err->where[0] = '\0';
        snprintf(err->message, sizeof err->message, format, word);
    }
    return ATH_USAGE;
}

/* --json, --quiet, --show-config, --stage=NAME, --output=FILE; --KEY=VALUE is KEY=VALUE with dashes for underscores. */
static ath_status take_option(struct invocation *invocation, const char *word, bool *show, ath_error *err) {
    char name[256];
    snprintf(name, sizeof name, "%s", word + 2);
    char *value = strchr(name, '=');
    if (strcmp(name, "json") == 0)
        invocation->json = true;
    else if (strcmp(name, "quiet") == 0)
        invocation->quiet = true;
    else if (strcmp(name, "dot") == 0)
        invocation->dot = true;
    else if (strcmp(name, "show-config") == 0)
        *show = true;
    else if (strcmp(name, "show-schedule") == 0)
        invocation->show_schedule = true;
    else if (strncmp(name, "stage=", 6) == 0)
        invocation->stage = word + 2 + 6;
    else if (strncmp(name, "output=", 7) == 0)
        invocation->output = word + 2 + 7;
    else if (value) {
        for (char *c = name; c < value; c++)
            if (*c == '-') *c = '_';
        return set(invocation->config, name, err);
    } else {
        return usage(err, "unknown option '%s'; there are --json, --quiet, --show-config and --help", word);
    }
    return ATH_OK;
}

const char *invocation_file(const struct invocation *invocation, const char *otherwise) {
    const char *out = ath_config_get(invocation->config, "out");
    return invocation->output ? invocation->output : *out ? out : otherwise;
}

static void show_config(const ath_config *config) {
    static const char *const origins[] = {"default", "recipe", "command line"};
    ath_config_item          item;
    for (int i = 0; ath_config_at(config, i, &item); i++)
        printf("%-20s %-24s %s\n", item.key, *item.value ? item.value : "-",
               item.origin == ATH_ORIGIN_DEFAULT ? origins[0] : item.source);
}

static ath_status read_words(struct invocation *invocation, int argc, char **argv, bool *show, ath_error *err) {
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        ath_status  status = ATH_OK;
        if (strcmp(word, "-o") == 0 && i + 1 < argc)
            invocation->output = argv[++i];
        else if (strncmp(word, "--", 2) == 0 && word[2])
            status = take_option(invocation, word, show, err);
        else if (is_setting(word))
            status = set(invocation->config, word, err);
        else
            invocation->words[invocation->word_count++] = word;
        if (status != ATH_OK) return status;
    }
    return ATH_OK;
}

static int fail(ath_status status, const ath_error *err) {
    console_error(err);
    return ath_status_exit_code(status);
}

static int run(const struct verb *verb, int argc, char **argv) {
    ath_error         err = {.code = ATH_OK};
    bool              show = false;
    struct invocation invocation = {.words = calloc((size_t)argc + 1, sizeof(char *))};
    ath_status        status =
        invocation.words ? ath_config_create(&invocation.config, &err) : usage(&err, "%s", "out of memory");
    if (status == ATH_OK) status = read_words(&invocation, argc, argv, &show, &err);
    console_open(invocation.quiet);
    if (status == ATH_OK) {
        if (show)
            show_config(invocation.config);
        else
            status = verb->run(&invocation, &err);
    }
    console_close();
    int code = status == ATH_OK ? 0 : fail(status, &err);
    if (fflush(stdout) != 0 && code == 0) {
        snprintf(err.message, sizeof err.message, "writing to standard output failed");
        code = fail(ATH_IO, &err);
    }
    ath_config_destroy(invocation.config);
    free((void *)invocation.words);
    return code;
}

static int unknown_verb(const char *word) {
    const char *closest = NULL;
    size_t      best = 3;
    for (int i = 0; i < COUNT; i++) {
        size_t distance = console_distance(word, table[i]->name);
        if (distance >= best) continue;
        best = distance;
        closest = table[i]->name;
    }
    if (closest)
        fprintf(stderr, "athanor: there is no verb '%s'; did you mean '%s'?\n", word, closest);
    else
        fprintf(stderr, "athanor: there is no verb '%s'; 'athanor help' lists them\n", word);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        const struct verb *about = argc > 2 ? verb_find(argv[2]) : NULL;
        if (argc > 2 && !about) return unknown_verb(argv[2]);
        help_print(about);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) return run(&verb_version, 0, NULL);
    const struct verb *verb = verb_find(argv[1]);
    if (!verb) return unknown_verb(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        help_print(verb);
        return 0;
    }
    if (verb->computes) wait_policy_apply(argv);
    return run(verb, argc - 2, argv + 2);
}
