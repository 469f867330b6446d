/* Weight transforms: what stands between trained parameters and the weight that a layer uses.
 *
 * A transform creates its own parameters in the layer's scope and returns the weight as a value built of ordinary graph
 * operations. These depend on parameters only, so they run once per optimiser step, and they fold into a constant when
 * parameters do: a merged model has plain weights. The layer names the result `<layer>.weight`, the name of the plain
 * net's parameter, under which a merge finds it.
 */
#ifndef ATH_NN_WEIGHT_TRANSFORM_H
#define ATH_NN_WEIGHT_TRANSFORM_H

#include "nn/nn.h"

enum {
    ATH_TRANSFORM_CONV = 1 << 0,   /* weights K,C/groups,R,S */
    ATH_TRANSFORM_LINEAR = 1 << 1, /* weights M,K            */
};

struct ath__weight_transform {
    const char *name;    /* the value of `reparam=` */
    const char *summary; /* one line for listings   */
    uint32_t    applies; /* which layers it takes; the others keep plain weights */
    /* Called inside the layer's scope. Returns a value of the given shape. */
    ath_value (*apply)(struct ath__nn *nn, const ath_shape *shape);
};

/* Declares ath__weight_transform_wn ... from the list. */
#define ATH_WEIGHT_TRANSFORM(name) extern const struct ath__weight_transform ath__weight_transform_##name;
#include "nn/weight_transform_list.h"
#undef ATH_WEIGHT_TRANSFORM

/* All transforms; `count` receives their number. */
const struct ath__weight_transform *const *ath__weight_transform_table(int *count);

/* Sets *transform to the named one, or to NULL for "none". ATH_USAGE with a suggestion for an unknown name. */
ath_status ath__weight_transform_find(const char *name, const struct ath__weight_transform **transform, ath_error *err);

#endif
