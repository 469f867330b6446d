/* The table of weight transforms, expanded from its list, and the look-up by name. */
#include "nn/weight_transform.h"

#include "base/error.h"
#include "base/str.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct ath__weight_transform *const table[] = {
#define ATH_WEIGHT_TRANSFORM(name) &ath__weight_transform_##name,
#include "nn/weight_transform_list.h"
#undef ATH_WEIGHT_TRANSFORM
};

const struct ath__weight_transform *const *ath__weight_transform_table(int *count) {
    *count = (int)COUNT_OF(table);
    return table;
}

ath_status ath__weight_transform_find(const char *name, const struct ath__weight_transform **transform,
                                      ath_error *err) {
    *transform = NULL;
    if (strcmp(name, "none") == 0) return ATH_OK;
    const char *names[COUNT_OF(table) + 1] = {"none"};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            *transform = table[i];
            return ATH_OK;
        }
        names[i + 1] = table[i]->name;
    }
    char allowed[256] = "none";
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        size_t used = strlen(allowed);
        ath__str_copy(allowed + used, sizeof(allowed) - used, ", ");
        ath__str_copy(allowed + used + 2, sizeof(allowed) - used - 2, table[i]->name);
    }
    const char *near = ath__str_closest(name, names, COUNT_OF(names));
    if (near)
        return ath__fail(err, ATH_USAGE, "reparam", "no weight transform is called '%s'; did you mean '%s'?", name,
                         near);
    return ath__fail(err, ATH_USAGE, "reparam", "no weight transform is called '%s'; choose one of: %s", name, allowed);
}
