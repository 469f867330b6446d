/* A model's insides: a zoo variant with option values, or a network read from a YAML file. */
#ifndef ATH_ZOO_MODEL_H
#define ATH_ZOO_MODEL_H

#include "athanor/model.h"
#include "nn/weight_transform.h"
#include "zoo/zoo.h"

struct ath__net;

struct ath_model {
    char                               *name;   /* as the caller gave it */
    const struct ath__zoo_family       *family; /* NULL for a net of a file */
    void                               *options;
    struct ath__net                    *net; /* of a file; else NULL */
    const struct ath__weight_transform *transform;
    int                                 channels, height, width, classes;
    char                                text[512]; /* what ath_model_get and ath_model_option_at handed out last */
};

/* Whether the model has an option of that name with that value now. */
bool ath__model_option_is(const ath_model *model, const char *key, const char *value);

/* How many training images the model's start is computed from; 0 = it needs none. */
int64_t ath__model_start_images(const ath_model *model);
/* Sets those parameters in a store of the model's. */
ath_status ath__model_start(const ath_model *model, const struct ath__zoo_images *images, struct ath__store *store,
                            ath_error *err);

#endif
