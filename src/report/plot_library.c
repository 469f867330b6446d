/* Loading cairo and Pango: Pango's binding to cairo brings everything that figures are drawn with. */
#include "report/plot_library.h"

#include "base/lazy.h"

struct ath__plot_library ath__plot_library;

ath_status ath__plot_library_load(ath_error *err) {
    static const char *const files[] = {"libpangocairo-1.0.so.0", "libpangocairo-1.0.so", NULL};
    static const char *const names[] = {
#define ATH_LAZY_NAME_(name) #name,
        ATH_PLOT_FUNCTIONS(ATH_LAZY_NAME_)
#undef ATH_LAZY_NAME_
    };
    static struct ath__lazy library = {
        .files = files,
        .need = "figures need cairo and Pango",
        .names = names,
        .count = sizeof names / sizeof names[0],
        .table = &ath__plot_library,
    };
    return ath__lazy_load(&library, err);
}
