/* Configurations: values by key with their origins, recipes, precedence.
 *
 * Rows of the key table hold one value each; the open families model.KEY, data.KEY, group.NAME.KEY and export.KEY are
 * kept as pairs and checked by the model and the data set when a run begins. A value of lower origin never replaces one
 * of higher origin.
 */
#include "athanor/config.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/str.h"
#include "base/yaml.h"
#include "train/chosen.h"
#include "train/recipes.h"
#include "train/settings.h"
#include "train/stage_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char      *key; /* of the table, or "model.x", "data.x" */
    char      *value;
    char      *source;
    ath_origin origin;
};

struct ath_config {
    struct entry *entries; /* only what was set */
    int           count, capacity;
};

/* Families whose keys are open; the table's own rows (schedule.every) are not among them. */
static const char *const families[] = {"model.", "data.", "group.", "sweep.", "stage.", "export."};
enum { FAMILIES = sizeof families / sizeof families[0], MAX_RECIPE_DEPTH = 8 };

static bool in_family(const char *key) {
    for (int f = 0; f < FAMILIES; f++)
        if (strncmp(key, families[f], strlen(families[f])) == 0 && key[strlen(families[f])] != '\0') return true;
    return false;
}

ath_status ath_config_create(ath_config **config, ath_error *err) {
    *config = ATH_NEW(ath_config);
    return *config ? ATH_OK : ath__fail_memory(err, "configuration");
}

static void entry_clear(struct entry *entry) {
    ath__free(entry->key);
    ath__free(entry->value);
    ath__free(entry->source);
    memset(entry, 0, sizeof *entry);
}

void ath_config_destroy(ath_config *config) {
    if (!config) return;
    for (int i = 0; i < config->count; i++) entry_clear(&config->entries[i]);
    ath__free(config->entries);
    ath__free(config);
}

static struct entry *find(const ath_config *config, const char *key) {
    for (int i = 0; i < config->count; i++)
        if (strcmp(config->entries[i].key, key) == 0) return &config->entries[i];
    return NULL;
}

static ath_status put(ath_config *config, const char *key, const char *value, ath_origin origin, const char *source,
                      ath_error *err) {
    struct entry *entry = find(config, key);
    if (entry && entry->origin > origin) return ATH_OK;
    if (!entry && config->count == config->capacity) {
        int           wider = config->capacity ? config->capacity * 2 : 32;
        struct entry *moved = ath__realloc(config->entries, (size_t)wider * sizeof *moved);
        if (!moved) return ath__fail_memory(err, "configuration");
        config->entries = moved;
        config->capacity = wider;
    }
    struct entry made = {ath__strdup(key), ath__strdup(value), ath__strdup(source), origin};
    if (!made.key || !made.value || !made.source) {
        entry_clear(&made);
        return ath__fail_memory(err, "configuration");
    }
    if (entry)
        entry_clear(entry);
    else
        entry = &config->entries[config->count++];
    *entry = made;
    return ATH_OK;
}

static ath_status unknown_key(const char *key, ath_error *err) {
    const char *names[128];
    size_t      count = 0;
    for (int i = 0; ath__setting_at(i) && count < 126; i++) names[count++] = ath__setting_at(i)->name;
    names[count++] = "recipe";
    /* Spelled-out forms of short keys, which edit distance does not find. */
    static const char *const aliases[][2] = {{"learning_rate", "lr"}, {"leraning_rate", "lr"}, {"learning-rate", "lr"},
                                             {"batch_size", "batch"}, {"epoch", "epochs"},     {"wd", "weight_decay"},
                                             {"dataset", "data"},     {"network", "model"}};
    const char              *closest = ath__str_closest(key, names, count);
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        const char *spelled = aliases[i][0];
        if (ath__str_closest(key, &spelled, 1)) closest = aliases[i][1];
    }
    if (closest) return ath__fail(err, ATH_USAGE, NULL, "unknown key '%s'; did you mean '%s'?", key, closest);
    return ath__fail(err, ATH_USAGE, NULL, "unknown key '%s'; 'athanor help train' lists the keys", key);
}

