/* Loading libwebp. */
#include "data/image/webp_library.h"

#include "base/lazy.h"

struct ath__webp_library ath__webp_library;

ath_status ath__webp_library_load(ath_error *err) {
    static const char *const files[] = {"libwebp.so.7", "libwebp.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_WEBP_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "WebP images need libwebp",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__webp_library,
    };
    return ath__lazy_load(&library, err);
}
