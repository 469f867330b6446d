/* Loading libarchive, under the names that distributions give it. */
#include "data/archive_library.h"

#include "base/lazy.h"

struct ath__archive_library ath__archive_library;

ath_status ath__archive_library_load(ath_error *err) {
    static const char *const files[] = {"libarchive.so.13", "libarchive.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_ARCHIVE_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "archives need libarchive",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__archive_library,
    };
    return ath__lazy_load(&library, err);
}
