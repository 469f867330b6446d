/* The zoo's table, expanded from its list, and the walks over it. */
#include "zoo/zoo.h"

#include "athanor/model.h"

#include <string.h>

static const struct ath__zoo_family *const families[] = {
#define ATH_ZOO(name) &ath__zoo_##name,
#include "zoo/zoo_list.h"
#undef ATH_ZOO
};

const struct ath__zoo_variant *ath__zoo_variant_at(int i, const struct ath__zoo_family **family) {
    for (size_t f = 0; i >= 0 && f < sizeof families / sizeof families[0]; f++) {
        for (const struct ath__zoo_variant *variant = families[f]->variants; variant->name; variant++) {
            if (i-- > 0) continue;
            *family = families[f];
            return variant;
        }
    }
    return NULL;
}

const struct ath__zoo_variant *ath__zoo_find(const char *name, const struct ath__zoo_family **family) {
    const struct ath__zoo_variant *variant;
    for (int i = 0; (variant = ath__zoo_variant_at(i, family)) != NULL; i++)
        if (strcmp(variant->name, name) == 0) return variant;
    return NULL;
}

bool ath_zoo_at(int i, ath_zoo_entry *entry) {
    const struct ath__zoo_family  *family;
    const struct ath__zoo_variant *variant = ath__zoo_variant_at(i, &family);
    if (!variant) return false;
    *entry = (ath_zoo_entry){.name = variant->name,
                             .summary = variant->summary,
                             .channels = variant->channels,
                             .height = variant->height,
                             .width = variant->width,
                             .classes = variant->classes};
    return true;
}
