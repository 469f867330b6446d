/* Loading libzip, under the names that distributions give it. */
#include "format/zip_library.h"

#include "base/lazy.h"

struct ath__zip_library ath__zip_library;

ath_status ath__zip_library_load(ath_error *err) {
    static const char *const files[] = {"libzip.so.5", "libzip.so.4", "libzip.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_ZIP_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "PyTorch's and NumPy's zip files need libzip",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__zip_library,
    };
    return ath__lazy_load(&library, err);
}
