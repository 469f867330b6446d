/* Recipe folders: ./recipes, $ATHANOR_RECIPES, the installation's, the source tree's. A recipe's name is its path below
 * one of them without ".yaml".
 */
#include "train/recipes.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include "athanor_config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RECIPES = 512, MAX_DEPTH = 4 };

/* Folder i in the order of search, or NULL past the end ("" = not set). */
static const char *folder_at(int i) {
    const char *given = getenv("ATHANOR_RECIPES");
    switch (i) {
    case 0: return "recipes";
    case 1: return given ? given : "";
    case 2: return ATHANOR_RECIPES_INSTALLED;
    case 3: return ATHANOR_RECIPES_SOURCE;
    default: return NULL;
    }
}

struct list {
    ath_recipe *recipes;
    int         count;
};

/* The first comment line of a recipe. */
static void read_summary(ath_recipe *recipe) {
    FILE *file = fopen(recipe->path, "r");
    char  line[256];
    if (!file) return;
    if (fgets(line, sizeof line, file) && line[0] == '#') {
        const char *text = line + 1 + strspn(line + 1, " ");
        ath__str_copy(recipe->summary, sizeof recipe->summary, text);
        recipe->summary[strcspn(recipe->summary, "\r\n")] = '\0';
    }
    fclose(file);
}

static void add(struct list *list, const char *path, const char *name) {
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->recipes[i].name, name) == 0) return; /* an earlier folder's hides a later one's */
    if (list->count == MAX_RECIPES) return;
    ath_recipe *recipe = &list->recipes[list->count++];
    ath__str_copy(recipe->path, sizeof recipe->path, path);
    ath__str_copy(recipe->name, sizeof recipe->name, name);
    read_summary(recipe);
}

static void walk(struct list *list, const char *folder, const char *prefix, int depth) {
    DIR *dir = *folder && depth < MAX_DEPTH ? opendir(folder) : NULL;
    if (!dir) return;
    for (struct dirent *item; (item = readdir(dir)) != NULL;) {
        char   path[ATH_PATH_MAX], name[256];
        size_t length = strlen(item->d_name);
        if (item->d_name[0] == '.' || ath__path_join(path, folder, item->d_name, NULL) != ATH_OK) continue;
        if (snprintf(name, sizeof name, "%s%s", prefix, item->d_name) >= (int)sizeof name - 1) continue;
        if (ath__folder_exists(path)) {
            ath__str_copy(name + strlen(name), 2, "/");
            walk(list, path, name, depth + 1);
        } else if (length > 5 && strcmp(item->d_name + length - 5, ".yaml") == 0) {
            name[strlen(name) - 5] = '\0';
            add(list, path, name);
        }
    }
    closedir(dir);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const ath_recipe *)a)->name, ((const ath_recipe *)b)->name);
}

ath_status ath_recipes_list(ath_recipe **recipes, int *count, ath_error *err) {
    struct list list = {.recipes = ATH_NEW_ARRAY(ath_recipe, MAX_RECIPES)};
    if (!list.recipes) return ath__fail_memory(err, "recipes");
    for (int i = 0; folder_at(i); i++) walk(&list, folder_at(i), "", 0);
    qsort(list.recipes, (size_t)list.count, sizeof *list.recipes, by_name);
    *recipes = list.recipes;
    *count = list.count;
    return ATH_OK;
}

void ath_recipes_free(ath_recipe *recipes) {
    ath__free(recipes);
}

static ath_status not_found(const char *name, ath_error *err) {
    ath_recipe *recipes = NULL;
    int         count = 0;
    ATH_TRY(ath_recipes_list(&recipes, &count, err));
    const char **names = ATH_NEW_ARRAY(const char *, count + 1);
    for (int i = 0; names && i < count; i++) names[i] = recipes[i].name;
    const char *closest = names ? ath__str_closest(name, names, (size_t)count) : NULL;
    ath_status  status =
        closest
             ? ath__fail(err, ATH_USAGE, "recipe", "there is no recipe '%s'; did you mean '%s'?", name, closest)
             : ath__fail(err, ATH_USAGE, "recipe", "there is no recipe '%s' here or in %s; 'athanor recipes' lists them",
                         name, ATHANOR_RECIPES_INSTALLED);
    ath__free(names);
    ath_recipes_free(recipes);
    return status;
}

ath_status ath__recipe_find(const char *name, char *path, size_t capacity, ath_error *err) {
    if (ath__file_exists(name) && !ath__folder_exists(name)) {
        ath__str_copy(path, capacity, name);
        return ATH_OK;
    }
    for (int i = 0; folder_at(i); i++) {
        if (!*folder_at(i)) continue;
        int length = snprintf(path, capacity, "%s/%s.yaml", folder_at(i), name);
        if (length > 0 && (size_t)length < capacity && ath__file_exists(path)) return ATH_OK;
    }
    return not_found(name, err);
}
