/* The optimisers by name. */
#include "optim/optimizer.h"

#include "base/error.h"
#include "base/str.h"

#include <string.h>

static const struct ath__optimizer *const table[] = {
#define ATH_OPTIMIZER(name) &ath__optimizer_##name,
#include "optim/optim_list.h"
#undef ATH_OPTIMIZER
};
enum { COUNT = sizeof table / sizeof table[0] };

const struct ath__optimizer *ath__optimizer_at(int i) {
    return i >= 0 && i < COUNT ? table[i] : NULL;
}

ath_status ath__optimizer_find(const char *name, const struct ath__optimizer **optimizer, ath_error *err) {
    const char *names[COUNT];
    for (int i = 0; i < COUNT; i++) {
        names[i] = table[i]->name;
        if (strcmp(name, table[i]->name) == 0) {
            *optimizer = table[i];
            return ATH_OK;
        }
    }
    const char *closest = ath__str_closest(name, names, COUNT);
    return ath__fail(err, ATH_USAGE, "optimizer", "unknown optimizer '%s'; did you mean '%s'?", name,
                     closest ? closest : names[0]);
}
