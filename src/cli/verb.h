/* A verb of the program: one file each, one row in verb_list.h. */
#ifndef ATH_CLI_VERB_H
#define ATH_CLI_VERB_H

#include "athanor/athanor.h"

#include <stdbool.h>

/* What the command line said. */
struct invocation {
    ath_config  *config;
    const char **words; /* arguments that are neither key=value nor --option */
    int          word_count;
    bool         json, quiet, dot;
    bool         show_schedule; /* --show-schedule: plan and draw, do not train */
    const char  *stage;         /* --stage=NAME */
    const char  *output;        /* -o FILE, --output=FILE */
};

/* The one file that a verb writes: -o FILE or out=FILE, `otherwise` if the command line says neither. */
const char *invocation_file(const struct invocation *invocation, const char *otherwise);

struct verb {
    const char *name;
    const char *summary;  /* one line */
    const char *examples; /* lines of help, examples first */
    const char *keys;     /* keys of the table that matter here, separated by blanks; NULL = none */
    bool        computes; /* runs networks: threads matter, start-up does not */
    ath_status (*run)(const struct invocation *invocation, ath_error *err);
};

#define ATH_VERB(name) extern const struct verb verb_##name;
#include "cli/verb_list.h"
#undef ATH_VERB

/* Verb i in the order of the list, NULL past the end. */
const struct verb *verb_at(int i);
const struct verb *verb_find(const char *name);

/* `athanor help [VERB]` on stdout. */
void help_print(const struct verb *verb);

#endif
