/* Finding recipes by name. */
#ifndef ATH_TRAIN_RECIPES_H
#define ATH_TRAIN_RECIPES_H

#include "athanor/config.h"

#include <stddef.h>

/* A file of that path, or NAME.yaml in a recipe folder. ATH_USAGE says where it looked, with a suggestion. */
ath_status ath__recipe_find(const char *name_or_path, char *path, size_t capacity, ath_error *err);

#endif
