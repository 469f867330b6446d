/* Option tables: the named settings of a model, an optimiser, a data set ... described once.
 *
 * A table of rows says for each option its name, what it does, its type, its default and what is allowed, and where in
 * a struct its value lies. Parsing, printing, help and error messages all come from the rows. Values are text outside
 * and int64_t (INT, CHOICE: the index of the name, FLAG: 0 or 1), double (REAL) or struct ath__range (RANGE) inside.
 */
#ifndef ATH_BASE_OPTION_H
#define ATH_BASE_OPTION_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ath__option_type {
    ATH_OPTION_INT,
    ATH_OPTION_REAL,
    ATH_OPTION_CHOICE,
    ATH_OPTION_FLAG,
    ATH_OPTION_RANGE,
    ATH_OPTION_TEXT,
} ath__option_type;

/* Written "0.02:0.33"; one number alone is both ends. */
struct ath__range {
    double low, high;
};

enum { ATH_OPTION_TEXT_SIZE = 1024 }; /* with the NUL */

struct ath__option {
    const char      *name; /* NULL ends a table */
    const char      *summary;
    ath__option_type type;
    size_t           offset; /* of an int64_t, double or range in the options' struct */
    const char      *fallback;
    const char      *choices;  /* CHOICE: "avg|max", by index; INT: the only values allowed, "3|5", or NULL */
    double           min, max; /* INT without choices, REAL, both ends of a RANGE */
};

#define ATH_OPT_INT(S, field, fallback, min, max, summary)                                                             \
    { #field, (summary), ATH_OPTION_INT, offsetof(S, field), (fallback), NULL, (min), (max) }
#define ATH_OPT_INT_OF(S, field, fallback, values, summary)                                                            \
    { #field, (summary), ATH_OPTION_INT, offsetof(S, field), (fallback), (values), 0, 0 }
#define ATH_OPT_REAL(S, field, fallback, min, max, summary)                                                            \
    { #field, (summary), ATH_OPTION_REAL, offsetof(S, field), (fallback), NULL, (min), (max) }
#define ATH_OPT_RANGE(S, field, fallback, min, max, summary)                                                           \
    { #field, (summary), ATH_OPTION_RANGE, offsetof(S, field), (fallback), NULL, (min), (max) }
#define ATH_OPT_CHOICE(S, field, fallback, choices, summary)                                                           \
    { #field, (summary), ATH_OPTION_CHOICE, offsetof(S, field), (fallback), (choices), 0, 0 }
#define ATH_OPT_FLAG(S, field, fallback, summary)                                                                      \
    { #field, (summary), ATH_OPTION_FLAG, offsetof(S, field), (fallback), "false|true", 0, 0 }
#define ATH_OPT_TEXT(S, field, fallback, summary)                                                                      \
    { #field, (summary), ATH_OPTION_TEXT, offsetof(S, field), (fallback), NULL, 0, 0 }
#define ATH_OPT_END                                                                                                    \
    { NULL, NULL, ATH_OPTION_INT, 0, NULL, NULL, 0, 0 }

/* Writes every default into the struct. */
void ath__option_defaults(const struct ath__option *table, void *options);

/* The row of that name; NULL if there is none. */
const struct ath__option *ath__option_find(const struct ath__option *table, const char *name);

/* Parses `value` into the struct. ATH_USAGE for an unknown key (with a suggestion, or the list of keys) and for a value
 * that is not allowed (with what is). `prefix` is put before keys in messages: "model." or "". */
ath_status ath__option_set(const struct ath__option *table, void *options, const char *prefix, const char *key,
                           const char *value, ath_error *err);

/* "kernel=3 width=0.5": several settings, separated by blanks. */
ath_status ath__option_set_all(const struct ath__option *table, void *options, const char *prefix, const char *settings,
                               ath_error *err);

/* The present value as text, and what is allowed ("3 or 5", "0 to 1", "avg, max"). */
void ath__option_value_text(const struct ath__option *option, const void *options, char *text, size_t capacity);
void ath__option_allowed_text(const struct ath__option *option, char *text, size_t capacity);

/* A whole number or a finite real, with nothing behind it; false otherwise. */
bool ath__parse_int(const char *text, int64_t *value);
bool ath__parse_real(const char *text, double *value);

#endif
