/* The zoo's contract: what a family of networks is.
 *
 * A family is one file: an option struct with its table, one build function, and its named variants. A variant is the
 * family with other option values as its starting point, so "lenet5-k3" and "lenet5 kernel=3" are the same net.
 */
#ifndef ATH_ZOO_ZOO_H
#define ATH_ZOO_ZOO_H

#include "base/option.h"
#include "graph/store.h"
#include "nn/nn.h"

struct ath__zoo_variant {
    const char *name, *summary;
    const char *preset; /* options that differ from the table's defaults: "kernel=3 width=0.5"; NULL = none */
    int         channels, height, width, classes;
};

/* Training images as the net sees them, without augmentation: (count, channels, height, width). */
struct ath__zoo_images {
    const float *data;
    int64_t      count;
    int          channels, height, width;
};

struct ath__zoo_family {
    const char                    *name;
    const struct ath__zoo_variant *variants; /* ends with a NULL name */
    const struct ath__option      *options;
    size_t                         options_size;
    /* x (N,C,H,W) -> logits (N,classes). `options` is a struct filled from the table. */
    ath_value (*build)(struct ath__nn *nn, ath_value x, const void *options, int classes);
    /* Starting values that come from data; NULL = none. Called once when training starts, behind the start by policy,
     * with the first `start_images` training images (or as many as there are). */
    ath_status (*start)(const void *options, const struct ath__zoo_images *images, struct ath__store *store,
                        ath_error *err);
    int64_t start_images;
};

/* Declares ath__zoo_lenet ... from the list. */
#define ATH_ZOO(name) extern const struct ath__zoo_family ath__zoo_##name;
#include "zoo/zoo_list.h"
#undef ATH_ZOO

/* Variant i of the whole zoo, in the order of the list; its family in *family. NULL past the end. */
const struct ath__zoo_variant *ath__zoo_variant_at(int i, const struct ath__zoo_family **family);
/* NULL if no variant has the name. */
const struct ath__zoo_variant *ath__zoo_find(const char *name, const struct ath__zoo_family **family);

#endif