static ath_status set_from(ath_config *config, const char *key, const char *value, ath_origin origin,
                           const char *source, ath_error *err) {
    const struct ath__setting *setting = ath__setting_find(key);
    if (strncmp(key, "sweep.", 6) == 0) {
        if (!ath__setting_find(key + 6) && !(in_family(key + 6) && strncmp(key + 6, "sweep.", 6) != 0))
            return unknown_key(key + 6, err);
        return put(config, key, value, origin, source, err);
    }
    if (strncmp(key, "stage.", 6) == 0) {
        const char *inner = ath__stage_key(key);
        if (!inner) return ath__fail(err, ATH_USAGE, NULL, "'%s' must be stage.NUMBER.KEY: stage.2.lr, say", key);
        setting = ath__setting_find(inner);
        bool nested = strncmp(inner, "stage.", 6) == 0 || strncmp(inner, "sweep.", 6) == 0;
        if (!setting && (nested || !in_family(inner))) return unknown_key(inner, err);
        if (setting) ATH_TRY(ath__setting_check(setting, value, err));
        return put(config, key, value, origin, source, err);
    }
    if (setting) {
        ATH_TRY(ath__setting_check(setting, value, err));
        return put(config, key, value, origin, source, err);
    }
    if (in_family(key)) return put(config, key, value, origin, source, err);
    return unknown_key(key, err);
}

static ath_status load_recipe(ath_config *config, const char *name, int depth, ath_error *err);

ath_status ath_config_set(ath_config *config, const char *key, const char *value, ath_origin origin, ath_error *err) {
    static const char *const sources[] = {"default", "recipe", "command line"};
    if (strcmp(key, "recipe") == 0) return load_recipe(config, value, 0, err);
    return set_from(config, key, value, origin, sources[origin], err);
}

void ath__config_unset(ath_config *config, const char *key) {
    size_t length = strlen(key);
    bool   family = length > 0 && key[length - 1] == '.';
    int    kept = 0;
    for (int i = 0; i < config->count; i++) {
        struct entry *entry = &config->entries[i];
        if (family ? strncmp(entry->key, key, length) == 0 : strcmp(entry->key, key) == 0)
            entry_clear(entry);
        else
            config->entries[kept++] = *entry;
    }
    config->count = kept;
}

ath_status ath_config_copy(const ath_config *config, ath_config **copy, ath_error *err) {
    ATH_TRY(ath_config_create(copy, err));
    for (int i = 0; i < config->count; i++) {
        const struct entry *entry = &config->entries[i];
        ath_status          status = put(*copy, entry->key, entry->value, entry->origin, entry->source, err);
        if (status != ATH_OK) {
            ath_config_destroy(*copy);
            *copy = NULL;
            return status;
        }
    }
    return ATH_OK;
}

ath_status ath__config_overlay(ath_config *config, const char *prefix, ath_error *err) {
    size_t length = strlen(prefix);
    for (int i = 0; i < config->count; i++) {
        if (strncmp(config->entries[i].key, prefix, length) != 0) continue;
        struct entry copy = config->entries[i]; /* the texts stay where they are when the array grows */
        ATH_TRY(set_from(config, copy.key + length, copy.value, copy.origin, copy.source, err));
    }
    return ATH_OK;
}

static ath_status load_tree(ath_config *config, const char *path, const char *prefix, const struct ath__yaml *tree,
                            int depth, ath_error *err);

