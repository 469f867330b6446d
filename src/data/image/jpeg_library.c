/* Loading libjpeg, under the names that distributions give the version whose header this was compiled with: structs
 * differ between versions, and libjpeg itself checks that the two agree. */
#include "data/image/jpeg_library.h"

#include "base/lazy.h"

struct ath__jpeg_library ath__jpeg_library;

ath_status ath__jpeg_library_load(ath_error *err) {
#if JPEG_LIB_VERSION >= 80
    static const char *const files[] = {"libjpeg.so.8", "libjpeg.so", NULL};
#elif JPEG_LIB_VERSION >= 70
    static const char *const files[] = {"libjpeg.so.7", "libjpeg.so", NULL};
#else
    static const char *const files[] = {"libjpeg.so.62", "libjpeg.so", NULL};
#endif
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_JPEG_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "JPEG images need libjpeg",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__jpeg_library,
    };
    return ath__lazy_load(&library, err);
}
