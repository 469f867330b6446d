/* Loading libcurl, under the names that distributions give it. */
#include "data/curl_library.h"

#include "base/lazy.h"

struct ath__curl_library ath__curl_library;

ath_status ath__curl_library_load(ath_error *err) {
    static const char *const files[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_CURL_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "downloads need libcurl",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__curl_library,
    };
    return ath__lazy_load(&library, err);
}