/* `stages:`, a list of mappings, as the keys stage.1.KEY, stage.2.KEY ... in the place of those of a recipe before. */
static ath_status load_stages(ath_config *config, const char *path, const struct ath__yaml *list, int depth,
                              ath_error *err) {
    int kept = 0;
    for (int i = 0; i < config->count; i++) {
        struct entry *entry = &config->entries[i];
        if (entry->origin <= ATH_ORIGIN_RECIPE && strncmp(entry->key, "stage.", 6) == 0)
            entry_clear(entry);
        else
            config->entries[kept++] = *entry;
    }
    config->count = kept;
    for (int k = 0; k < list->count; k++) {
        char prefix[32];
        if (list->items[k]->kind != ATH_YAML_MAPPING)
            return ath__yaml_fail(err, ATH_DATA, path, list->items[k]->line,
                                  "a stage is a list of 'key: value' lines: '- epochs: 10'");
        snprintf(prefix, sizeof prefix, "stage.%d.", k + 1);
        ATH_TRY(load_tree(config, path, prefix, list->items[k], depth, err));
    }
    return ATH_OK;
}

/* A recipe's tree, flattened: nested mappings become dotted keys, sequences "[a,b]". */
static ath_status load_tree(ath_config *config, const char *path, const char *prefix, const struct ath__yaml *tree,
                            int depth, ath_error *err) {
    for (int i = 0; i < tree->count; i++) {
        const struct ath__yaml *item = tree->items[i];
        char                    key[256], source[1200];
        snprintf(key, sizeof key, "%s%s", prefix, tree->keys[i]);
        snprintf(source, sizeof source, "%s:%d", path, item->line);
        if (item->kind == ATH_YAML_SEQUENCE && strcmp(key, "stages") == 0) {
            ATH_TRY(load_stages(config, path, item, depth, err));
            continue;
        }
        if (item->kind == ATH_YAML_MAPPING) {
            char inner[260];
            snprintf(inner, sizeof inner, "%s.", key);
            ATH_TRY(load_tree(config, path, inner, item, depth, err));
            continue;
        }
        struct ath__str text = {0};
        if (item->kind == ATH_YAML_SCALAR) {
            ath__str_append(&text, item->text);
        } else {
            ath__str_append(&text, "[");
            for (int k = 0; k < item->count; k++) {
                if (item->items[k]->kind != ATH_YAML_SCALAR) {
                    ath__str_free(&text);
                    return ath__yaml_fail(err, ATH_DATA, path, item->items[k]->line,
                                          "the list '%s' holds something that is not plain text", key);
                }
                ath__str_printf(&text, "%s%s", k ? "," : "", item->items[k]->text);
            }
            ath__str_append(&text, "]");
        }
        ath_status status = text.failed ? ath__fail_memory(err, path)
                            : strcmp(key, "recipe") == 0
                                ? load_recipe(config, ath__str_text(&text), depth + 1, err)
                                : set_from(config, key, ath__str_text(&text), ATH_ORIGIN_RECIPE, source, err);
        ath__str_free(&text);
        if (status != ATH_OK) {
            if (err) ath__str_copy(err->where, sizeof err->where, source);
            return status;
        }
    }
    return ATH_OK;
}

static ath_status load_recipe(ath_config *config, const char *name, int depth, ath_error *err) {
    if (depth > MAX_RECIPE_DEPTH)
        return ath__fail(err, ATH_USAGE, name, "recipes build on each other more than %d deep; do they form a circle?",
                         (int)MAX_RECIPE_DEPTH);
    char path[1024];
    ATH_TRY(ath__recipe_find(name, path, sizeof path, err));
    struct ath__arena       arena = {0};
    const struct ath__yaml *root = NULL, *base = NULL;
    ath_status              status = ath__yaml_read(&arena, path, &root, err);
    if (status == ATH_OK && root->kind != ATH_YAML_MAPPING && !(root->kind == ATH_YAML_SCALAR && !*root->text))
        status = ath__yaml_fail(err, ATH_DATA, path, root->line, "a recipe is a list of 'key: value' lines");
    if (status == ATH_OK) base = ath__yaml_get(root, "recipe");
    /* The recipe that this one builds on comes first, so that this one's own lines win. */
    if (status == ATH_OK && base && base->kind == ATH_YAML_SCALAR)
        status = load_recipe(config, base->text, depth + 1, err);
    if (status == ATH_OK && root->kind == ATH_YAML_MAPPING) {
        for (int i = 0; i < root->count && status == ATH_OK; i++) {
            if (strcmp(root->keys[i], "recipe") == 0) continue;
            struct ath__yaml one = {
                .kind = ATH_YAML_MAPPING, .count = 1, .items = &root->items[i], .keys = &root->keys[i]};
            status = load_tree(config, path, "", &one, depth, err);
        }
    }
    ath__arena_free(&arena);
    return status;
}

