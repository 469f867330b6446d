/* Configurations: the key=value settings of a run, with where each value came from.
 *
 * Keys are those of the command line and of YAML recipes (README, "Keys"): model, model.KEY, data, data.KEY, epochs,
 * batch, lr ... Precedence: command line > recipe > default, whatever the order of the calls.
 */
#ifndef ATHANOR_CONFIGURATION_H
#define ATHANOR_CONFIGURATION_H

#include "athanor/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ath_config ath_config;

typedef enum ath_origin { ATH_ORIGIN_DEFAULT, ATH_ORIGIN_RECIPE, ATH_ORIGIN_COMMAND_LINE } ath_origin;

ATH_API ath_status ath_config_create(ath_config **config, ath_error *err);
ATH_API void       ath_config_destroy(ath_config *config);
ATH_API ath_status ath_config_copy(const ath_config *config, ath_config **copy, ath_error *err);

/* Sets one key. ATH_USAGE for an unknown key (with a suggestion) or a value that does not fit (saying what does). */
ATH_API ath_status ath_config_set(ath_config *config, const char *key, const char *value, ath_origin origin,
                                  ath_error *err);

/* Reads a recipe: a YAML file by path, or by name ("mnist/lenet5") from the recipe folders: ./recipes,
 * $ATHANOR_RECIPES, the installation's share/athanor/recipes. A recipe may start from another one with `recipe: NAME`.
 */
ATH_API ath_status ath_config_load(ath_config *config, const char *name_or_path, ath_error *err);

/* The value as text ("" if unset), or NULL for an unknown key. Valid until the configuration changes. */
ATH_API const char *ath_config_get(const ath_config *config, const char *key);

/* Item i in the order of the key table (model.* and data.* keys that were set follow their parents); false past the
 * end. */
typedef struct ath_config_item {
    const char *key, *value, *summary;
    ath_origin  origin;
    const char *source; /* "command line", "recipes/mnist/lenet5.yaml:4", "default" */
} ath_config_item;
ATH_API bool ath_config_at(const ath_config *config, int i, ath_config_item *item);

/* The key table itself, for help: entry i (fallback is the default as text, allowed what a value may be). */
typedef struct ath_config_key {
    const char *name, *summary, *fallback, *allowed;
} ath_config_key;
ATH_API bool ath_config_key_at(int i, ath_config_key *key);

/* Recipes found in the recipe folders, for `athanor recipes`: name and first comment line. */
typedef struct ath_recipe {
    char name[256], summary[256], path[1024];
} ath_recipe;
ATH_API ath_status ath_recipes_list(ath_recipe **recipes, int *count, ath_error *err); /* freed by ath_recipes_free */
ATH_API void       ath_recipes_free(ath_recipe *recipes);

#ifdef __cplusplus
}
#endif
#endif
