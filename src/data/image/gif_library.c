/* Loading giflib. */
#include "data/image/gif_library.h"

#include "base/lazy.h"

struct ath__gif_library ath__gif_library;

ath_status ath__gif_library_load(ath_error *err) {
    static const char *const files[] = {"libgif.so.7", "libgif.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_GIF_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "GIF images need giflib",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__gif_library,
    };
    return ath__lazy_load(&library, err);
}