ath_status ath_config_load(ath_config *config, const char *name_or_path, ath_error *err) {
    return load_recipe(config, name_or_path, 0, err);
}

/* The value of a row of the table. `auto` stands for what the chosen optimizer or schedule has of its own. */
static const char *row_value(const ath_config *config, const struct ath__setting *setting, const struct entry *entry) {
    const char *value = entry ? entry->value : setting->fallback;
    if (strcmp(setting->fallback, "auto") != 0) return value;
    const char *own = ath__chosen_default(config, setting->name);
    if (entry && ath__chosen_ignores(config, setting->name)) return "auto";
    return strcmp(value, "auto") == 0 && own && *own ? own : value;
}

const char *ath_config_get(const ath_config *config, const char *key) {
    const struct entry        *entry = find(config, key);
    const struct ath__setting *setting = ath__setting_find(key);
    if (setting) return row_value(config, setting, entry);
    return entry ? entry->value : in_family(key) ? "" : NULL;
}

bool ath_config_at(const ath_config *config, int i, ath_config_item *item) {
    const struct ath__setting *setting = ath__setting_at(i);
    if (setting) {
        const struct entry *entry = find(config, setting->name);
        *item = (ath_config_item){.key = setting->name,
                                  .value = row_value(config, setting, entry),
                                  .summary = setting->summary,
                                  .origin = entry ? entry->origin : ATH_ORIGIN_DEFAULT,
                                  .source = entry ? entry->source : "default"};
        return true;
    }
    int rows = 0;
    while (ath__setting_at(rows)) rows++;
    int open = i - rows;
    for (int k = 0; k < config->count; k++) {
        const struct entry *entry = &config->entries[k];
        if (ath__setting_find(entry->key) || open-- > 0) continue;
        *item = (ath_config_item){entry->key, entry->value, "", entry->origin, entry->source};
        return true;
    }
    return false;
}

bool ath_config_key_at(int i, ath_config_key *key) {
    static _Thread_local char  allowed[160];
    const struct ath__setting *setting = ath__setting_at(i);
    if (!setting) return false;
    ath__setting_allowed(setting, allowed, sizeof allowed);
    *key = (ath_config_key){setting->name, setting->summary, setting->fallback, allowed};
    return true;
}

const char *ath__config_text(const ath_config *config, const char *key) {
    const char *value = ath_config_get(config, key);
    return value ? value : "";
}

int64_t ath__config_int(const ath_config *config, const char *key) {
    int64_t value = 0;
    ath__parse_int(ath__config_text(config, key), &value);
    return value;
}

double ath__config_real(const ath_config *config, const char *key) {
    double value = 0.0;
    ath__parse_real(ath__config_text(config, key), &value);
    return value;
}

bool ath__config_flag(const ath_config *config, const char *key) {
    return strcmp(ath__config_text(config, key), "true") == 0;
}

bool ath__config_given(const ath_config *config, const char *key) {
    return find(config, key) != NULL;
}

ath_origin ath__config_origin(const ath_config *config, const char *key) {
    const struct entry *entry = find(config, key);
    return entry && strcmp(entry->value, "auto") != 0 ? entry->origin : ATH_ORIGIN_DEFAULT;
}

bool ath__config_pair(const ath_config *config, const char *prefix, int i, struct ath__config_pair *pair) {
    size_t length = strlen(prefix);
    for (int k = 0; k < config->count; k++) {
        const struct entry *entry = &config->entries[k];
        if (strncmp(entry->key, prefix, length) != 0 || ath__setting_find(entry->key) || i-- > 0) continue;
        *pair = (struct ath__config_pair){entry->key + length, entry->value};
        return true;
    }
    return false;
}
