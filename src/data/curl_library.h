/* libcurl, loaded when the first download begins: its functions under their own names, through a table. */
#ifndef ATH_DATA_CURL_LIBRARY_H
#define ATH_DATA_CURL_LIBRARY_H

#include "athanor/status.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#undef curl_easy_getinfo /* macros that only count arguments */
#undef curl_easy_setopt

#define ATH_CURL_FUNCTIONS(X)                                                                                          \
    X(curl_global_init)                                                                                                \
    X(curl_easy_init)                                                                                                  \
    X(curl_easy_reset)                                                                                                 \
    X(curl_easy_setopt)                                                                                                \
    X(curl_easy_perform)                                                                                               \
    X(curl_easy_getinfo)                                                                                               \
    X(curl_easy_strerror)                                                                                              \
    X(curl_easy_cleanup)

struct ath__curl_library {
#define ATH_LAZY_FIELD_(name) __typeof__(name) *name;
    ATH_CURL_FUNCTIONS(ATH_LAZY_FIELD_)
#undef ATH_LAZY_FIELD_
};

extern struct ath__curl_library ath__curl_library;

/* To be called, successfully, before any of the functions. */
ath_status ath__curl_library_load(ath_error *err);

#define curl_global_init ath__curl_library.curl_global_init
#define curl_easy_init ath__curl_library.curl_easy_init
#define curl_easy_reset ath__curl_library.curl_easy_reset
#define curl_easy_setopt ath__curl_library.curl_easy_setopt
#define curl_easy_perform ath__curl_library.curl_easy_perform
#define curl_easy_getinfo ath__curl_library.curl_easy_getinfo
#define curl_easy_strerror ath__curl_library.curl_easy_strerror
#define curl_easy_cleanup ath__curl_library.curl_easy_cleanup

#endif
