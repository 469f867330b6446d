/* Libraries that are loaded when they are first needed.
 *
 * Downloads and figures need libraries that bring dozens of others with them; linked in the usual way they would make
 * up most of the start-up time of a program that neither downloads nor draws.
 */
#ifndef ATH_BASE_LAZY_H
#define ATH_BASE_LAZY_H

#include "athanor/status.h"

#include <stdbool.h>
#include <stddef.h>

struct ath__lazy {
    const char *const *files; /* names to try, NULL-terminated: "libcurl.so.4" ... */
    const char        *need;  /* "downloads need libcurl" */
    const char *const *names; /* of the functions */
    size_t             count;
    void              *table; /* a struct of nothing but function pointers, in the order of `names` */
    bool               loaded;
};

/* Loads the library and fills the table, once; thread-safe. ATH_UNSUPPORTED where the library is missing. */
ath_status ath__lazy_load(struct ath__lazy *library, ath_error *err);

/* A library's table and its loader, ath__NAME_library and ath__NAME_library_load, of a list of its functions
 * FUNCTIONS(X) X(function) ... and the names of its file, best first. */
#define ATH_LAZY_NAME_(name) #name,
/* clang-format off */
#define ATH_LAZY_LIBRARY(name, FUNCTIONS, needed, ...)                                                                 \
    struct ath__##name##_library ath__##name##_library;                                                                \
    ath_status ath__##name##_library_load(ath_error *err) {                                                            \
        static const char *const files[] = {__VA_ARGS__, NULL}, *const names[] = {FUNCTIONS(ATH_LAZY_NAME_)};          \
        static struct ath__lazy library = {.files = files,                                                             \
                                           .need = needed,                                                             \
                                           .names = names,                                                             \
                                           .count = sizeof names / sizeof names[0],                                    \
                                           .table = &ath__##name##_library};                                           \
        return ath__lazy_load(&library, err);                                                                          \
    }
/* clang-format on */

#endif
